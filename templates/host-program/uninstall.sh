# fleet uninstall: undoes what init remembered in its manifest. Every part can be repeated after a death of the program.
# Without that record it takes back nothing: by their names alone, files may be anybody's.
NOTHING=
want_record() {
  [[ -s $STATE/manifest ]] && return
  NOTHING=1
  fleet_is_here && { fail host-step "fleet is installed here, but its record $STATE/manifest is gone: nothing was removed" 'run fleet init, which writes it again, then fleet uninstall again'; return; }
  warn "there is no record of fleet on this host ($STATE/manifest): nothing was removed"
}
tombstones() { local -a all; set +f; all=(/var/lib/fleet/claims/*.claim); set -f; N=0; [[ -e ${all[0]} ]] && N=${#all[@]}; (( N )); }

# Accounts that this host owns, or may own -> HELD
read_held() {
  local node=/opt/fleet/current/runtime/bin/node said
  HELD=$(systemctl list-units --all --plain --no-legend --state=active,activating,deactivating,reloading 'fleet-account@*' 2>/dev/null | sed 's/ .*//' | tr '\n' ' ')
  [[ $HELD ]] && return 0
  tombstones || return 0
  said=$(printf '{"format":1,"acts":[{"act":"survey"}]}\n' | /opt/fleet/current/bin/fleet-host | "$node" -e '
    const reply = JSON.parse(require("node:fs").readFileSync(0, "utf8").trim().split("\n").at(-1));
    const gone = ({ claim, claimFault }) => claimFault === null && (claim === null || claim.state === "released" || claim.state === "revoked");
    const held = reply.result.survey.accounts.filter((a) => !gone(a) || a.processes > 0);
    console.log("held", held.map((a) => `${a.claim ? a.claim.account : a.keyId} (${a.claimFault ?? a.claim?.state ?? a.unit})`).join(", "));') || said=
  if [[ $said != held* ]]; then fail claim-refused 'there are claims that nobody can read' 'run fleet init, then fleet uninstall again'; return 1; fi
  HELD=${said#held}; HELD=${HELD# }
}
# Once nothing is owned and `current` is gone, nothing can be granted here any more: the helper is not found.
want_unclaimed() {
  [[ -e $STATE/uninstalling && ! -e /opt/fleet/current ]] && return
  [[ -L /opt/fleet/current || -e /opt/fleet/releases || ( $NOTHING && -e $STATE ) ]] || return
  read_held || return
  [[ -z $HELD ]] || { fail claim-refused "this host owns accounts: $HELD" 'move them away or remove them first (fleet accounts remove), then run fleet uninstall again'; return; }
  [[ $NOTHING ]] || todo 'close the host for accounts'
}
put_unclaimed() {
  mkdir -p /var/lib/fleet/locks; exec 8>>/var/lib/fleet/locks/authority.act
  flock -w 60 8 || { fail claim-refused 'an act on an account is under way' 'wait until it has ended, then run fleet uninstall again'; return; }
  read_held && [[ -z $HELD ]] || { fail claim-refused "this host owns accounts: $HELD" 'move them away or remove them first, then run fleet uninstall again'; return; }
  : >"$STATE/uninstalling"; rm -f /opt/fleet/current; exec 8>&-
}

fleet_units() { # -> OWN, unit files of the record with what belongs to them
  local entry path; local -a ENTRIES MAN; OWN=(); read_manifest; entries file; set +f
  for entry in "${ENTRIES[@]}"; do
    path=${entry%%$'\t'*}
    case $path in
      /etc/systemd/system/fleet-account@.service) OWN+=("$path" /etc/systemd/system/fleet-account@[0-9a-f]*.service.d /etc/systemd/system/*.wants/fleet-account@[0-9a-f]*.service);;
      *) if is_own_unit "$path"; then OWN+=("$path" /etc/systemd/system/*.wants/"${path##*/}"); fi;;
    esac
  done
  set -f
}
unit_is_ours() { remembered file "/etc/systemd/system/$1" || { [[ -s $STATE/manifest ]] && ! remembered form 2; }; }
want_no_units() {
  [[ $NOTHING ]] && return
  local path count=0; local -a OWN; fleet_units
  for path in "${OWN[@]}"; do [[ -e $path || -L $path ]] && (( count++ )); done
  (( count )) && todo "stop and remove fleet's units"
  for path in fleet-agent.service fleet-hold.service fleet-quota.service; do unit_is_ours "$path" && [[ ${U[$path.ActiveState]-} = active ]] && todo "stop $path"; done
  return 0
}
put_no_units() {
  local path former entry; local -a OWN ENTRIES MAN; systemctl stop fleet-agent.service fleet-quota.service 'fleet-login@*'
  fleet_units; rm -rf -- "${OWN[@]}"
  read_manifest; entries file
  for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; is_own_unit "$path" && [[ $former != - ]] && { take_back "$path" "$former" || return; }; done
  reload_systemd || return
  # Without its file the unit no longer refuses to be stopped by hand.
  systemctl stop fleet-hold.service; systemctl reset-failed fleet-agent.service fleet-hold.service fleet-quota.service 'fleet-account@*'
  # The packet filter for accounts (bin/fleet-egress).
  command -v nft >/dev/null && nft delete table inet fleet 2>/dev/null; return 0
}
is_own_unit() { [[ " ${OWN_UNITS[*]/#//etc/systemd/system/} " = *" $1 "* ]]; }
# What goes in a step of its own: units first, what keeps accounts from running here last.
goes_elsewhere() { is_own_unit "$1" || [[ $1 = /opt/fleet/* || $1 = /var/lib/fleet/* ]]; }
take_back() { # path former|-
  if changed_since "$1"; then
    local stamp; TZ=UTC printf -v stamp '%(%Y%m%dT%H%M%SZ)T' -1
    mkdir -p -- "$BACKUPS${1%/*}" && cp -a -- "$1" "$BACKUPS$1.$stamp" || { fail host-step "cannot keep a copy of $1" 'free some space in /var/backups'; return; }
    note "kept $1, which somebody has changed since fleet init, as $BACKUPS$1.$stamp"
  fi
  if [[ $2 = - ]]; then rm -f -- "$1"
  elif [[ -e $2 || -L $2 ]]; then
    cp -a -- "$2" "$1.fleet-new" && mv -fT -- "$1.fleet-new" "$1" && rm -f -- "$2" || { last_lines 1; rm -f -- "$1.fleet-new"; fail host-step "cannot put back $1: $LAST" "it is kept as $2"; }
  fi
}

want_former() {
  [[ $NOTHING ]] && return
  local entry path former i; local -a ENTRIES; read_manifest
  entries firewall; (( ${#ENTRIES[@]} )) && ufw_enabled && todo 'switch the firewall off'
  entries ufw-rule; for entry in "${ENTRIES[@]}"; do has_ufw_rule "${entry%%$'\t'*}" && todo "remove the firewall's rule ${entry%%$'\t'*}"; done
  entries started; for entry in "${ENTRIES[@]}"; do [[ $(systemctl is-active "${entry%%$'\t'*}") =~ ^(active|failed)$ ]] && todo "stop ${entry%%$'\t'*}"; done
  entries enabled; for entry in "${ENTRIES[@]}"; do [[ $(systemctl is-enabled "${entry%%$'\t'*}") = enabled ]] && todo "disable ${entry%%$'\t'*}"; done
  entries file
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"; goes_elsewhere "$path" && continue
    if [[ $former = - ]]; then [[ -e $path || -L $path ]] && todo "remove $path"; else [[ -e $former || -L $former ]] && todo "put back $path"; fi
  done
  entries mode; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; [[ ! -e $path || $(stat -c '%a %U:%G' -- "$path") = "$former" ]] || todo "set mode and owner of $path to $former again"; done
  entries link; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; [[ $(readlink -- "$path") = "$former" ]] || todo "point $path to $former again"; done
  entries login; for entry in "${ENTRIES[@]}"; do getent passwd "${entry%%$'\t'*}" >/dev/null && todo "remove the user ${entry%%$'\t'*}"; done
  entries member; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; [[ " $(id -Gn "${path%:*}" 2>/dev/null) " = *" ${path#*:} "* ]] && todo "take ${path%:*} out of group ${path#*:}"; done
  entries shell; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; getent passwd "$path" >/dev/null && [[ ! $(getent passwd "$path") =~ :"$former"$ ]] && todo "set shell of $path to $former again"; done
  entries sysctl
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"; read_setting "$path" || continue
    [[ $VALUE = "$former" || ! -w /proc/sys/${path//.//} ]] || todo "set $path to $former again (now $VALUE)"
  done
}
ufw_enabled() { read_text "$UFW/ufw.conf"; [[ $TEXT = *$'\nENABLED=yes'* ]]; }
put_former() {
  local entry path former changed=; local -a ENTRIES; read_manifest
  entries firewall; (( ${#ENTRIES[@]} )) && ufw_enabled && ufw --force disable
  entries ufw-rule; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; has_ufw_rule "$path" && ufw --force delete allow $path; done
  entries started; for entry in "${ENTRIES[@]}"; do systemctl stop "${entry%%$'\t'*}"; systemctl reset-failed "${entry%%$'\t'*}"; done
  entries enabled; for entry in "${ENTRIES[@]}"; do systemctl disable -q "${entry%%$'\t'*}"; done
  entries file
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"; goes_elsewhere "$path" || take_back "$path" "$former" || return
  done
  entries mode; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; [[ -e $path ]] && chown "${former#* }" "$path" && chmod "${former% *}" "$path"; done
  entries link; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; ln -sfnT -- "$former" "$path.fleet-new" && mv -fT -- "$path.fleet-new" "$path"; done
  entries sysctl; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; printf '%s\n' "$former" 2>/dev/null >"/proc/sys/${path//.//}"; done
  entries member; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; gpasswd -d "${path%:*}" "${path#*:}"; done
  entries shell; for entry in "${ENTRIES[@]}"; do IFS=$'\t' read -r path former <<<"$entry"; usermod --shell "$former" -- "$path"; done
  entries login
  for entry in "${ENTRIES[@]}"; do
    path=${entry%%$'\t'*}; former=$(getent passwd "$path" | cut -d: -f6); userdel -- "$path" || continue
    [[ -d $former ]] && note "the home of $path stays: $former"
  done
  systemctl daemon-reload
  entries restart; for entry in "${ENTRIES[@]}"; do systemctl try-restart "${entry%%$'\t'*}"; done
  return 0
}

own_packages() { # kinds -> NAMES, those that are still installed
  local kind entry; local -a ENTRIES all=(); read_manifest; NAMES=()
  for kind; do entries "$kind"; for entry in "${ENTRIES[@]}"; do all+=("${entry%%$'\t'*}"); done; done
  (( ${#all[@]} )) && mapfile -t NAMES < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' -- "${all[@]}" 2>/dev/null | sed -n '/^not-installed/!s/^[a-z-]* //p' | sort -u)
  return 0
}
want_no_packages() {
  [[ $NOTHING ]] && return
  local -a NAMES
  if [[ $PURGE ]]; then own_packages package dependency; (( ${#NAMES[@]} )) && todo "purge ${#NAMES[@]} packages: ${NAMES[*]}"; return; fi
  own_packages package; (( ${#NAMES[@]} )) && warn "packages that fleet installed stay: ${NAMES[*]}"
}
put_no_packages() {
  local -a NAMES; own_packages package dependency; local others line name
  wait_for_apt || return
  while read -r line name others; do
    [[ $line = Purg || $line = Remv ]] && [[ " ${NAMES[*]} " != *" ${name%%:*} "* ]] && { fail host-step "purging would also remove $name, which fleet did not install" 'leave out --purge-packages'; return; }
  done < <(apt-get -s -o Debug::NoLocking=true purge "${NAMES[@]}" 2>/dev/null)
  apt_get purge "${NAMES[@]}" || apt_failed 'cannot purge the packages'
}

# What tombstones need stays with them, in the record as well.
stays() { [[ $KEEP_CLAIMS ]] && tombstones && [[ $1 = /var/lib/fleet/claims || $1 = "$STATE" || $1 = /var/lib/fleet/authority.json || $1 = /var/lib/fleet ]]; }
want_no_traces() {
  [[ $NOTHING ]] && return
  local entry path kind; local -a ENTRIES; read_manifest
  if [[ $KEEP_CLAIMS ]] && tombstones; then
    warn "$N tombstones of accounts stay in /var/lib/fleet/claims: they keep an old copy of an account from running here. Take the host out of the inventory or run fleet init again; --forget-claims removes them"
  fi
  for kind in tree file; do
    entries "$kind"
    for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; stays "$path" || [[ ! -e $path && ! -L $path ]] || [[ $kind = file && $path != /*/fleet/* ]] || todo "remove $path"; done
  done
  entries user; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; is_service_user "$path" && todo "remove the user $path"; done
  return 0
}
put_no_traces() {
  local entry path former kind; local -a ENTRIES left; read_manifest
  entries file
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"
    if is_own_unit "$path" || ! goes_elsewhere "$path"; then continue; fi
    rm -f -- "$path".{spare,old,new}; stays "$path" || take_back "$path" "$former" || return
  done
  entries tree; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; stays "$path" || [[ $path = "$STATE" ]] || rm -rf -- "$path"; done
  # Logs of accounts; in other directories only what the record names goes.
  remembered directory /var/log/fleet && rm -rf /var/log/fleet
  entries user
  for entry in "${ENTRIES[@]}"; do
    path=${entry%%$'\t'*}; passwd_of "$path" || continue
    is_service_user "$path" || { note "the user $path is not as fleet made it and stays"; continue; }
    userdel "$path" || { last_lines 1; fail host-step "cannot remove the user $path: $LAST" 'does a process of it still run?'; return; }
  done
  if [[ -d $BACKUPS ]]; then
    find "$BACKUPS" -depth -type d -empty -delete
    [[ -d $BACKUPS ]] && note "copies of files that were changed between runs of fleet init stay in $BACKUPS"
  fi
  # The record goes last: with it, everything above can be repeated.
  entries directory
  if stays "$STATE"; then
    chown root:root /var/lib/fleet/claims; chmod 755 /var/lib/fleet/claims
    find "$STATE" -mindepth 1 ! -name manifest -delete
    printf '%s\t-\n' form$'\t'2 directory$'\t'/var/lib/fleet tree$'\t'/var/lib/fleet/claims tree$'\t'"$STATE" file$'\t'/var/lib/fleet/authority.json >"$STATE/manifest.new" && mv -fT -- "$STATE/manifest.new" "$STATE/manifest"
  else rm -rf -- "$STATE"; fi
  for entry in "${ENTRIES[@]}"; do
    path=${entry%%$'\t'*}; [[ -d $path ]] && ! stays "$path" || continue
    rmdir --ignore-fail-on-non-empty -- "$path"; [[ -d $path && " ${OWN_PLACES[*]} " = *" $path "* ]] || continue
    mapfile -t left < <(ls -A "$path"); joined "${left[@]:0:6}"; note "$path stays, it holds what fleet did not make: $J"
  done
  rm -f "$RUN/lock/fleet-init.lock"
}
