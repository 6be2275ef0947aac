//! For tests: a tenant that answers by script and signs tokens of its own, a module that answers by
//! script, and a host with four imported people.
//!
//! The tokens are verified by the product's own verifier: there is no second way to a
//! `VerifiedIdentity`, not even here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_protocol::Secret;
use entra_protocol::admin::{Counts, ImportSummary, Role, Withheld};
use entra_protocol::login::{Screen, ToAgent, ToModule};
use serde_json::{Value, json};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::module::{Ended, Module};
use super::{Asked, Publish, SignIns, TenantLogin, Throttle, throttle};
use crate::clock::{Clock, UnixSeconds};
use crate::config::{self, Method, SignIn};
use crate::entra::{
    Answering, DeviceCode, EntraError, IdToken, LoginService, Realm, RefreshToken, Refusal,
    Verifier,
};
use crate::graph::{MemberKind, UserObject};
use crate::identity::{ObjectId, ObjectKey};
use crate::offline::{KeySource, Offline};
use crate::store::fixture_import::{Commit, NewId, StoredUser};
use crate::store::{Actor, Store};
use crate::sync::Scope;

pub(crate) const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";
pub(crate) const CLIENT: &str = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003";
pub(crate) const ISSUER: &str =
    "https://login.microsoftonline.com/7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001/v2.0";
pub(crate) const ALICE: &str = "a0000000-0000-4000-8000-000000000001";
pub(crate) const MALLORY: &str = "a0000000-0000-4000-8000-000000000002";
pub(crate) const DAVE: &str = "a0000000-0000-4000-8000-000000000003";
pub(crate) const CAROL: &str = "a0000000-0000-4000-8000-000000000004";
pub(crate) const ALICE_UID: u32 = 0x7800_0001;

/// 2026-01-04T19:44:18Z.
pub(crate) const NOW: u64 = 1_767_555_858;

pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(NOW)
    }
}

pub(crate) fn key_of(object: &str) -> ObjectKey {
    ObjectKey {
        tenant: TENANT.parse().unwrap(),
        object: object.parse().unwrap(),
    }
}

/// The key that the tenant signs with, and one that it doesn't have.
fn key_pairs() -> &'static [KeyPair; 2] {
    static KEYS: OnceLock<[KeyPair; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [0, 1].map(|_| KeyPair::generate(KeySize::Rsa2048).unwrap()))
}

pub(crate) fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A compact token, signed by the tenant's key or by a stranger's.
pub(crate) fn signed(header: &Value, claims: &Value, by_stranger: bool) -> IdToken {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let pair = &key_pairs()[usize::from(by_stranger)];
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let compact = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    IdToken::new(Zeroizing::new(compact))
}

pub(crate) fn header() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "kid": "k1"})
}

/// The claims that Entra puts into a token about this person.
pub(crate) fn claims(object: &str) -> Value {
    json!({
        "aud": CLIENT, "iss": ISSUER, "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 3_600,
        "oid": object, "tid": TENANT, "preferred_username": "whoever@contoso.example", "ver": "2.0",
    })
}

pub(crate) fn token_of(object: &str) -> IdToken {
    signed(&header(), &claims(object), false)
}

/// The tenant's key document.
pub(crate) fn key_document() -> Zeroizing<Vec<u8>> {
    let public = key_pairs()[0].public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let document = json!({"keys": [{
        "kty": "RSA", "use": "sig", "kid": "k1",
        "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero()),
    }]});
    Zeroizing::new(document.to_string().into_bytes())
}

/// A refusal as the token endpoint words it.
pub(crate) fn refusal(error: &str, code: u32) -> EntraError {
    EntraError::Refused(Box::new(Refusal {
        place: "POST token".to_owned(),
        status: 400,
        error: error.to_owned(),
        codes: if code == 0 { Vec::new() } else { vec![code] },
        correlation_id: Some("c-1".to_owned()),
        ..Refusal::default()
    }))
}

pub(crate) fn no_answer() -> EntraError {
    EntraError::NoAnswer {
        place: "POST token".to_owned(),
        reason: "connection refused".to_owned(),
        obstacle: crate::entra::Obstacle::Refused,
    }
}

