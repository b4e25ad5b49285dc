import type { KeyPath } from './yaml-document.ts';

/** Nothing leaves this machine on the way there. */
const isThisMachine = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);

/**
 * Without TLS anybody on the way could read the ledger and change it. Raw data, as it was written.
 */
export function ledgerRules(
  raw: unknown,
): readonly { readonly path: KeyPath; readonly text: string }[] {
  if (typeof raw !== 'object' || raw === null) return [];
  const [ledger, postgres] = [Reflect.get(raw, 'ledger'), Reflect.get(raw, 'postgres')];
  const isOff =
    typeof postgres === 'object' && postgres !== null && Reflect.get(postgres, 'tls') === 'off';
  const server =
    typeof ledger === 'string' ? /^postgres(?:ql)?:\/\/[^@/]+@([^/]*)\//.exec(ledger)?.[1] : null;
  if (!isOff || !server || isThisMachine(server.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')))
    return [];
  const path = ['postgres', 'tls'];
  const text = `"off" is for a server on this machine; ${server} is reached through a network`;
  return [{ path, text }];
}
