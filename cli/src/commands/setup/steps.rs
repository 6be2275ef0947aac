//! One topic after the other: taken from the answers or asked for, put into the document, tested.

use entra_protocol::Secret;
use entra_protocol::admin::{Check, CheckState};
use entra_protocol::probe::{Finding, Part};

use super::answers::Topic;
use super::credential;
use super::document::Document;
use super::{Agent, probe, questions, report};
use crate::args::{Answers, minutes};
use crate::trouble::Trouble;

/// The ways to sign in, as `agent.toml` has them.
const METHODS: [&str; 2] = ["device-code", "password"];

/// The clouds, as `agent.toml` has them.
const CLOUDS: [&str; 4] = ["public", "us-gov", "us-gov-dod", "china"];

/// What passwords over the network mean.
const PASSWORD_RISK: &str = "With passwords over the network, whoever reaches sshd can try passwords against Entra \
     from this host's address, which Entra may trust more than others. No password is tried twice, and tries \
     are throttled per person and remote host. Where MFA is required the device code comes after the password \
     all the same.";

/// The document as it grows, and what it grows from.
pub(super) struct Steps<'a> {
    pub(super) agent: Agent,
    pub(super) document: Document,
    /// A client secret that was typed or came on stdin.
    pub(super) secret: Option<Secret>,
    pub(super) given: Answers,
    pub(super) asks_person: bool,
    pub(super) tests: bool,
    pub(super) checks: Vec<Check>,
    pub(super) say: &'a mut dyn FnMut(&str),
}

/// What comes after a test.
enum Verdict {
    Accepted,
    Again,
}

