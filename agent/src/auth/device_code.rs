//! The device code (RFC 8628): a link, a code and a QR code; the person signs in elsewhere; this end
//! polls.
//!
//! Polling begins when the code is shown, so that whoever presses Enter is answered at once. Who presses it
//! too early is told so after a while and asked again: over ssh that is also how a connection that is gone
//! comes to notice.
//!
//! Invariants: no poll comes sooner than the server's interval after the one before; polling ends with
//! the code's life, with the service's own patience, or with the peer. Who signed in elsewhere is decided by
//! the token alone: anybody may type the code, so nothing that the server says about that person (disabled,
//! say) is held against the one who was asked for.

use std::pin::pin;
use std::time::Duration;

use entra_protocol::login::{Outcome, Verdict};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::conversation::{Leaves, ONE_REQUEST, Step, refused, said, unproven};
use super::invitation::{duration, invitation};
use super::journal::Trail;
use super::module::{Ended, Module, Reply};
use super::{Asked, SignIns, TenantLogin, patience};
use crate::config::is_remote;
use crate::entra::errors::{self, Class};
use crate::entra::{DeviceCode, EntraError, IdToken};
use crate::store::Person;

/// What `slow_down` adds to the interval (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest interval that trouble on the way may lead to.
const BACK_OFF_LIMIT: Duration = Duration::from_secs(30);

/// How long after Enter a remote person waits before being asked again: so long does a connection that is
/// gone go unnoticed, and its code open.
const REMOTE_ROUND: Duration = Duration::from_secs(20);

/// The same for others, who see Ctrl-C heeded at once. All rounds of a code's life are well below the number
/// of messages that the module allows in one conversation (64).
const LOCAL_ROUND: Duration = Duration::from_secs(60);

const PROMPT: &str = "Press Enter when you have signed in: ";

const TOO_LATE: &str = "The time for this sign-in is over. Please try again.";
const NOT_FINISHED: &str = "Nobody finished this sign-in in time. If Microsoft's page refused it, tell your \
     administrator; otherwise try again.";
const DECLINED: &str = "The sign-in was declined in the browser.";
const NO_PROMPT: &str = "This sign-in needs a prompt that this method can't show; \
     with ssh, use keyboard-interactive \
     (ssh -o PreferredAuthentications=keyboard-interactive).";
const ELSEWHERE_REFUSED: &str =
    "Microsoft Entra ID refused the account that signed in in the browser.";
const NO_CODES: &str = "Your organisation's policy does not allow signing in with a code. \
     Please ask your administrator.";

/// Whether the code is to bring a refresh token, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lasting(pub(super) bool);

