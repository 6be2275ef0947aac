//! Starting and ending the container behind a host.
//!
//! One process is started: unshare(1), with private mount and process namespaces
//! for its child. The child mounts a tmpfs with the overlay over the layers, an
//! empty /run so that nspawn leaves nothing in the machine's, and starts
//! systemd-nspawn, anew whenever the host reboots. As the first process of its namespace it
//! takes every process of the host along when it ends; it ends with unshare, and unshare
//! ends with the thread that started it, however that happens.
//!
//! The mounts are made by `mount`, in a script, since joining a namespace in a
//! process with several threads is not possible.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::cgroup::Cgroup;
use crate::{Limit, Places, Trouble, name, until};

/// A running container. Ended at once when dropped: its file system is in memory
/// and goes with it, so that there is nothing to shut down in order.
#[derive(Debug)]
pub(crate) struct Container {
    /// unshare, the parent of systemd-nspawn.
    outermost: Child,
    /// The shell that starts systemd-nspawn, and the host's process 1, as the machine
    /// numbers them; 0 until they are there.
    shell: u32,
    leader: u32,
    /// The empty folder on which the private mounts are made.
    mount_point: PathBuf,
    /// What the host's console showed, for boots that fail.
    console: PathBuf,
    /// Dropped last, when no process is left in it.
    _cgroup: Cgroup,
}

impl Container {
    /// Starts the container; it has a process 1 when this returns, no more.
    pub(crate) fn start(places: &Places) -> Result<Self, Trouble> {
        sweep(&places.work);
        let name = name::next();
        let mount_point = places.work.join(&name);
        fs::create_dir_all(&mount_point)
            .map_err(|error| Trouble::new(format!("{}: {error}", mount_point.display())))?;
        let console = places.work.join(format!("{name}.console"));
        let log = File::create(&console)?;
        let cgroup = Cgroup::make(&name)?;
        let outermost = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--propagation",
                "private",
            ])
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["sh", "-c", SCRIPT, "host"])
            .arg(&mount_point)
            .arg(lower_folders(&places.layers)?)
            .arg(&name)
            .arg(&places.python)
            .args(cgroup.folders())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| {
                Trouble::new(format!("the container could not be started: {error}"))
            })?;
        let mut container = Self {
            outermost,
            shell: 0,
            leader: 0,
            mount_point,
            console,
            _cgroup: cgroup,
        };
        (container.shell, container.leader) = container.wait_for_leader()?;
        Ok(container)
    }

    /// Waits until the host that was told to reboot has another process 1.
    pub(crate) fn rebooted(&mut self) -> Result<(), Trouble> {
        (self.shell, self.leader) = self.wait_for_leader()?;
        Ok(())
    }

    /// Process 1 of the host.
    pub(crate) fn leader(&self) -> u32 {
        self.leader
    }

    /// What the console has shown so far.
    pub(crate) fn console(&self) -> String {
        fs::read(&self.console)
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// unshare's only child is the shell, whose only child is nspawn, whose only child
    /// is the host's process 1, once that one runs systemd: nspawn first forks a helper
    /// which sets the host's namespaces up. The one before a reboot does not count.
    fn wait_for_leader(&mut self) -> Result<(u32, u32), Trouble> {
        let outermost = self.outermost.id();
        let found = until("the container's first process", START_LIMIT, || {
            if let Ok(Some(status)) = self.outermost.try_wait() {
                return Some(Err(status));
            }
            let shell = only_child(outermost)?;
            let leader = only_child(only_child(shell)?)
                .filter(|leader| *leader != self.leader && runs_systemd(*leader))?;
            Some(Ok((shell, leader)))
        });
        match found {
            Ok(Ok(both)) => Ok(both),
            Ok(Err(status)) => Err(Trouble::new(format!(
                "the container ended at once ({status}); its console:\n{}",
                self.console()
            ))),
            Err(trouble) => Err(Trouble::new(format!(
                "{trouble}; console:\n{}",
                self.console()
            ))),
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Errors mean that the process is gone already. The shell is killed rather than
        // its parent, so that somebody is there to take note of its end; the kernel
        // then kills the rest of its namespace.
        // The shell's own kill: a minimal Debian has no program of that name.
        let killed = self.shell != 0
            && Command::new("sh")
                .args(["-c", "kill -s KILL \"$1\"", "kill"])
                .arg(self.shell.to_string())
                .status()
                .is_ok_and(|status| status.success());
        if !killed {
            drop(self.outermost.kill());
        }
        // Not `wait`, which has no limit: where nobody reaps orphans (a program that is process 1 of its
        // container and is no init), a namespace with one in it never ends.
        drop(until(
            "the container's outermost process",
            END_LIMIT,
            || self.outermost.try_wait().ok().flatten(),
        ));
        // The control group can only be removed once the last process is gone.
        if self.leader != 0 {
            drop(until("the container's end", END_LIMIT, || {
                (!Path::new(&format!("/proc/{}", self.leader)).exists()).then_some(())
            }));
        }
        drop(fs::remove_dir(&self.mount_point));
        drop(fs::remove_file(&self.console));
    }
}

/// Removes what killed runs left: empty mount points and console logs.
fn sweep(work: &Path) {
    for entry in fs::read_dir(work).into_iter().flatten().flatten() {
        if name::is_abandoned(&entry.file_name().to_string_lossy()) {
            // One of the two fits; neither failing matters to this run.
            drop(fs::remove_dir(entry.path()));
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// Joins overlay(8)'s list of lower folders, which has no way to hold these marks.
fn lower_folders(layers: &[PathBuf]) -> Result<String, Trouble> {
    let paths: Vec<String> = layers
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if let Some(path) = paths.iter().find(|path| path.contains([':', ',', '\\'])) {
        return Err(Trouble::new(format!(
            "{path}: an overlay can't have this path as a layer"
        )));
    }
    Ok(paths.join(":"))
}

fn only_child(process: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    let mut children = children.split_whitespace();
    let first = children.next()?.parse().ok()?;
    children.next().is_none().then_some(first)
}

fn runs_systemd(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.trim() == "systemd")
        && Path::new(&format!("/proc/{process}/root/run/systemd/private")).exists()
}

/// Mounts and the start of systemd take some 100 ms; a busy machine gets its time.
const START_LIMIT: Limit = Duration::from_secs(60);

/// The kernel ends a container's processes within milliseconds.
const END_LIMIT: Limit = Duration::from_secs(10);

/// Arguments: mount point, lower folders, name, Python folder, control groups.
const SCRIPT: &str = r#"
set -eu
place=$1 lower=$2 name=$3 python=$4
shift 4
# With --keep-unit nspawn leaves starting again to its caller, and says so by this exit code.
REBOOT=133
for group in "$@"; do echo $$ > "$group/cgroup.procs"; done
mount -n -t tmpfs -o size=2G,mode=0755 entra-host "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -n -t overlay \
    -o "lowerdir=$lower,upperdir=$place/upper,workdir=$place/work" entra-host "$place/root"
mount -n -t tmpfs -o mode=0755 entra-run /run
code=$REBOOT
while [ "$code" = "$REBOOT" ]; do
code=0
systemd-nspawn --quiet --directory="$place/root" --machine="$name" --boot \
    --private-network --register=no --keep-unit --link-journal=no \
    --console=read-only --bind-ro="$python:/opt/python" || code=$?
done
exit "$code"
"#;