/// A login service that answers from two queues and keeps what it was asked.
#[derive(Default)]
pub(crate) struct Tenant {
    pub(crate) passwords: Mutex<VecDeque<Result<IdToken, EntraError>>>,
    pub(crate) polls: Mutex<VecDeque<Result<IdToken, EntraError>>>,
    /// The answer to the poll that comes before the code is shown; it is not in the queue.
    pub(crate) early: Mutex<Option<EntraError>>,
    is_fresh: AtomicBool,
    /// UPN and password of each request.
    pub(crate) asked: Mutex<Vec<(String, String)>>,
    /// When each poll came.
    pub(crate) polled_at: Mutex<Vec<Instant>>,
    pub(crate) key_fetches: AtomicUsize,
    pub(crate) refreshes: Mutex<VecDeque<Result<IdToken, EntraError>>>,
    /// Refresh tokens that were redeemed.
    pub(crate) redeemed: Mutex<Vec<String>>,
    /// Whether the last device code was to be a lasting one.
    pub(crate) lasting: AtomicBool,
    /// What every request for a device code fails with.
    pub(crate) no_codes: Mutex<Option<EntraError>>,
    /// What every request for the keys fails with.
    pub(crate) keys_fail: Mutex<Option<EntraError>>,
    /// So many documents with the keys come at once; every later one fails after a minute.
    keys_hang_after: Option<usize>,
    /// Whether the domain is federated; `None`: the question is never answered.
    pub(crate) realm: Mutex<Option<Option<Realm>>>,
    pub(crate) realm_questions: AtomicUsize,
}

impl Tenant {
    pub(crate) fn on_password(self, answer: Result<IdToken, EntraError>) -> Self {
        self.passwords.lock().unwrap().push_back(answer);
        self
    }

    pub(crate) fn on_refresh(self, answer: Result<IdToken, EntraError>) -> Self {
        self.refreshes.lock().unwrap().push_back(answer);
        self
    }

    pub(crate) fn whose_keys_hang_after(quick: usize) -> Self {
        Self {
            keys_hang_after: Some(quick),
            ..Self::default()
        }
    }

    pub(crate) fn on_poll(self, answer: Result<IdToken, EntraError>) -> Self {
        self.polls.lock().unwrap().push_back(answer);
        self
    }

    /// Seconds between the polls.
    pub(crate) fn gaps(&self) -> Vec<u64> {
        let at = self.polled_at.lock().unwrap();
        at.windows(2)
            .map(|pair| (pair[1] - pair[0]).as_secs())
            .collect()
    }
}

impl LoginService for Tenant {
    fn password<'a>(&'a self, upn: &'a str, password: &'a Secret) -> Answering<'a, IdToken> {
        let asked = (upn.to_owned(), password.expose().to_owned());
        self.asked.lock().unwrap().push(asked);
        let answer = self.passwords.lock().unwrap().pop_front();
        Box::pin(async move { answer.expect("a password request that the script does not have") })
    }

    fn device_code(&self, lasting: bool) -> Answering<'_, DeviceCode> {
        self.lasting.store(lasting, Ordering::SeqCst);
        if let Some(error) = self.no_codes.lock().unwrap().clone() {
            return Box::pin(async { Err(error) });
        }
        self.is_fresh.store(true, Ordering::SeqCst);
        Box::pin(async {
            Ok(DeviceCode {
                user_code: "LJN9VTLG2".to_owned(),
                link: "https://login.microsoft.com/device".to_owned(),
                expires_in: Duration::from_secs(900),
                interval: Duration::from_secs(5),
                code: Zeroizing::new("device-code".to_owned()),
            })
        })
    }

    fn poll<'a>(&'a self, _: &'a DeviceCode) -> Answering<'a, IdToken> {
        if self.is_fresh.swap(false, Ordering::SeqCst) {
            let answer = self.early.lock().unwrap().take();
            let answer = answer.unwrap_or_else(|| refusal("authorization_pending", 70016));
            return Box::pin(async move { Err(answer) });
        }
        self.polled_at.lock().unwrap().push(Instant::now());
        let answer = self.polls.lock().unwrap().pop_front();
        // A script at its end: nobody ever approves.
        Box::pin(
            async move { answer.unwrap_or_else(|| Err(refusal("authorization_pending", 70016))) },
        )
    }

    fn refresh<'a>(&'a self, token: &'a RefreshToken) -> Answering<'a, IdToken> {
        self.redeemed
            .lock()
            .unwrap()
            .push(token.expose().to_owned());
        let answer = self.refreshes.lock().unwrap().pop_front();
        Box::pin(async move { answer.expect("a refresh that the script does not have") })
    }

    fn realm<'a>(&'a self, _: &'a str) -> Answering<'a, Realm> {
        self.realm_questions.fetch_add(1, Ordering::SeqCst);
        let realm = self.realm.lock().unwrap().unwrap_or(Some(Realm::Here));
        Box::pin(async move {
            match realm {
                Some(realm) => Ok(realm),
                None => std::future::pending().await,
            }
        })
    }

    fn signing_keys(&self) -> Answering<'_, Zeroizing<Vec<u8>>> {
        let number = self.key_fetches.fetch_add(1, Ordering::SeqCst);
        let failure = self.keys_fail.lock().unwrap().clone();
        let hangs = self.keys_hang_after.is_some_and(|quick| number >= quick);
        Box::pin(async move {
            if hangs {
                tokio::time::sleep(Duration::from_secs(60)).await;
                return Err(no_answer());
            }
            failure.map_or_else(|| Ok(key_document()), Err)
        })
    }
}

