# Files, links, directories, users. A file that is replaced is kept under /var/backups/fleet first.
want_file() { # path: F_TEXT, F_MODE, F_OWNER (user:group)
  local path=$1
  case ${F_TEXT[$path]} in *@BAN_ACTION@*) fill_ban_action "$path";; *@NO_REQUIRETTY@*) fill_no_requiretty "$path";; esac
  if ! look "$path"; then todo "create $path"; show_diff "$path" /dev/null; return; fi
  if [[ $KIND = directory ]]; then fail host-foreign "$path is a directory, fleet has a file there" "move it away, then run fleet init again"; return; fi
  read_text "$path"
  if [[ $KIND = 'symbolic link' || $TEXT != "${F_TEXT[$path]}" ]]; then todo "change $path"; show_diff "$path" "$path"
  elif [[ $MODE_ != "${F_MODE[$path]}" || $USER_:$GROUP_ != "${F_OWNER[$path]}" ]]; then
    todo "set mode and owner of $path to ${F_MODE[$path]} ${F_OWNER[$path]} (now $MODE_ $USER_:$GROUP_)"
  fi
}
want_files() { local path; for path; do want_file "$path"; want_last_word "$path"; done; }
show_diff() {
  [[ $DIFF && -z ${SHOWN[$1]-} ]] || return 0
  SHOWN[$1]=1
  local text path; text=$(diff -u --label "$1 (host)" --label "$1 (fleet)" -- "$2" <(printf %s "${F_TEXT[$1]}") 2>/dev/null)
  json "$1"; path=$J; json "$text"; out "{\"t\":\"diff\",\"path\":$path,\"text\":$J}"
}
keep() { # path: a copy of what is there now
  local stamp to; TZ=UTC printf -v stamp '%(%Y%m%dT%H%M%SZ)T' -1
  to=$BACKUPS$1.$stamp
  # A run that failed after this point has kept the same already.
  local -a kept; set +f; kept=("$BACKUPS$1".*); set -f
  cmp -s -- "$1" "${kept[-1]}" && [[ $(stat -c %a%u%g%F -- "$1") = "$(stat -c %a%u%g%F -- "${kept[-1]}")" ]] && { remember file "$1" "${kept[-1]}"; return 0; }
  mkdir -p -m 0700 "$BACKUPS" && mkdir -p "${to%/*}" && cp -a -- "$1" "$to" || return 1
  remember file "$1" "$to"; note "kept the former $1 as $to"
}
put_files() { local path; for path; do [[ $FAIL_CODE ]] || put_file "$path"; done; }
put_file() { # path: whole or not at all; a unit named by F_RESTART owes a restart before the file changes
  local path=$1 new=$1.fleet-new due=${F_RESTART[$1]-}; local -a P=()
  want_file "$path"; (( ${#P[@]} )) || return 0
  read_text "$path"
  # A daemon that is not installed yet reads the file when it starts for the first time.
  if [[ $TEXT != "${F_TEXT[$path]}" ]] && [[ $due = reload || ( $due && ${U[${due#restart.}.LoadState]-} = loaded ) ]]; then owe "$due" "$path"; fi
  if [[ -L $path || ( -e $path && $TEXT != "${F_TEXT[$path]}" ) ]]; then keep "$path" || { fail host-step "cannot keep a copy of $path" "free some space in /var/backups"; return; }
  elif [[ ! -e $path ]]; then remember file "$path"
  else remember_mode file "$path"; fi
  if [[ $due = restart.* && $due != restart.fleet-* ]]; then
    remember restart "${due#restart.}"
    # It comes with a package of ours: without this file it may not even run.
    [[ ${U[${due#restart.}.LoadState]-} = not-found ]] && { remember started "${due#restart.}"; remember enabled "${due#restart.}"; }
  fi
  [[ -d ${path%/*} ]] || remember directory "${path%/*}"
  { [[ -d ${path%/*} ]] || mkdir -p -- "${path%/*}"; } && printf %s "${F_TEXT[$path]}" >"$new" && chmod "${F_MODE[$path]}" "$new" && own_new "$new" "${F_OWNER[$path]}" && sound_text "$new" "$path" && mv -fT -- "$new" "$path" && { remember_text "$path"; return; }
  last_lines 1; rm -f -- "$new"; [[ $FAIL_CODE ]] && return
  fail host-step "cannot write $path${LAST:+: $LAST}" 'is the file system full, the file or its directory immutable (lsattr, lsattr -d), or mounted read-only (findmnt -T)?'
}

own_new() { [[ $2 = root:root && -O $1 && -G $1 ]] || chown "$2" "$1"; } # path user:group; root makes files of root's
# sudo-rs has no requiretty, and refuses a file that names it.
fill_no_requiretty() { local word=', !requiretty'; [[ $(sudo --version 2>/dev/null) = sudo-rs* ]] && word=; F_TEXT[$1]=${F_TEXT[$1]//@NO_REQUIRETTY@/$word}; } # path

# A broken file of these locks people out by being there: its reader looks at it before.
sound_text() { # new path
  case $2 in
    /etc/sudoers | /etc/sudoers.d/*) visudo -cf "$1" || { last_lines 3; fail host-step "visudo refuses $2, nothing was changed: ${LAST//.fleet-new/}" 'correct the file in the profile, then run fleet init again'; };;
    /etc/nftables.conf) ! command -v nft >/dev/null || nft -c -f "$1" || { last_lines 3; fail host-step "nft refuses $2, nothing was changed: ${LAST//.fleet-new/}" 'correct the file in the profile, then run fleet init again'; };;
  esac
}

want_link() { # path target
  if ! look "$1"; then todo "point $1 to $2"; elif [[ $TARGET != "$2" ]]; then todo "point $1 to $2 (now ${TARGET:-a $KIND})"; fi
}
put_link() {
  local target=
  if [[ -L $1 ]]; then remember link "$1" "$(readlink -- "$1")"; elif [[ -e $1 ]]; then keep "$1" || { fail host-step "cannot keep a copy of $1" "free some space in /var/backups"; return; }; fi
  ln -sfnT -- "$2" "$1.fleet-new" && mv -fT -- "$1.fleet-new" "$1" || { last_lines 1; fail host-step "cannot point $1 to $2: $LAST" 'is the file system mounted read-only?'; }
}
want_directory() { # path mode user:group
  if ! look "$1"; then todo "create directory $1"; return; fi
  [[ $KIND = directory ]] || { fail host-foreign "$1 is a $KIND, fleet needs a directory there" "move it away, then run fleet init again"; return; }
  [[ $MODE_ = "$2" && $USER_:$GROUP_ = "$3" ]] || todo "set mode and owner of $1 to $2 $3 (now $MODE_ $USER_:$GROUP_)"
}
put_directory() {
  if [[ ! -d $1 ]]; then remember directory "$1"; else remember_mode directory "$1"; fi
  install -d -m "$2" -o "${3%:*}" -g "${3#*:}" -- "$1" || { last_lines 1; fail host-step "cannot create $1: $LAST" 'is the file system full or mounted read-only?'; }
}

# passwd_of NAME -> UID_ HOME_ SHELL_; false where this host has no such user of its own
passwd_of() {
  local user x gid gecos
  while IFS=: read -r user x UID_ gid gecos HOME_ SHELL_; do [[ $user = "$1" ]] && return; done </etc/passwd
  return 1
}
# A user as fleet makes it: nobody logs in by it.
is_service_user() { passwd_of "$1" && [[ $HOME_ = /var/lib/fleet && $SHELL_ = */nologin ]] && (( UID_ < 1000 )); }
want_user() { # name
  if ! passwd_of "$1"; then todo "create system user $1"
  elif ! is_service_user "$1"; then fail host-foreign "the user $1 (uid $UID_, home $HOME_) is not the one that fleet makes" "rename or remove that user: fleet needs a system user $1 with the home /var/lib/fleet and no shell"; fi
}
put_user() {
  remember user "$1"
  useradd --system --user-group --home-dir /var/lib/fleet --no-create-home --shell /usr/sbin/nologin "$1" ||
    { last_lines 1; fail host-step "cannot create the user $1: $LAST" 'is /etc/passwd locked or read-only?'; }
}
# Releases before had the user `fleet`, a name that people choose. It goes once no release on this host names it any more.
FORMER_USER=fleet
former_user() { is_service_user "$FORMER_USER" && remembered user "$FORMER_USER"; }
former_places() { # -> PLACES, directories of fleet's that are there
  local -a MAN ENTRIES; local kind entry; PLACES=(); read_manifest
  for kind in tree directory; do entries "$kind"; for entry in "${ENTRIES[@]}"; do [[ -d ${entry%%$'\t'*} ]] && PLACES+=("${entry%%$'\t'*}"); done; done
}
want_no_former_user() {
  former_user || return 0
  local -a PLACES; former_places
  (( ${#PLACES[@]} )) && [[ $(find "${PLACES[@]}" -xdev -user "$FORMER_USER" -print -quit 2>/dev/null) ]] && todo "give what the former service user $FORMER_USER owns to $1"
  local release; set +f; release=$(grep -ls "^User=$FORMER_USER\$" /opt/fleet/releases/*/units/* /etc/systemd/system/fleet-agent.service); set -f
  [[ $release ]] || todo "remove the former service user $FORMER_USER"
}
put_no_former_user() { # name
  local -a PLACES; former_places
  (( ${#PLACES[@]} )) && chown -R -h --from="$FORMER_USER" "$1:$1" -- "${PLACES[@]}"
  local release; set +f; release=$(grep -ls "^User=$FORMER_USER\$" /opt/fleet/releases/*/units/* /etc/systemd/system/fleet-agent.service); set -f
  [[ $release ]] && return 0
  userdel "$FORMER_USER" && forget user "$FORMER_USER" || { last_lines 1; fail host-step "cannot remove the former service user $FORMER_USER: $LAST" "end its processes (pgrep -u $FORMER_USER) on the host, then run fleet init again"; }
}

# An act that is owed because a file changed survives the death of the program: owe, do, settle.
owe() { printf '%s\n' "${2-}" >>"$STATE/owed.$1"; } # act [because of path]
because_of() { # act -> J, the files for which it is owed
  local -a paths; mapfile -t paths < <(sort -u "$STATE/owed.$1"); J="${paths[*]}"; J=${J# }; J=${J:-its settings}
}
todo_restart() { owed "restart.$1" || return 0; because_of "restart.$1"; todo "restart $1: $J changed"; } # unit
owed() { [[ -e $STATE/owed.$1 ]]; }
settle() { rm -f -- "$STATE/owed.$1"; }
