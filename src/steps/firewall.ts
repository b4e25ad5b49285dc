import type { Step } from './step.ts';

/** Services that may keep this host's firewall, as the host program knows them. */
export const firewallUnits = [
  'ufw',
  'firewalld',
  'nftables',
  'netfilter-persistent',
  'shorewall',
  'shorewall6',
  'ferm',
  'csf',
  'arno-iptables-firewall',
].map((name) => `${name}.service`);

/**
 * ufw on, with the ports on which sshd really listens let in, for this very peer. A firewall that
 * is in use (ufw, another service of
 * {@link firewallUnits}, rules by hand) is the operator's and stays as it is; a rule of an inactive
 * ufw that would shut this peer out is refused.
 * Switching on arms a timer that switches off again after 45 s unless a fresh connection confirms
 * (event `confirm`).
 */
export function firewallStep(): Step {
  return {
    id: 'firewall',
    title: 'firewall (ufw, SSH only)',
    after: ['packages'],
    looksAt: { units: firewallUnits },
    check: 'want_firewall',
    apply: 'put_firewall',
  };
}
