# Content comes on the same standard input when it is asked for, and is in place only after its SHA-256 was right.
ask_blob() { flush; printf '{"t":"need","sha256":"%s"}\n' "$1" >&3 2>/dev/null || LOST=1; }
# So many bytes of the operator's, however long they take; a link on which a megabyte takes 5 minutes is taken for dead.
receive() {
  local left=$1 part
  while (( left > 0 )); do part=$(( left < 1048576 ? left : 1048576 )); timeout 300 head -c "$part" <&4 || return; left=$(( left - part )); done
}
# take_blob SHA256 PATH MODE: answers come in the order of the questions: a line with the length, then so many gzip bytes
take_blob() {
  local length sum new=$2.part
  [[ $LOST ]] && { fail transfer 'the link to the operator broke' 'run fleet init again'; return; }
  if ! answer 900; then LOST=1; fail transfer 'the operator sent nothing' 'run fleet init again'; return; fi
  length=$ANSWER
  if [[ ! $length =~ ^[0-9]+$ ]]; then fail transfer "the operator has no ${2##*/}: $length" 'see the message; run fleet init again'; return; fi
  sum=$(set -o pipefail; receive "$length" | gzip -dc | tee -- "$new" | sha256sum) || sum=broken
  if [[ ${sum%% *} = "$1" ]] && chmod "$3" "$new" && touch -d @1 "$new" && mv -fT -- "$new" "$2"; then return 0; fi
  last_lines 2; rm -f -- "$new"
  case $LAST in
    *'No space left'*) fail host-space "no space left for $2" 'free some space, then run fleet init again';;
    *) fail transfer "$2 did not arrive whole${LAST:+: $LAST}" 'run fleet init again';;
  esac
}
# A file that fleet put there is whole and untouched when size, mode and the fixed time are right: hashing 120 MB each time is not worth it.
sound() { look "$1" && [[ $KIND = regular*' file' && $SIZE = "$2" && $MTIME = 1 && $MODE_ = "$3" && $USER_ = root ]]; } # path size mode

# RUNTIME[arch]="sha256 bytes directory"
want_runtime() {
  local -a it; read -ra it <<<"${RUNTIME[$ARCH]-}"
  (( ${#it[@]} )) || { fail host-unsupported "fleet has no runtime for $ARCH" 'x86-64 and arm64 hosts are supported'; return; }
  sound "${it[2]}/bin/node" "${it[1]}" 755 || todo "install the runtime ${it[2]##*/}"
}
put_runtime() {
  local -a it; read -ra it <<<"${RUNTIME[$ARCH]}"
  mkdir -p -- "${it[2]}/bin" && ask_blob "${it[0]}" && take_blob "${it[0]}" "${it[2]}/bin/node" 755 || return
  "${it[2]}/bin/node" -e 0 || { last_lines 2; fail host-unsupported "the runtime does not run here: $LAST" 'glibc 2.28 or newer is needed'; }
}

# RELEASE_FILES: "sha256 bytes mode path" each; RELEASE: its id
want_release() {
  local -a it; local entry bad=0 all=0
  look "/opt/fleet/releases/$RELEASE" || { todo "install release $RELEASE"; return; }
  for entry in "${RELEASE_FILES[@]}"; do
    read -ra it <<<"$entry"; (( all++ ))
    sound "/opt/fleet/releases/$RELEASE/${it[3]}" "${it[1]}" "${it[2]}" || (( bad++ ))
  done
  (( bad )) && todo "repair release $RELEASE ($bad of $all files differ)"
}
# Files of a tree, "sha256 bytes mode path" each; their content lies once under /opt/fleet/blobs and is linked where it is used.
fetch_blobs() { # entry...: asks for all that are not here yet, then takes them
  local entry sha bytes mode path found; local -a missing=()
  mkdir -p /opt/fleet/blobs && rm -f -- /opt/fleet/blobs/*.part || { last_lines 1; fail host-step "cannot write to /opt/fleet: $LAST" 'is the file system full or mounted read-only?'; return; }
  for entry; do
    read -r sha bytes mode path <<<"$entry"
    found=$(stat -c '%s %Y %a %U' -- "/opt/fleet/blobs/$sha.$mode" 2>/dev/null)
    [[ $found = "$bytes 1 $mode root" || " ${missing[*]-} " = *" $sha.$mode "* ]] || missing+=("$sha.$mode")
  done
  for entry in ${missing[@]+"${missing[@]}"}; do ask_blob "${entry%.*}"; done
  for entry in ${missing[@]+"${missing[@]}"}; do take_blob "${entry%.*}" "/opt/fleet/blobs/$entry" "${entry##*.}" || return; done
}
link_blobs() { # directory entry...: a new tree, whole or a failure
  local dir=$1 entry sha bytes mode path; shift
  rm -rf -- "$dir" && mkdir -p -- "$dir" || { last_lines 1; fail host-step "cannot write to $dir: $LAST" 'is the file system full or mounted read-only?'; return; }
  for entry; do
    read -r sha bytes mode path <<<"$entry"; path=$dir/$path
    mkdir -p -- "${path%/*}" && ln -- "/opt/fleet/blobs/$sha.$mode" "$path" || { last_lines 1; fail host-step "cannot make $path: $LAST" 'is the file system full?'; return; }
  done
}
put_release() {
  local new=/opt/fleet/releases/.new dir=/opt/fleet/releases/$RELEASE; local -a node
  read -ra node <<<"${RUNTIME[$ARCH]}"
  fetch_blobs "${RELEASE_FILES[@]}" && link_blobs "$new" "${RELEASE_FILES[@]}" || return
  ln -s "../../runtimes/${node[2]##*/}" "$new/runtime"
  # A damaged release of this id is moved away whole: what runs from it keeps its files open.
  [[ -e $dir ]] && { rm -rf -- "$dir.old"; mv -T -- "$dir" "$dir.old"; }
  sync -f "$new" && mv -T -- "$new" "$dir" || { last_lines 1; fail host-step "cannot finish release $RELEASE: $LAST" 'is the file system full?'; return; }
  rm -rf -- "$dir.old"
}
