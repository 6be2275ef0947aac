//! A control group of its own for each host.
//!
//! systemd inside the host makes its groups below it; on a machine whose
//! processes all sit in one group (a container, a small virtual machine) it would
//! otherwise take that one. Both the unified hierarchy and systemd's named one of
//! hybrid machines are covered.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Trouble;
use crate::name::is_abandoned;

/// The folders of one host's groups; removed when dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes a child of this process's own group in each hierarchy.
    pub(crate) fn make(name: &str) -> Result<Self, Trouble> {
        let membership = fs::read_to_string("/proc/self/cgroup")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        let mut cgroup = Self {
            folders: Vec::new(),
        };
        for parent in own_groups(&membership, &mounts) {
            sweep(&parent);
            let folder = parent.join(name);
            fs::create_dir_all(&folder)
                .map_err(|error| Trouble::new(format!("{}: {error}", folder.display())))?;
            cgroup.folders.push(folder);
        }
        if cgroup.folders.is_empty() {
            return Err(Trouble::new(
                "no control group hierarchy that systemd can use is mounted",
            ));
        }
        Ok(cgroup)
    }

    /// Where a process writes its id to join.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for folder in &self.folders {
            remove_tree(folder);
        }
    }
}

/// Removes groups of hosts whose process was killed before it could do so.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if is_abandoned(&entry.file_name().to_string_lossy()) {
            remove_tree(&entry.path());
        }
    }
}

/// Control groups are removed folder by folder, deepest first; their files can't be.
/// A group that still holds a process stays: there is nobody to tell.
fn remove_tree(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    drop(fs::remove_dir(folder));
}

/// This process's groups in the hierarchies that systemd uses, as folders.
fn own_groups(membership: &str, mounts: &str) -> Vec<PathBuf> {
    let hierarchies: [(&str, IsHierarchy); 2] = [
        ("0::", |mount| mount.kind == "cgroup2"),
        (":name=systemd:", |mount| {
            mount.kind == "cgroup" && mount.options.split(',').any(|one| one == "name=systemd")
        }),
    ];
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::parse).collect();
    hierarchies
        .iter()
        .filter_map(|(mark, fits)| {
            let path = membership.lines().find_map(|line| group_in(line, mark))?;
            let mount = mounts.iter().find(|mount| fits(mount))?;
            let below = Path::new(path).strip_prefix(mount.root).ok()?;
            Some(Path::new(mount.point).join(below))
        })
        .collect()
}

/// Whether a mount is of the hierarchy looked for.
type IsHierarchy = fn(&Mount<'_>) -> bool;

/// A line is `id:controllers:path` (cgroups(7)).
fn group_in<'a>(line: &'a str, mark: &str) -> Option<&'a str> {
    let start = line.find(mark)?;
    (start <= 2)
        .then(|| line.get(start + mark.len()..))
        .flatten()
}

/// What matters of a line of /proc/self/mountinfo (proc(5)).
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let mut right = right.split(' ');
        Some(Self {
            root: left.next()?,
            point: left.next()?,
            kind: right.next()?,
            options: right.nth(1)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_machine_has_two() {
        let membership = "9:name=systemd:/\n4:memory:/a\n0::/\n";
        let mounts = "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(
            own_groups(membership, mounts),
            ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"].map(PathBuf::from)
        );
    }

    #[test]
    fn a_unified_machine_has_one_below_our_own() {
        let membership = "0::/user.slice/user-0.slice/session-1.scope\n";
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            own_groups(membership, mounts),
            [PathBuf::from(
                "/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope"
            )]
        );
    }
}
