# What an operator's own profile adds: users, and checks that only look.
want_login() { # name home|'' shell group...
  local name=$1 home=$2 shell=$3 user x uid gid gecos h s group found=; shift 3
  while IFS=: read -r user x uid gid gecos h s; do [[ $user = "$name" ]] && { found=1; break; }; done </etc/passwd
  if [[ ! $found ]]; then todo "create user $name${*:+ in $*}"; return; fi
  [[ -z $home || $h = "$home" ]] || warn "the home of $name is $h and stays there: the profile says $home"
  [[ $s = "$shell" ]] || todo "set shell of $name to $shell (now $s)"
  for group; do member "$name" "$gid" "$group" || todo "add $name to group $group"; done
}
member() { # name gid group: by the group's list or as the user's own
  local group x gid list
  while IFS=: read -r group x gid list; do [[ $group = "$3" ]] && { [[ $gid = "$2" || ,$list, = *",$1,"* ]]; return; }; done </etc/group
  return 1
}
put_login() { # name system|'' home|'' shell group...
  local name=$1 kind=$2 home=$3 shell=$4 group before; local -a how=(--shell "$4"); shift 4
  for group; do getent group "$group" >/dev/null || { fail host-step "there is no group $group for the user $name" 'correct users in the profile, or install the package that makes the group first'; return; }; done
  if ! getent passwd "$name" >/dev/null; then
    [[ $kind ]] && how+=(--system --no-create-home) || how+=(--create-home)
    [[ $home ]] && how+=(--home-dir "$home")
    getent group "$name" >/dev/null && how+=(--no-user-group --gid "$name") || how+=(--user-group)
    useradd "${how[@]}" -- "$name" && remember login "$name" || { last_lines 1; fail host-step "cannot create the user $name: $LAST" 'correct users in the profile'; return; }
  fi
  before=$(getent passwd "$name"); before=${before##*:}
  [[ $before = "$shell" ]] || { remember shell "$name" "$before"; usermod --shell "$shell" -- "$name"; } || { last_lines 1; fail host-step "cannot change the user $name: $LAST" 'correct users in the profile'; return; }
  for group; do
    member "$name" "$(id -g -- "$name")" "$group" || { remember member "$name:$group"; usermod --append --groups "$group" -- "$name"; } || { last_lines 1; fail host-step "cannot add $name to $group: $LAST" 'correct users in the profile'; return; }
  done
}

OWN_CHECK_SECONDS=30
own_check() { # title command hint must|should
  local said code
  said=$(timeout -k 2 "$OWN_CHECK_SECONDS" bash -c "$2" 2>&1 3>&- 4>&- 9>&- </dev/null); code=$?
  (( code )) || return 0
  (( code == 124 )) && said="it did not end within $OWN_CHECK_SECONDS s"
  said=${said:0:300}; said="$1: ${said:-exit code $code}"
  # What is about to be installed cannot be asked for yet.
  if [[ $4 = should || ( $MODE = check && $N_PENDING -gt 0 ) ]]; then warn "${said//$'\n'/; } ($3)"; return; fi
  fail host-step "${said//$'\n'/; }" "$3"
}

# A host on which fleet is at work obeys one ledger; what another one would change is a take-over, and has to be said.
AUTHORITY=/var/lib/fleet/authority.json
# The host knows the name under which it was made ready: another one is a second name for the same machine, a copy of its disk, or a new name.
want_own_name() { # fleet name [former name]
  read_text /etc/fleet/host.json; [[ $TEXT =~ \"fleet\":[[:space:]]*\"([^\"]{1,128})\" && ${BASH_REMATCH[1]} = "$1" ]] || return 0
  [[ $TEXT =~ \"host\":[[:space:]]*\"([^\"]{1,128})\" ]] || return 0
  local theirs=${BASH_REMATCH[1]}; [[ $theirs = "$2" || ( ${3-} && $theirs = "$3" ) ]] && return 0
  fail host-foreign "this machine is the host $theirs of this fleet already: nothing was changed" "when you renamed it in the inventory: fleet hosts rename $theirs $2; when both names are there, take one out; when its disk is a copy of the other's: uninstall fleet there first, by its own ledger, or reinstall it"
}
want_own_ledger() {
  [[ $LEDGER ]] && look /opt/fleet/current || return 0
  read_text "$AUTHORITY"; [[ $TEXT =~ \"id\":[[:space:]]*\"([^\"]{1,128})\" && ${BASH_REMATCH[1]} != "$LEDGER" ]] || return 0
  local id=${BASH_REMATCH[1]} theirs=; read_text /etc/fleet/host.json; [[ $TEXT =~ \"fleet\":[[:space:]]*\"([^\"]{1,128})\" ]] && theirs=" of the fleet ${BASH_REMATCH[1]}"
  fail host-foreign "this host obeys another ledger$theirs ($id): nothing was changed" 'use the inventory and the ledger of that fleet; when that ledger is lost: fleet adopt rebuilds it; when it is out of use: fleet hosts take-over HOST'
}