impl Steps<'_> {
    /// Settles a topic, however often it has to be asked.
    pub(super) fn settle(&mut self, topic: Topic) -> Result<(), Trouble> {
        match topic {
            Topic::Tenant => self.tenant(),
            Topic::Sync => self.sync(),
            Topic::Login => self.login(),
            Topic::Methods => self.methods(),
            Topic::Interval => self.interval(),
            // Asked once the agent can list what there is.
            Topic::Scope => Ok(()),
        }
    }

    /// Whether the agent can read the whole, which no tenant needs to be asked for.
    pub(super) fn check_syntax(&mut self) -> Result<(), Trouble> {
        match probe::ask(&self.agent, &self.document, None, Part::Syntax)? {
            Finding::Failed { message, hint } => Err(unmet(message, hint)),
            Finding::Tenant { .. } | Finding::Checks(_) => Ok(()),
        }
    }

    fn tenant(&mut self) -> Result<(), Trouble> {
        if let Some(proxy) = &self.given.proxy {
            self.document.set_top("proxy", "url", proxy);
        }
        let mut name = self.given.tenant.clone();
        if !self.asks_person {
            name = name.or_else(|| self.document.tenant_id());
        }
        loop {
            let asked = match name.take() {
                Some(name) => name,
                None => questions::text(
                    "Tenant:",
                    "a verified domain like contoso.com, or the tenant id (Entra admin center, Overview)",
                    self.document.domain().as_deref(),
                )?,
            };
            match self.find(&asked)? {
                Ok((id, domain, cloud)) => {
                    return self.take_tenant(&id, &domain, &cloud);
                }
                Err((message, hint)) if !self.asks_person => return Err(unmet(message, hint)),
                Err((message, hint)) => {
                    (self.say)(&format!("  BAD     {message}"));
                    if let Some(hint) = hint {
                        (self.say)(&format!("          do: {hint}"));
                    }
                    let proxy = questions::text_or_nothing(
                        "Proxy:",
                        "if this host needs one, like http://proxy.example:3128; Enter if not",
                    )?;
                    if let Some(proxy) = proxy {
                        self.document.set_top("proxy", "url", &proxy);
                        name = Some(asked);
                    }
                }
            }
        }
    }

    /// Id, domain and cloud of the tenant that a name means; or why there is none.
    #[expect(
        clippy::type_complexity,
        reason = "an answer that is asked for again is no error yet"
    )]
    fn find(
        &mut self,
        name: &str,
    ) -> Result<Result<(String, String, String), (String, Option<String>)>, Trouble> {
        let is_id = is_guid(name);
        let mut domain = self.given.domain.clone();
        if !is_id {
            domain = domain.or_else(|| Some(name.to_lowercase()));
        } else if self.document.tenant_id().as_deref() == Some(name) {
            domain = domain.or_else(|| self.document.domain());
        }
        if !self.tests {
            let cloud = self.given.cloud.clone().or_else(|| self.document.cloud());
            let cloud = cloud.unwrap_or_else(|| "public".to_owned());
            return Ok(match domain {
                Some(domain) if is_id => Ok((name.to_lowercase(), domain, cloud)),
                _ => Err((
                    "without asking the tenant its id and a domain are needed".to_owned(),
                    Some("--tenant ID --domain DOMAIN".to_owned()),
                )),
            });
        }
        let (id, cloud) = match self.look_up(name)? {
            Ok(found) => found,
            Err(failed) => return Ok(Err(failed)),
        };
        if let Some(wanted) = self.given.cloud.as_ref().filter(|wanted| **wanted != cloud) {
            return Ok(Err((
                format!("{name} lives in the cloud {cloud}, not in {wanted}"),
                Some(format!("--cloud {cloud}, or leave it out")),
            )));
        }
        let domain = match domain {
            Some(domain) => domain,
            None if self.asks_person => questions::text(
                "Domain whose people have short names here:",
                "a verified domain of the tenant",
                None,
            )?
            .to_lowercase(),
            None => {
                return Ok(Err((
                    "which domain's people have short names here?".to_owned(),
                    Some("--domain DOMAIN".to_owned()),
                )));
            }
        };
        if domain != name.to_lowercase() {
            match self.look_up(&domain)? {
                Ok((other, _)) if other != id => {
                    return Ok(Err((
                        format!("{domain} belongs to another tenant, {other}"),
                        Some(
                            "a verified domain of the tenant: Entra admin center, Domain names"
                                .to_owned(),
                        ),
                    )));
                }
                Ok(_) => {}
                Err(failed) => return Ok(Err(failed)),
            }
        }
        Ok(Ok((id, domain, cloud)))
    }

    #[expect(
        clippy::type_complexity,
        reason = "an answer that is asked for again is no error yet"
    )]
    fn look_up(
        &self,
        name: &str,
    ) -> Result<Result<(String, String), (String, Option<String>)>, Trouble> {
        let part = Part::Tenant {
            name: name.to_owned(),
            cloud: self.given.cloud.clone(),
        };
        match probe::ask(&self.agent, &self.document, None, part)? {
            // What becomes a line of root's file has the form that it must have.
            Finding::Tenant { id, cloud } if is_guid(&id) && CLOUDS.contains(&cloud.as_str()) => {
                Ok(Ok((id, cloud)))
            }
            Finding::Failed { message, hint } => Ok(Err((message, hint))),
            Finding::Tenant { .. } | Finding::Checks(_) => Err(Trouble::WrongAnswer),
        }
    }

    fn take_tenant(&mut self, id: &str, domain: &str, cloud: &str) -> Result<(), Trouble> {
        self.document.mean(id, domain);
        if self.document.is_another() {
            (self.say)(
                "This host has another tenant already: this one goes behind it, and its people have their whole UPN as names.",
            );
            if self.asks_person && !questions::yes("Add this tenant?")? {
                return Err(Trouble::GivenUp);
            }
        }
        self.document.set_own("id", id);
        self.document.set_own("domain", domain);
        if cloud != "public" || self.document.cloud().is_some() {
            self.document.set_own("cloud", cloud);
        }
        if self.tests {
            (self.say)(&format!(
                "  ok      tenant: {domain} is {id}, in the cloud {cloud}"
            ));
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Trouble> {
        let mut is_first = true;
        loop {
            let chosen = credential::choose(self, is_first)?;
            if let Some(chosen) = chosen {
                self.document
                    .set_credential(&chosen.keys, chosen.client_id.as_deref());
                self.secret = chosen.secret.or(self.secret.take());
            }
            is_first = false;
            let tenant = self.document.tenant_id().unwrap_or_default();
            if let Verdict::Accepted = self.test(Part::Sync { tenant })? {
                return Ok(());
            }
        }
    }

    fn login(&mut self) -> Result<(), Trouble> {
        let mut given = self.given.login_client_id.clone();
        if !self.asks_person {
            given = given.or_else(|| self.document.login_client_id());
        }
        loop {
            let id = match given.take() {
                Some(id) => id,
                None => questions::text(
                    "Client id of the registration that people sign in through:",
                    "public client, \"Allow public client flows\" on, no application permissions",
                    self.document.login_client_id().as_deref(),
                )?,
            };
            self.document.set("login", "client_id", &id);
            let tenant = self.document.tenant_id().unwrap_or_default();
            if let Verdict::Accepted = self.test(Part::Login { tenant })? {
                return Ok(());
            }
        }
    }

    fn test(&mut self, part: Part) -> Result<Verdict, Trouble> {
        if !self.tests {
            return Ok(Verdict::Accepted);
        }
        let checks = match probe::ask(&self.agent, &self.document, self.secret.as_ref(), part)? {
            Finding::Checks(checks) => checks,
            Finding::Failed { message, hint } => vec![Check {
                about: String::new(),
                name: "agent.toml".to_owned(),
                state: CheckState::Bad,
                found: message,
                cure: hint,
                reference: None,
            }],
            Finding::Tenant { .. } => return Err(Trouble::WrongAnswer),
        };
        for check in &checks {
            for line in report::line(check) {
                (self.say)(&line);
            }
        }
        let bad = checks.iter().find(|check| check.state == CheckState::Bad);
        let verdict = match bad {
            None => Verdict::Accepted,
            Some(check) if !self.asks_person => {
                return Err(unmet(
                    format!("{}: {}", check.name, check.found),
                    check.cure.clone(),
                ));
            }
            Some(_) => {
                let options = [
                    "ask me again",
                    "I mended it in the tenant: test again what I said",
                    "keep it all the same",
                    "leave, and change nothing",
                ];
                match questions::choose("That is not right yet.", "", &options)? {
                    0 => return Ok(Verdict::Again),
                    1 => return self.test_again(&checks),
                    2 => Verdict::Accepted,
                    _ => return Err(Trouble::GivenUp),
                }
            }
        };
        self.checks.extend(checks);
        Ok(verdict)
    }

    /// The same part once more.
    fn test_again(&mut self, checks: &[Check]) -> Result<Verdict, Trouble> {
        let tenant = self.document.tenant_id().unwrap_or_default();
        let is_sync = checks.iter().any(|check| check.name.starts_with("sync-"));
        self.test(match is_sync {
            true => Part::Sync { tenant },
            false => Part::Login { tenant },
        })
    }

    fn methods(&mut self) -> Result<(), Trouble> {
        for (key, given) in [
            ("remote", self.given.remote_methods.clone()),
            ("local", self.given.local_methods.clone()),
        ] {
            let words = match given {
                Some(list) => list.0,
                None if !self.asks_person || self.given.remote_methods.is_some() => continue,
                None => self.ask_methods(key)?,
            };
            if let Some(unknown) = words.iter().find(|word| !METHODS.contains(&word.as_str())) {
                return Err(unmet(
                    format!("{unknown:?} is no way to sign in"),
                    Some(format!(
                        "{key}: {}, in the order they are offered",
                        METHODS.join(", ")
                    )),
                ));
            }
            self.document.set_list("sign_in", key, &words);
        }
        if self.document.sshd_has_its_own() {
            (self.say)(
                "agent.toml names sshd's own ways to sign in, [sign_in.services]: they count for ssh.",
            );
        }
        Ok(())
    }

    fn ask_methods(&mut self, key: &str) -> Result<Vec<String>, Trouble> {
        let (question, options): (_, &[&str]) = if key == "remote" {
            (self.say)(PASSWORD_RISK);
            (
                "Sign-in over the network (ssh):",
                &[
                    "device code: a browser elsewhere; MFA and passkeys work",
                    "password, then device code",
                ],
            )
        } else {
            (
                "Sign-in on the machine itself (console, sudo, su):",
                &["password, then device code", "device code only"],
            )
        };
        let place = questions::choose(question, "", options)?;
        let is_code_only = (key == "remote") == (place == 0);
        Ok(match is_code_only {
            true => vec!["device-code".to_owned()],
            false => vec!["password".to_owned(), "device-code".to_owned()],
        })
    }

    fn interval(&mut self) -> Result<(), Trouble> {
        while self.given.interval.is_none() {
            let text = questions::text(
                "Time between two imports:",
                "as in 30m, 2h or 1d; `entractl schedule` changes it later",
                Some("1h"),
            )?;
            match minutes(&text) {
                Ok(_) => self.given.interval = Some(text),
                Err(message) => (self.say)(&format!("  {message}")),
            }
        }
        Ok(())
    }
}

pub(super) fn unmet(message: String, hint: Option<String>) -> Trouble {
    Trouble::Unmet {
        message,
        hint: hint.unwrap_or_else(|| "nothing was written".to_owned()),
    }
}

/// Whether a text has the form of an id: 32 hexadecimal digits and hyphens where they belong.
pub(super) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && groups
            .iter()
            .all(|group| group.chars().all(|digit| digit.is_ascii_hexdigit()))
}
