//! One line in the journal for every verdict, with everything an administrator asks for afterwards.

use std::fmt;

use entra_protocol::login::{Outcome, Verdict};
use tokio::time::Instant;

use super::Asked;
use super::throttle::Trying;
use crate::config::Method;
use crate::counters::{NO_METHOD, OFFLINE_PASSCODE, OFFLINE_PASSWORD, PASSCODE};
use crate::entra::errors::Class;
use crate::entra::{EntraError, Refusal};
use crate::store::Person;

/// What a conversation did on its way to the verdict.
#[derive(Debug, Default)]
pub(super) struct Trail {
    /// The last method that was tried.
    pub(super) method: Option<Method>,
    /// The login service's last refusal: code and ids.
    pub(super) reference: Option<String>,
    /// Facts, in the order in which they came up.
    pub(super) facts: Vec<String>,
    /// For the audit of the sign-in: AADSTS code or a word.
    pub(super) detail: String,
    /// A password that the tenant called right and not enough.
    pub(super) not_enough: Option<Trying>,
    /// True if what was typed was compared with what is kept, since no verdict could be had.
    pub(super) offline: bool,
    /// True if the passcode is what was tried last.
    pub(super) is_passcode: bool,
    /// True if the method that was tried last got no verdict.
    pub(super) no_verdict: bool,
    /// True if an administrator has to act.
    pub(super) needs_administrator: bool,
}

impl Trail {
    /// Another method is tried: what was said to the one before stays as a fact, but explains nothing
    /// any more.
    pub(super) fn begin(&mut self, method: Method) {
        self.method = Some(method);
        self.is_passcode = false;
        self.forget_end();
    }

    /// The passcode is tried.
    pub(super) fn begin_passcode(&mut self) {
        self.method = None;
        self.is_passcode = true;
        self.forget_end();
    }

    fn forget_end(&mut self) {
        self.reference = None;
        self.no_verdict = false;
        self.detail.clear();
    }

    /// Keeps what the login service said.
    pub(super) fn refused(&mut self, error: &EntraError) {
        if let Some(reference) = error.reference() {
            self.reference = Some(reference);
        }
        self.no_verdict = error.meaning().class == Class::Unavailable;
        self.detail = match error.refusal().map(Refusal::code) {
            Some(0) | None => "no-verdict".to_owned(),
            Some(code) => format!("AADSTS{code}"),
        };
        self.facts.push(match self.method {
            Some(method) => format!("{}: {error}", method.word()),
            None => error.to_string(),
        });
    }

    /// Keeps a fact that explains the way, not the end.
    pub(super) fn note(&mut self, fact: &str) {
        self.facts.push(fact.to_owned());
    }

    /// Keeps a fact that ends the sign-in.
    pub(super) fn fact(&mut self, detail: &str, fact: impl fmt::Display) {
        self.detail = detail.to_owned();
        self.facts.push(fact.to_string());
    }

    /// The word for the method in records.
    pub(super) fn method_word(&self) -> &'static str {
        match self.method {
            _ if self.is_passcode && self.offline => OFFLINE_PASSCODE,
            _ if self.is_passcode => PASSCODE,
            Some(Method::Password) if self.offline => OFFLINE_PASSWORD,
            method => method.map_or(NO_METHOD, Method::word),
        }
    }
}

/// Writes the line.
pub(super) fn verdict(asked: &Asked, person: Option<&Person>, trail: &Trail, verdict: &Verdict) {
    let line = Line {
        asked,
        person,
        trail,
        verdict,
    };
    // As text, not as fields alone: `journalctl -u entra-agent` must answer the question.
    if trail.needs_administrator {
        tracing::error!("{line}");
    } else if verdict.outcome == Outcome::Success {
        tracing::info!("{line}");
    } else {
        tracing::warn!("{line}");
    }
}

struct Line<'a> {
    asked: &'a Asked,
    person: Option<&'a Person>,
    trail: &'a Trail,
    verdict: &'a Verdict,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.verdict.outcome {
            Outcome::Success => "sign-in accepted",
            _ => "sign-in refused",
        };
        write!(f, "{what}: outcome={:?}", self.verdict.outcome)?;
        // Quoted and escaped: these two come from whoever is at the prompt.
        match self.person {
            Some(person) => write!(f, " user={} uid={}", person.name, person.uid)?,
            None => write!(f, " asked={:?}", self.asked.user)?,
        }
        write!(
            f,
            " service={:?} rhost={:?} method={} ms={}",
            self.asked.service,
            self.asked.remote_host,
            self.trail.method_word(),
            Instant::now()
                .saturating_duration_since(self.asked.began)
                .as_millis(),
        )?;
        if let Some(reference) = &self.trail.reference {
            write!(f, " reference=[{reference}]")?;
        }
        for fact in &self.trail.facts {
            write!(f, "; {fact}")?;
        }
        Ok(())
    }
}
