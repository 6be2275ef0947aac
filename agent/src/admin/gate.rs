//! `local-auth show|set|confirm|prove|exempt`: whether local accounts may sign in, and who is exempt.
//!
//! Shutting the gate takes proof that somebody can still come in: an administrator who signed in here through
//! Entra, and a break-glass account proven within thirty days. Both are judged inside the transaction that makes
//! the change. `fallback` takes the same: while Entra can be reached, it shuts out as `deny` does. Opening takes
//! nothing. What cures each failing check is said with it.

use std::collections::BTreeMap;

use entra_protocol::admin::{
    Check, CheckState, Done, ExemptAccount, Failure, FailureKind, GateMode, GateTrial, LocalAuth,
    LocalAuthDone, PROOF_SECONDS, Request, Row, TRIAL_SECONDS_MAX, TRIAL_SECONDS_MIN,
};
use entra_snapshot::{Gate, GatePhase, LocalCall, Policy, Ruling};

use super::verbs::{Call, Handling};
use super::{Admin, failure};
use crate::auth::{away, in_store};
use crate::clock::{UnixSeconds, rfc3339};
use crate::names::LocalAccounts;
use crate::store::{BreakGlass, GateFacts, GateSetting, Proof, Trial};

/// How many exempt accounts there may be: their names lie in one page of the snapshot.
const MOST_EXEMPT: usize = 32;

/// Bytes of a local account's name at most: useradd(8) takes 32 and Debian's adduser as many.
const LONGEST_NAME: usize = 64;

/// Names of accounts that are shut out, in one answer.
const SHUT_OUT_SHOWN: usize = 100;

/// Seconds by which a proof may lie in the future: a step of NTP just after it.
const CLOCK_STEP: u64 = 300;

/// The exempt account that every host begins with.
const ROOT: &str = "root";

pub(super) fn show(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let facts = in_store(&call.admin.store, |store| store.gate_facts())
            .await
            .map_err(failure::of_store)?;
        done(call.admin, &facts, false).await
    })
}

pub(super) fn set(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::LocalAuthSet {
            gate,
            try_seconds,
            dry_run,
        } = call.request
        else {
            return Err(not_mine());
        };
        if let Some(seconds) = try_seconds {
            if !(TRIAL_SECONDS_MIN..=TRIAL_SECONDS_MAX).contains(&seconds) {
                return Err(failure::of(
                    FailureKind::BadRequest,
                    &format!("a trial lasts {TRIAL_SECONDS_MIN} to {TRIAL_SECONDS_MAX} seconds"),
                ));
            }
            if gate == GateMode::Allow {
                return Err(Failure {
                    hint: Some("run it without --try".to_owned()),
                    ..failure::of(
                        FailureKind::BadRequest,
                        "`allow` is not tried: it locks nobody out",
                    )
                });
            }
        }
        let local = accounts(call.admin).await?;
        let now = call.admin.clock.now();
        let wanted = move |facts: &GateFacts| GateSetting {
            gate,
            set_at: Some(now),
            trial: try_seconds.map(|seconds| Trial {
                ends: now.plus(seconds.into()),
                // A trial in a trial goes back to what was before the first.
                before: facts
                    .setting
                    .trial
                    .map_or(facts.setting.gate, |trial| trial.before),
            }),
        };
        if dry_run {
            let mut facts = in_store(&call.admin.store, |store| store.gate_facts())
                .await
                .map_err(failure::of_store)?;
            for check in checks(&facts, gate, &local, now) {
                call.replies.row(Row::Check(check)).await?;
            }
            facts.setting = wanted(&facts);
            return done(call.admin, &facts, false).await;
        }
        let actor = call.actor;
        let judged = local.clone();
        let (mut facts, set) = in_store(&call.admin.store, move |store| {
            store.change_gate(&actor, "local-auth set", |facts| {
                may(facts, gate, &judged, now).then(|| wanted(facts))
            })
        })
        .await
        .map_err(failure::of_store)?;
        for check in checks(&facts, gate, &local, now) {
            call.replies.row(Row::Check(check)).await?;
        }
        if let Some(set) = set {
            facts.setting = set;
            call.admin.publish_change().await?;
        }
        done(call.admin, &facts, set.is_some()).await
    })
}

pub(super) fn confirm(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let local = accounts(call.admin).await?;
        let now = call.admin.clock.now();
        let running = in_store(&call.admin.store, |store| store.gate())
            .await
            .map_err(failure::of_store)?;
        if running.trial.is_none_or(|trial| trial.ends <= now) {
            return Err(Failure {
                hint: Some("see `entractl local-auth show`".to_owned()),
                ..failure::of(
                    FailureKind::Precondition,
                    "no trial is running: there is nothing to confirm",
                )
            });
        }
        let actor = call.actor;
        let judged = local.clone();
        let (mut facts, set) = in_store(&call.admin.store, move |store| {
            store.change_gate(&actor, "local-auth confirm", |facts| {
                let setting = facts.setting;
                let still = setting.trial.is_some_and(|trial| trial.ends > now);
                (still && may(facts, setting.gate, &judged, now)).then_some(GateSetting {
                    trial: None,
                    ..setting
                })
            })
        })
        .await
        .map_err(failure::of_store)?;
        for check in checks(&facts, facts.setting.gate, &local, now) {
            call.replies.row(Row::Check(check)).await?;
        }
        if let Some(set) = set {
            facts.setting = set;
            call.admin.publish_change().await?;
        }
        done(call.admin, &facts, set.is_some()).await
    })
}

