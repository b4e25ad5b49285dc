# Changes that may cut the way in. What undoes them is on disk first, and a timer that a reboot does not forget runs it after GUARD_SECONDS.
# A fresh connection confirms by renaming `armed`; the undoing renames it, too: whoever comes first has decided.
GUARD_SECONDS=45
UNITS_OF_GUARD=/etc/systemd/system
declare -a UNDO=()
undo() { local text; printf -v text '%q ' "$@"; UNDO+=("$text"); }
guard_open() {
  UNDO=(); rm -rf -- "$STATE/guard"
  mkdir -p -m 0700 "$STATE/guard" || { fail host-step "cannot create $STATE/guard" 'is the file system full or mounted read-only?'; return; }
}
undo_file() { # path: as it is now, or gone
  local copy=$STATE/guard/file.${#UNDO[@]}
  if [[ ! -e $1 && ! -L $1 ]]; then undo rm -f -- "$1"; return 0; fi
  cp -a -- "$1" "$copy" || { fail host-step "cannot keep a copy of $1" 'free some space in /var'; return; }
  undo cp -a -- "$copy" "$1.fleet-new"; undo mv -fT -- "$1.fleet-new" "$1"
}
undo_setting() { read_setting "$1" && undo bash -c 'printf "%s\n" "$2" >"$1"' set "/proc/sys/${1//.//}" "$VALUE"; return 0; } # sysctl key
undo_settings_of() { # text of a file for sysctl
  local line; while IFS= read -r line; do line=${line#-}; [[ $line =~ ^[[:space:]]*([a-z0-9_./-]+)[[:space:]]*= ]] && undo_setting "${BASH_REMATCH[1]//\//.}"; done <<<"$1"
}
# Units of a name that systemd does not know yet need no reload to be started; guard_close reloads once.
guard_arm() {
  local unit=$UNITS_OF_GUARD/fleet-revert
  printf '%s\n' "cd '$STATE/guard' || exit 0" "export PATH=$PATH" 'mv -T armed reverting 2>/dev/null || [[ -e reverting ]] || exit 0' "${UNDO[@]}" \
    'mv -T reverting reverted' >"$STATE/guard/undo" &&
    printf '%s\n' '[Unit]' 'Description=fleet takes back a change that nobody confirmed' '[Service]' 'Type=oneshot' "ExecStart=/bin/bash $STATE/guard/undo" >"$unit.service" &&
    printf '%s\n' '[Timer]' "OnActiveSec=$GUARD_SECONDS" 'AccuracySec=1s' '[Install]' 'WantedBy=timers.target' >"$unit.timer" &&
    : >"$STATE/guard/armed" && mkdir -p "$UNITS_OF_GUARD/timers.target.wants" && ln -sfnT "$unit.timer" "$UNITS_OF_GUARD/timers.target.wants/fleet-revert.timer" &&
    systemctl start fleet-revert.timer && sync -f "$STATE/guard" "$UNITS_OF_GUARD" && return
  last_lines 1; guard_close
  fail host-step "cannot arm the timer that would take the change back: $LAST" 'nothing was changed; see systemctl status on the host'
}
guard_close() {
  systemctl stop fleet-revert.timer 2>/dev/null
  rm -f -- "$UNITS_OF_GUARD"/fleet-revert.{timer,service} "$UNITS_OF_GUARD/timers.target.wants/fleet-revert.timer"
  rm -rf -- "$STATE/guard"; systemctl daemon-reload; systemctl reset-failed fleet-revert.service 2>/dev/null; return 0
}
guard_revert() { # -> REVERTED, in words
  systemctl start fleet-revert.service || bash "$STATE/guard/undo"
  if [[ -e $STATE/guard/reverted ]]; then REVERTED='the change was taken back'; guard_close; else REVERTED="the change could not be taken back whole: see $STATE/guard/undo on the host"; fi
}
guard_confirm() { # what hint
  flush; printf '{"t":"confirm","id":"%s","seconds":%d}\n' "$ID" "$GUARD_SECONDS" >&3 2>/dev/null || LOST=1
  answer $(( GUARD_SECONDS - 5 ))
  if [[ -e $STATE/guard/confirmed ]]; then guard_close; return 0; fi
  guard_revert
  fail host-step "with $1, no fresh SSH connection came through${ANSWER:+: $ANSWER}" "$REVERTED; $2"
}
# What a run left behind that died before its change was confirmed.
settle_guard() {
  [[ -d $STATE/guard ]] || return 0
  if [[ $MODE = check ]]; then
    [[ -e $STATE/guard/armed ]] && { json 'a change that nobody confirmed yet is about to be taken back'; out "{\"t\":\"warning\",\"id\":\"guard\",\"text\":$J}"; }
    return 0
  fi
  ID=guard; now; begin_apply || { step_failed guard "$NOW"; return; }
  if [[ -e $STATE/guard/armed || -e $STATE/guard/reverting ]]; then guard_revert; note "an earlier run was cut off before it could confirm its change: $REVERTED"; else guard_close; fi
}

# The ports of a socket unit come from sshd's settings, too, where systemd listens for sshd (Ubuntu 24.04).
RESTART_SSH='systemctl daemon-reload; if systemctl is-active -q ssh.socket; then systemctl stop ssh.service; systemctl restart ssh.socket; else systemctl restart ssh.service; fi'
restart_guarded() { # unit run|try
  case $1 in
    '') return 0;;
    ssh.service | sshd.service) bash -c "$RESTART_SSH";;
    *) [[ $2 = try ]] || is_enabled "$1" || systemctl enable -q "$1"; if [[ $2 = run ]]; then systemctl restart "$1"; else systemctl try-restart "$1"; fi;;
  esac || { unit_reason "$1"; fail host-step "$1 does not run with its changed settings: ${LAST:-no journal}" "see journalctl -u $1 on the host"; }
}
undo_unit() { # unit: running and enabled as now
  case $1 in
    '') return 0;;
    ssh.service | sshd.service) undo bash -c "$RESTART_SSH"; return 0;;
  esac
  if systemctl is-active -q "$1"; then undo systemctl restart "$1"; else undo systemctl stop "$1"; fi
  systemctl is-enabled -q "$1" 2>/dev/null || undo systemctl disable -q "$1"
  return 0
}
want_guarded() { # unit path...
  local unit=$1; shift; want_files "$@"
  [[ $unit ]] && todo_restart "$unit"
}
put_guarded() { # unit|'' run|try path...
  local unit=$1 how=$2 path; shift 2
  guard_open || return
  for path; do undo_file "$path" || return; [[ $path = /etc/sysctl* ]] && undo_settings_of "${F_TEXT[$path]}"; done
  undo_unit "$unit"; guard_arm || return
  put_files "$@"
  [[ $FAIL_CODE ]] || all_sound "$@"
  [[ $FAIL_CODE ]] || { [[ $how = run && ! $RELEASE_NOW ]] && remember_unit "$unit"; restart_guarded "$unit" "$how"; }
  [[ $unit ]] && settle "restart.$unit"
  if [[ $FAIL_CODE ]]; then guard_revert; FAIL_HINT="$REVERTED; $FAIL_HINT"; return 1; fi
  guard_confirm "${*}" 'correct it in the profile or in the inventory, then run fleet init again'
}
# Settings that are read together with others are asked about in their place, before anything is restarted.
all_sound() {
  local path
  for path; do
    case $path in
      /etc/ssh/sshd_config*) sshd -t || { last_lines 2; fail host-step "sshd refuses $path: $LAST" 'correct the file in the profile, then run fleet init again'; };;
      /etc/sudoers*) visudo -c || { last_lines 2; fail host-step "visudo refuses $path: $LAST" 'correct the file in the profile, then run fleet init again'; };;
    esac
  done
}
put_running_guarded() { # unit
  guard_open || return
  undo_unit "$1"; guard_arm || return
  put_running "$1"
  if [[ $FAIL_CODE ]]; then guard_revert; FAIL_HINT="$REVERTED; $FAIL_HINT"; return 1; fi
  guard_confirm "$1 running" "see systemctl status $1 and its settings on the host"
}
