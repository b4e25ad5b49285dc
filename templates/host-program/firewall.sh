# ufw, with the ports on which this host's sshd really listens. A firewall that is in use is the operator's: it is kept as it is.
UFW=/etc/ufw UFW_DEFAULTS=/etc/default/ufw
sshd_ports() { # -> PORTS: of this connection, of sshd's settings, of its socket unit
  local key value list=" $SSH_PORT "
  while read -r key value; do [[ $key = port && $list != *" $value "* ]] && list+="$value "; done < <(sshd -T 2>/dev/null)
  while read -r value; do value=${value##*:}; [[ $value =~ ^[0-9]+$ && $list != *" $value "* ]] && list+="$value "; done < <(systemctl show -p Listen --value ssh.socket 2>/dev/null | sed 's/ (Stream)//')
  PORTS=($list)
}

# The service that keeps another firewall, now or from the next boot on -> OTHER_FIREWALL. Their packages and ufw shut each other out, or flush each other's rules.
FIREWALL_SERVICES=(firewalld nftables netfilter-persistent shorewall shorewall6 ferm csf arno-iptables-firewall)
other_firewall() {
  local name; OTHER_FIREWALL=
  for name in "${FIREWALL_SERVICES[@]}"; do
    [[ ${U[$name.service.UnitFileState]-} = enabled* || ${U[$name.service.ActiveState]-} = active ]] && { OTHER_FIREWALL=$name; return; }
  done
  return 1
}
# Rules for what comes in that somebody made by hand or by a script. Those of programs that look after their own do not count.
MANAGED_CHAINS='-j (ufw6?-|f2b-|LIBVIRT_INP|ts-input|KUBE-|cali-|CILIUM|DOCKER|sshguard|crowdsec|CROWDSEC)'
rules_by_hand() {
  local tool line table= input=
  for tool in iptables ip6tables; do
    command -v "$tool" >/dev/null || continue
    while IFS= read -r line; do [[ $line = '-P INPUT ACCEPT' || $line =~ $MANAGED_CHAINS ]] || return 0; done < <("$tool" -S INPUT 2>/dev/null)
  done
  command -v nft >/dev/null || return 1
  while read -r line; do
    case $line in
      'table '*) table=${line#table } table=${table% \{};;
      *'hook input'*) input=1; [[ $line = *'policy drop'* && $table != ip*' filter' && $table != *' f2b-'* ]] && return 0;;
      '}' | 'chain '*) input=;;
      ?*) [[ $input && $table != ip*' filter' && $table != *' f2b-'* && $table != *' crowdsec'* && $table != *' tailscale'* ]] && return 0;;
    esac
  done < <(nft list ruleset 2>/dev/null)
  return 1
}

