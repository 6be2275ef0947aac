//! The sync registration: its credential, what it may, and whether it does.

use std::sync::Arc;

use super::{Doctor, Findings};
use crate::config::Tenant;
use crate::entra::{AppToken, EntraError, credential_state};
use crate::graph::{Graph, GraphProblem, Session};

/// What an import needs, and what covers it as well (entra-facts §6).
const NEEDED: [(&str, &[&str]); 2] = [
    (
        "User.Read.All",
        &[
            "Directory.Read.All",
            "User.ReadWrite.All",
            "Directory.ReadWrite.All",
        ],
    ),
    (
        "GroupMember.Read.All",
        &[
            "Group.Read.All",
            "Directory.Read.All",
            "GroupMember.ReadWrite.All",
            "Group.ReadWrite.All",
            "Directory.ReadWrite.All",
        ],
    ),
];

/// What an import can use besides, without being too much.
const USEFUL: [&str; 3] = [
    "Member.Read.Hidden",
    "Organization.Read.All",
    "Domain.Read.All",
];

pub(super) async fn examine(doctor: &Doctor, tenant: &Tenant, findings: &mut Findings) {
    let token = Arc::new(AppToken::new(
        doctor.client.clone(),
        tenant,
        doctor.clock.clone(),
        doctor.random,
    ));
    if let Err(error) = token.bearer(true).await {
        let cure = credential_cure(&error, token.secret_looks_like_its_id().await);
        findings.refused("sync-credential", &error, &cure);
        for name in ["sync-permissions", "reads-users", "reads-groups"] {
            findings.skipped(name);
        }
        return;
    }
    match credential_state(&tenant.sync.credential, doctor.clock.now()).warning {
        None => {
            let kind = tenant.sync.credential.kind();
            findings.good("sync-credential", format!("the {kind} is accepted"));
        }
        Some(warning) => {
            let (what, cure) = warning.split_once(": ").unwrap_or((&warning, ""));
            findings.warning("sync-credential", what, cure);
        }
    }
    permissions(token.roles().await.as_deref(), findings);
    let graph = Graph::new(
        doctor.client.clone(),
        tenant.graph_url.clone(),
        token,
        doctor.clock.clone(),
        doctor.random,
    );
    let session = graph.session();
    for (name, collection, select) in [
        ("reads-users", "users", "id,accountEnabled"),
        ("reads-groups", "groups", "id,displayName"),
    ] {
        reads(&session, name, collection, select, findings).await;
    }
}

fn credential_cure(error: &EntraError, looks_like_an_id: bool) -> String {
    if error
        .refusal()
        .is_some_and(|refusal| refusal.code() == 7_000_215)
        && looks_like_an_id
    {
        return "what is stored has the form of a secret's id: make a new secret and store the column \
                \"Value\", which the portal shows once"
            .to_owned();
    }
    match error {
        EntraError::Credential(_) => "see [tenant.sync] in agent.toml".to_owned(),
        _ => error.meaning().cure.to_owned(),
    }
}

/// `roles`: as the token says; `None` if it can't be read, and then the probes alone decide.
fn permissions(roles: Option<&[String]>, findings: &mut Findings) {
    let name = "sync-permissions";
    let Some(roles) = roles else {
        return findings.skipped(name);
    };
    let has = |wanted: &str| roles.iter().any(|role| role == wanted);
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(least, wider)| !has(least) && !wider.iter().any(|role| has(role)))
        .map(|(least, _)| *least)
        .collect();
    if !missing.is_empty() {
        return findings.bad(
            name,
            format!("missing: {}", missing.join(", ")),
            "add the application permissions to the sync registration (API permissions, Microsoft Graph, \
             Application permissions) and grant admin consent; a managed identity shows new ones after up \
             to 24 hours",
        );
    }
    let more: Vec<&str> = roles
        .iter()
        .map(String::as_str)
        .filter(|role| !NEEDED.iter().any(|(least, _)| least == role) && !USEFUL.contains(role))
        .collect();
    if more.is_empty() {
        findings.good(name, roles.join(", "));
    } else {
        findings.warning(
            name,
            format!("more than an import needs: {}", more.join(", ")),
            "take them away: User.Read.All and GroupMember.Read.All suffice, and whoever gets this host's \
             credential has all of them",
        );
    }
}

async fn reads(
    session: &Session<'_>,
    name: &str,
    collection: &str,
    select: &str,
    findings: &mut Findings,
) {
    let url = session.url(&[collection], &[("$top", "1"), ("$select", select)]);
    match session
        .object(&url, &format!("one of the {collection}"))
        .await
    {
        Ok(_) => findings.good(name, format!("Graph shows {collection}")),
        Err(error) => {
            let cure = match &error.problem {
                GraphProblem::Network(_) => Some(
                    "this host must reach port 443 of Graph as well as of the login service"
                        .to_owned(),
                ),
                _ => error.hint(),
            };
            findings.bad(name, error.to_string(), cure.unwrap_or_default());
            if let Some(check) = findings.list.last_mut() {
                check.reference = error.reference();
            }
        }
    }
}
