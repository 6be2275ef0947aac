//! `login.sock`: one conversation of the PAM module.
//!
//! Callers are root, or a process whose uid is the user it asks for (whether Entra can be reached, everybody may
//! ask); only root is believed about `service` and `rhost`. Invariant: a conversation lives no longer than its peer: the reading end is
//! polled beside it, and when it ends, the conversation is dropped.

use std::time::Duration;

use entra_protocol::FrameError;
use entra_protocol::limits::MAX_USER;
use entra_protocol::login::{Begin, Outcome, Phase, ToAgent, ToModule, Verdict};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::limits::{ANSWER_LIMIT, FRAME_LIMIT, SIGN_IN_LIMIT, STORE_LIMIT};
use super::line;
use super::seats::ROOT;
use crate::auth::{Asked, Ended, Module, SignIns, in_store};
use crate::store::Store;

/// Who may call a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callers {
    /// Root, and a process of the user it asks for.
    RootOrSelf,
    /// Root only.
    Root,
    /// Everybody: what is answered is in `status` for everybody, too.
    Anyone,
}

/// What answers a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handler {
    Authenticate,
    Account,
    OpenSession,
    ChangePassword,
    LocalAccount,
}

struct PhaseRow {
    phase: Phase,
    callers: Callers,
    handler: Handler,
    limit: Duration,
}

/// The dispatch table of this socket.
const PHASES: &[PhaseRow] = &[
    row(
        Phase::Auth,
        Callers::RootOrSelf,
        Handler::Authenticate,
        SIGN_IN_LIMIT,
    ),
    row(
        Phase::Account,
        Callers::RootOrSelf,
        Handler::Account,
        STORE_LIMIT,
    ),
    row(
        Phase::OpenSession,
        Callers::Root,
        Handler::OpenSession,
        STORE_LIMIT,
    ),
    row(
        Phase::Password,
        Callers::RootOrSelf,
        Handler::ChangePassword,
        SIGN_IN_LIMIT,
    ),
    row(
        Phase::LocalAccount,
        Callers::Anyone,
        Handler::LocalAccount,
        STORE_LIMIT,
    ),
];

/// Serves one connection of the peer `uid` to its end.
pub(super) async fn converse<S>(stream: S, uid: u32, sign_ins: &SignIns, store: &Store)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, writer) = tokio::io::split(stream);
    let begin = match timeout(FRAME_LIMIT, line::read::<ToAgent>(&mut reader)).await {
        Ok(Ok(Some(ToAgent::Begin(begin)))) => begin,
        Ok(Ok(None)) => return,
        Ok(Ok(Some(_))) => return tracing::warn!("login.sock: uid {uid} did not begin"),
        Ok(Err(error)) => return tracing::warn!("login.sock: uid {uid}: {error}"),
        Err(_) => return tracing::warn!("login.sock: uid {uid} was silent"),
    };
    let Some(row) = PHASES.iter().find(|row| row.phase == begin.phase) else {
        return;
    };
    let (to_conversation, answers) = mpsc::channel(1);
    let mut module = Line { writer, answers };
    let listening = line::listen(&mut reader, to_conversation);
    let user = begin.user.clone();
    let conversation = async {
        let verdict = match timeout(
            row.limit,
            answer(row, begin, uid, sign_ins, store, &mut module),
        )
        .await
        {
            Ok(verdict) => verdict,
            Err(_) => {
                tracing::warn!("login.sock: {:?} of {user:?} took too long", row.phase);
                refused(Outcome::Unavailable)
            }
        };
        let _ = module.say(ToModule::Verdict(verdict)).await;
    };
    tokio::select! {
        // The verdict first, if both are ready: the peer may hang up as soon as it has it.
        biased;
        () = conversation => {}
        ended = listening => report_end(ended, row.phase, &user),
    }
}

async fn answer(
    row: &PhaseRow,
    begin: Begin,
    uid: u32,
    sign_ins: &SignIns,
    store: &Store,
    module: &mut impl Module,
) -> Verdict {
    if begin.user.len() > MAX_USER {
        tracing::warn!(
            "login.sock: uid {uid} asked for a name of {} bytes",
            begin.user.len()
        );
        return refused(Outcome::UserUnknown);
    }
    if !may_call(row.callers, uid, &begin.user, store).await {
        tracing::warn!(
            "login.sock: uid {uid} may not ask for {:?} of {:?}",
            row.phase,
            begin.user
        );
        return refused(Outcome::PermissionDenied);
    }
    let asked = believed(begin, uid);
    match row.handler {
        Handler::Authenticate => sign_ins.authenticate(&asked, module).await,
        Handler::Account => sign_ins.account(&asked).await,
        Handler::OpenSession => sign_ins.open_session(&asked).await,
        Handler::ChangePassword => sign_ins.change_password(&asked, module).await,
        Handler::LocalAccount => sign_ins.local_account(&asked).await,
    }
}

async fn may_call(callers: Callers, uid: u32, user: &str, store: &Store) -> bool {
    if uid == ROOT || callers == Callers::Anyone {
        return true;
    }
    if callers == Callers::Root {
        return false;
    }
    let user = user.to_owned();
    match in_store(store, move |store| store.person_by_login(&user)).await {
        Ok(person) => person.is_some_and(|person| person.uid == uid),
        Err(error) => {
            tracing::error!("login.sock: {error}");
            false
        }
    }
}

/// What is believed of a `begin`: everything from root, nothing but the name from others.
fn believed(begin: Begin, uid: u32) -> Asked {
    let (service, remote_host) = if uid == ROOT {
        (begin.service, begin.rhost)
    } else {
        (String::new(), String::new())
    };
    Asked {
        user: begin.user,
        service,
        remote_host,
        screen: begin.screen,
        began: Instant::now(),
    }
}

fn report_end(ended: Result<(), FrameError>, phase: Phase, user: &str) {
    match ended {
        Ok(()) => tracing::info!("login.sock: {phase:?} of {user:?}: cancelled, the peer hung up"),
        Err(error) => tracing::warn!("login.sock: {phase:?} of {user:?}: cancelled: {error}"),
    }
}

fn refused(outcome: Outcome) -> Verdict {
    Verdict {
        outcome,
        message: None,
    }
}

/// The module at the other end of a socket.
struct Line<W> {
    writer: W,
    answers: mpsc::Receiver<ToAgent>,
}

impl<W: AsyncWrite + Unpin + Send> Module for Line<W> {
    async fn say(&mut self, message: ToModule) -> Result<(), Ended> {
        line::write(&mut self.writer, &message)
            .await
            .map_err(|_| Ended::HungUp)
    }

    async fn hear(&mut self) -> Result<ToAgent, Ended> {
        match timeout(ANSWER_LIMIT, self.answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Ended::HungUp),
            Err(_) => Err(Ended::Silent),
        }
    }
}

const fn row(phase: Phase, callers: Callers, handler: Handler, limit: Duration) -> PhaseRow {
    PhaseRow {
        phase,
        callers,
        handler,
        limit,
    }
}
