//! The agent put together: configuration and paths in, two served sockets out, until it is told to stop.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::admin::{Admin, HostRules, Importers};
use crate::auth::{Publish, SignIns, TenantLogin, Throttle, TryRule, away, in_store};
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Tenant, credentials_folder};
use crate::counters::Counters;
use crate::doctor::Doctor;
use crate::entra::{
    AppToken, Discovery, Endpoints, OverHttps, Reachability, Remembered, Verifier,
    credential_state, http_client, probe_client,
};
use crate::graph::Graph;
use crate::ids::IdRange;
use crate::offline::{KeySource, Offline};
use crate::publish::{LocalFiles, Publisher};
use crate::runs::Runs;
use crate::schedule::{Jitter, Planner, keep as keep_schedule};
use crate::server::{Server, Sockets, republish_on_change};
use crate::store::{FORGOTTEN_AT_ONCE, Store};
use crate::sync::Syncer;
use crate::trials;

/// The folder below the agent's own that everybody may read; it holds the snapshot and nothing else.
const PUBLIC: &str = "public";

/// What tells this host from others, so that a fleet does not ask the tenant at one instant.
const MACHINE_ID: &str = "/etc/machine-id";
/// Between two reminders of the same thing.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Between two looks at what is too old in the audit log.
const AUDIT_LOOKED_AT_EVERY: Duration = Duration::from_secs(60 * 60);

/// Why the agent did not start, or did not go on. For the journal and for whoever started it by hand.
#[derive(Debug)]
pub struct ServiceError {
    doing: &'static str,
    reason: String,
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.reason)
    }
}

impl std::error::Error for ServiceError {}

/// Runs the agent on `sockets` with its databases in `state`, until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServiceError`]: a database of a newer version, an impossible id range, no trust store.
pub async fn run(config: Config, state: &Path, sockets: Sockets) -> Result<(), ServiceError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let local = LocalFiles::default();
    let host = HostRules {
        files: local.clone(),
        range: IdRange::new(config.ids).map_err(failed("agent.toml, [ids]"))?,
    };
    let watched: Vec<PathBuf> = vec![local.passwd.clone(), local.group.clone()];

    let folder = state.to_owned();
    let its_clock = clock.clone();
    let store = away(move || Store::open(&folder, its_clock))
        .await
        .map_err(failed("open the databases"))?;
    let publisher = Arc::new(
        Publisher::new(
            store.clone(),
            &config,
            local,
            &state.join(PUBLIC),
            clock.clone(),
            random_bytes,
        )
        .map_err(failed("agent.toml, [ids]"))?,
    );
    let client = http_client(config.proxy.as_ref()).map_err(failed("prepare HTTPS"))?;
    let mut importers = Importers::default();
    for tenant in &config.tenants {
        let token = AppToken::new(client.clone(), tenant, clock.clone(), random_bytes);
        let graph = Graph::new(
            client.clone(),
            tenant.graph_url.clone(),
            Arc::new(token),
            clock.clone(),
            random_bytes,
        );
        let syncer = Syncer::new(
            store.clone(),
            graph,
            &config,
            tenant,
            publisher.clone(),
            clock.clone(),
        )
        .map_err(failed("agent.toml, [ids]"))?;
        importers.add(Arc::new(syncer));
    }
    let machine = away(|| std::fs::read(MACHINE_ID)).await;
    let jitter = Jitter::new(&machine.unwrap_or_else(|_| random_bytes().into()));
    let counters = Counters::default();
    let started_at = clock.now();
    let runs = Runs::new(
        store.clone(),
        Planner::new(store.clone(), clock.clone(), jitter),
        importers.all().map(|importer| importer.tenant()),
    );
    let runs = Arc::new(runs.counting(counters.clone()));
    for tenant in &config.tenants {
        if let Some(minutes) = tenant.interval_minutes {
            let (id, name) = (tenant.id, tenant.domain.clone());
            let configured = in_store(&store, move |store| {
                store.configure_interval(id, &name, minutes)
            })
            .await;
            if let Err(error) = configured {
                tracing::error!(
                    "the interval of {} does not count yet: {error}",
                    tenant.domain
                );
            }
        }
    }
    // A disk without room must not keep anybody from signing in: what can't be written waits.
    match in_store(&store, Store::note_interrupted_runs).await {
        Ok(0) => {}
        Ok(_) => {
            tracing::warn!("a run was interrupted when the agent ended; entractl history shows it");
        }
        Err(error) => tracing::error!("an interrupted run could not be recorded: {error}"),
    }

    let publish: Publish = Arc::new(move || match publisher.publish() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    let lone = probe_client(config.proxy.as_ref()).map_err(failed("prepare HTTPS"))?;
    let mut reachability = BTreeMap::new();
    // Ended with this function.
    let mut probing = JoinSet::new();
    let logins: Vec<_> = config
        .tenants
        .iter()
        .map(|tenant| {
            let endpoints = Endpoints::of(tenant);
            let registration = &tenant.login.client_id;
            let probe = Discovery::new(lone.clone(), &endpoints);
            let (memory, prober) =
                Reachability::new(&tenant.domain, probe, clock.clone(), random_bytes);
            probing.spawn(prober.keep());
            reachability.insert(tenant.id, memory.clone());
            let verifier = Verifier::new(tenant.id, &endpoints.issuer, registration, clock.clone());
            let service = OverHttps::new(client.clone(), endpoints, registration);
            let service = Arc::new(Remembered::new(service, memory.clone()));
            let tries = TryRule::of_people_at(&tenant.login_url);
            let login = TenantLogin::new(service, verifier, tries).remembered_by(memory);
            (tenant.id, login)
        })
        .collect();
    let throttle = Throttle::new(store.clone());
    // Now, while nobody waits for it: later it might stand behind an import that is writing.
    throttle.take_up().await;
    let keys = KeySource::new(credentials_folder(), state);
    let offline = Offline::new(
        store.clone(),
        keys,
        clock.clone(),
        config.offline,
        config.passcode.clone(),
    );
    offline.take_up().await;
    let sign_ins = SignIns::new(
        store.clone(),
        publish.clone(),
        logins,
        config.sign_in.clone(),
        throttle.clone(),
        offline,
    )
    .granting(config.access.clone())
    .counting(counters.clone())
    .watching(reachability.values().cloned());
    let sign_ins = Arc::new(sign_ins);
    let admin = Admin {
        sign_ins: sign_ins.clone(),
        tenants: config.tenants.clone(),
        reachability,
        clock: clock.clone(),
        store: store.clone(),
        importers: importers.clone(),
        examiner: Arc::new(Doctor {
            client: client.clone(),
            lone,
            store: Some(store.clone()),
            clock: clock.clone(),
            random: random_bytes,
            proxy: config.proxy.clone(),
        }),
        runs: Arc::clone(&runs),
        publish: publish.clone(),
        host,
        throttle,
        counters,
        started_at,
    };

    let now = clock.now();
    // Before anything is published: a trial that ended while the agent was away is over.
    match in_store(&store, move |store| trials::end_what_is_over(store, now)).await {
        Ok(_) => {}
        // It is tried again, and until then the modules hold to the instant by themselves.
        Err(error) => tracing::error!("whether a trial of the gate is over: {error}"),
    }
    let at_start = has_directory(&store).await?;
    let ending = trials::keep(store.clone(), clock.clone(), publish.clone());
    let (stop, stopping) = watch::channel(false);
    let server = Server::new(sign_ins, admin);
    let serving = server.serve(sockets, ready, stopping);
    tokio::select! {
        served = serving => served.map_err(failed("serve the sockets")),
        () = republish_on_change(watched, at_start, publish) => Ok(()),
        () = keep_schedule(store.clone(), importers, runs) => Ok(()),
        () = forget_old_audit(store, config.audit_keep_days) => Ok(()),
        () = ending => Ok(()),
        () = keep_watchdog() => Ok(()),
        () = remind_of_ends(config.tenants, clock) => Ok(()),
        never = stop_on_signal(&stop) => never,
    }
}

