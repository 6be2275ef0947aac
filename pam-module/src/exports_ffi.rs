//! The six symbols that libpam looks up, each handed on to `guard`.
//!
//! `pamsm`'s macro defines the C functions; nothing else is exported. Module arguments are ignored: policy is in the published directory, where an
//! operator changes it without touching /etc/pam.d.

use pamsm::{Pam, PamError, PamFlags, PamServiceModule, pam_module};

use crate::guard;
use crate::host::Machine;
use crate::phases::{Call, Entry};

/// `PAM_PRELIM_CHECK`, which `pamsm` does not name (pam_modules.h).
const PRELIM_CHECK: i32 = 0x4000;

/// What gives a process the user's credentials (pam_setcred(3)).
const ESTABLISH: PamFlags = PamFlags::ESTABLISH_CRED.union(PamFlags::REINITIALIZE_CRED);

struct EntraModule;

impl PamServiceModule for EntraModule {
    fn authenticate(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        answer(Entry::Authenticate, &pam, flags)
    }

    fn setcred(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        let entry = if flags.intersects(ESTABLISH) {
            Entry::SetCredentials
        } else {
            Entry::DropCredentials
        };
        answer(entry, &pam, flags)
    }

    fn acct_mgmt(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        answer(Entry::Account, &pam, flags)
    }

    fn open_session(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        answer(Entry::OpenSession, &pam, flags)
    }

    fn close_session(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        answer(Entry::CloseSession, &pam, flags)
    }

    fn chauthtok(pam: Pam, flags: PamFlags, _: Vec<String>) -> PamError {
        let entry = if flags.bits() & PRELIM_CHECK != 0 {
            Entry::PasswordCheck
        } else {
            Entry::PasswordUpdate
        };
        answer(entry, &pam, flags)
    }
}

fn answer(entry: Entry, pam: &Pam, flags: PamFlags) -> PamError {
    guard::silence_panics();
    let call = Call {
        entry,
        silent: flags.contains(PamFlags::SILENT),
    };
    guard::answer(call, pam, &Machine)
}

pam_module!(EntraModule);
