#!/bin/sh
# Runs once inside the copied root, by chroot, with a /proc, the packaging files and the
# tree beside this script in place. Does what a package's postinst and `setup`
# will do, then adds what only tests need. Arguments: none. Nothing is running.
set -eu
export DEBIAN_FRONTEND=noninteractive

# --- as the packages will do it -------------------------------------------------
systemd-sysusers
systemd-tmpfiles --create /usr/lib/tmpfiles.d/entra-login.conf
pam-auth-update --package --enable entra entra-password mkhomedir
# It passes over a profile that is not there without a word.
for file in auth account session password; do
    grep -q pam_entra.so "/etc/pam.d/common-$file"
done
# An `initgroups` line saves glibc a second look at nsswitch.conf per sign-in.
# On it a success ends the search unless told to go on, so that an imported
# user in a local group would lose the imported ones.
sed -i -e 's/^\(passwd:.*files\)/\1 entra/' -e 's/^\(group:.*files\)/\1 entra/' /etc/nsswitch.conf
echo 'initgroups:     files [SUCCESS=continue] entra' >> /etc/nsswitch.conf
systemctl enable entra-agent-login.socket entra-agent-admin.socket entra-agent.service
chown root:entra-agent /etc/entra-login/agent.toml
chmod 0640 /etc/entra-login/agent.toml

# --- the tenant -----------------------------------------------------------------
printf 'sync-secret-value-1\n' > /etc/entra-login/sync.secret
chown root:entra-agent /etc/entra-login/sync.secret
chmod 0640 /etc/entra-login/sync.secret
echo '127.0.0.1 localhost' > /etc/hosts
echo '127.0.0.1 login.microsoftonline.com login.microsoft.com login.windows.net graph.microsoft.com management.azure.com microsoft.com www.microsoft.com aka.ms' >> /etc/hosts
chmod 0600 /etc/entra-tenant/server.key
chmod 0755 /usr/local/bin/approve
update-ca-certificates > /dev/null
systemctl enable entra-tenant.service

# --- local accounts, keys, quiet ------------------------------------------------
echo 'root:Root-Secret-1' | chpasswd
useradd --create-home --shell /bin/bash --uid 1000 lars
echo 'lars:Local-Lars-1' | chpasswd
chmod 0700 ~root/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~root/.ssh/id_ed25519
for key in /etc/ssh/ssh_host_*_key.pub; do
    echo "localhost $(cut -d ' ' -f 1,2 "$key")"
done > /etc/ssh/ssh_known_hosts
mkdir -p /etc/ssh/authorized_keys.d
cp ~root/.ssh/id_ed25519.pub /etc/ssh/authorized_keys.d/everyone
echo 'localhost' > /etc/hostname
systemd-machine-id-setup
# No words of welcome: transcripts show what matters.
: > /etc/motd
chmod -x /etc/update-motd.d/*
# For the one test that boots with it.
touch /etc/cloud/cloud-init.disabled
# Consoles nobody looks at, and timers that would act in the middle of a test.
systemctl mask console-getty.service getty@.service
for timer in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim man-db systemd-tmpfiles-clean; do
    systemctl mask "$timer.timer"
done
