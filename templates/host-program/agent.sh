# The switch to a release. A release whose agent does not come up is taken back.
want_agent() {
  look /opt/fleet/current && [[ $TARGET = "releases/$RELEASE" ]] || todo "switch to release $RELEASE${RELEASE_NOW:+ (now $RELEASE_NOW)}"
  owed reload || [[ ${U[fleet-agent.service.NeedDaemonReload]-} = yes || ${U[fleet-hold.service.NeedDaemonReload]-} = yes ]] && todo 'reload systemd'
  # Nobody enables the watch on disks: it comes and goes with the agent.
  want_running fleet-hold.service; want_running fleet-agent.service; want_running fleet-quota.service
}
agent_answers() { # asks until it answers, 20 s at most
  /opt/fleet/current/runtime/bin/node -e '
    const http = require("node:http"), end = Date.now() + 20000;
    (function ask() {
      const again = () => (Date.now() < end ? setTimeout(ask, 100) : process.exit(1));
      const q = http.get({ socketPath: process.argv[1], path: "/sample", timeout: 3000 }, (r) => { r.resume(); r.statusCode === 200 ? process.exit(0) : again(); });
      q.on("error", again); q.on("timeout", () => q.destroy());
    })();' "$AGENT_SOCKET"
}
switch_to() { ln -sfnT "releases/$1" /opt/fleet/current.fleet-new && mv -fT /opt/fleet/current.fleet-new /opt/fleet/current; }
# Starting the agent starts the hold before it. Both have to be enabled for the next boot and be up now. The watch comes with it, and is waited for: on a slow host it is still on its way.
start_agent() {
  systemctl restart fleet-agent.service && agent_answers || return
  systemctl start -q fleet-quota.service 2>/dev/null; gather_units fleet-{hold,agent,quota}.service
  [[ ${U[fleet-hold.service.ActiveState]-} = active && ${U[fleet-agent.service.ActiveState]-} = active && ${U[fleet-quota.service.ActiveState]-} != failed ]]
}
put_agent() {
  local before=; [[ -L /opt/fleet/current ]] && before=$(readlink /opt/fleet/current) before=${before##*/}
  owe restart.fleet-agent.service; switch_to "$RELEASE" || { last_lines 1; fail host-step "cannot switch /opt/fleet/current: $LAST" 'is the file system full or mounted read-only?'; return; }
  gather_units fleet-{hold,agent}.service # a step before has changed their files
  if [[ ${U[fleet-hold.service.UnitFileState]-} != enabled || ${U[fleet-agent.service.UnitFileState]-} != enabled ]]; then enable_units fleet-hold.service fleet-agent.service || return; settle reload
  elif owed reload || [[ ${U[fleet-agent.service.LoadState]-} != loaded || ${U[fleet-agent.service.NeedDaemonReload]-} = yes ]]; then reload_systemd || return; settle reload; fi
  if start_agent; then
    settle restart.fleet-agent.service; settle restart.fleet-hold.service
    [[ $before && $before != "$RELEASE" ]] && ln -sfnT "releases/$before" /opt/fleet/previous
    prune_releases; return 0
  fi
  unit_reason fleet-agent.service; local why=${LAST:-no journal}
  roll_back "$before"
  fail host-step "the agent of release $RELEASE did not come up: $why" "$ROLLED; see journalctl -u fleet-agent -u fleet-hold on the host"
}
put_units_of() { # release directory: as they came with it
  local unit; set +f
  for unit in "$1"/units/*; do [[ -f $unit ]] && cp -- "$unit" "/etc/systemd/system/${unit##*/}" && chmod 644 "/etc/systemd/system/${unit##*/}"; done
  # Accounts of releases before open their locks themselves, and their agent is another user.
  grep -q '^StandardInput=file:' '/etc/systemd/system/fleet-account@.service' 2>/dev/null || chmod -f 755 /var/lib/fleet/claims /var/lib/fleet/locks/*.lock
  set -f
}
roll_back() { # former release: also its units, as they came with it
  local former=/opt/fleet/releases/$1
  if [[ -z $1 || $1 = "$RELEASE" || ! -d $former ]]; then systemctl stop fleet-agent.service; ROLLED='there was no other release to go back to'; [[ $1 ]] || rm -f /opt/fleet/current; return; fi
  put_units_of "$former"; switch_to "$1"; systemctl daemon-reload
  if start_agent; then settle restart.fleet-agent.service; ROLLED="rolled back to release $1, its agent answers"; else ROLLED="rolled back to release $1, whose agent does not answer either"; fi
}
# Keeps the current, the previous and the newest other release; and blobs and runtimes that one of them uses.
prune_releases() {
  local -a all; local dir kept=0 used= name; set +f
  mapfile -t all < <(ls -1t /opt/fleet/releases)
  for dir in "${all[@]}"; do
    [[ $dir = "$RELEASE" || $dir = "$(readlink /opt/fleet/previous 2>/dev/null | sed 's,.*/,,')" ]] && continue
    (( kept++ )) || continue
    rm -rf -- "/opt/fleet/releases/$dir"
  done
  find /opt/fleet/blobs -type f -links 1 -delete
  used=" $(readlink -f /opt/fleet/releases/*/runtime | tr '\n' ' ') "
  for dir in /opt/fleet/runtimes/*; do [[ $used = *" $dir "* ]] || rm -rf -- "$dir"; done
  set -f
}

# The operator's way back: `previous` becomes `current`. Afterwards both are the same, so that a second run finds nothing to do.
units_differ() { # release directory: whether an installed unit is not the one of that release
  local unit differ=1; set +f
  for unit in "$1"/units/*; do cmp -s -- "$unit" "/etc/systemd/system/${unit##*/}" || differ=0; done
  set -f; return $differ
}
want_rollback() {
  look /opt/fleet/current || { fail host-step 'fleet is not installed here' 'run fleet init'; return; }
  FROM=${TARGET##*/}
  look /opt/fleet/previous || { fail host-step "there is no release before $FROM on this host" 'to get another one, run fleet init of the fleet version that you want'; return; }
  BACK=${TARGET##*/}
  [[ -d /opt/fleet/releases/$BACK ]] || { fail host-step "release $BACK is no longer on this host" 'run fleet init of the version that you want'; return; }
  [[ $FROM = "$BACK" ]] || todo "go back from release $FROM to $BACK"
  units_differ "/opt/fleet/releases/$BACK" && todo "put back the units of release $BACK"
  want_running fleet-hold.service; want_running fleet-agent.service
}
put_rollback() {
  owe restart.fleet-agent.service
  put_units_of "/opt/fleet/releases/$BACK"; switch_to "$BACK" || { last_lines 1; fail host-step "cannot switch /opt/fleet/current: $LAST" 'is the file system full or mounted read-only?'; return; }
  if [[ ${U[fleet-hold.service.UnitFileState]-} = enabled && ${U[fleet-agent.service.UnitFileState]-} = enabled ]]; then reload_systemd || return; else enable_units fleet-hold.service fleet-agent.service || return; fi
  if start_agent; then settle restart.fleet-agent.service; settle reload; gather; facts; return 0; fi
  unit_reason fleet-agent.service; local why=${LAST:-no journal}
  roll_back "$FROM"
  fail host-step "the agent of release $BACK did not come up: $why" "$ROLLED; see journalctl -u fleet-agent -u fleet-hold on the host"
}

# Running accounts keep the worker that they started with. Names those whose worker, gate, wrapper or runtime is another one in `current`.
stale_accounts() {
  local -a running; set +f; running=(/run/fleet-accounts/*/); set -f
  [[ -d ${running[0]} ]] || return 0
  local id= pid= key value file dir now list=; local -a argv; now=$(readlink -f /opt/fleet/current)
  while IFS='=' read -r key value; do
    case $key in MainPID) pid=$value;; Id) id=${value#fleet-account@} id=${id%.service};; esac
    [[ $id && $pid ]] || { [[ $key ]] || id= pid=; continue; }
    mapfile -d '' -t argv 2>/dev/null <"/proc/$pid/cmdline"; pid=${pid}; dir=
    for file in "${argv[@]}"; do [[ $file = /opt/fleet/releases/*/lib/worker.cjs ]] && dir=${file%/lib/worker.cjs}; done
    # A worker in Python runs from a release of its own.
    file=${argv[0]-}; file=${file%/venv/bin/*}
    [[ $file = /opt/fleet/python/*/releases/* && ! $file -ef ${file%/releases/*}/current ]] && list+=",{\"keyId\":\"$id\",\"release\":\"${file##*/}\"}"
    if [[ $dir && $dir != "$now" ]]; then
      for file in lib/worker.cjs lib/gate.cjs bin/fleet-run runtime/bin/node; do
        [[ $dir/$file -ef $now/$file ]] || cmp -s -- "$dir/$file" "$now/$file" && continue
        list+=",{\"keyId\":\"$id\",\"release\":\"${dir##*/}\"}"; break
      done
    fi
    id= pid=
  done < <(systemctl show -p Id,MainPID 'fleet-account@*.service' 2>/dev/null)
  [[ $list ]] && out "{\"t\":\"stale\",\"accounts\":[${list#,}]}"
  return 0
}
