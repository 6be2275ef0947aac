//! An agent that follows a script, and the program that is run against it.
//!
//! It checks itself: a request that differs from the script, one that never comes, or one too many fails
//! the test.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entra_protocol::admin::{Reply, Request};

/// Far beyond what any of these runs takes; past it the program hangs.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A folder of its own for a run, gone with it.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("entractl-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    /// The program with this place's socket; its streams are the caller's to choose.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entractl"));
        command
            .arg("--socket")
            .arg(self.socket())
            .args(arguments)
            // The tests' own terminal folds no help.
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end with both streams into files, so that no pipe can fill up.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let (stdout, stderr) = (self.0.join("stdout"), self.0.join("stderr"));
        let mut child = self
            .program(arguments)
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        Outcome {
            code: wait(&mut child),
            stdout: fs::read_to_string(stdout).unwrap(),
            stderr: fs::read_to_string(stderr).unwrap(),
        }
    }

    /// Plays `script` to the first caller while `caller` runs.
    pub(crate) fn with_agent<T>(
        &self,
        script: impl FnOnce(&mut UnixStream) + Send + 'static,
        caller: impl FnOnce() -> T,
    ) -> T {
        let listener = UnixListener::bind(self.socket()).unwrap();
        let agent = std::thread::spawn(move || script(&mut listener.accept().unwrap().0));
        let result = caller();
        // Wakes an agent that nobody called; its script then finds no request and fails.
        let _ = UnixStream::connect(self.socket());
        if let Err(panic) = agent.join() {
            std::panic::resume_unwind(panic);
        }
        result
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits for the program's end and for its exit code; `None` if a signal killed it.
pub(crate) fn wait(child: &mut Child) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if started.elapsed() > RUN_LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the program hangs");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Runs the program against an agent that expects `requests`, in this order, and then says `replies`.
pub(crate) fn run(arguments: &[&str], requests: Vec<Request>, replies: Vec<Reply>) -> Outcome {
    let place = Place::new();
    place.with_agent(
        move |stream| {
            expect(stream, &requests);
            for reply in &replies {
                entra_protocol::write(stream, reply).unwrap();
            }
            let further: Option<Request> = entra_protocol::read(stream).unwrap();
            assert_eq!(further, None, "one question is one connection");
        },
        || place.run(arguments),
    )
}

/// Runs the program against an agent that is called several times: each time it expects one request and
/// says its replies.
pub(crate) fn run_asking(arguments: &[&str], calls: Vec<(Request, Vec<Reply>)>) -> Outcome {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let agent = std::thread::spawn(move || {
        for (request, replies) in calls {
            let mut stream = listener.accept().unwrap().0;
            expect(&mut stream, &[request]);
            for reply in &replies {
                entra_protocol::write(&mut stream, reply).unwrap();
            }
        }
    });
    let outcome = place.run(arguments);
    while !agent.is_finished() {
        // Wakes an agent that waits for a call that never comes; it then fails.
        let _ = UnixStream::connect(place.socket());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    if let Err(panic) = agent.join() {
        std::panic::resume_unwind(panic);
    }
    outcome
}

/// Reads exactly these requests.
pub(crate) fn expect(stream: &mut UnixStream, requests: &[Request]) {
    for expected in requests {
        let request: Option<Request> = entra_protocol::read(stream).unwrap();
        assert_eq!(request.as_ref(), Some(expected));
    }
}

/// Says a body as it is, in a frame.
pub(crate) fn say_raw(stream: &mut UnixStream, json: &str) {
    let length = u32::try_from(json.len()).unwrap();
    stream.write_all(&length.to_le_bytes()).unwrap();
    stream.write_all(json.as_bytes()).unwrap();
}
