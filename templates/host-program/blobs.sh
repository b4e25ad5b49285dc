BLOBS=/opt/fleet/blobs
# Content comes on the same standard input when it is asked for, and is in place only after its SHA-256 was right.
ask_blob() { flush; printf '{"t":"need","sha256":"%s"}\n' "$1" >&3 2>/dev/null || LOST=1; }
# So many bytes of the operator's, however long they take; a link that brings less than a megabyte in 5 minutes is taken for dead. The end of `head` ends a pipe
# that this shell waits for: without a fork while all is well. Whether all came is seen by what it is: `wait` loses the status of such a process now and then.
SLOW_SECONDS=300 SLOW_BYTES=1048576
receive() {
  local over head key got before=0
  exec {over}< <(exec 8>&1; exec head -c "$1" <&4 1>&7)
  head=$!
  while :; do
    IFS= read -r -t "$SLOW_SECONDS" -u "$over"; (( $? > 128 )) || break
    got=0; read -r key got 2>/dev/null <"/proc/$head/io"
    (( got - before >= SLOW_BYTES )) || kill "$head"
    before=$got
  done
  exec {over}<&-
} 7>&1
# take_blob SHA256 PATH MODE: answers come in the order of the questions: a line with the length, then so many gzip bytes
take_blob() {
  local sum new=$2.part
  take_length "$2" || return
  sum=$(set -o pipefail; receive "$LENGTH" | gzip -dc | tee -- "$new" | sha256sum) || sum=broken
  if [[ ${sum%% *} = "$1" ]] && chmod "$3" "$new" && touch -d @1 "$new" && mv -fT -- "$new" "$2"; then return 0; fi
  rm -f -- "$new"; not_whole "$2"
}
take_length() { # path -> LENGTH of the compressed content that follows
  [[ $LOST ]] && { fail transfer 'the link to the operator broke' 'run fleet init again'; return; }
  if ! answer 900; then LOST=1; fail transfer 'the operator sent nothing' 'run fleet init again'; return; fi
  LENGTH=$ANSWER
  [[ $LENGTH =~ ^[0-9]+$ ]] || { fail transfer "the operator has no ${1##*/}: $LENGTH" 'see the message; run fleet init again'; return; }
}
not_whole() { # path
  last_lines 2
  case $LAST in
    *'No space left'*) fail host-space "no space left for $1" 'free some space, then run fleet init again';;
    *) fail transfer "$1 did not arrive whole${LAST:+: $LAST}" 'run fleet init again';;
  esac
}
# take_blobs ENTRY...: those that were asked for, "SHA256.MODE" each, into $BLOBS. What came before the link broke stays.
take_blobs() {
  local new=$BLOBS/.new entry sum name; local -a came=() whole=()
  rm -rf -- "$new" && mkdir -p -- "$new" || { last_lines 1; fail host-step "cannot write to $BLOBS: $LAST" 'is the file system full or mounted read-only?'; return; }
  for entry; do
    take_length "$entry" || break
    set -o pipefail; receive "$LENGTH" | gzip -dc >"$new/$entry" || not_whole "$BLOBS/$entry"; set +o pipefail
    [[ ! $FAIL_CODE ]] || break
    came+=("$new/$entry")
  done
  (( ${#came[@]} )) || return
  while read -r sum name; do
    entry=${name##*/}
    if [[ $sum = "${entry%.*}" ]] && chmod "${entry##*.}" "$name"; then whole+=("$name"); else not_whole "$BLOBS/$entry"; fi
  done < <(sha256sum -- "${came[@]}")
  (( ${#whole[@]} )) && { touch -d @1 "${whole[@]}" && mv -f -t "$BLOBS" -- "${whole[@]}" || not_whole "$BLOBS"; }
  rm -rf -- "$new"; [[ ! $FAIL_CODE ]]
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
  local entry sha bytes mode path i; local -a places=() missing=(); local -A found=()
  (( $# )) || return 0
  for entry; do read -r sha bytes mode path <<<"$entry"; places+=("$BLOBS/$sha.$mode"); done
  while read -r entry path; do found[${path##*/}]=$entry; done < <(stat -c '%s|%Y|%a|%U %n' -- "${places[@]}" 2>/dev/null)
  for entry; do
    read -r sha bytes mode path <<<"$entry"
    [[ ${found[$sha.$mode]-} = "$bytes|1|$mode|root" ]] || { missing+=("$sha.$mode"); found[$sha.$mode]="$bytes|1|$mode|root"; }
  done
  for entry in ${missing[@]+"${missing[@]}"}; do ask_blob "${entry%.*}"; done
  for (( i = 0; i < ${#missing[@]}; i += 32 )); do take_blobs "${missing[@]:i:32}" || return; done
}
link_blobs() { # directory entry...: a new tree, whole or a failure
  local dir=$1 entry sha bytes mode path; local -A below=(); shift
  for entry; do read -r sha bytes mode path <<<"$entry"; path=$dir/$path; below[${path%/*}]=1; done
  rm -rf -- "$dir" && mkdir -p -- "$dir" ${below[@]+"${!below[@]}"} || { last_lines 1; fail host-step "cannot write to $dir: $LAST" 'is the file system full or mounted read-only?'; return; }
  for entry; do
    read -r sha bytes mode path <<<"$entry"; path=$dir/$path
    ln -- "$BLOBS/$sha.$mode" "$path" || { last_lines 1; fail host-step "cannot make $path: $LAST" 'is the file system full?'; return; }
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
