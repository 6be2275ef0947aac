//! `entractl pam enable` that fails or is killed at any step: one sentence, and /etc is what it was, to the byte.

use harness::Trouble;
use serde_json::Value;

use crate::pam_wiring::{enable, etc, is_as_before, local_people_sign_in, unwired};

#[test]
fn whatever_fails_leaves_all_as_it_was() -> Result<(), Trouble> {
    let (host, _) = unwired()?;
    for (break_it, mend_it, expected) in [
        (
            "mount --bind /etc /etc && mount -o remount,ro,bind /etc",
            "umount /etc",
            "Read-only file system",
        ),
        (
            "mv /usr/sbin/pam-auth-update /srv/",
            "mv /srv/pam-auth-update /usr/sbin/",
            "neither pam-auth-update nor authselect is on this host",
        ),
        (
            // Works on a copy; on the host it writes half a file and ends.
            "mv /usr/sbin/pam-auth-update /srv/ && printf '%s\\n' '#!/bin/sh' \
             'case \"$*\" in *--root*) exec /srv/pam-auth-update \"$@\";; esac' \
             'echo nonsense > /etc/pam.d/common-auth; echo \"no luck today\" >&2; exit 3' > /usr/sbin/pam-auth-update && \
             chmod 755 /usr/sbin/pam-auth-update",
            "mv /srv/pam-auth-update /usr/sbin/",
            "no luck today; all is as it was",
        ),
        (
            "mv /usr/sbin/sshd /srv/ && printf '%s\\n' '#!/bin/sh' \
             'test -e /etc/ssh/sshd_config.d/10-entra-login.conf && { echo \"bad configuration\" >&2; exit 255; }' \
             'exec /srv/sshd \"$@\"' > /usr/sbin/sshd && chmod 755 /usr/sbin/sshd",
            "mv /srv/sshd /usr/sbin/ && systemctl restart ssh",
            "`sshd -t` failed: bad configuration; all is as it was",
        ),
        (
            "echo nonsense > /etc/ssh/sshd_config.d/01-broken.conf",
            "rm /etc/ssh/sshd_config.d/01-broken.conf",
            "sshd can't read its configuration as it is now",
        ),
        (
            "mv /usr/bin/systemd-run /srv/",
            "mv /srv/systemd-run /usr/bin/",
            "nothing could take the change back",
        ),
        (
            "sed -i.kept 's/^passwd:.*/passwd: sss/' /etc/nsswitch.conf",
            "mv /etc/nsswitch.conf.kept /etc/nsswitch.conf",
            "/etc/nsswitch.conf: its line `passwd:` names neither files nor compat",
        ),
        (
            "sed -i.kept '/^# here are the per-package/d' /etc/pam.d/common-auth",
            "mv /etc/pam.d/common-auth.kept /etc/pam.d/common-auth",
            "were changed by hand",
        ),
        (
            "mkdir /srv/hidden; mv $(find / -xdev -name 'libnss_entra.so.2' | tee /srv/place) /srv/hidden/",
            "mv /srv/hidden/* $(cat /srv/place)",
            "libnss_entra.so.2 is not on this host",
        ),
    ] {
        host.run(break_it)?.stdout()?;
        let before = etc(&host)?;
        let failed = enable(&host, "")?;
        let said = failed.refusal()?;
        assert!(said.contains(expected), "{expected}:\n{failed}");
        assert!(
            failed
                .stderr
                .lines()
                .filter(|line| line.starts_with("error: "))
                .count()
                == 1,
            "{failed}"
        );
        is_as_before(&host, &before, expected)?;
        host.run("systemctl is-active entra-login-pam-undo.timer")?
            .refusal()?;
        host.run(mend_it)?.stdout()?;
    }
    let as_lars = host.run_as("lars", "entractl pam preview")?;
    assert!(
        as_lars.refusal()?.contains("hint: run it with sudo"),
        "{as_lars}"
    );
    local_people_sign_in(&host)?;
    enable(&host, "")?.stdout()?;
    Ok(())
}

