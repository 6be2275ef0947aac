//! Where people live and which shell they get.
//!
//! A home is made from the template once, when its person is imported first, and never moves; it must be
//! normalised and lie inside one of `homes.roots`. The shell is the configured one if `/etc/shells` has
//! it: services refuse people with any other.

use std::fs;
use std::path::Path;

use entra_snapshot::{AbsolutePath, Illegal, Name};

use crate::config::Homes;

/// Why a name has no home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeFault {
    /// What is wrong with it.
    pub reason: String,
}

/// The home for somebody of this name.
///
/// # Errors
/// [`HomeFault`] if it is not normalised or lies outside the roots.
pub fn home_of(name: &Name, homes: &Homes) -> Result<AbsolutePath, HomeFault> {
    let text = homes.template.replace("{name}", name.as_str());
    let home = AbsolutePath::new(&text).map_err(|illegal| HomeFault {
        reason: format!("[homes] template makes no home: {illegal}"),
    })?;
    if is_inside(&home, homes) {
        Ok(home)
    } else {
        let reason = format!("the home {text} lies outside of [homes] roots");
        Err(HomeFault { reason })
    }
}

/// Whether a home lies in one of the folders that homes may lie in.
#[must_use]
pub fn is_inside(home: &AbsolutePath, homes: &Homes) -> bool {
    homes.roots.iter().any(|root| {
        home.as_str()
            .strip_prefix(root.trim_end_matches('/'))
            .is_some_and(|rest| rest.len() > 1 && rest.starts_with('/'))
    })
}

/// The shells that services accept: the lines of `/etc/shells`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shells {
    lines: String,
}

impl Shells {
    /// Reads them. A host without that file has none.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        Self {
            lines: fs::read_to_string(file).unwrap_or_default(),
        }
    }

    /// All of them.
    pub fn listed(&self) -> impl Iterator<Item = &str> {
        self.lines
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with('/'))
    }

    /// This one, if it is listed.
    #[must_use]
    pub fn usable(&self, shell: &str) -> Option<AbsolutePath> {
        AbsolutePath::new(shell)
            .ok()
            .filter(|_| self.listed().any(|listed| listed == shell))
    }

    /// The shell that people get who have none of their own: the configured one, else bash, else sh,
    /// whichever is listed, and the last of them in any case.
    ///
    /// # Errors
    /// [`Illegal`] if even the last resort were no path; it is `/bin/sh`.
    pub fn default(&self, configured: &str) -> Result<AbsolutePath, Illegal> {
        let usable = std::iter::once(configured)
            .chain(FALLBACKS)
            .find_map(|shell| self.usable(shell));
        if usable
            .as_ref()
            .is_none_or(|shell| shell.as_str() != configured)
        {
            tracing::warn!(
                shell = configured,
                "the configured shell is not in /etc/shells"
            );
        }
        usable.map_or_else(|| AbsolutePath::new(LAST_RESORT), Ok)
    }
}

const FALLBACKS: [&str; 2] = ["/bin/bash", "/bin/sh"];
const LAST_RESORT: &str = "/bin/sh";
