import type { Step } from './step.ts';

/**
 * ufw on, with the ports on which sshd really listens let in. An active ufw, firewalld or nftables is the operator's and stays as it is.
 * Switching on arms a timer that switches off again after 45 s unless a fresh connection confirms (event `confirm`).
 */
export function firewallStep(): Step {
  return {
    id: 'firewall',
    title: 'firewall (ufw, SSH only)',
    after: ['packages'],
    looksAt: { units: ['ufw.service', 'firewalld.service', 'nftables.service'] },
    check: 'want_firewall',
    apply: 'put_firewall',
  };
}
