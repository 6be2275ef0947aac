//! The application, the host and the agent of the unit tests.
//!
//! The fakes check themselves: an answer that nobody asked for and a script of the agent that was not
//! played to its end fail the test. Host and application can be told to panic.

mod agent;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use entra_protocol::login::{Screen, ToAgent, ToModule};
use entra_protocol::{ClientError, Connection, Secret};
use entra_snapshot::{AbsolutePath, Account, Gate, Id, Name, Policy, ReadError, Text, Upn, User};
use zeroize::Zeroizing;

pub(crate) use self::agent::{FakeAgent, Step, ask, ask_secret, show, verdict};
use crate::application::{Application, Echo, Item, PromptError, Style};
use crate::host::{Agent, Directory, Host};
use crate::identity::Imported;
use crate::passwd_file::PasswdFile;
use crate::root_file::RootFile;

/// The imported user's id.
pub(crate) const ALICE_UID: u32 = 0x7800_1234;
/// The agent's user in the fake `/etc/passwd`.
pub(crate) const AGENT_UID: u32 = 990;
/// As of when the fake directory knows the tenant.
pub(crate) const PUBLISHED: u64 = 1_800_000_000;
/// How long the fake directory counts without the agent.
pub(crate) const MAXIMUM_AGE: u32 = 14 * 86_400;

/// The fake terminal.
pub(crate) const SCREEN: Screen = Screen {
    columns: 80,
    rows: 24,
    dumb: false,
};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    entra-agent:x:990:990::/var/lib/entra-login:/usr/sbin/nologin\n\
    local:x:1000:1000::/home/local:/bin/bash\n";

const GROUP: &str = "root:x:0:\ndocker:x:998:\nvideo:x:44:local\nwheel:x:0:\n";

/// What NSS answers.
pub(crate) type Lookup = fn(&[u8]) -> Option<u32>;

/// A host on which alice is imported and nothing else is wrong.
pub(crate) struct FakeHost {
    pub(crate) passwd: Option<&'static str>,
    pub(crate) nss: Lookup,
    /// None: never published.
    pub(crate) directory: Option<Directory>,
    pub(crate) damaged: bool,
    pub(crate) agent: Option<FakeAgent>,
    pub(crate) peer: u32,
    pub(crate) now: u64,
    pub(crate) local_groups: RootFile,
    /// Object ids of the groups that alice is in.
    pub(crate) objects: Vec<[u8; 16]>,
    /// What was added to the process.
    pub(crate) added: RefCell<Vec<u32>>,
    /// The question that panics.
    pub(crate) panics_at: Option<&'static str>,
    pub(crate) asked: RefCell<Vec<&'static str>>,
    pub(crate) journal: RefCell<Vec<String>>,
}

impl FakeHost {
    pub(crate) fn with_alice() -> Self {
        Self {
            passwd: Some(PASSWD),
            nss: |name| {
                name.to_ascii_lowercase()
                    .starts_with(b"alice")
                    .then_some(ALICE_UID)
            },
            directory: Some(Directory {
                policy: Policy {
                    sign_in_enabled: true,
                    enumerate: false,
                    gate: Gate::Allow,
                    gate_trial_ends: None,
                    offline_maximum_age: MAXIMUM_AGE,
                    break_glass: Vec::new(),
                },
                known_at: PUBLISHED,
                user: Some(alice()),
            }),
            damaged: false,
            agent: None,
            peer: AGENT_UID,
            now: PUBLISHED + 60,
            local_groups: RootFile::Absent,
            objects: Vec::new(),
            added: RefCell::default(),
            panics_at: None,
            asked: RefCell::default(),
            journal: RefCell::default(),
        }
    }

    pub(crate) fn and_agent(steps: Vec<Step>) -> Self {
        Self {
            agent: Some(FakeAgent::playing(steps)),
            ..Self::with_alice()
        }
    }

    pub(crate) fn account(&mut self) -> &mut Account {
        let user = self.directory.as_mut().and_then(|d| d.user.as_mut());
        &mut user.unwrap().account
    }

    pub(crate) fn policy(&mut self) -> &mut Policy {
        &mut self.directory.as_mut().unwrap().policy
    }

    /// What the agent heard after its script; fails if the script was not played to its end.
    pub(crate) fn heard(&mut self) -> Vec<ToAgent> {
        self.agent.take().unwrap().heard()
    }

    fn ask(&self, what: &'static str) {
        self.asked.borrow_mut().push(what);
        assert_ne!(self.panics_at, Some(what), "told to panic");
    }
}

impl Host for FakeHost {
    type Agent = FakePeer;

