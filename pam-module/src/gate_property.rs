//! However the gate is turned, root or a break-glass account comes in.
//!
//! Random sequences of every verb that changes the gate, of sign-ins, of time that passes and clocks that are set
//! back, and of the agent's end and return. The agent is the real one (its verbs, its databases, its publisher),
//! and who comes in is decided by this module from the file that it published: `guard::answer`, as libpam calls it.
//! After every step, for an agent that is there or not and an Entra that answers or not:
//!
//! - somebody who is exempt, with whom the host began or whom a verb named, passes auth and account of sshd and
//!   login, and root does unless it was removed by name;
//! - a local person passes exactly when the gate that was agreed to says so: a module that lets everybody in
//!   would not do;
//! - jobs, system accounts and what root becomes pass.

mod published;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entra_agent::admin::{Admin, HostRules, Importers, Replies, Requests};
use entra_agent::auth::{Publish, SignIns, Throttle};
use entra_agent::clock::{Clock, UnixSeconds};
use entra_agent::config::{self, Config};
use entra_agent::counters::Counters;
use entra_agent::doctor::{Examiner, Examining};
use entra_agent::ids::IdRange;
use entra_agent::offline::{KeySource, Offline};
use entra_agent::publish::{LocalFiles, Publisher};
use entra_agent::runs::Runs;
use entra_agent::schedule::{Jitter, Planner};
use entra_agent::store::{Actor, Assign, DIRECTORY_FILE, STATE_FILE, Store};
use entra_agent::trials;
use entra_protocol::admin::{Done, Failure, GateMode, HolderKind, ImportSummary, Request, Role};
use entra_snapshot::Snapshot;
use proptest::prelude::*;
use tokio::sync::mpsc;

use published::Published;

const BEGIN: u64 = 1_800_000_000;
const TENANT: &str = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001";

const PASSWD: &str = "root:x:0:0::/root:/bin/bash\n\
    daemon:x:1:1::/usr/sbin:/bin/sh\n\
    rescue:x:1000:1000::/home/rescue:/bin/bash\n\
    spare:x:1001:1001::/home/spare:/bin/bash\n\
    lars:x:1002:1002::/home/lars:/bin/bash\n";