/// Whether to publish at once: the configuration or this program may have changed while the agent was
/// away, or the snapshot may be gone. Before the first import there is nothing to say, and no file says
/// so best.
async fn has_directory(store: &Store) -> Result<bool, ServiceError> {
    let last = in_store(store, Store::last_import).await;
    Ok(last.map_err(failed("read the databases"))?.is_some())
}

/// Tells the server to stop at the first signal, and then leaves the end to it.
async fn stop_on_signal(stop: &watch::Sender<bool>) -> Result<(), ServiceError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(failed("wait for signals"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed("wait for signals"))?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    tell_systemd(&[sd_notify::NotifyState::Stopping]);
    stop.send_replace(true);
    std::future::pending().await
}

/// Says that the agent is alive as often as systemd asks for it; for ever silent if it doesn't.
async fn keep_watchdog() {
    let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
        return std::future::pending().await;
    };
    // Twice as often as needed, as sd_watchdog_enabled(3) advises.
    let mut ticks = interval((limit / 2).max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        tell_systemd(&[sd_notify::NotifyState::Watchdog]);
    }
}

/// Says once a day in the journal which credential ends soon.
async fn remind_of_ends(tenants: Vec<Tenant>, clock: Arc<dyn Clock>) {
    let mut days = interval(DAY);
    days.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        days.tick().await;
        let (tenants, now) = (tenants.clone(), clock.now());
        // Reads files.
        away(move || {
            for tenant in &tenants {
                let state = credential_state(&tenant.sync.credential, now);
                if let Some(warning) = state.warning {
                    tracing::warn!("tenant {}: {warning}", tenant.domain);
                }
            }
        })
        .await;
    }
}

/// Forgets what is too old in the audit log, at start and then hourly, in small steps: whoever waits for the
/// database comes in between.
async fn forget_old_audit(store: Store, keep_days: u32) {
    let mut hours = interval(AUDIT_LOOKED_AT_EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        loop {
            match in_store(&store, move |store| store.forget_audit(keep_days)).await {
                Ok(forgotten) if forgotten >= FORGOTTEN_AT_ONCE => tokio::task::yield_now().await,
                Ok(_) => break,
                Err(error) => {
                    tracing::error!("old rows of the audit log could not be forgotten: {error}");
                    break;
                }
            }
        }
    }
}

fn ready() {
    tracing::info!(
        "entra-agent {} serves both sockets",
        env!("CARGO_PKG_VERSION")
    );
    tell_systemd(&[sd_notify::NotifyState::Ready]);
}

fn tell_systemd(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!("can't tell systemd: {error}");
    }
}

pub(crate) fn random_bytes() -> [u8; 16] {
    Uuid::new_v4().into_bytes()
}

fn failed<E: fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> ServiceError {
    move |reason| ServiceError {
        doing,
        reason: reason.to_string(),
    }
}
