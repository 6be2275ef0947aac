//! The login registration: whether it exists and may use the public flows; and what the tenant's policies told
//! people lately, which no host can find out by itself.

use super::{Doctor, Findings};
use crate::auth::in_store;
use crate::config::Tenant;
use crate::entra::errors::{self, Class};
use crate::entra::{Endpoints, LoginService, OverHttps};

/// How far back refusals of people count, in seconds: a week.
const LATELY: u64 = 7 * 24 * 60 * 60;

pub(super) async fn examine(doctor: &Doctor, tenant: &Tenant, findings: &mut Findings) {
    let service = OverHttps::new(
        doctor.client.clone(),
        Endpoints::of(tenant),
        &tenant.login.client_id,
    );
    match service.device_code(false).await {
        Err(error) => {
            findings.refused("login-registration", &error, error.meaning().cure);
            findings.skipped("device-code");
        }
        Ok(code) => {
            findings.good("login-registration", "the tenant knows it");
            match service.poll(&code).await {
                Err(error) if error.is_pending() => {
                    findings.good("device-code", "public client flows are allowed");
                }
                Err(error) => findings.refused("device-code", &error, error.meaning().cure),
                // Nobody has seen the code.
                Ok(_) => findings.bad(
                    "device-code",
                    "a code that nobody entered was redeemed",
                    "report it as an error of this program",
                ),
            }
        }
    }
    policies(doctor, tenant, findings).await;
}

async fn policies(doctor: &Doctor, tenant: &Tenant, findings: &mut Findings) {
    let Some(store) = &doctor.store else {
        return;
    };
    let id = tenant.id;
    let told = in_store(store, move |store| store.refusals_since(id, LATELY)).await;
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            return findings.bad("policies", error.to_string(), error.hint().to_owned());
        }
    };
    let mut is_clear = true;
    for refusal in told {
        let code = refusal.detail.strip_prefix("AADSTS");
        let Some(meaning) = code.and_then(|code| errors::of_code(code.parse().ok()?)) else {
            continue;
        };
        let name = match meaning.class {
            _ if errors::is_policy(meaning) => format!("{}-policy", refusal.method),
            Class::Configuration => "consent".to_owned(),
            _ => continue,
        };
        is_clear = false;
        let whom = match refusal.people {
            1 => "1 person was".to_owned(),
            people => format!("{people} people were"),
        };
        findings.warning(
            &name,
            format!(
                "{whom} last refused: {} ({})",
                meaning.meaning, refusal.detail
            ),
            meaning.cure,
        );
    }
    if is_clear {
        findings.good(
            "policies",
            "nobody's last sign-in of the last 7 days was refused by a policy or for want of consent",
        );
    }
}
