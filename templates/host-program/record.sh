# What fleet owns on a host is a record, $STATE/manifest: "kind <tab> path <tab> what was there before, or -", in the order in which it was made.
# Kinds: form, tree (whole), file, text (SHA-256 of what fleet wrote last), directory (goes when it is empty), mode, link, user, login, member, shell, package, dependency, enabled, started,
# restart, sysctl, firewall, ufw-rule. Form 1, of releases before, named neither trees nor fleet's own files: they follow from these lists.
# Places that others may share, and what in them and elsewhere is fleet's alone.
OWN_PLACES=(/opt/fleet /etc/fleet /var/lib/fleet)
OWN_TREES=(/opt/fleet/{releases,runtimes,blobs,python} /var/lib/fleet/{claims,locks,accounts,behaviour,init}
  /var/lib/fleet-accounts /var/lib/private/fleet-accounts /var/lib/fleet-agent /run/fleet /run/fleet-boot /run/fleet-accounts /run/fleet-users /run/fleet-login)
OWN_UNITS=(fleet-agent.service fleet-hold.service fleet-quota.service fleet-account@.service fleet-credentials@.service fleet-login@.service)
OWN_FILES=(/opt/fleet/current /opt/fleet/previous /etc/fleet/host.json /var/lib/fleet/{authority,contact}.json "${OWN_UNITS[@]/#//etc/systemd/system/}")
declare -a MAN=()
read_manifest() { # -> MAN, form 1 completed
  MAN=(); [[ -s $STATE/manifest ]] || return 0
  mapfile -t MAN <"$STATE/manifest"
  remembered form 2 || { local -a more=(); own_entries more; MAN=("${more[@]}" "${MAN[@]}"); }
}
own_entries() { # array: what form 1 left out
  local -n into=$1; local path
  for path in "${OWN_PLACES[@]}"; do remembered directory "$path" || into+=("directory"$'\t'"$path"$'\t'-); done
  for path in "${OWN_TREES[@]}"; do remembered tree "$path" || into+=("tree"$'\t'"$path"$'\t'-); done
  for path in "${OWN_FILES[@]}"; do remembered file "$path" || into+=("file"$'\t'"$path"$'\t'-); done
}
entries() { # kind -> ENTRIES "path former", newest first
  local i kind path former; ENTRIES=()
  for (( i = ${#MAN[@]} - 1; i >= 0; i-- )); do
    IFS=$'\t' read -r kind path former <<<"${MAN[i]}"
    [[ $kind = "$1" ]] && ENTRIES+=("$path"$'\t'"$former")
  done
}
remembered() { # kind path
  local record=
  [[ -r $STATE/manifest ]] && IFS= read -r -d '' record <"$STATE/manifest"
  [[ $'\n'$record = *$'\n'"$1"$'\t'"$2"$'\t'* ]]
}
remember_mode() { remembered "$1" "$2" || { look "$2" && remember mode "$2" "$MODE_ $USER_:$GROUP_"; }; } # kind path: of what was there before fleet
remember() { # kind path [former]: before it is made; the first entry of a path counts
  remembered "$1" "$2" && return
  printf '%s\t%s\t%s\n' "$1" "$2" "${3:--}" >>"$STATE/manifest"
}
# What fleet wrote, so that uninstall knows a file that somebody has changed since.
remember_text() { local sum; sum=$(sha256sum <"$1"); printf 'text\t%s\t%s\n' "$1" "${sum%% *}" >>"$STATE/manifest"; } # path; the last one counts
changed_since() { # path: whether it is a file that fleet wrote and somebody else has changed
  local kind path sum now last=; [[ -f $1 && ! -L $1 ]] || return 1
  while IFS=$'\t' read -r kind path sum; do [[ $kind = text && $path = "$1" ]] && last=$sum; done <"$STATE/manifest"
  [[ $last ]] || return 1
  now=$(sha256sum <"$1"); [[ ${now%% *} != "$last" ]]
}
forget() { # kind path: what fleet itself has taken back; while no step runs in the background that adds to the record
  grep -v -P "^\Q$1\E\t\Q$2\E\t" "$STATE/manifest" >"$STATE/manifest.new"; mv -fT -- "$STATE/manifest.new" "$STATE/manifest"
}
# Whether fleet is installed here, going by what it looks like: the record may have been lost.
fleet_is_here() { [[ -L /opt/fleet/current && $(readlink /opt/fleet/current) =~ ^releases/[0-9a-f]{16}$ && -f /opt/fleet/current/lib/agent.cjs ]]; }
was_here() { remembered tree /opt/fleet/releases || remembered directory /opt/fleet/releases || fleet_is_here; }
declare -A BEFORE=()
places_before() { local path; BEFORE=(); for path in "${OWN_PLACES[@]}"; do [[ -e $path ]] && BEFORE[$path]=1; done; } # asked before $STATE is made
record_own() {
  # After an uninstall that left tombstones the record names only these.
  remembered form 2 && remembered tree /opt/fleet/releases && return
  local -a more=(); local entry here= kind path former; was_here && here=1
  own_entries more
  for entry in "${more[@]}"; do
    IFS=$'\t' read -r kind path former <<<"$entry"
    # An empty directory that was there already is not fleet's.
    [[ $kind = directory && ! $here && ${BEFORE[$path]-} ]] || remember "$kind" "$path"
  done
  remember form 2
}
# Nothing of somebody else's may be where fleet would work. Tombstones of accounts are what an uninstall leaves.
want_nothing_foreign() {
  was_here && return
  local path name; local -a found=() inside; set +f
  for path in "${OWN_PLACES[@]}"; do
    [[ ! -e $path && ! -L $path ]] && continue
    [[ -d $path && ! -L $path ]] || { found+=("$path"); continue; }
    inside=("$path"/* "$path"/.[!.]*)
    for name in "${inside[@]}"; do
      [[ -e $name || -L $name ]] || continue
      case $name in
        /var/lib/fleet/claims) [[ $(find "$name" -mindepth 1 -maxdepth 1 ! -name '[0-9a-f]*.claim*' ! -name 'announcement.json*' ! -name 'machine.json*' -print -quit) ]] && found+=("$name");;
        /var/lib/fleet/init | /var/lib/fleet/locks | /var/lib/fleet/authority.json*) ;;
        *) found+=("$name");;
      esac
    done
  done
  for path in "${OWN_TREES[@]}"; do [[ $path != */fleet/* && -e $path ]] && found+=("$path"); done
  for name in "${OWN_UNITS[@]}"; do for path in {/etc,/usr/lib,/lib}/systemd/system/"$name"; do [[ -e $path || -L $path ]] && { found+=("$path"); break; }; done; done
  set -f
  (( ${#found[@]} == 0 )) || { joined "${found[@]:0:8}"; fail host-foreign "this host holds something that is not fleet's where fleet would work: $J" 'move it away, then run fleet init again; nothing was changed'; }
}
