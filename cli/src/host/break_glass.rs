//! Whether a local account can sign in with a password, as its lines in `/etc/passwd` and `/etc/shadow` say.
//!
//! Looked at by root before an account counts as the way back in. What is not certain is no proof: a line that
//! can't be read, a hash of no known form, a shell that is not there. It says nothing about sshd's rules for
//! root, nor about who knows the password.

use std::fs;

use super::Host;

/// Seconds in the days that shadow(5) counts.
const DAY: u64 = 24 * 60 * 60;

/// Looks at the account.
///
/// # Errors
/// A clause that says why it can't sign in, or why that can't be told.
pub(crate) fn can_sign_in(host: &Host, name: &str) -> Result<(), String> {
    let passwd = read(host, "/etc/passwd")?;
    let Some(fields) = line(&passwd, name) else {
        return Err("/etc/passwd has no such account".to_owned());
    };
    let &[_, secret, uid, _, _, _, shell] = fields.as_slice() else {
        return Err("its line in /etc/passwd has not seven fields".to_owned());
    };
    if uid.parse::<u32>().is_err() {
        return Err(format!("its uid in /etc/passwd is {uid:?}"));
    }
    // passwd(5): no shell means this one.
    let shell = if shell.is_empty() { "/bin/sh" } else { shell };
    if shell.ends_with("/nologin") || shell.ends_with("/false") {
        return Err(format!("its shell is {shell}"));
    }
    if !host.path(shell).is_file() {
        return Err(format!("its shell {shell} is not there"));
    }
    if secret != "x" {
        return usable(secret);
    }
    let shadow = read(host, "/etc/shadow")?;
    let Some(fields) = line(&shadow, name) else {
        return Err("/etc/shadow has no line for it".to_owned());
    };
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    usable(field(1))?;
    let today = host.now / DAY;
    let days = |number: usize, what: &str| match field(number).trim() {
        "" => Ok(None),
        text => match text.parse::<i64>() {
            // shadow(5), and what useradd(8) writes for "never".
            Ok(days) => Ok(u64::try_from(days).ok()),
            Err(_) => Err(format!("its {what} in /etc/shadow is {text:?}")),
        },
    };
    if days(7, "date of expiry")?.is_some_and(|expires| today >= expires) {
        return Err("the account has expired (chage -l shows when)".to_owned());
    }
    let changed = days(2, "date of the last change")?;
    let (longest, grace) = (days(4, "maximum age")?, days(6, "inactivity")?);
    if let (Some(changed), Some(longest), Some(grace)) = (changed, longest, grace)
        && today > changed.saturating_add(longest).saturating_add(grace)
    {
        return Err("its password has been expired for too long".to_owned());
    }
    Ok(())
}

/// Whether a password could match (crypt(5)).
fn usable(hash: &str) -> Result<(), String> {
    /// Characters of a hash by DES, the oldest and shortest form.
    const SHORTEST: usize = 13;
    if hash.is_empty() {
        Err("its password is empty, which most services refuse".to_owned())
    } else if hash.starts_with('!') {
        Err("its password is locked".to_owned())
    } else if hash.starts_with('*') || hash.len() < SHORTEST {
        Err("it has no password".to_owned())
    } else {
        Ok(())
    }
}

fn read(host: &Host, path: &str) -> Result<String, String> {
    match fs::read(host.path(path)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => Err(format!("{path} can't be read: {error}")),
    }
}

/// The fields of the first line for the name, which is the one that counts.
fn line<'a>(text: &'a str, name: &str) -> Option<Vec<&'a str>> {
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: u64 = 20_000;

    fn looked_at(passwd: &str, shadow: &str) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("etc/passwd", passwd),
            ("etc/shadow", shadow),
            ("bin/sh", ""),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut host = Host::below(folder.path(), true, |_| None);
        host.now = TODAY * DAY;
        can_sign_in(&host, "rescue")
    }

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nrescue:x:1000:1000::/home/rescue:/bin/sh\n";

    #[test]
    fn a_hash_that_stands_is_a_proof() {
        for fields in [
            "$y$j9T$salt$hash:19000:0:99999:7:::",
            "$6$salt$hashhash:19999:0:30:7:10::",
            "abJnggxhB/yWI::::::",
            "$y$j9T$salt$hash:0:0:99999:7:::",
            "$y$j9T$salt$hash:19000:0:99999:7:::-1",
            "$y$j9T$salt$hash:19000:0:99999:7::20001:",
        ] {
            let shadow = format!("rescue:{fields}\n");
            assert_eq!(looked_at(PASSWD, &shadow), Ok(()), "{fields}");
        }
    }

    #[test]
    fn every_other_line_says_why_not() {
        for (passwd, shadow, why) in [
            ("root:x:0:0::/:/bin/sh\n", "", "no such account"),
            ("rescue:x:1000:1000::/\n", "", "not seven fields"),
            ("rescue:x:-1:1000::/:/bin/sh\n", "", "its uid"),
            ("rescue:x:1:1::/:/usr/sbin/nologin\n", "", "its shell is"),
            ("rescue:x:1:1::/:/bin/zsh\n", "", "is not there"),
            (PASSWD, "root:$y$x:1::::::\n", "no line for it"),
            (PASSWD, "rescue::1::::::\n", "empty"),
            (PASSWD, "rescue:!$y$j9T$salt$hash:1::::::\n", "locked"),
            (PASSWD, "rescue:*:1::::::\n", "no password"),
            (PASSWD, "rescue:x:1::::::\n", "no password"),
            (
                PASSWD,
                "rescue:$y$j9T$salt$hash:1:0:99999:7::20000:\n",
                "account has expired",
            ),
            (
                PASSWD,
                "rescue:$y$j9T$salt$hash:19900:0:30:7:10::\n",
                "expired for too long",
            ),
            (
                PASSWD,
                "rescue:$y$j9T$salt$hash:1:0:9:7::soon:\n",
                "date of expiry",
            ),
        ] {
            let said = looked_at(passwd, shadow).unwrap_err();
            assert!(said.contains(why), "{said:?} is not about {why:?}");
        }
    }
}
