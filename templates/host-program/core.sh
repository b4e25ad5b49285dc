# The program that `fleet init` sends to a host (bash 5). Protocol: JSON lines on fd 3, answers and blobs on fd 4.
# A step never dies because the link did: a failed write sets LOST, and the program ends before the next step.
set -u +e
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
umask 022
exec 3>&1 4<&0 0</dev/null 1>&2
trap '' PIPE
STATE=/var/lib/fleet/init
BACKUPS=/var/backups/fleet
RUN=/run
# Who runs this program, for which command, and the id of the ledger that asks.
BY= ACT=init LEDGER=
SSH_PEER= SSH_LOCAL= SSH_PORT=
MEMORY_MB=0 MEMORY_FREE_MB=0 SWAP_MB=0
SELINUX=/sys/fs/selinux/enforce
declare -A S=() PK=() PV=() U=() BG=() BG_START=() F_TEXT=() F_MODE=() F_OWNER=() F_RESTART=() SHOWN=()
declare -a P=() W=()
BUF= LOST= STOP= HALTED= ANSWER= FAIL_CODE= FAIL_MESSAGE= FAIL_HINT= ID= LOCKED= WAITED= T= LOG=/dev/null N_CHANGED=0 N_PENDING=0

now() { NOW=${EPOCHREALTIME:-0.0}; NOW=${NOW/[.,]/}; }
now; T_BEGIN=$NOW