pub(super) async fn run(
    sign_ins: &SignIns,
    tenant: &TenantLogin,
    asked: &Asked,
    person: &Person,
    lasting: Lasting,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Step, Ended> {
    module.wait(ONE_REQUEST).await?;
    let code = match tenant.service.device_code(lasting.0).await {
        Ok(code) => code,
        Err(error) => {
            trail.refused(&error);
            trail.needs_administrator |= error.meaning().class == Class::Configuration;
            return Ok(match error.meaning().class {
                // A password that may come next can do without the tenant.
                Class::Unavailable => Step::NextSaying(refused(&error)),
                _ => Step::End(refused(&error)),
            });
        }
    };
    let issued = Instant::now();
    let round = if is_remote(&asked.service) {
        REMOTE_ROUND
    } else {
        LOCAL_ROUND
    };
    let patience = patience::of(&asked.service, &sign_ins.methods).await;
    let deadline = (asked.began + patience).min(issued + code.expires_in);

    // A registration that may not use codes at all says so now, not after the person has signed in.
    let mut interval = code.interval;
    if let Some(early) = once(tenant, &code, &mut interval).await {
        return Ok(settle(early, tenant, lasting, trail).await);
    }
    let left = deadline.saturating_duration_since(Instant::now());
    module
        .show(&invitation(&person.name, &code, left, asked.screen))
        .await?;
    let waiting = poll(tenant, &code, interval, deadline);
    match while_waiting(waiting, round, deadline, module).await? {
        Some(polled) => Ok(settle(polled, tenant, lasting, trail).await),
        None => {
            trail.fact(
                "no-prompt",
                "the application can't show a visible prompt; keyboard-interactive can",
            );
            Ok(Step::End(said(Outcome::AuthError, NO_PROMPT)))
        }
    }
}

/// Has the person press Enter until `waiting` has come to an end; `None` if they can't be asked.
async fn while_waiting(
    waiting: impl Future<Output = Polled>,
    round: Duration,
    deadline: Instant,
    module: &mut impl Module,
) -> Result<Option<Polled>, Ended> {
    let mut waiting = pin!(waiting);
    let mut polled = None;
    let mut prompt = PROMPT.to_owned();
    loop {
        {
            let mut asking = pin!(timeout_at(deadline, module.ask(&prompt)));
            let reply = loop {
                tokio::select! {
                    reply = &mut asking => break reply,
                    result = &mut waiting, if polled.is_none() => polled = Some(result),
                }
            };
            match reply {
                Err(_) => return Ok(Some(Err(Failed::NoEnter))),
                Ok(reply) => match reply? {
                    Reply::CannotPrompt => return Ok(None),
                    Reply::Given(_) => {}
                },
            }
        }
        if polled.is_none() {
            // The last poll may begin just before the end of the round.
            module.wait(round + ONE_REQUEST).await?;
            let until = (Instant::now() + round).min(deadline + ONE_REQUEST);
            polled = timeout_at(until, &mut waiting).await.ok();
        } else {
            module.wait(ONE_REQUEST).await?;
        }
        if polled.is_some() {
            return Ok(polled);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        prompt = format!("Not finished yet, {} left. {PROMPT}", duration(left));
    }
}

/// What polling came to.
type Polled = Result<IdToken, Failed>;

/// Why polling brought no token.
enum Failed {
    NoEnter,
    NotFinished,
    Declined,
    Refused(EntraError),
}

async fn settle(polled: Polled, tenant: &TenantLogin, lasting: Lasting, trail: &mut Trail) -> Step {
    match polled {
        Ok(mut token) => match tenant
            .verifier
            .verify(tenant.service.as_ref(), &token)
            .await
        {
            Ok(identity) => {
                let leaves = Leaves {
                    password: None,
                    token: token.take_refresh().filter(|_| lasting.0),
                };
                Step::Proven(identity, leaves)
            }
            Err(error) => unproven(&error, trail),
        },
        Err(failed) => Step::End(failed.verdict(trail)),
    }
}

impl Failed {
    fn verdict(self, trail: &mut Trail) -> Verdict {
        let (word, fact, sentence) = match self {
            Self::NoEnter => ("too-late", "nobody pressed Enter in time", TOO_LATE),
            Self::NotFinished => (
                "too-late",
                "nobody finished the sign-in in time; or the page refused it, which it tells nobody but the \
                 tenant's sign-in log",
                NOT_FINISHED,
            ),
            Self::Declined => ("declined", "declined in the browser", DECLINED),
            Self::Refused(error) => return elsewhere(&error, trail),
        };
        trail.fact(word, fact);
        said(Outcome::AuthError, sentence)
    }
}

/// The verdict of a refusal that was said of whoever signed in elsewhere, who may be anybody.
fn elsewhere(error: &EntraError, trail: &mut Trail) -> Verdict {
    trail.refused(error);
    let meaning = error.meaning();
    trail.needs_administrator |= meaning.class == Class::Configuration;
    let sentence = match meaning.class {
        Class::CutOff | Class::Interaction | Class::Renew => ELSEWHERE_REFUSED,
        Class::Deny if meaning.sentence == errors::INCORRECT => ELSEWHERE_REFUSED,
        Class::Deny if meaning.sentence == errors::POLICY => NO_CODES,
        Class::Deny | Class::Unavailable | Class::Configuration => return refused(error),
    };
    said(Outcome::AuthError, &error.with_reference(sentence))
}

async fn poll(
    tenant: &TenantLogin,
    code: &DeviceCode,
    mut interval: Duration,
    deadline: Instant,
) -> Polled {
    loop {
        let next = Instant::now() + interval;
        if next >= deadline {
            sleep_until(deadline).await;
            return Err(Failed::NotFinished);
        }
        sleep_until(next).await;
        if let Some(polled) = once(tenant, code, &mut interval).await {
            return polled;
        }
    }
}

/// One poll: `None` for "not yet", which may ask for a longer interval.
async fn once(tenant: &TenantLogin, code: &DeviceCode, interval: &mut Duration) -> Option<Polled> {
    let error = match tenant.service.poll(code).await {
        Ok(token) => return Some(Ok(token)),
        Err(error) => error,
    };
    let word = error.refusal().map_or("", |refusal| refusal.error.as_str());
    match (word, error.refusal().map_or(0, |refusal| refusal.code())) {
        ("authorization_pending", _) => None,
        ("slow_down", _) => {
            *interval += SLOW_DOWN;
            None
        }
        ("authorization_declined" | "access_denied", 0) | ("authorization_declined", _) => {
            Some(Err(Failed::Declined))
        }
        ("expired_token", _) | (_, 70019 | 70020) => Some(Err(Failed::NotFinished)),
        _ if error.meaning().class == Class::Unavailable => {
            // RFC 8628 §3.5: back off when the way to the server is in trouble.
            tracing::info!("polling a device code: {error}");
            *interval = interval
                .saturating_mul(2)
                .min(BACK_OFF_LIMIT)
                .max(*interval);
            None
        }
        _ => Some(Err(Failed::Refused(error))),
    }
}
