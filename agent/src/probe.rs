//! `entra-agent --probe`: whether answers given to `entractl setup` are right, before anything is written.
//!
//! Asked by root, done as entra-agent: what the probe can read and reach is what the agent will be able to.
//! It looks at the tenant as `doctor` does, with the same code, and keeps nothing.

use std::sync::Arc;

use entra_protocol::probe::{Finding, Part, Question};

use crate::clock::SystemClock;
use crate::config::{self, Config, Tenant};
use crate::doctor::Doctor;
use crate::entra::{EntraError, ProviderMetadata, http_client, probe_client, provider_metadata};
use crate::identity::TenantId;
use crate::service::random_bytes;

/// Asks the tenant.
pub async fn answer(question: &Question) -> Finding {
    let found = match &question.part {
        Part::Tenant { name, cloud } => {
            find_tenant(&question.agent_toml, name, cloud.as_deref()).await
        }
        Part::Syntax => config::parse(&question.agent_toml)
            .map(|_| Finding::Checks(Vec::new()))
            .map_err(|error| failed(error, None)),
        Part::Sync { tenant } => checks(&question.agent_toml, tenant, true).await,
        Part::Login { tenant } => checks(&question.agent_toml, tenant, false).await,
    };
    found.unwrap_or_else(|failed| failed)
}

async fn checks(text: &str, tenant: &str, of_sync: bool) -> Result<Finding, Finding> {
    let config = config::parse(text).map_err(|error| failed(error, None))?;
    let tenant = named(&config, tenant)?;
    let proxy = config.proxy.as_ref();
    let doctor = Doctor {
        client: http_client(proxy).map_err(|error| failed(error, None))?,
        lone: probe_client(proxy).map_err(|error| failed(error, None))?,
        store: None,
        clock: Arc::new(SystemClock),
        random: random_bytes,
        proxy: config.proxy.clone(),
    };
    Ok(Finding::Checks(match of_sync {
        true => doctor.sync_registration(tenant).await,
        false => doctor.login_registration(tenant).await,
    }))
}

fn named<'a>(config: &'a Config, tenant: &str) -> Result<&'a Tenant, Finding> {
    config
        .tenants
        .iter()
        .find(|one| one.id.to_string() == tenant)
        .ok_or_else(|| {
            failed(
                format_args!("agent.toml would have no tenant {tenant}"),
                None,
            )
        })
}

/// The tenant that a domain or an id means, in the cloud that knows it.
async fn find_tenant(text: &str, name: &str, cloud: Option<&str>) -> Result<Finding, Finding> {
    let proxy = config::parse_proxy(text).map_err(|error| failed(error, None))?;
    let client = http_client(proxy.as_ref()).map_err(|error| failed(error, None))?;
    let mut asked = Vec::new();
    let mut last = None;
    for (word, login, _) in config::clouds() {
        // Two of the clouds share a login service.
        if cloud.is_some_and(|cloud| cloud != word) || asked.contains(&login) {
            continue;
        }
        match provider_metadata(&client, &login, name).await {
            Ok(found) => return in_its_cloud(name, word, &found),
            // The first answer counts: the public cloud's, in which most tenants are.
            Err(error) => last = last.or(Some((login.clone(), error))),
        }
        asked.push(login);
    }
    Err(match last {
        None => failed(
            format_args!("there is no cloud {:?}", cloud.unwrap_or_default()),
            Some("public, us-gov, us-gov-dod or china"),
        ),
        Some((_, error @ EntraError::Refused(_))) => failed(
            format_args!("no tenant is called {name}: {error}"),
            Some("a verified domain or the tenant id: Entra admin center, Overview"),
        ),
        Some((login, error)) => failed(
            format_args!("can't ask {login}: {error}"),
            Some(
                "this host needs port 443 of the login service and of Graph: look at name server, routes, \
                 firewall, or set the proxy that leads there",
            ),
        ),
    })
}

/// The issuer holds the tenant's id, `msgraph_host` says which cloud's Graph is its own.
fn in_its_cloud(name: &str, asked: &str, found: &ProviderMetadata) -> Result<Finding, Finding> {
    let id: Option<TenantId> = found
        .issuer
        .split('/')
        .nth(3)
        .and_then(|segment| segment.parse().ok());
    let Some(id) = id else {
        return Err(failed(
            format_args!("{name} is no single tenant: its issuer is {}", found.issuer),
            Some("a verified domain or the tenant id: Entra admin center, Overview"),
        ));
    };
    let cloud = config::clouds()
        .find(|(_, _, graph)| graph.host_str() == found.graph_host.as_deref())
        .map_or(asked, |(word, ..)| word);
    Ok(Finding::Tenant {
        id: id.to_string(),
        cloud: cloud.to_owned(),
    })
}

fn failed(message: impl ToString, hint: Option<&str>) -> Finding {
    Finding::Failed {
        message: message.to_string(),
        hint: hint.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(issuer: &str, graph: Option<&str>) -> ProviderMetadata {
        ProviderMetadata {
            issuer: issuer.to_owned(),
            graph_host: graph.map(str::to_owned),
            date: None,
        }
    }

    #[test]
    fn the_tenant_and_its_cloud_are_read_from_its_metadata() {
        let id = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
        let issuer = format!("https://login.microsoftonline.us/{id}/v2.0");
        let found = |asked, graph| in_its_cloud("contoso.us", asked, &metadata(&issuer, graph));
        let expected = |cloud: &str| {
            Ok(Finding::Tenant {
                id: id.to_owned(),
                cloud: cloud.to_owned(),
            })
        };
        assert_eq!(
            found("us-gov", Some("dod-graph.microsoft.us")),
            expected("us-gov-dod")
        );
        assert_eq!(
            found("public", Some("graph.microsoft.us")),
            expected("us-gov")
        );
        assert_eq!(found("us-gov", None), expected("us-gov"));
    }

    #[test]
    fn the_endpoint_of_all_tenants_is_no_tenant() {
        let common = metadata("https://login.microsoftonline.com/{tenantid}/v2.0", None);
        let said = in_its_cloud("common", "public", &common).unwrap_err();
        let Finding::Failed { message, .. } = said else {
            panic!("{said:?}");
        };
        assert!(message.contains("no single tenant"), "{message}");
    }
}
