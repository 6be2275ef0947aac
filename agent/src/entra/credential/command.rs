//! A secret that a program prints.
//!
//! Invariants: no shell; nothing of the agent's environment but the search path, the language and where
//! systemd put the unit's credentials; the program has [`LIMIT`] and its whole process group ends with it;
//! what it prints is read up to [`OUTPUT_LIMIT`] and stands nowhere but in the token request; what it says
//! on stderr goes to the journal, with the secret taken out should it say that, too.
//!
//! It runs as the agent does: same user, same sandbox.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::config::credentials_folder;
use crate::entra::EntraError;
use crate::entra::failure::cleaned;

/// How long the program may take: a vault across the network, asked twice.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a killed program's end is waited for.
const REAP_LIMIT: Duration = Duration::from_secs(2);

/// Bytes that it may print: Entra's secrets have some 40 characters.
const OUTPUT_LIMIT: usize = 4 * 1024;

/// Bytes of its messages that go to the journal.
const MESSAGES_LIMIT: usize = 4 * 1024;

/// Where programs of the program are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the program and takes what it prints, without the line end.
///
/// # Errors
/// [`EntraError::Credential`], naming the program.
pub(super) async fn secret(words: &[String]) -> Result<Zeroizing<String>, EntraError> {
    secret_within(words, LIMIT).await
}

async fn secret_within(words: &[String], limit: Duration) -> Result<Zeroizing<String>, EntraError> {
    let Some((program, arguments)) = words.split_first() else {
        let reason = "client_secret_command names no program".to_owned();
        return Err(EntraError::Credential(reason));
    };
    let about =
        |what: String| EntraError::Credential(format!("client_secret_command: {program} {what}"));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own, so that what it starts ends with it.
        .process_group(0);
    if let Some(folder) = credentials_folder() {
        command.env("CREDENTIALS_DIRECTORY", folder);
    }
    let mut child = command
        .spawn()
        .map_err(|error| about(format!("can't be started: {error}")))?;
    let group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let work = async {
        let (printed, messages) = tokio::join!(
            bounded(stdout, OUTPUT_LIMIT),
            bounded(stderr, MESSAGES_LIMIT)
        );
        (printed, messages, child.wait().await)
    };
    let ended = timeout(limit, work).await;
    drop(group);
    let Ok((printed, messages, status)) = ended else {
        // Not left behind as a zombie; it is dead by now, or the kernel has it.
        let _ = timeout(REAP_LIMIT, child.wait()).await;
        return Err(about(format!("did not end within {} s", limit.as_secs())));
    };
    let text = std::str::from_utf8(&printed).unwrap_or_default();
    let secret = Zeroizing::new(text.trim().to_owned());
    report(program, &messages, &secret);
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            return Err(about(format!(
                "failed ({status}); the journal has its messages"
            )));
        }
        Err(error) => return Err(about(format!("can't be waited for: {error}"))),
    }
    if secret.is_empty() || printed.len() > OUTPUT_LIMIT {
        return Err(about(format!(
            "must print the secret's value and nothing else, {OUTPUT_LIMIT} bytes at most"
        )));
    }
    Ok(secret)
}

/// Whether the program is there to be run, without running it: as root it would be outside its sandbox.
///
/// # Errors
/// [`EntraError::Credential`], naming the program.
pub(super) fn check(words: &[String]) -> Result<(), EntraError> {
    use std::os::unix::fs::PermissionsExt;
    let program = words.first().map_or("", |word| word.as_str());
    let what = match std::fs::metadata(program) {
        Ok(found) if found.is_file() && found.permissions().mode() & 0o111 != 0 => return Ok(()),
        Ok(_) => "is no program".to_owned(),
        Err(error) => format!("can't be started: {error}"),
    };
    Err(EntraError::Credential(format!(
        "client_secret_command: {program} {what}"
    )))
}

/// The process group; ends when this is dropped, whatever became of the run.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let number = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(number) = number.filter(|number| *number > 1) {
            // Mostly there is nobody left.
            let _ = killpg(Pid::from_raw(number), Signal::SIGKILL);
        }
    }
}