# json TEXT -> J, a JSON string
json() {
  J=${1//\\/\\\\}; J=${J//\"/\\\"}; J=${J//$'\n'/\\n}; J=${J//$'\t'/\\t}
  [[ $J == *[$'\001'-$'\037\177']* ]] && J=${J//[$'\001'-$'\037\177']/?}
  J="\"$J\""
}
json_list() { local item all=; for item; do json "$item"; all+=,$J; done; J="[${all#,}]"; }
joined() { local item; J=; for item; do J+="${J:+; }$item"; done; }
# Lines about steps in order are gathered and written together: each write is a packet.
out() { BUF+=$1$'\n'; (( ${#BUF} < 8192 )) || flush; }
flush() { [[ -z $BUF ]] && return 0; printf %s "$BUF" >&3 2>/dev/null || LOST=1; BUF=; }
note() { json "$1"; out "{\"t\":\"note\",\"id\":\"$ID\",\"text\":$J}"; flush; }
todo() { P+=("$1"); }
warn() { W+=("$1"); }
# fail CODE MESSAGE HINT; the first one counts
fail() { [[ $FAIL_CODE ]] && return 1; FAIL_CODE=$1 FAIL_MESSAGE=$2 FAIL_HINT=$3; return 1; }
# last_lines N -> LAST, the end of the step's log on one line
last_lines() {
  local -a lines=(); LAST=
  [[ -r $LOG && -f $LOG ]] && mapfile -t lines <"$LOG"
  local i from=$(( ${#lines[@]} - $1 )); (( from < 0 )) && from=0
  for (( i = from; i < ${#lines[@]}; i++ )); do [[ ${lines[i]} ]] && LAST+="${LAST:+; }${lines[i]%$'\r'}"; done
  LAST=${LAST:0:600}
}

# What the operator sends comes on fd 4 in the order of the questions. A line `stop` may come between two answers (Ctrl-C there): the step under way is the last one.
answer() { # seconds -> ANSWER, a line
  ANSWER=
  while IFS= read -r -t "$1" ANSWER <&4; do [[ $ANSWER = stop ]] || return 0; HALTED=1; done
  return 1
}
heed() { # between two steps nothing else can have come; the end of the link is noticed by writing
  while [[ ! $HALTED ]] && read -t 0 -u 4; do IFS= read -r -t 5 ANSWER <&4 || break; [[ $ANSWER = stop ]] && HALTED=1; done
  return 0
}

step_event() { # id state started-at; also tells warnings and, unless failed, what
  local id=$1 state=$2 extra= text; now
  if [[ $state = failed ]]; then
    json "$FAIL_CODE"; extra+=",\"code\":$J"; json "$FAIL_MESSAGE"; extra+=",\"message\":$J"; json "$FAIL_HINT"; extra+=",\"hint\":$J"
  elif (( ${#P[@]} )); then json_list "${P[@]}"; extra+=",\"what\":$J"; fi
  out "{\"t\":\"step\",\"id\":\"$id\",\"state\":\"$state\",\"ms\":$(( (NOW - $3) / 1000 ))$extra}"
  [[ $state = started ]] && return
  for text in ${W[@]+"${W[@]}"}; do json "$text"; out "{\"t\":\"warning\",\"id\":\"$id\",\"text\":$J}"; done
}

step_failed() { step_event "$1" failed "$2"; STOP=1; FAIL_CODE=; flush; }

# After an apply the check has to find nothing any more; what it still finds did not take.
conclude() { # id started-at
  local id=$1 what=(${P[@]+"${P[@]}"}); ID=$id
  if [[ ! $FAIL_CODE ]]; then
    "reads_$id" fresh; P=() W=(); "check_$id"
    if (( ${#P[@]} )) && [[ ! $FAIL_CODE ]]; then
      last_lines 3; joined "${P[@]}"; fail host-step "did not take: $J" "look on the host why, then run fleet init again${LAST:+ (last output: $LAST)}"
    fi
  fi
  P=(${what[@]+"${what[@]}"})
  if [[ $FAIL_CODE ]]; then step_failed "$id" "$2"; else step_event "$id" changed "$2"; (( N_CHANGED++ )); flush; fi
  P=() W=()
}

# One writer at a time on a host. This process holds the lock, which ends with it; the file says who that is.
LOCK_WAIT=600
begin_apply() {
  [[ $LOCKED ]] && return 0
  places_before; mkdir -p -m 0755 "$RUN/lock" "$STATE" || { fail host-step "cannot create $STATE" 'is the root file system mounted read-only?'; return 1; }
  [[ ${SSH_PEER-} ]] || read_ssh_port
  # fleet uninstall takes the file away: a lock on one that is gone counts for nothing.
  while :; do
    exec 9<>"$RUN/lock/fleet-init.lock" || { fail host-step "cannot open $RUN/lock/fleet-init.lock" 'is /run full or mounted read-only?'; return 1; }
    take_lock || return 1
    [[ $RUN/lock/fleet-init.lock -ef /proc/$$/fd/9 ]] && break
  done
  printf '%s\t%s\t%s\t%s\t%s\n' $$ "$EPOCHSECONDS" "$ACT" "${BY:-unknown}" "${SSH_PEER:-unknown}" >"$RUN/lock/fleet-init.lock"
  set +f; rm -rf "$RUN"/fleet-init.*; set -f
  T=$RUN/fleet-init.$$; mkdir -m 0700 "$T" || { fail host-step "cannot create $T" 'is /run full?'; return 1; }
  LOCKED=1; [[ $ACT = uninstall ]] || record_own
}
take_lock() { # of descriptor 9
  flock -n 9 && return
  local limit=$(( SECONDS + LOCK_WAIT )); lock_holder; note "waits up to $LOCK_WAIT s for $HOLDER"
  until flock -w 1 9; do
    heed; [[ $HALTED ]] && return 1
    (( SECONDS < limit )) && continue
    lock_holder; fail lock-held "$HOLDER is still at work on this host after $LOCK_WAIT s" "wait until it has ended, then run fleet $ACT again; if its operator is gone, end it on the host: kill ${HOLDER_PID:-PID}"; return 1
  done
  WAITED=1; note 'the other one has ended'
  [[ ! $LOST ]] || fail transfer 'the link to the operator broke' "run fleet $ACT again"
}
lock_holder() { # -> HOLDER in words, HOLDER_PID; the holder writes them right after it has taken the lock
  local since act by peer; HOLDER='another fleet command'
  IFS=$'\t' read -r HOLDER_PID since act by peer <"$RUN/lock/fleet-init.lock"
  [[ $HOLDER_PID =~ ^[0-9]+$ && $since =~ ^[0-9]+$ ]] || { HOLDER_PID=; return 0; }
  TZ=UTC printf -v since '%(%H:%M:%S)T UTC' "$since"
  HOLDER="fleet ${act:0:40} of ${by:0:120} (from ${peer:0:60}, since $since, pid $HOLDER_PID)"
}

# step ID background|'' AFTER...
step() {
  local id=$1 back=$2 dep t0; shift 2
  for dep; do [[ $STOP ]] || join "$dep"; done
  heed
  [[ $STOP || $LOST || $HALTED ]] && return
  now; t0=$NOW; ID=$id P=() W=()
  "check_$id"
  if [[ $FAIL_CODE ]]; then step_failed "$id" "$t0"; return; fi
  if (( ! ${#P[@]} )); then step_event "$id" ok "$t0"; return; fi
  if [[ $MODE = check ]]; then step_event "$id" pending "$t0"; (( N_PENDING++ )); return; fi
  begin_apply || { [[ ! $FAIL_CODE ]] || step_failed "$id" "$t0"; return; }
  if [[ $WAITED ]]; then
    # What was read before the other one worked counts no more.
    WAITED=; gather; read_release; P=() W=(); "check_$id"
    if [[ $FAIL_CODE ]]; then step_failed "$id" "$t0"; return; fi
    if (( ! ${#P[@]} )); then step_event "$id" ok "$t0"; return; fi
  fi
  step_event "$id" started "$t0"; flush
  LOG=$T/log.$id
  if [[ $back ]]; then
    ( exec 4<&-; "apply_$id" >"$LOG" 2>&1; flush
      printf 'FAIL_CODE=%q FAIL_MESSAGE=%q FAIL_HINT=%q\n' "$FAIL_CODE" "$FAIL_MESSAGE" "$FAIL_HINT" >"$T/end.$id" ) &
    BG[$id]=$! BG_START[$id]=$t0
    declare -ga "BG_WHAT_${id//-/_}=(\"\${P[@]}\")"
    return
  fi
  local -a due=("${P[@]}")
  "apply_$id" >"$LOG" 2>&1
  P=("${due[@]}")
  conclude "$id" "$t0"
}

join() { # id of a background step
  local id=$1; [[ ${BG[$id]-} ]] || return 0
  wait "${BG[$id]}"; unset "BG[$id]"
  FAIL_CODE=host-step FAIL_MESSAGE='ended without a result' FAIL_HINT='run fleet init again'
  [[ -r $T/end.$id ]] && . "$T/end.$id"
  local -n what="BG_WHAT_${id//-/_}"; P=("${what[@]}") LOG=$T/log.$id
  gather; conclude "$id" "${BG_START[$id]}"
}

finish() {
  local id stopped=$STOP line
  for id in "${!BG[@]}"; do join "$id"; done
  local failed=false halted=false; [[ $stopped || $STOP ]] && failed=true; [[ $HALTED ]] && halted=true
  [[ $LOCKED ]] && { rm -rf "$T"; : >"$RUN/lock/fleet-init.lock"; }
  read -r line </proc/$$/stat; line=${line##*) }; local -a ticks; read -ra ticks <<<"$line"
  now
  out "{\"t\":\"end\",\"failed\":$failed,\"halted\":$halted,\"changed\":$N_CHANGED,\"pending\":$N_PENDING,\"ms\":$(( (NOW - T_BEGIN) / 1000 )),\"cpuMs\":$(( (ticks[11] + ticks[12] + ticks[13] + ticks[14]) * 10 ))}"
  flush
}
