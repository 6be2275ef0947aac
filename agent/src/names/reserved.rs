//! Names that are never given to an imported object, whether this host has them or not.
//!
//! `/etc/passwd` and `/etc/group` say what the host has today. A package installed tomorrow brings
//! accounts along, and sudoers files, polkit rules and default configurations name groups that may not
//! exist yet: a tenant's group called `docker` must not be there first (lessons: CVE-2026-34397).
//! The list is Debian's, Fedora's and systemd's static accounts, what widespread server packages create,
//! and this project's own names.

/// Whether this canonical name is one of them.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

/// Sorted, for the search.
#[rustfmt::skip] // A name a line would be a screenful of nothing.
const RESERVED: &[&str] = &[
    "_apt", "_chrony", "_flatpak", "_rpc", "_ssh", "adm", "admin", "administrator", "admins",
    "alsa", "apache", "audio", "avahi", "avahi-autoipd", "backup", "bin", "bind", "bluetooth",
    "cdrom", "ceph", "chrony", "clamav", "clock", "cockpit-ws", "cockpit-wsinstance", "colord",
    "containerd", "crontab", "daemon", "dbus", "debian-exim", "debian-spamd", "debian-tor",
    "dhcpcd", "dialout", "dip", "disk", "dnsmasq", "docker", "dovecot", "dovenull",
    "elasticsearch", "entra-admins", "entra-agent", "entra-auditors", "entra-operators",
    "entra-users", "etcd", "fax", "floppy", "ftp", "fwupd-refresh", "games", "gdm", "geoclue",
    "gitlab-runner", "gnats", "gopher", "grafana", "guest", "halt", "haproxy", "http", "i2c",
    "incus", "incus-admin", "input", "irc", "jenkins", "kmem", "kube", "kvm", "landscape",
    "libvirt", "libvirt-dnsmasq", "libvirt-qemu", "lightdm", "list", "lock", "lp", "lpadmin",
    "lxc-dnsmasq", "lxd", "mail", "man", "memcache", "messagebus", "mongodb", "munin", "mysql",
    "nagios", "named", "nemo", "netdev", "network", "news", "nginx", "nm-openconnect",
    "nm-openvpn", "nobody", "nogroup", "nslcd", "ntp", "nvpd", "opendkim", "openldap", "operator",
    "pcscd", "plugdev", "podman", "polkitd", "pollinate", "postdrop", "postfix", "postgres",
    "prometheus", "proxy", "pulse", "pulse-access", "qemu", "rabbitmq", "radvd", "redis",
    "render", "root", "rpc", "rpcuser", "rtkit", "saned", "sasl", "saslauth", "sgx", "shadow",
    "shutdown", "sphinxsearch", "squid", "src", "ssh", "ssh_keys", "sshd", "ssl-cert", "sssd",
    "staff", "stapdev", "stapsys", "stapusr", "statd", "sudo", "sudoers", "sync", "sys", "syslog",
    "systemd-coredump", "systemd-journal", "systemd-journal-remote", "systemd-network",
    "systemd-oom", "systemd-resolve", "systemd-timesync", "tape", "tcpdump", "telegraf", "tomcat",
    "toor", "tss", "tty", "ubuntu", "uml-net", "unbound", "usbmux", "users", "utempter", "utmp",
    "uucp", "uuidd", "vboxusers", "video", "voice", "wheel", "wireshark", "www", "www-data",
    "xrdp", "zabbix",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_so_that_the_search_finds() {
        assert!(RESERVED.is_sorted());
        for name in [
            "root",
            "sudo",
            "daemon",
            "wheel",
            "docker",
            "entra-admins",
            "zabbix",
            "_apt",
        ] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("alice"));
    }

    #[test]
    fn the_role_groups_are_reserved() {
        for group in crate::publish::ROLE_GROUPS {
            assert!(is_reserved(group.name), "{}", group.name);
        }
    }
}