/// Who may be exempt here. `lars` never is: on him it shows whether the gate is shut at all.
const NAMES: [&str; 3] = ["root", "rescue", "spare"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    Enable,
    Disable,
    Set(GateMode, Option<u32>),
    Confirm,
    Prove(&'static str),
    Exempt(&'static str, bool),
    /// The administrator signs in through Entra.
    AdministratorSignsIn,
    Pass(u32),
    SetClockBack(u32),
    /// The agent looks for the end of a trial, as it does every two seconds.
    Look,
    AgentGoes,
    AgentComes,
    /// The agent's account of what was agreed to is damaged.
    Damage,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let gate = prop_oneof![
        Just(GateMode::Allow),
        Just(GateMode::Fallback),
        Just(GateMode::Deny),
        Just(GateMode::Deny),
    ];
    let name = prop::sample::select(&NAMES[..]);
    let step = prop_oneof![
        2 => Just(Step::Enable),
        1 => Just(Step::Disable),
        10 => (gate, prop::option::weighted(0.7, 60..2_000_u32)).prop_map(|(gate, time)| Step::Set(gate, time)),
        2 => Just(Step::Confirm),
        3 => name.clone().prop_map(Step::Prove),
        4 => (name, any::<bool>()).prop_map(|(name, exempt)| Step::Exempt(name, exempt)),
        2 => Just(Step::AdministratorSignsIn),
        5 => (1..3_000_u32).prop_map(Step::Pass),
        1 => (86_400..40 * 86_400_u32).prop_map(Step::Pass),
        1 => (1..4_000_u32).prop_map(Step::SetClockBack),
        5 => Just(Step::Look),
        1 => Just(Step::AgentGoes),
        2 => Just(Step::AgentComes),
        1 => Just(Step::Damage),
    ];
    prop::collection::vec(step, 1..40)
}

/// What was agreed to, kept apart from the agent.
#[derive(Debug, Clone, Copy)]
struct Agreed {
    enabled: bool,
    gate: GateMode,
    set_at: u64,
    /// When it ends, and what was before.
    trial: Option<(u64, GateMode)>,
}

impl Agreed {
    /// What a local person is to be told at that instant.
    fn gate_at(&self, now: u64) -> GateMode {
        match self.trial {
            _ if !self.enabled => GateMode::Allow,
            None => self.gate,
            Some((ends, _)) if now >= ends || now + 300 < self.set_at => GateMode::Allow,
            Some((ends, _)) if ends - now > 86_400 + 300 => GateMode::Allow,
            Some(_) => self.gate,
        }
    }

    fn end_trial(&mut self, now: u64) {
        // The agent reads the instant as the module does.
        if let Some((_, before)) = self.trial
            && (Agreed {
                enabled: true,
                gate: GateMode::Deny,
                ..*self
            })
            .gate_at(now)
                == GateMode::Allow
        {
            self.gate = before;
            self.set_at = now;
            self.trial = None;
        }
    }
}

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> UnixSeconds {
        UnixSeconds::new(self.0.load(Ordering::SeqCst))
    }
}

struct NoExaminer;

impl Examiner for NoExaminer {
    fn examine<'a>(&'a self, _: &'a config::Tenant) -> Examining<'a> {
        unimplemented!("nobody examines here")
    }
}

/// A host with the agent's databases on it.
struct Stage {
    folder: tempfile::TempDir,
    clock: Arc<Hand>,
    runtime: tokio::runtime::Runtime,
    /// None: it is not there.
    agent: Option<Admin>,
    agreed: Agreed,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("passwd", PASSWD),
            ("group", "root:x:0:\n"),
            ("shells", "/bin/sh\n/bin/bash\n"),
        ] {
            std::fs::write(folder.path().join(file), text).unwrap();
        }
        let mut stage = Self {
            folder,
            clock: Arc::new(Hand(AtomicU64::new(BEGIN))),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            agent: None,
            agreed: Agreed {
                enabled: false,
                gate: GateMode::Allow,
                set_at: 0,
                trial: None,
            },
        };
        let store = stage.store();
        stage.import(&store);
        stage.come();
        stage
    }

    fn store(&self) -> Store {
        Store::open(self.folder.path(), self.clock.clone()).unwrap()
    }

    /// Carol is imported, and administrator.
    fn import(&self, store: &Store) {
        let database = self.database();
        database
            .execute_batch(
                "INSERT INTO main.users (tenant, object, upn, upn_key, display_name, enabled, name)
                 VALUES (x'7d1c2f6e94a34c0a9a510f3be1c0a001', x'a0000000000040008000000000000004',
                         'carol@contoso.example', 'carol@contoso.example', 'Carol', 1, 'carol');
                 INSERT INTO state.ids (id, tenant, object, attempt, allocated_at)
                 VALUES (2013265924, x'7d1c2f6e94a34c0a9a510f3be1c0a001',
                         x'a0000000000040008000000000000004', 0, 1);
                 INSERT INTO state.names (name, tenant, object, kind, held, since)
                 VALUES ('carol', x'7d1c2f6e94a34c0a9a510f3be1c0a001',
                         x'a0000000000040008000000000000004', 'user', 1, 1);
                 INSERT INTO state.homes (tenant, object, home, fixed_at)
                 VALUES (x'7d1c2f6e94a34c0a9a510f3be1c0a001',
                         x'a0000000000040008000000000000004', '/home/carol', 1);",
            )
            .unwrap();
        let root = Actor {
            uid: 0,
            name: "root".to_owned(),
            role: None,
        };
        let carol = store.person_by_login("carol").unwrap().unwrap();
        let order = Assign {
            kind: HolderKind::User,
            key: carol.key,
            role: Role::Administrator,
            expected: None,
        };
        store.assign_roles(&[order], false, &root).unwrap();
        let tenant = TENANT.parse().unwrap();
        let run = store.begin_run(tenant, "root", "all").unwrap();
        let scope = entra_agent::sync::Scope::whole_tenant();
        store
            .end_run(run, tenant, &scope, &ImportSummary::default(), None)
            .unwrap();
    }

    fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.folder.path().join(DIRECTORY_FILE)).unwrap();
        let state = self.folder.path().join(STATE_FILE);
        database
            .execute("ATTACH ?1 AS state", [state.to_str().unwrap()])
            .unwrap();
        database
    }

    /// The agent starts: as `service` does it, the end of a trial before the first publication.
    fn come(&mut self) {
        let store = self.store();
        trials::end_what_is_over(&store, self.clock.now()).unwrap();
        self.agreed.end_trial(self.now());
        let admin = self.admin(store);
        (admin.publish)().unwrap();
        self.agent = Some(admin);
    }

    fn admin(&self, store: Store) -> Admin {
        let config = configuration();
        let folder = self.folder.path();
        let files = LocalFiles {
            passwd: folder.join("passwd"),
            group: folder.join("group"),
            shells: folder.join("shells"),
            subuid: folder.join("subuid"),
            subgid: folder.join("subgid"),
        };
        let clock: Arc<dyn Clock> = self.clock.clone();
        let publisher = Publisher::new(
            store.clone(),
            &config,
            files.clone(),
            folder,
            clock.clone(),
            || [7; 16],
        )
        .unwrap();
        let publish: Publish = Arc::new(move || match publisher.publish() {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        });
        let planner = Planner::new(store.clone(), clock.clone(), Jitter::new(b"host"));
        let offline = Offline::new(
            store.clone(),
            KeySource::new(None, folder),
            clock.clone(),
            config.offline,
            config.passcode.clone(),
        );
        let throttle = Throttle::new(store.clone());
        let sign_ins = SignIns::new(
            store.clone(),
            publish.clone(),
            [],
            config.sign_in.clone(),
            throttle.clone(),
            offline,
        );
        Admin {
            sign_ins: Arc::new(sign_ins),
            tenants: config.tenants.clone(),
            reachability: std::collections::BTreeMap::new(),
            clock: clock.clone(),
            store: store.clone(),
            importers: Importers::default(),
            runs: Arc::new(Runs::new(store.clone(), planner, [])),
            examiner: Arc::new(NoExaminer),
            publish,
            host: HostRules {
                files,
                range: IdRange::new(config.ids).unwrap(),
            },
            throttle,
            counters: Counters::default(),
            started_at: UnixSeconds::new(BEGIN),
        }
    }

    fn now(&self) -> u64 {
        self.clock.now().value()
    }

    /// What the agent answers; none if there is no agent.
    fn ask(&self, request: Request) -> Option<Result<Done, Failure>> {
        let admin = self.agent.as_ref()?;
        let (queue, mut rows) = mpsc::channel(100);
        let (_frames, requests) = mpsc::channel(1);
        let answer = self.runtime.block_on(admin.answer(
            0,
            request,
            Replies::new(queue),
            Requests::new(requests),
        ));
        while rows.try_recv().is_ok() {}
        Some(answer)
    }

    /// Whether a verb of the gate changed something.
    fn changed(&self, request: Request) -> bool {
        matches!(self.ask(request), Some(Ok(Done::LocalAuth(done))) if done.changed)
    }

    fn take(&mut self, step: &Step) {
        let now = self.now();
        match step {
            Step::Enable => {
                if matches!(self.ask(Request::AuthEnable {}), Some(Ok(_))) {
                    self.agreed.enabled = true;
                }
            }
            Step::Disable => {
                if matches!(self.ask(Request::AuthDisable {}), Some(Ok(_))) {
                    self.agreed.enabled = false;
                    self.agreed.gate = GateMode::Allow;
                    self.agreed.trial = None;
                }
            }
            Step::Set(gate, time) => {
                let request = Request::LocalAuthSet {
                    gate: *gate,
                    try_seconds: *time,
                    dry_run: false,
                };
                if self.changed(request) {
                    let before = self.agreed.trial.map_or(self.agreed.gate, |(_, it)| it);
                    self.agreed = Agreed {
                        gate: *gate,
                        set_at: now,
                        trial: time.map(|seconds| (now + u64::from(seconds), before)),
                        ..self.agreed
                    };
                }
            }
            Step::Confirm => {
                if self.changed(Request::LocalAuthConfirm {}) {
                    self.agreed.trial = None;
                }
            }
            Step::Prove(name) => {
                let name = (*name).to_owned();
                self.changed(Request::LocalAuthProve { name });
            }
            Step::Exempt(name, exempt) => {
                let (name, exempt) = ((*name).to_owned(), *exempt);
                self.changed(Request::LocalAuthExempt { name, exempt });
            }
            Step::AdministratorSignsIn => {
                self.database()
                    .execute(
                        "INSERT OR REPLACE INTO state.sign_ins
                         (tenant, object, succeeded, at, service, method, detail)
                         VALUES (x'7d1c2f6e94a34c0a9a510f3be1c0a001',
                                 x'a0000000000040008000000000000004', 1, CAST(?1 AS INTEGER),
                                 'sshd', 'device-code', '')",
                        [now.to_string()],
                    )
                    .unwrap();
            }
            Step::Pass(seconds) => {
                self.clock.0.fetch_add((*seconds).into(), Ordering::SeqCst);
            }
            Step::SetClockBack(seconds) => {
                self.clock.0.fetch_sub((*seconds).into(), Ordering::SeqCst);
            }
            Step::Look => {
                if let Some(admin) = &self.agent {
                    if trials::end_what_is_over(&admin.store, self.clock.now()).unwrap() {
                        (admin.publish)().unwrap();
                    }
                    self.agreed.end_trial(now);
                }
            }
            Step::AgentGoes => self.agent = None,
            Step::AgentComes => self.come(),
            Step::Damage => {
                self.database()
                    .execute_batch(
                        "UPDATE state.settings SET value = 'rubbish' WHERE key IN ('gate', 'gate_trial')",
                    )
                    .unwrap();
                // It reads as `allow` from the next publication on.
                if let Some(admin) = &self.agent {
                    trials::end_what_is_over(&admin.store, self.clock.now()).unwrap();
                    (admin.publish)().unwrap();
                    self.agreed.gate = GateMode::Allow;
                    self.agreed.trial = None;
                } else {
                    self.come();
                    self.agreed.gate = GateMode::Allow;
                    self.agreed.trial = None;
                }
            }
        }
    }

    /// Holds all that is promised, now.
    fn hold(&self) {
        let snapshot = Snapshot::open(self.published()).unwrap();
        let exempt = snapshot.policy().break_glass.clone();
        assert!(!exempt.is_empty(), "nobody is exempt");
        for (agent, entra) in [(true, true), (true, false), (false, true), (false, false)] {
            let host = Published {
                file: self.published(),
                now: self.now(),
                agent,
                entra,
                by_root: true,
            };
            for name in &exempt {
                for service in ["sshd", "login", "sudo", "su"] {
                    assert!(host.lets_in(name, service), "{name} {service} {host:?}");
                }
            }
            let gate = self.agreed.gate_at(self.now());
            let is_shut = match gate {
                GateMode::Allow => false,
                GateMode::Fallback => agent && entra,
                GateMode::Deny => true,
            };
            for service in ["sshd", "login"] {
                assert_eq!(
                    host.lets_in("lars", service),
                    !is_shut,
                    "{service} {host:?}"
                );
            }
            if gate == GateMode::Allow {
                assert!(host.lets_in("root", "login"), "root {host:?}");
            }
            for (name, service) in [
                ("lars", "cron"),
                ("lars", "systemd-user"),
                ("lars", "su"),
                ("daemon", "sshd"),
            ] {
                assert!(host.lets_in(name, service), "{name} {service} {host:?}");
            }
            if !exempt.iter().any(|name| name == "root") {
                let others = exempt
                    .iter()
                    .any(|name| name == "rescue" || name == "spare");
                assert!(others, "root was let go, and nobody is in its place");
            }
        }
    }

    fn published(&self) -> std::path::PathBuf {
        self.folder.path().join(entra_snapshot::FILE_NAME)
    }
}

fn configuration() -> Config {
    config::parse(&format!(
        "[[tenant]]\nid = \"{TENANT}\"\ndomain = \"contoso.example\"\n\
         [tenant.sync]\nclient_id = \"a\"\nclient_secret_file = \"/x\"\n\
         [tenant.login]\nclient_id = \"b\"\n"
    ))
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn somebody_comes_in_however_the_gate_is_turned(steps in steps()) {
        let mut stage = Stage::new();
        // What is worth turning: everything proven once.
        for step in [Step::Enable, Step::AdministratorSignsIn, Step::Prove("root")] {
            stage.take(&step);
            stage.hold();
        }
        for step in &steps {
            stage.take(step);
            stage.hold();
        }
    }

    #[test]
    fn nothing_is_shut_before_it_is_proven(steps in steps()) {
        let mut stage = Stage::new();
        for step in &steps {
            if !matches!(step, Step::Prove(_)) {
                stage.take(step);
                stage.hold();
                prop_assert_eq!(stage.agreed.gate, GateMode::Allow);
            }
        }
    }
}