/// Reads to the end, keeping one byte more than `limit` at most. What is beyond is read and dropped, so
/// that the program does not hang on a full pipe.
async fn bounded(from: Option<impl AsyncRead + Unpin>, limit: usize) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(limit + 1));
    let Some(mut from) = from else { return kept };
    let mut chunk = Zeroizing::new([0_u8; 1024]);
    while let Ok(count @ 1..) = from.read(chunk.as_mut()).await {
        let room = (limit + 1).saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(chunk.get(..room).unwrap_or_default());
    }
    kept
}

/// The program's messages, line by line.
fn report(program: &str, messages: &[u8], secret: &str) {
    let text = Zeroizing::new(String::from_utf8_lossy(messages).into_owned());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        tracing::warn!("{program}: {}", cleaned(&without(line, secret)));
    }
}

/// The line with the secret taken out.
fn without(line: &str, secret: &str) -> String {
    if secret.is_empty() {
        line.to_owned()
    } else {
        line.replace(secret, "[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Instant;

    use super::*;

    fn script(folder: &tempfile::TempDir, text: &str) -> Vec<String> {
        let path = folder.path().join("secret.sh");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        // By its interpreter: a file that was just written can be "busy" while another test forks.
        ["/bin/sh", &path.display().to_string(), "$(id)"]
            .map(str::to_owned)
            .to_vec()
    }

    /// Whether the group has a process that is no zombie.
    fn is_alive(group: i32) -> bool {
        let stats = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|entry| {
                let text = fs::read_to_string(entry.path().join("stat")).ok()?;
                text.rsplit_once(')').map(|(_, rest)| rest.to_owned())
            });
        stats.into_iter().any(|rest| {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            fields[2] == group.to_string() && fields[0] != "Z"
        })
    }

    async fn refused(words: &[String]) -> String {
        secret(words).await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn what_it_prints_is_the_secret_and_its_world_is_small() {
        let folder = tempfile::tempdir().unwrap();
        let words = script(&folder, "printf 'value-1\\n'; echo noise >&2");
        assert_eq!(*secret(&words).await.unwrap(), "value-1");
        // No shell reads the arguments, and nothing of this process's environment is there.
        let words = script(&folder, "echo \"$1:$(env | cut -d= -f1 | sort | xargs)\"");
        let seen = secret(&words).await.unwrap();
        assert_eq!(*seen, "$(id):LANG PATH PWD");
    }

    #[tokio::test]
    async fn a_program_that_fails_or_prints_too_much_is_named_without_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let words = script(&folder, "echo value-1; echo value-1 >&2; exit 3");
        let text = refused(&words).await;
        assert!(text.contains("/bin/sh failed (exit status: 3)"), "{text}");
        assert!(!text.contains("value-1"), "{text}");
        for script_text in [
            "true",
            "printf ' \\n'",
            "head -c 100000 /dev/zero | tr '\\0' x",
        ] {
            let text = refused(&script(&folder, script_text)).await;
            assert!(text.contains("must print the secret's value"), "{text}");
        }
        let text = refused(&["/nowhere/vault".to_owned()]).await;
        assert!(text.contains("/nowhere/vault can't be started"), "{text}");
    }

    #[tokio::test]
    async fn it_ends_with_all_that_it_started_when_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let group = folder.path().join("group");
        // The grandchild holds the pipe open.
        let words = script(
            &folder,
            &format!("echo $$ > {}; sleep 300 & exec sleep 300", group.display()),
        );
        let begun = Instant::now();
        let refused = secret_within(&words, Duration::from_secs(2)).await;
        assert!(begun.elapsed() < Duration::from_secs(30));
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("did not end within 2 s"), "{text}");
        let group: i32 = fs::read_to_string(group).unwrap().trim().parse().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        // The killed grandchild is gone as soon as the kernel and process 1 are done with it.
        while killpg(Pid::from_raw(group), None).is_ok() && is_alive(group) {
            assert!(Instant::now() < until, "the group lives on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[test]
    fn the_secret_is_taken_out_of_the_messages() {
        assert_eq!(without("got s3cret ok", "s3cret"), "got [redacted] ok");
        assert_eq!(without("nothing", ""), "nothing");
    }
}
