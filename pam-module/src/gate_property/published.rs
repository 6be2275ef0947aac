//! The module's host in that test: the file that the agent really published, and whether there is an agent.

use std::io;
use std::path::Path;
use std::time::Duration;

use entra_protocol::ClientError;
use entra_protocol::login::{Outcome, Phase, Screen, ToAgent, ToModule, Verdict};
use entra_snapshot::{Directory, PasswdFile, Policy, ReadError, Snapshot, Sources, User};
use pamsm::PamError;

use super::PASSWD;
use crate::fakes::FakeApplication;
use crate::guard;
use crate::host::{Agent, Host};
use crate::phases::{Call, Entry};
use crate::root_file::RootFile;

/// The module's host: the file that the agent really published.
#[derive(Debug)]
pub(super) struct Published {
    pub(super) file: std::path::PathBuf,
    pub(super) now: u64,
    pub(super) agent: bool,
    pub(super) entra: bool,
    pub(super) by_root: bool,
}

impl Published {
    /// Auth and account, as a sign-in goes through them.
    pub(super) fn lets_in(&self, name: &str, service: &'static str) -> bool {
        [Entry::Authenticate, Entry::Account]
            .into_iter()
            .all(|entry| {
                let call = Call {
                    entry,
                    silent: false,
                };
                let person = FakeApplication {
                    service: Some(service),
                    ..FakeApplication::of(known(name))
                };
                let answer = guard::answer(call, &person, self);
                assert_ne!(answer, PamError::SUCCESS, "never for a local account");
                answer == PamError::IGNORE
            })
    }
}

/// The same name, for as long as the fake wants it.
fn known(name: &str) -> &'static str {
    let all = ["root", "daemon", "rescue", "spare", "lars"];
    let mut all = all.into_iter();
    all.find(|one| *one == name).expect("a name of this host")
}

impl Sources for Published {
    fn passwd_file(&self) -> io::Result<PasswdFile> {
        Ok(PasswdFile::from(PASSWD))
    }

    fn uid_of(&self, _: &[u8]) -> Option<u32> {
        unimplemented!("whoever has a line in the file is not looked up")
    }

    fn directory(&self, _: &[u8]) -> Result<Directory, ReadError> {
        unimplemented!("whoever has a line in the file is not looked up")
    }
}

impl Host for Published {
    type Agent = Answering;

    fn local_groups_file(&self) -> RootFile {
        RootFile::Absent
    }

    fn group_file(&self) -> io::Result<PasswdFile> {
        unimplemented!("nobody is given a group")
    }

    fn objects_of(&self, _: &User) -> Result<Vec<[u8; 16]>, ReadError> {
        unimplemented!("nobody is given a group")
    }

    fn add_groups(&self, _: &[u32]) -> io::Result<()> {
        unimplemented!("nobody is given a group")
    }

    fn published_policy(&self) -> Result<Policy, ReadError> {
        Ok(Snapshot::open(&self.file)?.policy().clone())
    }

    fn is_called_by_root(&self) -> bool {
        self.by_root
    }

    fn screen(&self) -> Screen {
        Screen::default()
    }

    fn agent(&self, _: Duration) -> Result<Answering, ClientError> {
        match self.agent {
            true => Ok(Answering { entra: self.entra }),
            false => Err(ClientError::Connect(
                Path::new("/run/entra-login/login.sock").to_owned(),
                io::Error::from(io::ErrorKind::NotFound),
            )),
        }
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn journal(&self, _: &str) {}
}

/// The agent's end of `login.sock`.
pub(super) struct Answering {
    entra: bool,
}

impl Agent for Answering {
    fn peer_uid(&self) -> u32 {
        0
    }

    fn send(&mut self, message: &ToAgent) -> Result<(), ClientError> {
        let is_the_question =
            matches!(message, ToAgent::Begin(begin) if begin.phase == Phase::LocalAccount);
        assert!(is_the_question, "{message:?}");
        Ok(())
    }

    fn receive(&mut self, _: Duration) -> Result<ToModule, ClientError> {
        let outcome = match self.entra {
            true => Outcome::Reachable,
            false => Outcome::Unavailable,
        };
        Ok(ToModule::Verdict(Verdict {
            outcome,
            message: None,
        }))
    }
}
