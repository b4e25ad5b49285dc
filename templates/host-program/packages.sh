# Debian packages. Others may hold apt's locks: wait, say by whom, give up after APT_WAIT seconds.
APT_WAIT=600
apt_options=(-q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o APT::Install-Recommends=false -o Acquire::Retries=2
  -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 -o Acquire::Languages=none -o Dpkg::Use-Pty=0)
apt_holder() { # -> HOLDER: who has one of apt's locks
  HOLDER=
  local -A inode=(); local n path num x kind mode access pid dev rest comm
  while read -r n path; do inode[$n]=$path; done < <(stat -c '%i %n' /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock /var/cache/apt/archives/lock 2>/dev/null)
  while read -r num kind mode access pid dev rest; do
    [[ $num != *: || $kind = '->' ]] && continue
    n=${dev##*:}; [[ ${inode[$n]-} && $pid -gt 0 ]] || continue
    comm=unknown; read -r comm 2>/dev/null <"/proc/$pid/comm"; HOLDER="$comm (pid $pid)"; return 0
  done </proc/locks
  return 1
}
wait_for_apt() {
  local said= until=$(( SECONDS + APT_WAIT ))
  while apt_holder; do
    [[ $said = "$HOLDER" ]] || { note "waits for apt's lock, held by $HOLDER"; said=$HOLDER; }
    (( SECONDS < until )) || { fail host-step "apt is locked by $HOLDER" "wait until it has ended, or end it, then run fleet init again"; return 1; }
    sleep 1
  done
}
# Daemons that a package starts must not hold the program's channel or lock.
apt_get() { DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l UCF_FORCE_CONFFOLD=1 apt-get -y "${apt_options[@]}" "$@" 3>&- 9>&- </dev/null; }
apt_hint() {
  case $1 in
    *'is expired (invalid since'*) HINT="the host's clock is ahead, or its mirror no longer follows: set the clock (timedatectl), or change the mirror, then run fleet init again";;
    *'not valid yet'*) HINT="the host's clock is off: set it, then run fleet init again";;
    *'Temporary failure resolving'* | *'Could not resolve'* | *'Could not connect'* | *'Unable to connect'* | *'Failed to fetch'* | *'Network is unreachable'* | *'Connection timed out'* | *'is not signed'* | *'does not have a Release file'*) HINT='the host cannot reach its package mirrors: check /etc/apt/sources.list*, DNS and the route out';;
    *'Unable to locate package'* | *'has no installation candidate'*) HINT="the host's package sources lack it: check /etc/apt/sources.list* and the profile";;
    *'not enough free space'* | *'No space left'*) HINT='free some space, then run fleet init again';;
    *) HINT='run apt-get install on the host to see why, then run fleet init again';;
  esac
}
STALE_INDEX=
apt_failed() { last_lines 4; apt_hint "$STALE_INDEX $LAST"; fail host-step "$1: $LAST" "$HINT"; }

