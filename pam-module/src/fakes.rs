//! The application, the host and the agent of the unit tests.
//!
//! The agent is a thread behind a real Unix socket that follows a script. The fakes check themselves: an
//! answer that nobody asked for and a script that was not played to its end fail the test. Every part can
//! be told to panic.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use entra_protocol::login::{Outcome, ToAgent, ToModule, Verdict};
use entra_protocol::{ClientError, Connection, Secret, read, write};
use entra_snapshot::{AbsolutePath, Account, Gate, Id, Name, Policy, ReadError, Text, Upn, User};
use zeroize::Zeroizing;

use crate::application::{Application, Echo, Item, PromptError, Style};
use crate::host::{Agent, Directory, Host};
use crate::identity::Imported;
use crate::passwd_file::PasswdFile;

/// The imported user's id.
pub(crate) const ALICE_UID: u32 = 0x7800_1234;
/// The agent's user in the fake `/etc/passwd`.
pub(crate) const AGENT_UID: u32 = 990;
/// When the fake directory was published.
pub(crate) const PUBLISHED: u64 = 1_800_000_000;
/// How long the fake directory counts without the agent.
pub(crate) const MAXIMUM_AGE: u32 = 14 * 86_400;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
    entra-agent:x:990:990::/var/lib/entra-login:/usr/sbin/nologin\n\
    local:x:1000:1000::/home/local:/bin/bash\n";

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
                published_at: PUBLISHED,
                user: Some(alice()),
            }),
            damaged: false,
            agent: None,
            peer: AGENT_UID,
            now: PUBLISHED + 60,
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
        published_at: directory.published_at,
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

/// One thing that the fake agent does.
pub(crate) enum Step {
    Send(ToModule),
    Bytes(&'static [u8]),
    /// Reads one message.
    Hear,
    /// Says nothing until the module hangs up.
    Hang,
    /// Repeats a message until the module hangs up.
    Flood(ToModule),
}

pub(crate) fn show(text: &str) -> Step {
    Step::Send(ToModule::Show {
        text: text.to_owned(),
        error: false,
    })
}

pub(crate) fn ask(prompt: &str) -> Step {
    Step::Send(ToModule::Ask {
        prompt: prompt.to_owned(),
    })
}

pub(crate) fn ask_secret(prompt: &str, authtok: bool) -> Step {
    Step::Send(ToModule::AskSecret {
        prompt: prompt.to_owned(),
        authtok,
    })
}

pub(crate) fn verdict(outcome: Outcome, message: Option<&str>) -> Step {
    Step::Send(ToModule::Verdict(Verdict {
        outcome,
        message: message.map(str::to_owned),
    }))
}

/// A thread behind a socket; its first message heard is `Begin`.
pub(crate) struct FakeAgent {
    path: PathBuf,
    thread: JoinHandle<Result<Vec<ToAgent>, String>>,
}

impl FakeAgent {
    fn playing(steps: Vec<Step>) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("pam-entra-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let thread = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().map_err(|error| error.to_string())?;
            // A test that hangs is worse than one that fails.
            stream
                .set_read_timeout(Some(Duration::from_secs(20)))
                .map_err(|error| error.to_string())?;
            play(&mut stream, steps)
        });
        Self { path, thread }
    }

    fn heard(self) -> Vec<ToAgent> {
        // Nobody may have come; the thread must not wait for ever.
        let _ = UnixStream::connect(&self.path);
        let heard = self.thread.join().unwrap();
        let _ = std::fs::remove_file(&self.path);
        heard.unwrap()
    }
}

fn play(stream: &mut UnixStream, steps: Vec<Step>) -> Result<Vec<ToAgent>, String> {
    let mut heard = vec![hear(stream)?];
    for step in steps {
        match step {
            Step::Send(message) => write(stream, &message).map_err(|e| e.to_string())?,
            Step::Bytes(bytes) => stream.write_all(bytes).map_err(|e| e.to_string())?,
            Step::Hear => heard.push(hear(stream)?),
            Step::Hang => {
                if hear(stream).is_ok() {
                    return Err("the module spoke unasked".to_owned());
                }
            }
            Step::Flood(message) => while write(stream, &message).is_ok() {},
        }
    }
    Ok(heard)
}

fn hear(stream: &mut UnixStream) -> Result<ToAgent, String> {
    match read(stream) {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err("the module hung up".to_owned()),
        Err(error) => Err(error.to_string()),
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
