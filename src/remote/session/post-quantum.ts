import type { ExchangeFacts } from '../remote.ts';

/** Key exchanges that a quantum computer does not break, by the parts of their names. Pure. */
export const isPostQuantum = (keyExchange: string): boolean =>
  /sntrup|mlkem|kyber/i.test(keyExchange);

/** Why a link is not post-quantum, and what to set. */
export interface QuantumAdvice {
  readonly text: string;
  readonly remedy: string;
}

const needed =
  'OpenSSH 9.0 or newer on both sides, and KexAlgorithms that leave sntrup761x25519 or ' +
  'mlkem768x25519 in';

/**
 * What to say about a link that is not post-quantum; null: it is. Fleet's own SSH never is: what
 * somebody records today may be read some day. Pure.
 */
export function quantumAdvice({ byOpenSsh, keyExchanges }: ExchangeFacts): QuantumAdvice | null {
  const best = keyExchanges.find(isPostQuantum);
  if (byOpenSsh && best !== undefined) return null;
  if (byOpenSsh) {
    const name = keyExchanges[0] ?? 'unknown';
    return { text: `its key exchange is not post-quantum (${name})`, remedy: `it takes ${needed}` };
  }
  const text = 'its key exchange is not post-quantum';
  if (best !== undefined) {
    return { text, remedy: `set ssh.transport: openssh in the inventory; it offers ${best}` };
  }
  return keyExchanges.length > 1
    ? { text: `${text}, and its sshd offers none that is`, remedy: `it takes ${needed}` }
    : { text, remedy: `set ssh.transport: openssh in the inventory; it takes ${needed}` };
}
