import { access, open } from 'node:fs/promises';
import { readBounded } from '../../surroundings/read-bounded.ts';
import { isNo, isYes } from './ssh-keywords.ts';
import type { SshOptions } from './ssh-options.ts';

/** A public key of 16,384 bits has 3 KB. */
const PUBLIC_KEY_BYTES = 64 * 1024;

/**
 * What a config asks of a login that only OpenSSH does, in words; empty: nothing. GSSAPI counts
 * where it is among the preferred methods: Debian's own config allows it for everybody. Pure.
 */
export function wantedOfConfig({ first }: SshOptions): string[] {
  const one = (keyword: string) => first.get(keyword)?.[0];
  const isNamed = (keyword: string) => !['none', undefined].includes(one(keyword)?.toLowerCase());
  const preferred = one('preferredauthentications')?.split(',') ?? [];
  const isHostBased = isYes(one('hostbasedauthentication'));
  return [
    ...(isNamed('certificatefile') ? ['CertificateFile'] : []),
    ...(isNamed('pkcs11provider') ? ['PKCS11Provider'] : []),
    ...(isNamed('securitykeyprovider') && one('securitykeyprovider') !== 'internal'
      ? ['SecurityKeyProvider']
      : []),
    ...(isHostBased ? ['HostbasedAuthentication'] : []),
    ...(preferred.some((method) => method.startsWith('gssapi')) &&
    !isNo(one('gssapiauthentication'))
      ? ['GSSAPIAuthentication']
      : []),
  ];
}

/** What the keys of a target ask for that only OpenSSH does, in words; empty: nothing. */
export async function wantedOfFiles(target: {
  readonly identityFiles: readonly string[];
  readonly revokedKeysFile: string | null;
}): Promise<string[]> {
  const keys = await Promise.all(target.identityFiles.map(wantedOfKey));
  const revoked = target.revokedKeysFile;
  const isList = revoked !== null && (await isBinaryList(revoked));
  return [...keys.flat(), ...(isList ? ['a binary RevokedHostKeys'] : [])];
}

/** A key on a token says so in its public half; a certificate lies beside the key. */
async function wantedOfKey(path: string): Promise<string[]> {
  const text = await readBounded(`${path}.pub`, PUBLIC_KEY_BYTES).catch(() => Buffer.alloc(0));
  const isToken = /^sk-\S+@openssh\.com /.test(text.toString('latin1'));
  const certificate = `${path}-cert.pub`;
  const isCertified = await access(certificate).then(
    () => true,
    () => false,
  );
  return [
    ...(isToken ? [`${path}, a key on a token`] : []),
    ...(isCertified ? [`${certificate}, a certificate`] : []),
  ];
}

/** Whether a file is OpenSSH's key revocation list. */
async function isBinaryList(path: string): Promise<boolean> {
  const handle = await open(path, 'r').catch(() => null);
  if (handle === null) return false;
  try {
    const head = Buffer.alloc(6);
    await handle.read(head, 0, head.length, 0);
    return head.toString('latin1') === 'SSHKRL';
  } finally {
    await handle.close();
  }
}
