# ufw, with the ports on which this host's sshd really listens. An active firewall is the operator's: it is kept as it is.
UFW=/etc/ufw
sshd_ports() { # -> PORTS: of this connection, of sshd's settings, of its socket unit
  local key value list=" $SSH_PORT "
  while read -r key value; do [[ $key = port && $list != *" $value "* ]] && list+="$value "; done < <(sshd -T 2>/dev/null)
  while read -r value; do value=${value##*:}; [[ $value =~ ^[0-9]+$ && $list != *" $value "* ]] && list+="$value "; done < <(systemctl show -p Listen --value ssh.socket 2>/dev/null | sed 's/ (Stream)//')
  PORTS=($list)
}
admits() { # port: whether a rule of ufw lets tcp to it in
  local line ports part; local -a word
  while IFS= read -r line; do
    [[ $line = '### tuple ### allow '* || $line = '### tuple ### limit '* ]] || continue
    read -ra word <<<"$line"; [[ ${word[4]} = tcp || ${word[4]} = any ]] || continue
    [[ ${word[5]} = any ]] && return 0
    IFS=',' read -ra ports <<<"${word[5]}"
    for part in "${ports[@]}"; do (( $1 >= ${part%%:*} && $1 <= ${part##*:} )) && return 0; done
  done 2>/dev/null <"$UFW/user.rules"
  return 1
}
ufw_on() { read_text "$UFW/ufw.conf"; [[ $TEXT = *$'\nENABLED=yes'* && ${U[ufw.service.ActiveState]-} = active ]]; }
want_firewall() {
  local other
  for other in firewalld.service nftables.service; do
    [[ ${U[$other.ActiveState]-} = active ]] && { warn "${other%.service} is this host's firewall: left alone; see that it lets in nothing but SSH"; return; }
  done
  [[ $SSH_PORT ]] || { fail host-step 'cannot tell on which port sshd took this connection' 'connect by SSH itself, without a wrapper that hides SSH_CONNECTION'; return; }
  if ufw_on; then
    admits "$SSH_PORT" || warn "no rule of ufw names the SSH port $SSH_PORT, though this connection came through; left as it is"
    return
  fi
  todo "enable ufw, let in only SSH (port $SSH_PORT)"
}
put_firewall() {
  local port
  sshd_ports
  for port in "${PORTS[@]}"; do admits "$port" || { remember ufw-rule "$port/tcp"; ufw allow "$port/tcp"; } || { last_lines 2; fail host-step "ufw refuses port $port: $LAST" 'run ufw status on the host'; return; }; done
  guard_open || return
  undo ufw --force disable; guard_arm || return
  remember firewall ufw
  if ! ufw --force enable; then last_lines 2; guard_revert; fail host-step "cannot enable ufw: $LAST" "$REVERTED; see ufw status and journalctl -u ufw on the host"; return; fi
  systemctl is-enabled -q ufw.service || systemctl enable -q ufw.service; systemctl start ufw.service
  guard_confirm "ufw on and port(s) ${PORTS[*]} let in" 'see ufw status verbose and sshd -T on the host'
}
