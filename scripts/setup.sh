#!/bin/sh
# Makes a fresh machine able to run the project: npm packages, and for root on Debian or Ubuntu what the lab needs.
# Safe to repeat; quiet and quick when nothing is missing. `--nightly`: also what only the nightly tests need.
set -eu
cd "$(dirname "$0")/.."

# what npm installed is newer than what it was told to install
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'installing npm packages ...' >&2
  # Not `npm ci`: it insists on the optional packages of every platform, which not every registry mirror carries. The lock file is obeyed all the same.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then exit 0; fi

# program:package
missing=
nightly=
[ "${1:-}" != --nightly ] || nightly='zsh:zsh fish:fish tcsh:tcsh mandoc:mandoc chromium:chromium fc-list:fontconfig prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager
  /usr/sbin/postfix:postfix /usr/sbin/saslpasswd2:sasl2-bin'
for pair in $nightly debootstrap:debootstrap systemd-nspawn:systemd-container nft:nftables iptables:iptables ip:iproute2 ssh:openssh-client \
  /usr/sbin/sshd:openssh-server \
  sysctl:procps /usr/bin/python3:python3 nsenter:util-linux openssl:openssl curl:curl; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# the ledger's tests start a server of their own; Debian and Ubuntu keep its programs off the path
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
# how postfix's users log in
[ -z "$nightly" ] || ls /usr/lib/*/sasl2/libplain.so >/dev/null 2>&1 || missing="$missing libsasl2-modules"
# debootstrap verifies the hosts' packages with it; Debian itself always has it
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
# Telethon reads exported sessions back; where there is no package of it, that test is left out
telethon() { [ -e /usr/lib/python3/dist-packages/telethon ] || ! apt-cache policy python3-telethon 2>/dev/null | grep -q 'Candidate: [0-9]'; }
[ -n "$missing" ] || ! telethon || exit 0

echo "installing ${missing:-python3-telethon} ..." >&2
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
# The tests start an sshd of their own; the machine's is none of their business.
if [ -e "$policy" ]; then policy=; else
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
trap 'rm -f "$log" ${policy:+"$policy"}' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words
# a source that cannot be refreshed is no matter as long as the packages can be had
if [ -n "$missing" ] && ! { apt-get -q update || true; apt-get -q -y --no-install-recommends install $missing; } >"$log" 2>&1; then
  tail -n 20 "$log" >&2
  echo "could not install$missing: lab tests and the demo need them (apt-get install$missing)" >&2
  exit 1
fi
telethon || apt-get -q -y --no-install-recommends install python3-telethon >"$log" 2>&1 || echo 'could not install python3-telethon: one test is left out' >&2
