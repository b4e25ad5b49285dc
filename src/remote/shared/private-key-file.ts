import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { octal } from '../../model/file-trust.ts';
import { readAtMost } from '../../surroundings/read-bounded.ts';

/** A key of 16,384 bits has 13 KB. */
const MAX_KEY_BYTES = 256 * 1024;

/**
 * A private key's text, or why it is not used: like OpenSSH, a key file of the user that others may
 * read or write is refused.
 */
export async function readPrivateKey(path: string): Promise<Buffer | string> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = await handle.stat();
    if (!facts.isFile() || facts.size > MAX_KEY_BYTES)
      return `${path} is no file with a private key`;
    if (facts.uid === process.getuid?.() && (facts.mode & 0o077) !== 0)
      return (
        `${path} is open to others (mode ${octal(facts.mode)}), so OpenSSH and fleet do not ` +
        `use it: chmod 600 '${path}'`
      );
    return await readAtMost(handle, MAX_KEY_BYTES);
  } finally {
    await handle.close();
  }
}

/**
 * Encrypted keys say so in their header; in OpenSSH's own format the cipher's name stands at a
 * fixed place, `none` when plain.
 */
export function isEncrypted(text: Buffer): boolean {
  const pem = text.toString('latin1');
  if (/Proc-Type: 4,ENCRYPTED|BEGIN ENCRYPTED PRIVATE KEY/.test(pem)) return true;
  const body = /BEGIN OPENSSH PRIVATE KEY-----([\s\S]+?)-----END/.exec(pem)?.[1];
  if (body === undefined) return false;
  const raw = Buffer.from(body, 'base64');
  const cipherAt = 'openssh-key-v1\0'.length;
  return (
    raw.toString(
      'latin1',
      cipherAt + 4,
      cipherAt + 4 + (raw.length > cipherAt + 4 ? raw.readUInt32BE(cipherAt) : 0),
    ) !== 'none'
  );
}
