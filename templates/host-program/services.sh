# Units. What is installed has to run.
is_enabled() { case ${U[$1.UnitFileState]-} in enabled | static | indirect | alias | generated) ;; *) return 1;; esac; } # unit
want_running() { # unit
  local unit=$1
  if [[ ${U[$unit.LoadState]-} != loaded ]]; then todo "install, enable and start $unit"; return; fi
  is_enabled "$unit" || todo "enable $unit"
  [[ ${U[$unit.ActiveState]} = active ]] || todo "start $unit (now ${U[$unit.ActiveState]})"
  [[ ${U[$unit.NeedDaemonReload]-} = yes ]] && todo "reload the changed file of $unit"
  todo_restart "$unit"
}
reload_systemd() { systemctl daemon-reload || { last_lines 1; fail host-step "systemctl daemon-reload failed: $LAST" 'run it on the host and see journalctl -b'; }; }
# Reads all unit files again as well: without that, systemd from 255 on says of every unit that it needs a reload.
enable_units() { systemctl enable -q "$@" || { last_lines 1; fail host-step "cannot enable $*: $LAST" 'run systemctl enable on the host and see journalctl -b'; }; }
# Why a unit does not run, from its journal -> LAST
unit_reason() {
  local -a lines; mapfile -t lines < <(journalctl -u "$1" -n 9 -o cat --no-pager 2>/dev/null)
  joined ${lines[@]+"${lines[@]}"}; LAST=${J:0:600}
  # What a security module forbade a moment ago is told by nobody else.
  local denied; denied=$(journalctl -b --since=-60s -g 'apparmor="DENIED"|avc: +denied' -n 1 -o cat --no-pager 2>/dev/null | tail -n 1)
  [[ $denied && $denied != '-- '* ]] && LAST+="; the system forbade: ${denied:0:200}"
}
remember_unit() {
  [[ ${U[$1.UnitFileState]-} = disabled ]] && remember enabled "$1"
  [[ ${U[$1.ActiveState]-} = active ]] || remember started "$1"
}
# A unit that only reads a file of ours: restarted where it runs.
want_restarted() { todo_restart "$1"; }
put_restarted() {
  systemctl try-restart "$1" || { unit_reason "$1"; fail host-step "$1 does not run with its changed settings: ${LAST:-no journal}" "see journalctl -u $1 on the host"; return; }
  settle "restart.$1"
}
put_running() { # unit: enabled, started or restarted when owed, and still active a moment later
  local unit=$1 i seen=
  [[ $RELEASE_NOW ]] || remember_unit "$unit" # the first run finds the host as uninstall has to leave it
  [[ ${U[$unit.NeedDaemonReload]-} = yes ]] && { reload_systemd || return; }
  # What is enabled already is not enabled again: that would be half a second of reading every unit file and init script anew.
  is_enabled "$unit" || systemctl enable -q "$unit"
  if owed "restart.$unit"; then systemctl restart "$unit"; else systemctl start "$unit"; fi
  for i in 1 2 3 4 5 6 7 8 9 10; do
    if ! systemctl is-active -q "$unit"; then seen=
    elif [[ $seen ]]; then settle "restart.$unit"; return 0
    else seen=1; fi
    sleep 0.3
  done
  unit_reason "$unit"; fail host-step "$unit does not run: ${LAST:-no journal}" "see journalctl -u $unit on the host"
}