pub(super) fn prove(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::LocalAuthProve { name } = call.request else {
            return Err(not_mine());
        };
        let local = accounts(call.admin).await?;
        is_local(&name, &local)?;
        let actor = call.actor;
        let noted = name.clone();
        let proven = in_store(&call.admin.store, move |store| {
            store.prove_break_glass(&noted, Proof::Password, &actor)
        })
        .await
        .map_err(failure::of_store)?;
        if !proven {
            return Err(Failure {
                hint: Some(format!("run `entractl local-auth exempt add {name}` first")),
                ..failure::of(
                    FailureKind::Precondition,
                    &format!("\"{name}\" is not exempt: to prove that it can sign in helps nobody"),
                )
            });
        }
        let facts = in_store(&call.admin.store, |store| store.gate_facts())
            .await
            .map_err(failure::of_store)?;
        done(call.admin, &facts, true).await
    })
}

pub(super) fn exempt(call: Call<'_>) -> Handling<'_> {
    Box::pin(async move {
        let Request::LocalAuthExempt { name, exempt } = call.request else {
            return Err(not_mine());
        };
        let local = accounts(call.admin).await?;
        if exempt {
            is_local(&name, &local)?;
        }
        let now = call.admin.clock.now();
        let actor = call.actor;
        let (judged, of) = (local.clone(), name.clone());
        let (facts, agreed) = in_store(&call.admin.store, move |store| {
            store.exempt(&of, exempt, &actor, |facts| {
                if exempt {
                    facts.break_glass.len() < MOST_EXEMPT
                        || facts.break_glass.iter().any(|one| one.name == of)
                } else {
                    may_be_removed(&of, facts, &judged, now)
                }
            })
        })
        .await
        .map_err(failure::of_store)?;
        if !agreed {
            return Err(match exempt {
                true => failure::of(
                    FailureKind::Precondition,
                    &format!("{MOST_EXEMPT} accounts are exempt: no more fit"),
                ),
                false => Failure {
                    hint: Some(
                        "exempt another account and prove it (`entractl local-auth exempt add NAME`, then as \
                         root `entractl local-auth prove NAME`), or open the gate (`entractl local-auth set \
                         allow`)"
                            .to_owned(),
                    ),
                    ..failure::of(
                        FailureKind::Precondition,
                        &format!("without \"{name}\" no exempt account is proven to be able to sign in"),
                    )
                },
            });
        }
        call.admin.publish_change().await?;
        done(call.admin, &facts, true).await
    })
}

/// Somebody is always exempt. Root goes only when another account is proven, whatever the gate is; while it is
/// or may become shut, the last proven one stays.
fn may_be_removed(name: &str, facts: &GateFacts, local: &LocalAccounts, now: UnixSeconds) -> bool {
    let is_listed = facts.break_glass.iter().any(|one| one.name == name);
    let others = facts.break_glass.iter().filter(|one| one.name != name);
    let another_counts = others.into_iter().any(|one| counts(one, local, now));
    let is_open = facts.setting.gate == GateMode::Allow && facts.setting.trial.is_none();
    let is_alone = facts.break_glass.len() < 2;
    !is_listed || another_counts || (is_open && name != ROOT && !is_alone)
}

fn may(facts: &GateFacts, gate: GateMode, local: &LocalAccounts, now: UnixSeconds) -> bool {
    let checks = checks(facts, gate, local, now);
    checks.iter().all(|check| check.state != CheckState::Bad)
}

/// What this setting takes, one by one.
fn checks(
    facts: &GateFacts,
    gate: GateMode,
    local: &LocalAccounts,
    now: UnixSeconds,
) -> Vec<Check> {
    if gate == GateMode::Allow {
        return Vec::new();
    }
    vec![
        match facts.sign_in_enabled {
            true => good(
                "entra-sign-in",
                "Entra ID sign-in is switched on".to_owned(),
            ),
            false => bad(
                "entra-sign-in",
                "Entra ID sign-in is switched off: nobody else could sign in".to_owned(),
                "entractl auth enable",
            ),
        },
        match &facts.administrator {
            Some((name, at)) => good(
                "administrator",
                format!("{name} signed in here through Entra ID at {}", rfc3339(*at)),
            ),
            None => bad(
                "administrator",
                "no administrator has signed in here through Entra ID yet".to_owned(),
                "sign in once as an administrator, over ssh for instance",
            ),
        },
        break_glass_check(facts, local, now),
    ]
}

/// Whether a break-glass account is proven; `auth enable` looks at it, too.
pub(super) fn break_glass_check(
    facts: &GateFacts,
    local: &LocalAccounts,
    now: UnixSeconds,
) -> Check {
    let mut proven = facts
        .break_glass
        .iter()
        .filter(|one| counts(one, local, now));
    match proven.next() {
        Some(one) => good(
            "break-glass",
            format!(
                "{} was proven at {}",
                one.name,
                one.proven_at.map(rfc3339).unwrap_or_default()
            ),
        ),
        None => bad(
            "break-glass",
            "no break-glass account was proven to be able to sign in within 30 days".to_owned(),
            &format!(
                "run as root: entractl local-auth prove {}",
                facts
                    .break_glass
                    .first()
                    .map_or("NAME", |one| one.name.as_str())
            ),
        ),
    }
}

/// Whether the account's proof counts now.
fn counts(account: &BreakGlass, local: &LocalAccounts, now: UnixSeconds) -> bool {
    local.uid_of(&account.name).is_some()
        && account.proven_at.is_some_and(|proven| {
            now.since(proven) <= PROOF_SECONDS && proven <= now.plus(CLOCK_STEP)
        })
}

fn is_local(name: &str, local: &LocalAccounts) -> Result<(), Failure> {
    // What the snapshot can't hold would keep everything from being published.
    let is_plain = !name
        .chars()
        .any(|letter| letter == ':' || letter.is_control());
    if is_plain && name.len() <= LONGEST_NAME && local.uid_of(name).is_some() {
        return Ok(());
    }
    let shown: String = name.chars().take(LONGEST_NAME).collect();
    Err(failure::of(
        FailureKind::NotFound,
        &format!("/etc/passwd has no account \"{shown}\""),
    ))
}

/// The answer to every verb.
async fn done(admin: &Admin, facts: &GateFacts, changed: bool) -> Result<Done, Failure> {
    let local = accounts(admin).await?;
    let now = admin.clock.now();
    let setting = facts.setting;
    let (shut_out, shut_out_total) = shut_out(facts, &local);
    let local_auth = LocalAuth {
        gate: setting.gate,
        in_effect: facts.sign_in_enabled,
        set_at: setting.set_at.map(rfc3339),
        trial: setting.trial.map(|trial| GateTrial {
            ends: rfc3339(trial.ends),
            seconds_left: trial.ends.since(now),
            before: trial.before,
        }),
        exempt: facts
            .break_glass
            .iter()
            .map(|one| ExemptAccount {
                name: one.name.clone(),
                proven_at: one.proven_at.map(rfc3339),
                proof: one.proof.map(|proof| proof.word().to_owned()),
                counts: counts(one, &local, now),
            })
            .collect(),
        shut_out,
        shut_out_total,
    };
    Ok(Done::LocalAuth(Box::new(LocalAuthDone {
        local_auth,
        changed,
    })))
}

/// Whom the setting shuts out over ssh, by the function that the module decides by.
fn shut_out(facts: &GateFacts, local: &LocalAccounts) -> (Vec<String>, u64) {
    let policy = Policy {
        sign_in_enabled: facts.sign_in_enabled,
        enumerate: false,
        gate: match facts.setting.gate {
            GateMode::Allow => Gate::Allow,
            GateMode::Fallback => Gate::Fallback,
            GateMode::Deny => Gate::Deny,
        },
        gate_trial_ends: None,
        gate_set_at: None,
        offline_maximum_age: 0,
        break_glass: facts
            .break_glass
            .iter()
            .map(|one| one.name.clone())
            .collect(),
    };
    let refused: BTreeMap<&str, u32> = local
        .people()
        .filter(|(name, uid)| {
            let call = LocalCall {
                phase: GatePhase::Auth,
                name: name.as_bytes(),
                uid: Some(*uid),
                service: "sshd",
                by_root: true,
            };
            !matches!(policy.rule(&call, 0), Ruling::Pass(_))
        })
        .collect();
    let total = refused.len();
    let shown = refused.into_keys().take(SHUT_OUT_SHOWN);
    (
        shown.map(str::to_owned).collect(),
        u64::try_from(total).unwrap_or(u64::MAX),
    )
}

pub(super) async fn accounts(admin: &Admin) -> Result<LocalAccounts, Failure> {
    let files = admin.host.files.clone();
    away(move || LocalAccounts::read(&files.passwd, &files.group))
        .await
        .map_err(|error| failure::of(FailureKind::Internal, &error.to_string()))
}

fn check(name: &str, state: CheckState, found: String, cure: Option<&str>) -> Check {
    Check {
        about: "host".to_owned(),
        name: name.to_owned(),
        state,
        found,
        cure: cure.map(str::to_owned),
        reference: None,
    }
}

pub(super) fn good(name: &str, found: String) -> Check {
    check(name, CheckState::Good, found, None)
}

pub(super) fn bad(name: &str, found: String, cure: &str) -> Check {
    check(name, CheckState::Bad, found, Some(cure))
}

fn not_mine() -> Failure {
    failure::of(FailureKind::Internal, "a request went to another verb")
}
