//! docs/deploy.md is true: its examples, as they stand there, bring an empty host to imported people.
//!
//! Only what installs the package is left out, since the tests' hosts have it already: the playbook's tag
//! `package`, and cloud-init's modules for apt and packages.

use std::time::Duration;

use harness::{Host, Output, Trouble};

use crate::configured::write_secret;
use crate::setup::empty_host;

const PAGE: &str = include_str!("../../docs/deploy.md");

/// A play runs some ten modules, each a Python of its own.
const LIMIT: Duration = Duration::from_secs(240);

/// The fenced example that begins with this line.
fn example(first_line: &str) -> Result<&'static str, Trouble> {
    PAGE.split("```")
        .filter_map(|block| block.strip_prefix("yaml\n"))
        .find(|text| text.starts_with(first_line))
        .ok_or_else(|| Trouble::new(format!("docs/deploy.md has no example {first_line}")))
}

/// An empty host that its image had wired, and is no more.
fn unwired_host() -> Result<Host, Trouble> {
    let host = empty_host()?;
    host.run("entractl pam disable")?.stdout()?;
    host.run("cat /etc/pam.d/common-* /etc/nsswitch.conf | grep -w -e pam_entra -e entra")?
        .refusal()?;
    Ok(host)
}

/// Whether PAM asks for people now, and cron's account phase lets one in.
fn is_wired(host: &Host) -> Result<(), Trouble> {
    host.run("grep -l pam_entra /etc/pam.d/common-auth && pamtester cron alice acct_mgmt")?
        .stdout()
        .map(drop)
}

fn play(host: &Host, more: &str) -> Result<Output, Trouble> {
    host.run_within(
        LIMIT,
        &format!(
            "cd /srv && PYTHONPATH=/opt/python PYTHONDONTWRITEBYTECODE=1 python3 -m ansible playbook \
             -i inventory --skip-tags package {more} entra-login.yml"
        ),
    )
}

#[test]
fn the_playbook_sets_a_host_up_and_changes_nothing_the_second_time() -> Result<(), Trouble> {
    let host = unwired_host()?;
    host.write("/srv/entra-login.yml", example("# entra-login.yml")?)?;
    host.write(
        "/srv/inventory",
        "[linux]\nlocalhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3\n",
    )?;
    let first = play(&host, "")?;
    let recap = first.stdout()?;
    assert!(recap.contains("failed=0"), "{first}");
    assert!(!recap.contains("changed=0"), "{first}");
    host.run("getent passwd alice && id carol | grep entra-admins")?
        .stdout()?;
    is_wired(&host)?;
    let status = host.run("entractl auth status")?;
    assert!(status.stdout()?.contains("enabled"), "{status}");

    let second = play(&host, "")?;
    assert!(second.stdout()?.contains("changed=0"), "{second}");

    // The variant with a secret, from a vault that is a file here.
    write_secret(
        &host,
        "/srv/vault.yml",
        "entra_secret: sync-secret-value-1\n",
    )?;
    let third = play(&host, "--extra-vars @vault.yml")?;
    assert!(third.stdout()?.contains("failed=0"), "{third}");
    assert!(!third.text().contains("sync-secret-value-1"), "{third}");
    let status = host.run("entractl status")?;
    assert!(
        status.stdout()?.contains("secret, ends 2027-01-31"),
        "{status}"
    );
    Ok(())
}

#[test]
fn the_user_data_sets_a_host_up_at_its_first_boot() -> Result<(), Trouble> {
    let mut host = unwired_host()?;
    let text = example("#cloud-config")?;
    host.write("/srv/user-data", text)?;
    host.run("cloud-init schema --config-file /srv/user-data")?
        .stdout()?;
    host.run("mkdir -p /var/lib/cloud/seed/nocloud && rm /etc/cloud/cloud-init.disabled")?
        .stdout()?;
    let seed = "/var/lib/cloud/seed/nocloud";
    host.write(&format!("{seed}/user-data"), text)?;
    host.write(&format!("{seed}/meta-data"), "instance-id: one\n")?;
    host.write(
        "/etc/cloud/cloud.cfg.d/99-test.cfg",
        "datasource_list: [NoCloud]\n\
         network: {config: disabled}\n\
         cloud_init_modules: [write-files]\n\
         cloud_config_modules: [runcmd]\n\
         cloud_final_modules: [scripts-user]\n",
    )?;
    host.reboot()?;
    let done = host.run_within(LIMIT, "cloud-init status --wait --long")?;
    let log = host.run("cat /var/log/cloud-init-output.log")?;
    assert!(done.stdout()?.contains("status: done"), "{done}\n{log}");
    host.run("getent passwd alice && id carol | grep entra-admins")?
        .stdout()?;
    is_wired(&host)?;
    let status = host.run("entractl auth status")?;
    assert!(status.stdout()?.contains("enabled"), "{status}");
    Ok(())
}