/// A module whose person answers by script, and thinks for ever when the script is at its end.
#[derive(Default)]
pub(crate) struct Typist {
    pub(crate) answers: VecDeque<ToAgent>,
    pub(crate) seen: Vec<ToModule>,
}

impl Typist {
    pub(crate) fn types(mut self, password: &str) -> Self {
        let secret = Secret::new(Zeroizing::new(password.to_owned()));
        self.answers.push_back(ToAgent::SecretAnswer { secret });
        self
    }

    pub(crate) fn presses_enter(mut self) -> Self {
        let text = String::new();
        self.answers.push_back(ToAgent::Answer { text });
        self
    }

    pub(crate) fn cannot_prompt(mut self) -> Self {
        self.answers.push_back(ToAgent::CannotPrompt);
        self
    }

    /// Everything that was shown, in one text.
    pub(crate) fn shown(&self) -> String {
        self.seen
            .iter()
            .filter_map(|message| match message {
                ToModule::Show { text, .. } => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl Module for Typist {
    async fn say(&mut self, message: ToModule) -> Result<(), Ended> {
        self.seen.push(message);
        Ok(())
    }

    async fn hear(&mut self) -> Result<ToAgent, Ended> {
        match self.answers.pop_front() {
            Some(answer) => Ok(answer),
            None => std::future::pending().await,
        }
    }
}

/// A host where alice, mallory, carol (administrator) and dave (disabled) are imported and Entra
/// sign-in is on.
pub(crate) struct Host {
    pub(crate) store: Store,
    pub(crate) publications: Arc<AtomicUsize>,
    pub(crate) folder: tempfile::TempDir,
    /// `[passcode] enabled`.
    pub(crate) passcodes: bool,
}

impl Host {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), Arc::new(FixedClock)).unwrap();
        import(&store);
        let root = Actor {
            uid: 0,
            name: "root".to_owned(),
            role: None,
        };
        store
            .set_roles(&[key_of(CAROL)], Role::Administrator, &root)
            .unwrap();
        store.set_sign_in_enabled(true, &root).unwrap();
        Self {
            store,
            publications: Arc::new(AtomicUsize::new(0)),
            folder,
            passcodes: false,
        }
    }

    pub(crate) fn publish(&self) -> Publish {
        let publications = self.publications.clone();
        Arc::new(move || {
            publications.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
    }

    pub(crate) fn sign_ins(&self, tenant: &Arc<Tenant>) -> SignIns {
        self.sign_ins_at([(TENANT, tenant)])
    }

    /// With one login service for each of these tenants.
    pub(crate) fn sign_ins_at<'a>(
        &self,
        tenants: impl IntoIterator<Item = (&'a str, &'a Arc<Tenant>)>,
    ) -> SignIns {
        let mut methods = SignIn::default();
        methods
            .services
            .insert("password-only".to_owned(), vec![Method::Password]);
        methods.services.insert(
            "codes-first".to_owned(),
            vec![Method::DeviceCode, Method::Password],
        );
        methods
            .services
            .insert("cockpit".to_owned(), vec![Method::Password]);
        methods
            .services
            .insert("codes-only".to_owned(), vec![Method::DeviceCode]);
        SignIns::new(
            self.store.clone(),
            self.publish(),
            tenants.into_iter().map(|(id, tenant)| {
                let login = TenantLogin::new(tenant.clone(), verifier(), throttle::PERSON);
                (id.parse().unwrap(), login)
            }),
            methods,
            Throttle::new(self.store.clone()),
            self.offline(),
        )
    }

    /// What this host remembers, with a key of its own.
    pub(crate) fn offline(&self) -> Offline {
        let rules = config::Offline {
            maximum_age: Duration::from_secs(14 * 24 * 60 * 60),
            password: true,
        };
        let keys = KeySource::new(None, self.folder.path());
        let passcode = config::Passcode {
            enabled: self.passcodes,
            ..config::Passcode::default()
        };
        Offline::new(
            self.store.clone(),
            keys,
            Arc::new(FixedClock),
            rules,
            passcode,
        )
    }
}

pub(crate) fn verifier() -> Verifier {
    Verifier::new(
        TENANT.parse().unwrap(),
        ISSUER,
        CLIENT,
        Arc::new(FixedClock),
    )
}

/// A sign-in as `user` through `service`, beginning now.
pub(crate) fn asked(user: &str, service: &str) -> Asked {
    Asked {
        user: user.to_owned(),
        service: service.to_owned(),
        remote_host: "192.0.2.7".to_owned(),
        screen: Screen::default(),
        began: Instant::now(),
    }
}

fn import(store: &Store) {
    let people = [
        (ALICE, "alice", true, 1),
        (MALLORY, "mallory", true, 2),
        (DAVE, "dave", false, 3),
        (CAROL, "carol", true, 4),
    ];
    let object = |text: &str| -> ObjectId { text.parse().unwrap() };
    let commit = Commit {
        tenant: TENANT.parse().unwrap(),
        ids: people
            .iter()
            .map(|(id, _, _, number)| NewId {
                key: key_of(id),
                id: 0x7800_0000 + number,
                attempt: 0,
            })
            .collect(),
        claimed: people
            .iter()
            .map(|(id, name, ..)| ((*name).to_owned(), key_of(id), MemberKind::User))
            .collect(),
        retired: Vec::new(),
        homes: people
            .iter()
            .map(|(id, name, ..)| (key_of(id), format!("/home/{name}")))
            .collect(),
        users: people
            .iter()
            .map(|(id, name, enabled, _)| StoredUser {
                user: UserObject {
                    id: object(id),
                    // As the tenant writes it: what is sent is this, not what was typed.
                    upn: format!("{}@Contoso.example", name.to_uppercase()),
                    display_name: (*name).to_owned(),
                    enabled: *enabled,
                    user_type: None,
                    mail_nickname: None,
                    sam_account_name: None,
                    created_at: None,
                    password_changed_at: None,
                    sessions_valid_from: None,
                },
                name: Some((*name).to_owned()),
                withheld: false,
            })
            .collect(),
        groups: Vec::new(),
        edges: Vec::new(),
        memberships: Vec::new(),
        failures: Vec::new(),
    };
    store.commit_import(&commit).unwrap();
    let summary = ImportSummary {
        started_at: "2026-01-04T19:44:18Z".to_owned(),
        duration_ms: 1,
        scope: "the whole tenant".to_owned(),
        users: Counts::default(),
        groups: Counts::default(),
        memberships: 0,
        withheld: Withheld::default(),
        requests: 2,
        generation: 1,
        ..ImportSummary::default()
    };
    let tenant = TENANT.parse().unwrap();
    let run = store.begin_run(tenant, "root", &summary.scope).unwrap();
    store
        .end_run(run, tenant, &Scope::whole_tenant(), &summary, None)
        .unwrap();
}