# missing_packages NAME... -> MISSING. ufw and another firewall shut each other out.
missing_packages() {
  local name; MISSING=(); other_firewall
  for name; do [[ ${PK[$name]-} = installed || ( $name = ufw && $OTHER_FIREWALL ) ]] || MISSING+=("$name"); done
}
want_packages() {
  local name; local -a MISSING; missing_packages "$@"
  for name in ${MISSING[@]+"${MISSING[@]}"}; do todo "install $name"; done
  # Before anything is changed apt itself says what it would do; where it has no index yet, it cannot.
  [[ $MODE = check && ${#MISSING[@]} -gt 0 ]] && has_index && { simulate install "${MISSING[@]}" || return; }
  [[ ${PK[*]-} = *half-* || ${PK[*]-} = *unpacked* || ${PK[*]-} = *triggers-* ]] && todo 'finish what dpkg left half configured'
}
has_index() { look /var/cache/apt/pkgcache.bin && (( $(ls /var/lib/apt/lists | wc -l) > 3 )); }
# simulate ARGUMENT... -> COMING, what would be installed: refuses what would remove, set back or change a held package. What apt finds no way for it says itself, later.
simulate() {
  local verb name old new rest said; local -a gone=() back=() held=(); COMING=()
  said=$(apt-get -s "${apt_options[@]}" -o Debug::NoLocking=true "$@" 2>&1 </dev/null) || { [[ $MODE = check ]] && warn "apt finds no way to do it: $(sed -n 's/^E: //p' <<<"$said" | head -n 2 | tr '\n' ' ')"; }
  while read -r verb name old new rest; do
    case $verb in
      Remv | Purg) gone+=("$name");;
      Inst) COMING+=("${name%%:*}"); [[ $old = \[*\] ]] && dpkg --compare-versions "${new#(}" lt "${old//[][]/}" && back+=("$name (${old//[][]/} to ${new#(})");;
    esac
  done <<<"$said"
  if [[ $said = *'held packages will be changed'* ]]; then read -ra held < <(sed -n '/held packages will be changed:/{n;p}' <<<"$said")
  elif [[ $said = *'held broken packages'* ]]; then mapfile -t held < <(apt-mark showhold); fi
  local hint='install or remove by hand what has to go, or leave the package out of the profile; apt has changed nothing'
  if (( ${#gone[@]} )); then joined "${gone[@]}"; fail host-step "apt would remove $J" "$hint"
  elif (( ${#back[@]} )); then joined "${back[@]}"; fail host-step "apt would set back $J" "$hint"
  elif (( ${#held[@]} )); then joined "${held[@]}"; fail host-step "apt cannot do it with packages that are held: $J" "let them go (apt-mark unhold), or leave the package out of the profile; apt has changed nothing"; fi
}
repair_dpkg() {
  local -a left=(); set +f; left=(/var/lib/dpkg/updates/[0-9]*); set -f; HALF=
  [[ -e ${left[0]} || $(dpkg --audit 2>/dev/null) ]] || return 0
  note 'finishes what dpkg left half configured'; HALF=1
  DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confdef --force-confold 3>&- 9>&- </dev/null
}
# By itself apt takes a dead mirror for a success.
apt_update() { apt_get -o APT::Update::Error-Mode=any update; }
refresh_index() { # when older than an hour
  local path age=0
  for path in /var/lib/apt/lists/partial /var/lib/apt/lists; do look "$path" && (( MTIME > age )) && age=$MTIME; done
  has_index && (( EPOCHSECONDS - age < 3600 && EPOCHSECONDS >= age )) && return 0
  apt_update || { last_lines 1; [[ $LAST = *lock* ]] && wait_for_apt && apt_update; } || { last_lines 5; STALE_INDEX=$LAST; note "apt-get update failed, goes on with the index there is: $LAST"; }
}
installed_packages() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p'; }
put_packages() {
  local -a MISSING; local name; missing_packages "$@"
  wait_for_apt || return
  repair_dpkg; refresh_index
  # What it could not configure for want of other packages. Never at the price of a package that is there.
  [[ $HALF && $(dpkg --audit 2>/dev/null) ]] && apt_get --no-remove --fix-broken install
  if (( ${#MISSING[@]} )); then
    simulate install "${MISSING[@]}" || return
    local before; before=" $(installed_packages | tr '\n' ' ') "
    [[ -w /usr ]] || { fail host-space "/usr is mounted read-only: ${MISSING[*]} cannot be installed" 'mount it writable (mount -o remount,rw /usr), then run fleet init again'; return; }
    apt_get --no-remove install "${MISSING[@]}" || { repair_dpkg; wait_for_apt && [[ ! $STALE_INDEX ]] && apt_get update; apt_get --no-remove install -f "${MISSING[@]}"; } || { apt_failed "cannot install ${MISSING[*]}"; return; }
    for name in "${MISSING[@]}"; do remember package "$name"; done
    # What somebody else installs meanwhile is not fleet's.
    for name in "${COMING[@]}"; do [[ $before = *" $name "* ]] || remember dependency "$name"; done
  fi
}
# A new kernel is a package of another name: plain "upgrade" would keep its security update back for ever.
ALL_UPGRADES=(upgrade --with-new-pkgs) upgrade=("${ALL_UPGRADES[@]}") SECURITY=()
# security_packages NAME... -> SECURITY: those that have a security update among the versions newer than theirs, also where the newest one comes from elsewhere.
security_packages() {
  local line name= newer=; SECURITY=()
  while IFS= read -r line; do
    case $line in
      [!\ ]*:) name=${line%:} newer=1;;
      ' *** '*) newer=;;
      '        '*-security/*) [[ $newer ]] && { SECURITY+=("$name"); newer=; };;
    esac
  done < <(apt-cache policy "$@" 2>/dev/null)
}
# SECURITY_ONLY: what those need comes with them.
choose_upgrade() {
  local -a names; [[ ${SECURITY_ONLY-} ]] || return 0
  mapfile -t names < <(apt-get -s "${apt_options[@]}" -o Debug::NoLocking=true "${ALL_UPGRADES[@]}" 2>/dev/null | sed -n 's/^Inst \([^ ]*\) \[.*/\1/p')
  upgrade=(); (( ${#names[@]} )) || return 0
  security_packages "${names[@]}"
  (( ${#SECURITY[@]} )) && upgrade=(install --only-upgrade "${SECURITY[@]}")
  return 0
}
want_upgrade() {
  local verb name old rest; local -a renewed=() new=()
  choose_upgrade; (( ${#upgrade[@]} )) || return 0
  while read -r verb name old rest; do
    [[ $verb = Inst ]] || continue
    if [[ $old = \[*\] ]]; then renewed+=("$name"); else new+=("$name"); fi
  done < <(apt-get -s "${apt_options[@]}" -o Debug::NoLocking=true "${upgrade[@]}" 2>/dev/null)
  (( ${#renewed[@]} + ${#new[@]} )) || return 0
  (( ${#renewed[@]} )) && todo "upgrade ${#renewed[@]} packages"
  (( ${#new[@]} )) && { joined "${new[@]}"; todo "install what their new versions need: $J"; }
  [[ $MODE = apply ]] || simulate "${upgrade[@]}"
}
put_upgrade() {
  wait_for_apt && simulate "${upgrade[@]}" || return
  # By name, apt would take them for packages that somebody has asked for.
  local -a automatic=(); [[ ${SECURITY_ONLY-} ]] && mapfile -t automatic < <(apt-mark showauto "${SECURITY[@]}" 2>/dev/null)
  apt_get --no-remove "${upgrade[@]}" || { apt_failed 'cannot upgrade the packages'; return; }
  (( ${#automatic[@]} == 0 )) || apt-mark -qq auto "${automatic[@]}"
}
want_patch() {
  if [[ $MODE = apply && ! ${PATCH_BEGAN-} ]]; then
    PATCH_BEGAN=1 LOG=$T/log.index
    { wait_for_apt && repair_dpkg; refresh_index; } >"$LOG" 2>&1
    [[ $FAIL_CODE ]] && return
  fi
  want_upgrade
  wants_reboot && warn "$REBOOT_WANTED"
  return 0
}
# The newest installed kernel is not the one that runs, or a package said so. No kernel of its own: a container.
wants_reboot() {
  [[ -e /run/reboot-required ]] && return 0
  local -a kernels=(); set +f; kernels=(/boot/vmlinuz-*); set -f
  [[ -e ${kernels[0]} && -e /boot/vmlinuz-$(uname -r) ]] || return 1
  [[ $(printf '%s\n' "${kernels[@]#/boot/vmlinuz-}" | sort -V | tail -n 1) != "$(uname -r)" ]]
}
