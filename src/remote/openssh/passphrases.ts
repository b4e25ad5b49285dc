import { readPrivateKey } from '../shared/private-key-file.ts';

/**
 * Whether a passphrase opens a key, as far as fleet can tell: it reads no keys on tokens, which are
 * left to `ssh`.
 */
export async function isWrongPassphrase(keyFile: string, passphrase: string): Promise<boolean> {
  const text = await readPrivateKey(keyFile).catch(() => 'unreadable');
  if (typeof text === 'string') return false;
  const { utils } = (await import('ssh2')).default;
  const parsed = utils.parseKey(text, passphrase);
  return parsed instanceof Error && /passphrase|integrity|decrypt/i.test(parsed.message);
}
