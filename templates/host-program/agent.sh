# The switch to a release. A release whose agent does not come up is taken back.
want_agent() {
  look /opt/fleet/current && [[ $TARGET = "releases/$RELEASE" ]] || todo "switch to release $RELEASE${RELEASE_NOW:+ (now $RELEASE_NOW)}"
  owed reload || [[ ${U[fleet-agent.service.NeedDaemonReload]-} = yes || ${U[fleet-hold.service.NeedDaemonReload]-} = yes ]] && todo 'reload systemd'
  want_running fleet-hold.service; want_running fleet-agent.service
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
# Starting the agent starts the hold before it. Both have to be enabled for the next boot and be up now.
start_agent() {
  [[ ${U[fleet-hold.service.UnitFileState]-} = enabled && ${U[fleet-agent.service.UnitFileState]-} = enabled ]] || systemctl enable -q fleet-hold.service fleet-agent.service
  systemctl restart fleet-agent.service && agent_answers && systemctl is-active -q fleet-hold.service && systemctl is-active -q fleet-agent.service
}
put_agent() {
  local before=; [[ -L /opt/fleet/current ]] && before=$(readlink /opt/fleet/current) before=${before##*/}
  owe restart.fleet-agent.service; switch_to "$RELEASE" || { last_lines 1; fail host-step "cannot switch /opt/fleet/current: $LAST" 'is the file system full or mounted read-only?'; return; }
  if owed reload || [[ ${U[fleet-agent.service.LoadState]-} != loaded || ${U[fleet-agent.service.NeedDaemonReload]-} = yes ]]; then reload_systemd || return; settle reload; fi
  if start_agent; then
    settle restart.fleet-agent.service; settle restart.fleet-hold.service
    [[ $before && $before != "$RELEASE" ]] && ln -sfnT "releases/$before" /opt/fleet/previous
    prune_releases; return 0
  fi
  unit_reason fleet-agent.service; local why=${LAST:-no journal}
  roll_back "$before"
  fail host-step "the agent of release $RELEASE did not come up: $why" "$ROLLED; see journalctl -u fleet-agent -u fleet-hold on the host"
}
roll_back() { # former release: also its units, as they came with it
  local unit former=/opt/fleet/releases/$1
  if [[ -z $1 || $1 = "$RELEASE" || ! -d $former ]]; then systemctl stop fleet-agent.service; ROLLED='there was no other release to go back to'; [[ $1 ]] || rm -f /opt/fleet/current; return; fi
  set +f; for unit in "$former"/units/*; do [[ -f $unit ]] && cp -- "$unit" "/etc/systemd/system/${unit##*/}" && chmod 644 "/etc/systemd/system/${unit##*/}"; done; set -f
  switch_to "$1"; systemctl daemon-reload
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
