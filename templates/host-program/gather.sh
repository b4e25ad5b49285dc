# Reads of the host, batched: PATHS, UNITS and PACKAGES list what the steps look at. All three commands run at once.
# S[path]=kind|mode|user|group|size|mtime|'path' -> 'target'   U[unit.Property]   PK[package]=installed|...   PV[package]=version
gather_paths() {
  S=(); (( ${#PATHS[@]} )) || return 0
  local line
  while IFS= read -r line; do S[${line%%|*}]=${line#*|}; done < <(stat -c '%n|%F|%a|%U|%G|%s|%Y|%N' -- "${PATHS[@]}" 2>/dev/null)
}
read_units() {
  local key value id=
  while IFS='=' read -r key value; do
    [[ $key = Id ]] && id=$value
    [[ $key ]] && U[$id.$key]=$value
  done
}
# Where systemd looks for units, and where it notes each one that runs. It takes two milliseconds to say of a unit that there is none, so those are not asked for.
UNIT_PLACES=(/{etc,run}/systemd/system{,.control,.attached} /run/systemd/{transient,generator,generator.early,generator.late} /{usr/local/lib,usr/lib,lib}/systemd/system)
has_unit() { # unit: a file, an init script, or it runs without either; other kinds may need no file at all
  local place; [[ $1 = *.@(service|socket|timer) && $1 != *@* ]] || return 0
  for place in "${UNIT_PLACES[@]}"; do [[ -e $ROOT_$place/$1 || -L $ROOT_$place/$1 ]] && return; done
  [[ -e $ROOT_/etc/init.d/${1%.service} || -L $ROOT_/run/systemd/units/invocation:$1 ]]
}
# choose_units UNIT... -> ASKED, those that are there; of the others U says what systemd would say
choose_units() {
  local unit; ASKED=()
  for unit; do
    U[$unit.UnitFileState]=; unset "U[$unit.LoadState]" "U[$unit.ActiveState]" "U[$unit.SubState]" "U[$unit.NeedDaemonReload]"
    if has_unit "$unit"; then ASKED+=("$unit"); else U[$unit.LoadState]=not-found U[$unit.ActiveState]=inactive U[$unit.SubState]=dead U[$unit.NeedDaemonReload]=no; fi
  done
}
show_units() { systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload -- "${ASKED[@]}" 2>/dev/null; }
gather_units() { local -a ASKED; choose_units "$@"; (( ${#ASKED[@]} == 0 )) || read_units < <(show_units); } # unit...: these anew
read_packages() { local name state version; while read -r name state version; do PK[$name]=$state PV[$name]=$version; done; }
show_packages() { dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' -- "${PACKAGES[@]}" 2>/dev/null; }
gather_packages() { PK=() PV=(); (( ${#PACKAGES[@]} )) || return 0; read_packages < <(show_packages); }
gather() {
  local units packages; local -a ASKED
  U=() PK=() PV=(); choose_units ${UNITS[@]+"${UNITS[@]}"}
  (( ${#ASKED[@]} )) && exec {units}< <(show_units)
  (( ${#PACKAGES[@]} )) && exec {packages}< <(show_packages)
  gather_paths
  if (( ${#ASKED[@]} )); then read_units <&"$units"; exec {units}<&-; fi
  if (( ${#PACKAGES[@]} )); then read_packages <&"$packages"; exec {packages}<&-; fi
}

# look PATH -> KIND MODE_ USER_ GROUP_ SIZE MTIME TARGET; false when there is nothing
look() {
  local entry=${S[$1]-}; [[ $entry ]] || return 1
  local IFS='|'; set -f; local -a field=($entry)
  KIND=${field[0]} MODE_=${field[1]} USER_=${field[2]} GROUP_=${field[3]} SIZE=${field[4]} MTIME=${field[5]} TARGET=
  [[ $KIND = 'symbolic link' ]] && { TARGET=${field[6]#*"' -> '"}; TARGET=${TARGET%\'}; }
  return 0
}
read_text() { TEXT=; [[ -f $1 && -r $1 ]] && IFS= read -r -d '' TEXT <"$1"; return 0; }

# The port on which sshd took this connection: sudo drops the variable, so the processes above are asked. -> SSH_PEER SSH_LOCAL SSH_PORT
read_ssh_port() {
  SSH_PORT= SSH_PEER= SSH_LOCAL=
  local pid=$PPID line value=${SSH_CONNECTION-} depth=0
  while [[ -z $value && $pid -gt 1 && $depth -lt 12 ]]; do
    while IFS= read -r -d '' line; do [[ $line = SSH_CONNECTION=* ]] && value=${line#*=}; done 2>/dev/null <"/proc/$pid/environ"
    read -r line 2>/dev/null <"/proc/$pid/stat" || break
    line=${line##*) }; line=${line#* }; pid=${line%% *}; (( depth++ ))
  done
  local -a part; read -ra part <<<"$value"
  SSH_PEER=${part[0]-} SSH_LOCAL=${part[2]-} SSH_PORT=${part[3]-}
  [[ $SSH_PORT =~ ^[0-9]+$ ]] || SSH_PORT=
}

read_release() { RELEASE_NOW=; look /opt/fleet/current && RELEASE_NOW=${TARGET##*/}; return 0; }
facts() {
  local line key value; declare -gA OS=(); MEMORY_FREE_MB=0
  while IFS='=' read -r key value; do value=${value#[\"\']}; OS[$key]=${value%[\"\']}; done 2>/dev/null </etc/os-release
  local memory=0 swap=0 cores=0 kernel= boot= instance= machine= name=
  while read -r key value line; do case $key in MemTotal:) memory=$value;; MemAvailable:) MEMORY_FREE_MB=$(( value / 1024 ));; SwapTotal:) swap=$value;; esac; done </proc/meminfo
  MEMORY_MB=$(( memory / 1024 )) SWAP_MB=$(( swap / 1024 ))
  while IFS= read -r line; do [[ $line = processor* ]] && (( cores++ )); done </proc/cpuinfo
  read -r kernel </proc/sys/kernel/osrelease; read -r boot </proc/sys/kernel/random/boot_id
  read -r name </proc/sys/kernel/hostname
  [[ -r /etc/machine-id ]] && read -r machine </etc/machine-id
  [[ -r /run/fleet-boot/instance-id ]] && read -r instance </run/fleet-boot/instance-id
  case ${HOSTTYPE:-} in x86_64) ARCH=x64;; aarch64) ARCH=arm64;; *) ARCH=${HOSTTYPE:-unknown};; esac
  read_ssh_port; read_release
  now
  line="{\"t\":\"facts\",\"timeMs\":$(( NOW / 1000 )),\"cores\":$cores,\"memoryBytes\":$(( memory * 1024 )),\"swapBytes\":$(( swap * 1024 )),\"sshPort\":${SSH_PORT:-null}"
  for key in os:"${OS[ID]-}" osVersion:"${OS[VERSION_ID]-}" osName:"${OS[PRETTY_NAME]-}" arch:"$ARCH" kernel:"$kernel" hostname:"$name" \
    machineId:"$machine" bootId:"$boot" instanceId:"$instance" release:"$RELEASE_NOW"; do
    json "${key#*:}"; line+=",\"${key%%:*}\":$J"
  done
  out "$line}"
}
