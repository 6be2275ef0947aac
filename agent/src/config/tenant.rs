//! `[[tenant]]`: one section for each tenant whose people sign in here.
//!
//! Invariant: no two of them have the same id (tokens and objects are told apart by it) or the same domain
//! (people are), and with several of them every error says which one it is about.

use reqwest::Url;
use toml::{Table, Value};

use super::cloud::CLOUDS;
use super::read::one_of;
use super::section::Section;
use super::{ConfigError, LoginRegistration, SyncRegistration, Tenant, credential, posix};

/// Minutes between two imports: a tenant throttles hosts that ask more often, and what is older than a week
/// is no directory.
const INTERVAL_MINUTES: std::ops::RangeInclusive<u32> = 5..=10_080;

/// Reads all of them; none at all is an error.
pub(super) fn read(tables: Vec<Table>) -> Result<Vec<Tenant>, ConfigError> {
    let alone = tables.len() == 1;
    let mut tenants: Vec<Tenant> = Vec::with_capacity(tables.len());
    for (index, table) in tables.into_iter().enumerate() {
        let tenant = one(table).map_err(|error| match alone {
            true => error,
            false => ConfigError::InTenant {
                number: index + 1,
                error: Box::new(error),
            },
        })?;
        for other in &tenants {
            let same = |key, value: String, one: String, other: String| ConfigError::SameTenant {
                key,
                value,
                both: [one, other],
            };
            if other.id == tenant.id {
                let (one, other) = (other.domain.clone(), tenant.domain);
                return Err(same("id", tenant.id.to_string(), one, other));
            }
            if other.domain == tenant.domain {
                let (one, other) = (other.id.to_string(), tenant.id.to_string());
                return Err(same("domain", tenant.domain, one, other));
            }
        }
        tenants.push(tenant);
    }
    if tenants.is_empty() {
        return Err(ConfigError::Missing {
            section: String::new(),
            key: "[[tenant]]".to_owned(),
        });
    }
    Ok(tenants)
}

fn one(table: Table) -> Result<Tenant, ConfigError> {
    let mut section = Section::open("tenant", table)?;
    let id = section.text("id")?;
    let id = id.parse().map_err(|_| {
        section.wrong(
            "id",
            "the tenant's id, like \"7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001\"",
            &Value::String(id.clone()),
        )
    })?;
    let domain = section.text("domain")?.to_lowercase();
    let (login_url, graph_url) = read_origins(&mut section)?;
    let mut sync = section.section("sync", "tenant.sync")?;
    let (client_id, credential) = credential::read(&mut sync)?;
    let mut login = section.section("login", "tenant.login")?;
    let mut schedule = section.section("schedule", "tenant.schedule")?;
    let posix = section.section("posix", "tenant.posix")?;
    Ok(Tenant {
        id,
        domain,
        login_url,
        graph_url,
        sync: SyncRegistration {
            client_id,
            credential,
        },
        login: LoginRegistration {
            client_id: login.text("client_id")?,
        },
        posix: posix::read(posix)?,
        interval_minutes: schedule.optional_number(
            "interval_minutes",
            *INTERVAL_MINUTES.start(),
            *INTERVAL_MINUTES.end(),
        )?,
    })
}

/// `cloud`, or `login_url` and `graph_url`, which win one by one.
fn read_origins(section: &mut Section) -> Result<(Url, Url), ConfigError> {
    let word = section
        .optional_text("cloud")?
        .unwrap_or_else(|| "public".to_owned());
    let Some((_, login, graph)) = CLOUDS.iter().find(|(known, ..)| *known == word) else {
        let known: Vec<&str> = CLOUDS.iter().map(|(known, ..)| *known).collect();
        return Err(one_of(section, "cloud", &known, &word));
    };
    let mut origin = |key: &str, default: &str| {
        let text = section
            .optional_text(key)?
            .unwrap_or_else(|| default.to_owned());
        Url::parse(&text)
            .ok()
            .filter(|url| url.scheme() == "https" && url.has_host() && url.path() == "/")
            .ok_or_else(|| {
                section.wrong(
                    key,
                    "an origin like \"https://login.example\"",
                    &Value::String(text),
                )
            })
    };
    Ok((origin("login_url", login)?, origin("graph_url", graph)?))
}