    fn passwd_file(&self) -> io::Result<PasswdFile> {
        self.ask("passwd");
        self.passwd
            .map(PasswdFile::from)
            .ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))
    }

    fn uid_of(&self, name: &[u8]) -> Option<u32> {
        self.ask("nss");
        (self.nss)(name)
    }

    fn local_groups_file(&self) -> RootFile {
        self.local_groups.clone()
    }

    fn group_file(&self) -> io::Result<PasswdFile> {
        Ok(PasswdFile::from(GROUP))
    }

    fn objects_of(&self, _: &User) -> Result<Vec<[u8; 16]>, ReadError> {
        if self.damaged {
            return Err(ReadError::Missing);
        }
        Ok(self.objects.clone())
    }

    fn add_groups(&self, gids: &[u32]) -> io::Result<()> {
        self.added.borrow_mut().extend(gids);
        Ok(())
    }

    fn screen(&self) -> Screen {
        self.ask("screen");
        SCREEN
    }

    fn directory(&self, name: &[u8]) -> Result<Directory, ReadError> {
        self.ask("directory");
        if self.damaged {
            return Err(ReadError::Damaged {
                what: "header",
                offset: 0,
            });
        }
        let mut directory = self.directory.clone().ok_or(ReadError::Missing)?;
        let known = [&b"alice"[..], b"alice@contoso.example"];
        if !known.contains(&name.to_ascii_lowercase().as_slice()) {
            directory.user = None;
        }
        Ok(directory)
    }

    fn agent(&self, limit: Duration) -> Result<FakePeer, ClientError> {
        self.ask("agent");
        let nowhere = PathBuf::from("/nonexistent/login.sock");
        let path = self
            .agent
            .as_ref()
            .map_or(nowhere, |agent| agent.path.clone());
        Ok(FakePeer {
            connection: Connection::open_within(&path, limit)?,
            uid: self.peer,
        })
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn journal(&self, line: &str) {
        self.journal.borrow_mut().push(line.to_owned());
    }
}

/// alice as the directory has her.
pub(crate) fn alice() -> User {
    User {
        name: Name::new("alice").unwrap(),
        upn: Some(Upn::new("alice@contoso.example").unwrap()),
        uid: Id::new(ALICE_UID).unwrap(),
        gid: Id::new(ALICE_UID).unwrap(),
        display_name: Text::cleaned("Alice"),
        home: AbsolutePath::new("/home/alice").unwrap(),
        shell: AbsolutePath::new("/bin/bash").unwrap(),
        tenant_id: [1; 16],
        object_id: [2; 16],
        account: Account {
            enabled: true,
            blocked: false,
            expires: None,
            services: Vec::new(),
        },
        gids: Vec::new(),
    }
}

/// alice as `identity` finds her on `host`.
pub(crate) fn imported(host: &FakeHost) -> Imported {
    let directory = host.directory.clone().unwrap();
    Imported {
        name: "alice".to_owned(),
        user: directory.user.unwrap(),
        policy: directory.policy,
        known_at: directory.known_at,
    }
}

/// A connection to the fake agent, under a uid of the test's choice.
pub(crate) struct FakePeer {
    connection: Connection,
    uid: u32,
}

impl Agent for FakePeer {
    fn peer_uid(&self) -> u32 {
        self.uid
    }

    fn send(&mut self, message: &ToAgent) -> Result<(), ClientError> {
        self.connection.send(message)
    }

    fn receive(&mut self, limit: Duration) -> Result<ToModule, ClientError> {
        self.connection.receive(limit)
    }
}

/// A person at a terminal of sshd.
#[derive(Default)]
pub(crate) struct FakeApplication {
    pub(crate) user: Option<&'static str>,
    pub(crate) answers: Answers,
    pub(crate) prompts: RefCell<Vec<(String, Echo)>>,
    pub(crate) shown: RefCell<Vec<(String, Style)>>,
    pub(crate) kept: RefCell<Option<String>>,
    /// The call that panics.
    pub(crate) panics_at: Option<&'static str>,
}

impl FakeApplication {
    pub(crate) fn of(user: &'static str) -> Self {
        Self {
            user: Some(user),
            ..Self::default()
        }
    }

    pub(crate) fn typing<const N: usize>(
        user: &'static str,
        answers: [Result<&'static str, PromptError>; N],
    ) -> Self {
        Self {
            answers: Answers(RefCell::new(answers.into())),
            ..Self::of(user)
        }
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.shown
            .borrow()
            .iter()
            .map(|(text, _)| text.clone())
            .collect()
    }

    fn call(&self, what: &'static str) {
        assert_ne!(self.panics_at, Some(what), "told to panic");
    }
}

/// What the person will type, in order.
#[derive(Default)]
pub(crate) struct Answers(RefCell<VecDeque<Result<&'static str, PromptError>>>);

impl Drop for Answers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.borrow().is_empty(), "an answer was not asked for");
        }
    }
}

impl Application for FakeApplication {
    fn user(&self, _: bool) -> Option<Vec<u8>> {
        self.call("user");
        self.user.map(|name| name.as_bytes().to_vec())
    }

    fn item(&self, item: Item) -> String {
        match item {
            Item::Service => "sshd",
            Item::Terminal => "ssh",
            Item::RemoteHost => "192.0.2.7",
        }
        .to_owned()
    }

    fn show(&self, text: &str, style: Style) {
        self.call("show");
        self.shown.borrow_mut().push((text.to_owned(), style));
    }

    fn prompt(&self, text: &str, echo: Echo) -> Result<Zeroizing<String>, PromptError> {
        self.call("prompt");
        self.prompts.borrow_mut().push((text.to_owned(), echo));
        let answer = self.answers.0.borrow_mut().pop_front();
        answer
            .expect("an unexpected prompt")
            .map(|line| Zeroizing::new(line.to_owned()))
    }

    fn keep_password(&self, password: &Secret) {
        *self.kept.borrow_mut() = Some(password.expose().to_owned());
    }
}
