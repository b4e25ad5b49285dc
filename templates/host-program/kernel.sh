# Kernel settings and limits. What the kernel refuses is named, remembered, and not asked for again until the wish changes.
declare -A SYSCTL=()
read_setting() { # key -> VALUE (blanks made single); false where the kernel has no such key
  local path=/proc/sys/${1//.//} ; VALUE=
  [[ -e $path ]] || return 1
  local -a word; read -ra word 2>/dev/null <"$path" || return 1
  VALUE="${word[*]}"
}
want_sysctls() {
  local key refused= absent= fixed= ours=/etc/sysctl.d/90-fleet.conf
  read_later_sysctls "$ours"
  declare -gA NOT_TAKEN=(); local k v
  [[ -r $STATE/sysctl-refused ]] && while read -r k v; do NOT_TAKEN[$k]=$v; done <"$STATE/sysctl-refused"
  for key in "${!SYSCTL[@]}"; do
    if ! read_setting "$key"; then absent+=" $key"
    elif [[ ${WINS[$key]-} ]]; then wins "$key" "${WINS[$key]}" "$ours"
    elif [[ $VALUE = "${SYSCTL[$key]}" ]]; then continue
    elif [[ ! -w /proc/sys/${key//.//} ]]; then fixed+=" $key=$VALUE"
    elif [[ ${NOT_TAKEN[$key]-} = "${SYSCTL[$key]}" ]]; then refused+=" $key=$VALUE"
    else todo "set $key to ${SYSCTL[$key]} (now $VALUE)"; fi
  done
  [[ $absent ]] && warn "this kernel does not have:$absent"
  [[ $fixed ]] && warn "read-only here, did not take:$fixed"
  [[ $refused ]] && warn "refused by the kernel, did not take:$refused"
  return 0
}
# Settings of the network may cut the way in.
put_settings() { # file
  local key net=
  for key in "${!SYSCTL[@]}"; do [[ $key = net.* && ! ${WINS[$key]-} ]] && read_setting "$key" && [[ $VALUE != "${SYSCTL[$key]}" && -w /proc/sys/${key//.//} ]] && net+=" $key"; done
  if [[ $net ]]; then
    guard_open && undo_file "$1" || return
    for key in $net; do undo_setting "$key"; done
    guard_arm || return
  fi
  put_file "$1"; [[ $FAIL_CODE ]] || put_sysctls
  [[ $net ]] || return 0
  if [[ $FAIL_CODE ]]; then guard_revert; return 1; fi
  guard_confirm "the kernel settings$net" 'correct sysctl in the profile, then run fleet init again'
}
put_sysctls() {
  local key
  for key in "${!SYSCTL[@]}"; do
    [[ ! ${WINS[$key]-} ]] && read_setting "$key" || continue
    [[ $VALUE = "${SYSCTL[$key]}" || ! -w /proc/sys/${key//.//} ]] && continue
    remember sysctl "$key" "$VALUE"
    printf '%s\n' "${SYSCTL[$key]}" 2>/dev/null >"/proc/sys/${key//.//}"
    read_setting "$key"; [[ $VALUE = "${SYSCTL[$key]}" ]] || NOT_TAKEN[$key]=${SYSCTL[$key]}
  done
  (( ${#NOT_TAKEN[@]} )) || return 0
  for key in "${!NOT_TAKEN[@]}"; do printf '%s %s\n' "$key" "${NOT_TAKEN[$key]}"; done >"$STATE/sysctl-refused"
}
# Whether root here may raise a limit that far at all (a container's root often may not).
want_limit() { # ulimit-letter name value
  want_last_limits /etc/security/limits.d/90-fleet.conf "$2" "$3"; ulimit_now "$1"
  [[ $VALUE = unlimited ]] && return; (( VALUE >= $3 )) && return
  ( ulimit -H"$1" "$3" ) 2>/dev/null || warn "$2 stays at $VALUE instead of $3: root may not raise it on this host"
}
ulimit_now() { case $1 in n) read_limit 'Max open files';; u) read_limit 'Max processes';; esac; }
read_limit() { # name -> VALUE, the hard limit of this session; without a fork
  local line; VALUE=unlimited
  while IFS= read -r line; do
    [[ $line = "$1"* ]] || continue
    local -a word; read -ra word <<<"${line#"$1"}"; VALUE=${word[1]}; return
  done </proc/self/limits
}
