# What counts after a boot: files that are read after fleet's, or win over them, and say otherwise. They are the operator's: named, and not fought.
ROOT_=
# files_after PATH DIRECTORY... -> AFTER, the files of these directories, by name, that are read after PATH; the same name counts in the first directory only.
# Without a fork: it is asked at every check.
files_after() {
  local path name dir i own=${1##*/}; local -A seen=(); local -a names=() all; AFTER=(); shift
  for dir; do
    set +f; all=("$ROOT_$dir"/*.conf); set -f
    for path in "${all[@]}"; do
      name=${path##*/}; [[ $name > $own && ! ${seen[$name]-} && -e $path ]] || continue
      seen[$name]=$path
      for (( i = ${#names[@]}; i > 0; i-- )); do [[ ${names[i-1]} > $name ]] || break; names[i]=${names[i-1]}; done
      names[i]=$name
    done
  done
  for name in ${names[@]+"${names[@]}"}; do AFTER+=("${seen[$name]}"); done
}
# later_settings PATTERN FILE... -> LATER[key]="value<tab>file:line", the last one counts; `key = value` with the name in BASH_REMATCH[1].
later_settings() {
  local pattern=$1 file line n; local -a word; declare -gA LATER=(); shift
  for file; do
    n=0
    while IFS= read -r line || [[ $line ]]; do
      (( n++ )); [[ $line =~ $pattern ]] || continue
      read -ra word <<<"${BASH_REMATCH[2]}"; LATER[${BASH_REMATCH[1]}]="${word[*]}"$'\t'"${file#"$ROOT_"}:$n"
    done 2>/dev/null <"$file"
  done
}
# Kernel settings, in the order of systemd-sysctl. A name may have / for . and may be a pattern.
SYSCTL_DIRS=(/etc/sysctl.d /run/sysctl.d /usr/local/lib/sysctl.d /usr/lib/sysctl.d /lib/sysctl.d)
read_later_sysctls() { # path of fleet's file -> WINS[key]="value<tab>file:line"
  local -a AFTER; local key name; declare -gA WINS=()
  files_after "$1" "${SYSCTL_DIRS[@]}"; (( ${#AFTER[@]} )) || return 0
  later_settings '^[[:space:]]*-?[[:space:]]*([A-Za-z0-9_./*-]+)[[:space:]]*=(.*)$' "${AFTER[@]}"
  for name in "${!LATER[@]}"; do
    for key in "${!SYSCTL[@]}"; do
      [[ $key = ${name//\//.} && ${LATER[$name]%%$'\t'*} != "${SYSCTL[$key]}" ]] && WINS[$key]=${LATER[$name]}
    done
  done
}
wins() { warn "$1 = ${2%%$'\t'*} in ${2#*$'\t'} wins over $3 at the next boot: take the line out there, or the setting out of the profile"; } # name value<tab>place ours
# Limits of PAM: the last line for the same who, kind and item.
want_last_limits() { # path name value
  local -a AFTER; files_after "$1" /etc/security/limits.d; (( ${#AFTER[@]} )) || return 0
  local file line n; local -a word
  for file in "${AFTER[@]}"; do
    n=0
    while IFS= read -r line || [[ $line ]]; do
      (( n++ )); read -ra word <<<"${line%%#*}"
      [[ ( ${word[0]-} = '*' || ${word[0]-} = root ) && ${word[2]-} = "$2" && ${word[3]-} && ${word[3]} != "$3" ]] && { wins "$2" "${word[3]}"$'\t'"${file#"$ROOT_"}:$n" "$1"; return; }
    done 2>/dev/null <"$file"
  done
  return 0
}
# Drop-ins of systemd's daemons and of fail2ban.
want_last_word() { # path: F_TEXT has fleet's
  local path=$1 dir=${1%/*} key line pattern='^[[:space:]]*([A-Za-z]+)[[:space:]]*=(.*)$'; local -a AFTER=() word; local -A ours=()
  case $path in
    /etc/systemd/*.conf.d/*.conf) files_after "$path" "$dir" "/run/systemd/${dir##*/}" "/usr/local/lib/systemd/${dir##*/}" "/usr/lib/systemd/${dir##*/}";;
    /etc/fail2ban/jail.d/*.conf) jail_files "$path"; want_jail; return;;
    *) return;;
  esac
  (( ${#AFTER[@]} )) || return 0
  while IFS= read -r line; do [[ $line =~ $pattern ]] && { read -ra word <<<"${BASH_REMATCH[2]}"; ours[${BASH_REMATCH[1]}]="${word[*]}"; }; done <<<"${F_TEXT[$path]}"
  later_settings "$pattern" "${AFTER[@]}"
  for key in "${!ours[@]}"; do [[ ${LATER[$key]+there} && ${LATER[$key]%%$'\t'*} != "${ours[$key]}" ]] && wins "$key" "${LATER[$key]}" "$path"; done
  return 0
}
# fail2ban reads jail.d/*.conf, then jail.local, then jail.d/*.local.
jail_files() { # path -> AFTER
  files_after "$1" "${1%/*}"
  [[ -e $ROOT_/etc/fail2ban/jail.local ]] && AFTER+=("$ROOT_/etc/fail2ban/jail.local")
  set +f; local -a own=("$ROOT_${1%/*}"/*.local); set -f; [[ -e ${own[0]} ]] && AFTER+=("${own[@]}"); return 0
}
want_jail() { # the jail of sshd in AFTER: whether it is still on
  local file line section n last=
  for file in "${AFTER[@]}"; do
    section= n=0
    while IFS= read -r line || [[ $line ]]; do
      (( n++ ))
      if [[ $line =~ ^\[([^]]+)\] ]]; then section=${BASH_REMATCH[1]}; continue; fi
      [[ $section = sshd && $line =~ ^[[:space:]]*enabled[[:space:]]*=[[:space:]]*([^[:space:]]*) ]] && last=${BASH_REMATCH[1]}$'\t'${file#"$ROOT_"}:$n
    done 2>/dev/null <"$file"
  done
  [[ ! $last || ${last%%$'\t'*} =~ ^(true|1|yes|on)$ ]] || warn "fail2ban does not look after SSH here: enabled = ${last%%$'\t'*} in ${last#*$'\t'}"
}
