//! The two sockets: who is let in, how many at once, and how all of it ends.
//!
//! One task a connection. The peer's uid is the kernel's word (`SO_PEERCRED`), taken before the first
//! byte is read. Different audiences have different sockets (`login`, `admin`), each with one dispatch
//! table; there is no third.
//!
//! Invariant: whatever goes wrong on one connection ends that connection only.

mod activation_ffi;
mod admin;
mod limits;
mod line;
mod local_accounts;
mod login;
mod seats;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::admin::Admin;
use crate::auth::SignIns;

pub use activation_ffi::{ActivationError, Sockets, take_sockets};
pub use local_accounts::republish_on_change;

use limits::{
    ACCEPT_PAUSE, ADMIN_SEATS_OF_OTHERS, ADMIN_SEATS_OF_ROOT, LOGIN_SEATS_OF_OTHERS,
    LOGIN_SEATS_OF_ROOT, SEATS_OF_ONE, STOP_LIMIT,
};
use seats::Seats;

/// Answers both sockets.
pub struct Server {
    sign_ins: Arc<SignIns>,
    admin: Arc<Admin>,
}

impl Server {
    /// With everything that its two tables dispatch to.
    #[must_use]
    pub fn new(sign_ins: Arc<SignIns>, admin: Admin) -> Self {
        Self {
            sign_ins,
            admin: Arc::new(admin),
        }
    }

    /// Serves until `stop` says true, then lets conversations end for up to ten seconds.
    ///
    /// # Errors
    /// If the sockets can't be listened on at all.
    pub async fn serve(
        &self,
        sockets: Sockets,
        ready: impl FnOnce(),
        stop: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let login = UnixListener::from_std(sockets.login)?;
        let admin = UnixListener::from_std(sockets.admin)?;
        ready();
        tokio::join!(
            self.serve_login(&login, stop.clone()),
            self.serve_admin(&admin, stop)
        );
        Ok(())
    }

    async fn serve_login(&self, listener: &UnixListener, stop: watch::Receiver<bool>) {
        let seats = Seats::new(LOGIN_SEATS_OF_ROOT, LOGIN_SEATS_OF_OTHERS, SEATS_OF_ONE);
        accept(listener, "login.sock", &seats, stop, |stream, uid| {
            let sign_ins = self.sign_ins.clone();
            let store = self.admin.store.clone();
            async move { login::converse(stream, uid, &sign_ins, &store).await }
        })
        .await;
    }

    async fn serve_admin(&self, listener: &UnixListener, stop: watch::Receiver<bool>) {
        let seats = Seats::new(ADMIN_SEATS_OF_ROOT, ADMIN_SEATS_OF_OTHERS, SEATS_OF_ONE);
        accept(listener, "admin.sock", &seats, stop, |stream, uid| {
            let admin = self.admin.clone();
            async move { admin::converse(stream, uid, &admin).await }
        })
        .await;
    }
}

/// One task for every connection that has a seat; those without one are closed at once, which the
/// module and `entractl` say to the person as "does not answer".
async fn accept<C>(
    listener: &UnixListener,
    name: &'static str,
    seats: &Seats,
    mut stop: watch::Receiver<bool>,
    converse: impl Fn(UnixStream, u32) -> C,
) where
    C: Future<Output = ()> + Send + 'static,
{
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // An end that nobody announces is one, too.
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = conversations.join_next() => {
                note(name, ended);
                continue;
            }
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!("{name}: accept: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let uid = match stream.peer_cred() {
            Ok(credentials) => credentials.uid(),
            Err(error) => {
                tracing::error!("{name}: the peer's credentials: {error}");
                continue;
            }
        };
        match seats.take(uid) {
            None => tracing::warn!("{name}: uid {uid} has too many connections; one was closed"),
            Some(seat) => {
                let conversation = converse(stream, uid);
                conversations.spawn(async move {
                    conversation.await;
                    drop(seat);
                });
            }
        }
    }
    let all_end = async {
        while let Some(ended) = conversations.join_next().await {
            note(name, ended);
        }
    };
    if timeout(STOP_LIMIT, all_end).await.is_err() {
        tracing::warn!("{name}: conversations were cut off, the service stops");
    }
}

/// A conversation that panicked took its own connection down and nothing else.
fn note(name: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("{name}: a conversation broke off: {error}");
    }
}
