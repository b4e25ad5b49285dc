# Reads of a host all that the profile account-host is about, and decides nothing: the least that any tool over SSH has to do.
# ssh HOST sh -s <floor.sh
dpkg-query -W -f '${Package} ${db:Status-Status}\n' ca-certificates curl wget git vim htop net-tools rsync tzdata logrotate ufw fail2ban python3-systemd 2>&1
stat -c '%n %Y' /var/lib/apt/lists
readlink /etc/localtime /opt/fleet/current
sha256sum /etc/timezone /etc/security/limits.d/90-fleet.conf /etc/sysctl.d/90-fleet.conf /etc/logrotate.d/fleet /etc/fleet/host.json \
  /etc/systemd/journald.conf.d/50-fleet.conf /etc/fail2ban/jail.d/50-fleet.conf \
  /etc/systemd/system/fleet-agent.service /etc/systemd/system/fleet-hold.service '/etc/systemd/system/fleet-account@.service' \
  /etc/systemd/system/fleet-quota.service '/etc/systemd/system/fleet-credentials@.service' '/etc/systemd/system/fleet-login@.service' 2>&1
stat -c '%n %F %a %U:%G %s %Y' /opt/fleet /opt/fleet/releases /opt/fleet/runtimes /opt/fleet/current/bin/* /opt/fleet/current/lib/* /opt/fleet/current/units/* \
  /opt/fleet/current/runtime/bin/node /etc/fleet /var/lib/fleet /var/lib/fleet/claims /var/lib/fleet/locks /var/lib/fleet/accounts /var/log/fleet 2>&1
while IFS=: read -r name _ id _ _ home shell; do [ "$name" = _fleet ] && echo "$id $home $shell"; done </etc/passwd
for key in net/core/somaxconn net/ipv4/tcp_max_syn_backlog net/ipv4/ip_local_port_range net/ipv4/tcp_tw_reuse net/ipv4/tcp_fin_timeout vm/swappiness vm/overcommit_memory; do
  read -r value <"/proc/sys/$key" && echo "$key $value"
done
grep -s '^ENABLED=' /etc/ufw/ufw.conf
grep -s '^### tuple' /etc/ufw/user.rules
systemctl show -p Id,ActiveState,SubState,UnitFileState,NeedDaemonReload fleet-agent fleet-hold fleet-quota fail2ban ufw systemd-journald
echo read
