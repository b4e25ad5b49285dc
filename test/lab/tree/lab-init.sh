#!/bin/sh
# First process of a lab host: makes its own cgroup controllers and its own network sysctls writable, then becomes systemd.
# Everything else under /proc/sys stays read-only, because it would change the machine that the lab runs on.
for controller in /sys/fs/cgroup/*; do
  mount -o remount,rw,bind,nosuid,nodev,noexec "$controller" 2>/dev/null
done
mount --bind /proc/sys/net /proc/sys/net && mount -o remount,rw,bind,nosuid,nodev,noexec /proc/sys/net
exec /lib/systemd/systemd "$@"
