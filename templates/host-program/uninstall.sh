# fleet uninstall: undoes what init remembered in its manifest. Every part can be repeated after a death of the program.
# MAN[i]="kind path former", in the order in which init did it.
declare -a MAN=()
read_manifest() { MAN=(); [[ -r $STATE/manifest ]] && mapfile -t MAN <"$STATE/manifest"; return 0; }
entries() { # kind -> ENTRIES "path former", newest first
  local i kind path former; ENTRIES=()
  for (( i = ${#MAN[@]} - 1; i >= 0; i-- )); do
    IFS=$'\t' read -r kind path former <<<"${MAN[i]}"
    [[ $kind = "$1" ]] && ENTRIES+=("$path"$'\t'"$former")
  done
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
  [[ -L /opt/fleet/current || -e $STATE ]] || return
  read_held || return
  [[ -z $HELD ]] || { fail claim-refused "this host owns accounts: $HELD" 'move them away or remove them first (fleet accounts remove), then run fleet uninstall again'; return; }
  todo 'close the host for accounts'
}
put_unclaimed() {
  mkdir -p /var/lib/fleet/locks; exec 8>>/var/lib/fleet/locks/authority.act
  flock -w 60 8 || { fail claim-refused 'an act on an account is under way' 'wait until it has ended, then run fleet uninstall again'; return; }
  read_held && [[ -z $HELD ]] || { fail claim-refused "this host owns accounts: $HELD" 'move them away or remove them first, then run fleet uninstall again'; return; }
  : >"$STATE/uninstalling"; rm -f /opt/fleet/current; exec 8>&-
}

fleet_units() { set +f; OWN=(/etc/systemd/system/fleet-{agent,hold}.service /etc/systemd/system/fleet-revert.* /etc/systemd/system/fleet-account@*.service* /etc/systemd/system/*.wants/fleet-*); set -f; }
want_no_units() {
  local path count=0; local -a OWN; fleet_units
  for path in "${OWN[@]}"; do [[ -e $path || -L $path ]] && (( count++ )); done
  (( count )) && todo "stop and remove fleet's units"
  [[ ${U[fleet-agent.service.ActiveState]-} = active || ${U[fleet-hold.service.ActiveState]-} = active ]] && todo "stop fleet's units"
}
put_no_units() {
  local -a OWN; systemctl stop fleet-agent.service
  fleet_units; rm -rf -- "${OWN[@]}"
  reload_systemd || return
  # Without its file the unit no longer refuses to be stopped by hand.
  systemctl stop fleet-hold.service; systemctl reset-failed 'fleet-*'; return 0
}

ours() { [[ $1 = /etc/systemd/system/fleet-* || $1 = /etc/fleet/* ]]; }
want_former() {
  local entry path former i; local -a ENTRIES; read_manifest
  entries firewall; (( ${#ENTRIES[@]} )) && ufw_enabled && todo 'switch the firewall off'
  entries ufw-rule; for entry in "${ENTRIES[@]}"; do admits "${entry%%/*}" && todo "remove the firewall's rule ${entry%%$'\t'*}"; done
  entries started; for entry in "${ENTRIES[@]}"; do [[ $(systemctl is-active "${entry%%$'\t'*}") =~ ^(active|failed)$ ]] && todo "stop ${entry%%$'\t'*}"; done
  entries enabled; for entry in "${ENTRIES[@]}"; do [[ $(systemctl is-enabled "${entry%%$'\t'*}") = enabled ]] && todo "disable ${entry%%$'\t'*}"; done
  entries file
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"; ours "$path" && continue
    if [[ $former = - ]]; then [[ -e $path ]] && todo "remove $path"; else [[ -e $former || -L $former ]] && todo "put back $path"; fi
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
  entries ufw-rule; for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; admits "${path%/*}" && ufw --force delete allow "$path"; done
  entries started; for entry in "${ENTRIES[@]}"; do systemctl stop "${entry%%$'\t'*}"; systemctl reset-failed "${entry%%$'\t'*}"; done
  entries enabled; for entry in "${ENTRIES[@]}"; do systemctl disable -q "${entry%%$'\t'*}"; done
  entries file
  for entry in "${ENTRIES[@]}"; do
    IFS=$'\t' read -r path former <<<"$entry"; ours "$path" && continue
    if [[ $former = - ]]; then rm -f -- "$path"
    elif [[ -e $former || -L $former ]]; then
      cp -a -- "$former" "$path.fleet-new" && mv -fT -- "$path.fleet-new" "$path" && rm -f -- "$former" || { last_lines 1; rm -f -- "$path.fleet-new"; fail host-step "cannot put back $path: $LAST" "it is kept as $former"; return; }
    fi
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

PLACES_OF_OURS=(/opt/fleet /etc/fleet /var/log/fleet /var/lib/fleet-accounts /var/lib/private/fleet-accounts /run/fleet /run/fleet-boot /run/fleet-accounts)
want_no_traces() {
  local path
  for path in "${PLACES_OF_OURS[@]}"; do [[ -e $path ]] && todo "remove $path"; done
  if [[ $KEEP_CLAIMS ]] && tombstones; then
    warn "$N tombstones of accounts stay in /var/lib/fleet/claims: they keep an old copy of an account from running here. Take the host out of the inventory or run fleet init again; --forget-claims removes them"
    [[ -e /var/lib/fleet/init || -e /var/lib/fleet/locks ]] && todo 'remove what else is in /var/lib/fleet'
  else [[ -e /var/lib/fleet ]] && todo 'remove /var/lib/fleet'; fi
  while IFS=: read -r path _; do [[ $path = fleet ]] && todo 'remove the user fleet'; done </etc/passwd
}
put_no_traces() {
  local entry path; local -a ENTRIES; read_manifest
  rm -rf -- "${PLACES_OF_OURS[@]}"
  entries directory
  for entry in "${ENTRIES[@]}"; do path=${entry%%$'\t'*}; [[ $path = /var/lib/fleet* || ! -d $path ]] || rmdir --ignore-fail-on-non-empty -- "$path"; done
  if [[ -d $BACKUPS ]]; then
    find "$BACKUPS" -depth -type d -empty -delete
    [[ -d $BACKUPS ]] && note "copies of files that were changed between runs of fleet init stay in $BACKUPS"
  fi
  getent passwd fleet >/dev/null && { userdel fleet || { last_lines 1; fail host-step "cannot remove the user fleet: $LAST" 'does a process of it still run?'; return; }; }
  # The manifest goes last: with it, everything above can be repeated.
  if [[ $KEEP_CLAIMS ]] && tombstones; then find /var/lib/fleet -mindepth 1 -maxdepth 1 ! -name claims ! -name authority.json ! -name init -exec rm -rf {} +; rm -rf /var/lib/fleet/init
  else find /var/lib/fleet -mindepth 1 -maxdepth 1 ! -name init -exec rm -rf {} +; rm -rf /var/lib/fleet; fi
  rm -f "$RUN/lock/fleet-init.lock"
}