# group_words ADDRESS -> G, its groups of 16 bits: two of IPv4, eight of IPv6; false for anything else
group_words() {
  local address=${1%%\%*} part; local -a head tail=(); G=()
  if [[ $address =~ ^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})$ ]]; then
    G=($(( BASH_REMATCH[1] * 256 + BASH_REMATCH[2] )) $(( BASH_REMATCH[3] * 256 + BASH_REMATCH[4] ))); return
  fi
  [[ $address =~ ^[0-9a-fA-F:]+$ && $address = *:* ]] || return 1
  IFS=: read -ra head <<<"${address%%::*}"
  [[ $address = *::* ]] && IFS=: read -ra tail <<<"${address#*::}"
  for part in ${head[@]+"${head[@]}"}; do G+=($(( 16#${part:-0} ))); done
  while (( ${#G[@]} + ${#tail[@]} < 8 )); do G+=(0); done
  for part in ${tail[@]+"${tail[@]}"}; do G+=($(( 16#${part:-0} ))); done
}
within() { # address network: "address", "address/bits" or "address/mask"
  local bits=${2#*/} i n; local -a a b mask=()
  group_words "$1" || return 1; a=("${G[@]}")
  group_words "${2%%/*}" || return 1; b=("${G[@]}")
  (( ${#a[@]} == ${#b[@]} )) || return 1
  [[ $2 = */* ]] || bits=$(( ${#a[@]} * 16 ))
  if [[ $bits = *[.:]* ]]; then group_words "$bits" || return 1; mask=("${G[@]}"); fi
  for i in "${!a[@]}"; do
    if (( ${#mask[@]} )); then n=${mask[i]}; else n=$(( bits - 16 * i )); (( n = n < 0 ? 0 : n > 16 ? 16 : n, n = 0xffff << (16 - n) & 0xffff )); fi
    (( (a[i] & n) == (b[i] & n) )) || return 1
  done
}
names_port() { # port list: "any", or numbers and ranges with commas
  local part; local -a parts; [[ $2 = any ]] && return
  IFS=',' read -ra parts <<<"$2"
  for part in "${parts[@]}"; do (( $1 >= ${part%%:*} && $1 <= ${part##*:} )) && return; done
  return 1
}
ufw_default() { local line value=; [[ -r $UFW_DEFAULTS ]] && while IFS= read -r line; do [[ $line = "$1="* ]] && value=${line#*=}; done <"$UFW_DEFAULTS"; value=${value//[\"\']/}; VALUE=${value,,}; }
# ufw_verdict PORT -> VERDICT for a new connection of this very peer: allow, deny (RULE says by what), or none where no rule names it. The first rule that fits
# counts. NAMED: some rule admits somebody to the port.
ufw_verdict() {
  local line action proto dport dst src way file=$UFW/user.rules; local -a word
  VERDICT=none RULE= NAMED=
  if [[ $SSH_PEER = *:* ]]; then
    file=$UFW/user6.rules; ufw_default IPV6
    [[ $VALUE = no ]] && { VERDICT=deny RULE='IPV6=no in /etc/default/ufw'; return; }
  fi
  while IFS= read -r line; do
    [[ $line = '### tuple ### '* ]] || continue
    line=${line#'### tuple ### '}; read -ra word <<<"${line%% comment=*}"
    action=${word[0]%%_*} proto=${word[1]} dport=${word[2]} dst=${word[3]} src=${word[5]} way=${word[-1]}
    [[ $action = route:* || $way != in* ]] && continue
    [[ $proto = tcp || $proto = any ]] && names_port "$1" "$dport" || continue
    [[ $action = allow || $action = limit ]] && NAMED=1
    within "$SSH_PEER" "$src" || continue
    [[ $dst = 0.0.0.0/0 || $dst = ::/0 || ! ${SSH_LOCAL-} ]] || within "$SSH_LOCAL" "$dst" || continue
    [[ $way = in ]] || { peer_device; [[ $way = "in_$DEVICE" ]] || continue; }
    # A rule for one port of the other side may fit or not: it admits nobody for certain.
    [[ ${word[4]} = any || $action = deny || $action = reject ]] || continue
    RULE=$line VERDICT=deny; [[ $action = allow || $action = limit ]] && VERDICT=allow
    return
  done 2>/dev/null <"$file"
  ufw_default DEFAULT_INPUT_POLICY; [[ $VALUE = accept ]] && VERDICT=allow
  return 0
}
peer_device() { [[ ${DEVICE-} ]] || { DEVICE=$(ip -o route get "${SSH_PEER%%\%*}" 2>/dev/null); [[ $DEVICE =~ \ dev\ ([^ ]+) ]]; DEVICE=${BASH_REMATCH[1]-unknown}; }; }
# What has to be added so that this peer gets in -> OPENING, in ufw's words; narrow where the rules that are there are.
ufw_opening() { OPENING=$1/tcp; [[ ! $NAMED ]] || OPENING="from ${SSH_PEER%%\%*} to any port $1 proto tcp"; } # port

# `ufw enable` by hand sets the rules without its service.
ufw_on() {
  read_text "$UFW/ufw.conf"; [[ $TEXT = *$'\nENABLED=yes'* ]] || return 1
  [[ ${U[ufw.service.ActiveState]-} = active ]] || iptables -S ufw-user-input >/dev/null 2>&1
}
want_firewall() {
  other_firewall; [[ $SSH_PORT && $SSH_PEER ]] || { fail host-step 'cannot tell from where and on which port sshd took this connection' 'connect by SSH itself, without a wrapper that hides SSH_CONNECTION'; return; }
  if ufw_on; then
    [[ $OTHER_FIREWALL ]] && warn "ufw is on and $OTHER_FIREWALL is, too: at the next boot one of them flushes the other's rules; switch one off"
    [[ ${U[ufw.service.UnitFileState]-} = enabled ]] || warn 'ufw is on, but not enabled for the next boot: systemctl enable ufw'
    ufw_verdict "$SSH_PORT"
    [[ $VERDICT = allow ]] || warn "no rule of ufw lets $SSH_PEER in to the SSH port $SSH_PORT${RULE:+ ($RULE)}, though this connection came through; left as it is"
    return
  fi
  [[ $OTHER_FIREWALL ]] && { warn "$OTHER_FIREWALL is this host's firewall: left alone, and ufw is not installed beside it; see that it lets in nothing but SSH"; return; }
  rules_by_hand && { warn 'this host has rules of its own for what comes in (iptables -S INPUT, nft list ruleset): left alone; see that they let in nothing but SSH, and that they are there after a boot'; return; }
  ufw_verdict "$SSH_PORT"
  [[ $VERDICT != deny ]] || { fail host-step "ufw is off, and once it is on it would shut out $SSH_PEER, from where this connection comes: $RULE" "correct it on the host (ufw show added; ufw delete ...), or say firewall: false in the profile; then run fleet init again"; return; }
  local what="let in only SSH (port $SSH_PORT)"; grep -qs '^### tuple' "$UFW/user.rules" "$UFW/user6.rules" && what='with the rules that it has'
  [[ $VERDICT = allow ]] || { ufw_opening "$SSH_PORT"; [[ $OPENING = "$SSH_PORT/tcp" ]] || what+=", and let in SSH $OPENING"; }
  todo "enable ufw, $what"
}
put_firewall() {
  local port
  sshd_ports
  for port in "${PORTS[@]}"; do
    ufw_verdict "$port"; [[ $VERDICT = none ]] || continue
    ufw_opening "$port"; remember ufw-rule "$OPENING"
    ufw allow $OPENING || { last_lines 2; fail host-step "ufw refuses $OPENING: $LAST" 'run ufw status on the host'; return; }
  done
  guard_open || return
  undo ufw --force disable; guard_arm || return
  remember firewall ufw
  if ! ufw --force enable; then last_lines 2; guard_revert; fail host-step "cannot enable ufw: $LAST" "$REVERTED; see ufw status and journalctl -u ufw on the host"; return; fi
  systemctl is-enabled -q ufw.service || systemctl enable -q ufw.service; systemctl start ufw.service
  guard_confirm "ufw on and port(s) ${PORTS[*]} let in" 'see ufw status verbose and sshd -T on the host'
}
# Of the rules that fleet added, whether this one is still there.
has_ufw_rule() { ufw show added 2>/dev/null | grep -qxF "ufw allow $1"; }

# How fail2ban can ban here: a file of a profile says @BAN_ACTION@. What the file says already stays as long as its program is there; else nft where it works,
# else iptables, which comes with ufw.
fill_ban_action() { # path
  local action; read_text "$1"
  for action in nft:'nftables[type=allports]' iptables:iptables-allports; do
    [[ $TEXT = "${F_TEXT[$1]//@BAN_ACTION@/${action#*:}}" ]] && command -v "${action%%:*}" >/dev/null && { F_TEXT[$1]=$TEXT; return; }
  done
  action=iptables-allports; command -v nft >/dev/null && nft list tables >/dev/null 2>&1 && action='nftables[type=allports]'
  F_TEXT[$1]=${F_TEXT[$1]//@BAN_ACTION@/$action}
}