/// /etc on a small disk of its own, with less and less room.
#[test]
fn a_full_disk_leaves_all_as_it_was() -> Result<(), Trouble> {
    let (host, _) = unwired()?;
    host.run(
        "size=$(du -sk /etc | cut -f1) && mount -t tmpfs -o size=$((size * 2 + 2048))k etc /mnt && cp -a /etc/. /mnt/ && \
         mount --bind /mnt /etc",
    )?
    .stdout()?;
    let mut failures = 0;
    for free in (0..160).step_by(16) {
        host.run(&format!(
            "rm -f /mnt/filler; left=$(df -k --output=avail /mnt | tail -1); \
             head -c $(((left - {free}) * 1024)) /dev/zero > /mnt/filler; true"
        ))?
        .stdout()?;
        let before = etc(&host)?;
        let done = enable(&host, "--without-confirmation")?;
        if done.success() {
            host.run("entractl pam disable")?.stdout()?;
        } else {
            failures += 1;
            assert!(
                done.stderr.contains("No space left on device"),
                "{free} KiB:\n{done}"
            );
        }
        is_as_before(&host, &before, &format!("{free} KiB free\n{done}"))?;
    }
    assert!(failures > 2, "{failures}");
    local_people_sign_in(&host)
}

/// Killed at the first, second, ... of the calls that change a name in a folder; then `disable`, or what the timer runs.
#[test]
fn killed_at_any_step_it_can_be_taken_back() -> Result<(), Trouble> {
    let (host, before) = unwired()?;
    let calls = "rename,renameat,renameat2,link,linkat,mkdir,unlink,symlink";
    let mut killed = 0;
    for step in 1.. {
        let run = host.run(&format!(
            "strace -o /dev/null -e trace={calls} -e inject={calls}:signal=KILL:when={step} \
             entractl pam enable --yes > /tmp/said 2>&1 || exit 1"
        ))?;
        let verb = if step % 2 == 0 { "disable" } else { "undo" };
        host.run(&format!("entractl pam {verb}"))?.stdout()?;
        is_as_before(&host, &before, &format!("step {step}, {verb}\n{run}"))?;
        host.run("systemctl is-active entra-login-pam-undo.timer")?
            .refusal()?;
        if run.success() {
            break;
        }
        killed = step;
    }
    assert!(killed > 15, "{killed} steps");
    local_people_sign_in(&host)
}

/// pam-auth-update killed at each file that it renames; every second time along with entractl.
#[test]
fn a_pam_auth_update_that_is_killed_can_be_taken_back() -> Result<(), Trouble> {
    let (host, before) = unwired()?;
    host.run(
        "mv /usr/sbin/pam-auth-update /srv/ && printf '%s\\n' '#!/bin/sh' \
         'case \"$*\" in *--root*|*--remove*) exec /srv/pam-auth-update \"$@\";; esac' \
         'strace -f -o /dev/null $(cat /tmp/inject) /srv/pam-auth-update \"$@\" && exit' \
         'test -e /tmp/both && kill -9 $(pgrep -x entractl)' 'exit 9' > /usr/sbin/pam-auth-update && \
         chmod 755 /usr/sbin/pam-auth-update",
    )?
    .stdout()?;
    let mut killed = 0;
    for step in 1.. {
        let both = if step % 2 == 0 { "touch" } else { "rm -f" };
        host.run(&format!(
            "echo '-e trace=rename,renameat2 -e inject=rename,renameat2:signal=KILL:when={step}' > /tmp/inject; {both} /tmp/both"
        ))?
        .stdout()?;
        let run = host.run("entractl pam enable --yes > /tmp/said 2>&1 || exit 1")?;
        if step % 2 == 1 && !run.success() {
            is_as_before(&host, &before, &format!("step {step}, by itself\n{run}"))?;
        }
        host.run("entractl pam disable")?.stdout()?;
        is_as_before(&host, &before, &format!("step {step}\n{run}"))?;
        if run.success() {
            break;
        }
        killed = step;
    }
    assert!(killed > 8, "{killed} steps");
    local_people_sign_in(&host)
}

