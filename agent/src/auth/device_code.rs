//! The device code (RFC 8628): a link, a code and a QR code; the person signs in elsewhere; this end
//! polls.
//!
//! Invariants: no poll comes sooner than the server's interval after the one before; polling ends with
//! the code's life, with the service's own patience, or with the peer. Who signed in elsewhere is
//! decided by the token alone: anybody may type the code, so nothing that the server says about that
//! person (disabled, say) is held against the one who was asked for.

use std::fmt::Write;
use std::time::Duration;

use entra_protocol::login::{Outcome, Verdict};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::conversation::{ONE_REQUEST, Step, refused, said};
use super::journal::Trail;
use super::module::{Ended, Module, Reply};
use super::{Asked, TenantLogin, qr_code};
use crate::config::is_remote;
use crate::entra::errors::{self, Class};
use crate::entra::{DeviceCode, EntraError};
use crate::store::Person;

/// How long a sign-in over the network may take in all: sshd closes the connection after its
/// `LoginGraceTime` of 120 s, and the refusal should arrive before that.
const REMOTE_LIMIT: Duration = Duration::from_secs(110);

/// How long any other sign-in may take in all: the life of Entra's codes.
const LOCAL_LIMIT: Duration = Duration::from_secs(15 * 60);

/// What `slow_down` adds to the interval (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest interval that trouble on the way may lead to.
const BACK_OFF_LIMIT: Duration = Duration::from_secs(30);

const PROMPT: &str = "Press Enter when you have signed in: ";

const TOO_LATE: &str = "The time for this sign-in is over. Please try again.";
const DECLINED: &str = "The sign-in was declined in the browser.";
const NO_PROMPT: &str = "This sign-in needs a prompt that this method can't show; \
     with ssh, use keyboard-interactive \
     (ssh -o PreferredAuthentications=keyboard-interactive).";
const ELSEWHERE_REFUSED: &str =
    "Microsoft Entra ID refused the account that signed in in the browser.";

pub(super) async fn run(
    tenant: &TenantLogin,
    asked: &Asked,
    person: &Person,
    module: &mut impl Module,
    trail: &mut Trail,
) -> Result<Step, Ended> {
    module.wait(ONE_REQUEST).await?;
    let code = match tenant.service.device_code().await {
        Ok(code) => code,
        Err(error) => {
            trail.refused(&error);
            trail.needs_administrator = error.meaning().class == Class::Configuration;
            return Ok(Step::End(refused(&error)));
        }
    };
    let issued = Instant::now();
    let patience = if is_remote(&asked.service) {
        REMOTE_LIMIT
    } else {
        LOCAL_LIMIT
    };
    let deadline = (asked.began + patience).min(issued + code.expires_in);

    module
        .show(&invitation(&person.name, &code, deadline - issued))
        .await?;
    match timeout_at(deadline, module.ask(PROMPT)).await {
        Err(_) => {
            trail.fact("too-late", "nobody pressed Enter in time");
            return Ok(Step::End(said(Outcome::AuthError, TOO_LATE)));
        }
        Ok(reply) => match reply? {
            Reply::CannotPrompt => {
                trail.fact("no-prompt", "the application can't show a visible prompt");
                return Ok(Step::End(said(Outcome::AuthError, NO_PROMPT)));
            }
            Reply::Given(_) => {}
        },
    }
    // The last poll may begin just before the deadline.
    let silence = deadline.saturating_duration_since(Instant::now()) + ONE_REQUEST;
    module.wait(silence).await?;
    match poll(tenant, &code, issued, deadline).await {
        Ok(token) => Ok(tenant.prove(&token, trail).await),
        Err(failed) => Ok(Step::End(failed.verdict(trail))),
    }
}

/// Why polling brought no token.
enum Failed {
    TooLate,
    Declined,
    Refused(EntraError),
}

impl Failed {
    fn verdict(self, trail: &mut Trail) -> Verdict {
        match self {
            Self::TooLate => {
                trail.fact("too-late", "nobody finished the sign-in in time");
                said(Outcome::AuthError, TOO_LATE)
            }
            Self::Declined => {
                trail.fact("declined", "declined in the browser");
                said(Outcome::AuthError, DECLINED)
            }
            Self::Refused(error) => {
                trail.refused(&error);
                let meaning = error.meaning();
                trail.needs_administrator = meaning.class == Class::Configuration;
                match meaning.class {
                    // Said of whoever signed in elsewhere, who may be anybody.
                    Class::CutOff | Class::Interaction | Class::Renew => {
                        said(Outcome::AuthError, ELSEWHERE_REFUSED)
                    }
                    Class::Deny if meaning.sentence == errors::INCORRECT => {
                        said(Outcome::AuthError, ELSEWHERE_REFUSED)
                    }
                    Class::Deny | Class::Unavailable | Class::Configuration => refused(&error),
                }
            }
        }
    }
}

async fn poll(
    tenant: &TenantLogin,
    code: &DeviceCode,
    issued: Instant,
    deadline: Instant,
) -> Result<crate::entra::IdToken, Failed> {
    let mut interval = code.interval;
    let mut next = issued + interval;
    loop {
        if next >= deadline {
            sleep_until(deadline).await;
            return Err(Failed::TooLate);
        }
        sleep_until(next).await;
        let error = match tenant.service.poll(code).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        let word = error.refusal().map_or("", |refusal| refusal.error.as_str());
        match (word, error.refusal().map_or(0, |refusal| refusal.code())) {
            ("authorization_pending", _) => {}
            ("slow_down", _) => interval += SLOW_DOWN,
            ("authorization_declined" | "access_denied", 0) | ("authorization_declined", _) => {
                return Err(Failed::Declined);
            }
            ("expired_token", _) | (_, 70019 | 70020) => return Err(Failed::TooLate),
            _ if error.meaning().class == Class::Unavailable => {
                // RFC 8628 §3.5: back off when the way to the server is in trouble.
                tracing::info!("polling a device code: {error}");
                interval = interval.saturating_mul(2).min(BACK_OFF_LIMIT).max(interval);
            }
            _ => return Err(Failed::Refused(error)),
        }
        next = Instant::now() + interval;
    }
}

/// What the person is shown. Links and codes are the server's, whatever they are.
fn invitation(name: &str, code: &DeviceCode, left: Duration) -> String {
    let mut text = format!(
        "To sign in as {name}, open this page on any device\n\n    {}\n\nand enter the code\n\n    {}\n\n",
        code.link, code.user_code
    );
    if let Some(drawn) = qr_code::drawn(&code.link) {
        text.push_str(&drawn);
        text.push_str("\n\n");
    }
    // Writing to a string can't fail.
    let _ = write!(text, "Time left: {}.", duration(left));
    text
}

fn duration(left: Duration) -> String {
    match (left.as_secs() / 60, left.as_secs() % 60) {
        (0, seconds) => format!("{seconds} seconds"),
        (1, 0) => "1 minute".to_owned(),
        (minutes, 0) => format!("{minutes} minutes"),
        (1, seconds) => format!("1 minute {seconds} seconds"),
        (minutes, seconds) => format!("{minutes} minutes {seconds} seconds"),
    }
}
