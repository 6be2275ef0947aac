//! The agent of the unit tests: a thread behind a real Unix socket that follows a script.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use entra_protocol::login::{Outcome, ToAgent, ToModule, Verdict};
use entra_protocol::{read, write};

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
    pub(super) path: PathBuf,
    thread: JoinHandle<Result<Vec<ToAgent>, String>>,
}

impl FakeAgent {
    pub(super) fn playing(steps: Vec<Step>) -> Self {
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

    pub(super) fn heard(self) -> Vec<ToAgent> {
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