#[test]
fn every_verb_has_its_document() -> Result<(), Trouble> {
    let (host, before) = unwired()?;
    let document = |command: &str| -> Result<Value, Trouble> {
        let told = host.run(command)?;
        serde_json::from_str(&told.stdout)
            .map_err(|error| Trouble::new(format!("{error}:\n{told}")))
    };
    let preview = document("entractl --json pam preview")?;
    assert_eq!(preview["wired"], false);
    let paths: Vec<&str> = preview["changes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|change| change["path"].as_str())
        .collect();
    assert!(
        paths.contains(&"/etc/nsswitch.conf") && paths.contains(&"/var/lib/pam/seen"),
        "{paths:?}"
    );
    let asked = document("entractl --json pam enable")?;
    assert_eq!(asked["error"]["kind"], "precondition");
    let enabled = document("entractl --json pam enable --yes --undo-after 2h")?;
    assert_eq!(enabled["changes"], preview["changes"]);
    assert_eq!(enabled["done"], true);
    assert_eq!(enabled["undo_after"], 7200);
    let checks = enabled["checks"].as_array().cloned().unwrap_or_default();
    for (service, user) in [
        ("sshd", "root"),
        ("sudo", "lars"),
        ("login", "root"),
        ("su", "lars"),
        ("cron", "root"),
    ] {
        assert!(
            checks.iter().any(|check| check["service"] == service
                && check["user"] == user
                && check["after"] == true),
            "{service} {user}: {checks:?}"
        );
    }
    let waiting = document("entractl --json pam preview")?;
    assert_eq!(
        (&waiting["wired"], &waiting["waiting"]),
        (&Value::from(true), &Value::from(true))
    );
    let refused = document("entractl --json pam confirm")?;
    assert_eq!(refused["error"]["kind"], "host");
    let confirmed = host.ssh_key("root", "entractl --json pam confirm")?;
    assert_eq!(confirmed.stdout()?, "{\n  \"confirmed\": true\n}");
    let disabled = document("entractl --json pam disable")?;
    assert_eq!(disabled["trimmed"], serde_json::json!([]));
    assert_eq!(
        disabled["restored"].as_array().map(Vec::len),
        Some(paths.len())
    );
    is_as_before(&host, &before, "taken back")
}

/// Debian has no authselect: a stand-in with its three verbs proves what is asked of it, and the way back.
#[test]
fn where_authselect_rules_a_profile_of_ours_is_selected_and_the_old_one_again()
-> Result<(), Trouble> {
    let (host, _) = unwired()?;
    host.run(
        r#"base=/usr/share/authselect/default/minimal; mkdir -p $base /etc/authselect/custom
cp /etc/nsswitch.conf $base/nsswitch.conf
printf '%s\n' 'auth sufficient pam_unix.so nullok' 'account required pam_unix.so' 'password requisite pam_pwquality.so' 'session required pam_unix.so' > $base/system-auth
cp $base/system-auth $base/password-auth
cat > /usr/bin/authselect <<'END'
#!/bin/sh
set -e
case "$1" in
current) cat /etc/authselect/authselect.conf ;;
create-profile) mkdir "/etc/authselect/custom/$2"; cp "/usr/share/authselect/default/$4"/* "/etc/authselect/custom/$2/" ;;
select)
    shift; echo "$*" > /etc/authselect/authselect.conf
    case "$1" in custom/*) from=/etc/authselect/$1 ;; *) from=/usr/share/authselect/default/$1 ;; esac
    cp "$from"/* /etc/authselect/ ;;
esac
END
chmod 755 /usr/bin/authselect && authselect select minimal with-faillock && ln -sf authselect/nsswitch.conf /etc/nsswitch.conf"#,
    )?
    .stdout()?;
    let before = etc(&host)?;
    let preview = host.run("entractl pam preview")?;
    for part in [
        "+++ /etc/authselect/system-auth",
        "authselect create-profile entra-login --base-on minimal",
    ] {
        assert!(preview.stdout()?.contains(part), "{preview}");
    }
    is_as_before(&host, &before, "a preview")?;
    enable(&host, "--without-confirmation")?.stdout()?;
    assert_eq!(
        host.run("authselect current --raw")?.stdout()?,
        "custom/entra-login with-faillock"
    );
    let made = host.run("grep -c pam_entra.so /etc/authselect/system-auth /etc/authselect/password-auth; readlink /etc/nsswitch.conf; getent passwd alice | cut -d: -f1")?;
    assert_eq!(
        made.stdout()?,
        "/etc/authselect/system-auth:4\n/etc/authselect/password-auth:4\nauthselect/nsswitch.conf\nalice"
    );
    let again = enable(&host, "")?;
    assert!(again.stderr.contains("nothing to change"), "{again}");
    host.run("entractl pam disable")?.stdout()?;
    is_as_before(&host, &before, "taken back")
}
