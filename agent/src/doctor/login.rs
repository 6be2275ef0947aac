//! The login registration: whether it exists and may use the public flows; and what the tenant's policies told
//! people lately, which no host can find out by itself.

use super::{Doctor, Findings};
use crate::auth::in_store;
use crate::config::Tenant;
use crate::entra::{Endpoints, LoginService, OverHttps};

/// How far back refusals of people count, in seconds: a week.
const LATELY: u64 = 7 * 24 * 60 * 60;

/// A policy that stands in people's way: the details of their last failures, and what to say of them.
const POLICIES: [(&str, &str, &[&str], &str); 3] = [
    (
        "device-code-policy",
        "device-code",
        &["AADSTS53003", "AADSTS50131", "AADSTS53002"],
        "a Conditional Access policy on authentication flows blocks the device code: exclude the login \
         registration from it (the sign-in log names the policy)",
    ),
    (
        "password-policy",
        "password",
        &[
            "AADSTS53003",
            "AADSTS530035",
            "AADSTS7000218",
            "AADSTS70003",
        ],
        "the tenant does not let people sign in by password here: take password out of [sign_in], so that \
         nobody is asked in vain",
    ),
    (
        "managed-device-policy",
        "",
        &["AADSTS53000", "AADSTS53001", "AADSTS50097"],
        "a Conditional Access policy wants a managed device: exclude the login registration or these hosts' \
         addresses",
    ),
];

pub(super) async fn examine(doctor: &Doctor, tenant: &Tenant, findings: &mut Findings) {
    let service = OverHttps::new(
        doctor.client.clone(),
        Endpoints::of(tenant),
        &tenant.login.client_id,
    );
    match service.device_code().await {
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
    let id = tenant.id;
    let told = in_store(&doctor.store, move |store| store.refusals_since(id, LATELY)).await;
    let told = match told {
        Ok(told) => told,
        Err(error) => {
            return findings.bad("policies", error.to_string(), error.hint().to_owned());
        }
    };
    let mut is_clear = true;
    for (name, method, details, cure) in POLICIES {
        let people: u64 = told
            .iter()
            .filter(|refusal| {
                (method.is_empty() || refusal.method == method)
                    && details.contains(&refusal.detail.as_str())
            })
            .map(|refusal| refusal.people)
            .sum();
        if people > 0 {
            is_clear = false;
            let whom = if people == 1 {
                "person was"
            } else {
                "people were"
            };
            findings.warning(name, format!("{people} {whom} last refused by it"), cure);
        }
    }
    if is_clear {
        findings.good(
            "policies",
            "nobody's last sign-in of the last 7 days was refused by a policy",
        );
    }
}
