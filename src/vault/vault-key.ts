import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { FleetError } from '../model/errors.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { readAtMost } from '../surroundings/read-bounded.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { createWhole, systemCode } from './durable-file.ts';

const identityLine = /^AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+$/;
const maxKeyFileBytes = 64 * 1024;

/** The first one writes; each of them reads. There are two only while the key is changed. */
export type Identities = readonly [string, ...string[]];

/**
 * The identities within the text of a key file (comments and blank lines as `age-keygen` writes
 * them are skipped): one, or the new one and the one before it
 * while the key is changed. Throws `vault-key` where there is none, more than two, or the same
 * twice.
 */
export const parseIdentities = (text: string): Identities => {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const [identity, ...others] = lines;
  const isSound =
    lines.every((line) => identityLine.test(line)) && new Set(lines).size === lines.length;
  if (identity === undefined || others.length > 1 || !isSound) {
    throw new FleetError('vault-key', 'The vault key is not an age identity', {
      hint:
        'It must hold exactly one line that begins with AGE-SECRET-KEY-1 (two, the new one ' +
        'first, while it is changed). Restore the key file or the variable from your backup.',
    });
  }
  return [identity, ...others];
};

/**
 * The public recipient (`age1...`) of an identity: enough to encrypt, not to read. Throws
 * `vault-key`.
 */
export const recipientOf = async (identityText: string): Promise<string> => {
  const identities = parseIdentities(identityText);
  try {
    const [recipient] = await Promise.all(
      identities.map((identity) => identityToRecipient(identity)),
    );
    return recipient ?? '';
  } catch {
    // The cause is left out on purpose: a decoder's message may quote the key.
    throw new FleetError('vault-key', 'The vault key is damaged: its checksum does not fit', {
      hint:
        'A character was lost or changed. Restore the key file or the variable from your ' +
        'backup.',
    });
  }
};

/** The text of a key file, with a comment. The recipient is public. */
export const keyText = (identity: string, recipient: string): string =>
  `# fleet vault key; without it no session can be read\n# public key: ${recipient}\n${identity}\n`;

/** A new identity as the text of a key file. A secret. */
export const newKey = async (): Promise<{ readonly recipient: string; readonly text: string }> => {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  return { recipient, text: keyText(identity, recipient) };
};

/**
 * Makes a new key in a file of mode 0600 (its directory 0700 where it is new) and returns the
 * public recipient. X25519, so that the stock `age`
 * of every distribution can open the vault by hand. Throws `vault-key` where the file exists: a key
 * is never overwritten; `this-machine`
 * where it cannot be written.
 */
export const createVaultKey = async (path: string): Promise<string> => {
  const { recipient, text } = await newKey();
  try {
    makeFolder(dirname(path));
    await createWhole(path, text);
  } catch (error) {
    if (systemCode(error) === 'EEXIST')
      throw new FleetError('vault-key', `The vault key ${path} exists already`, {
        hint:
          'Use it, or name another file: overwriting it would make every session in the ' +
          'vault unreadable.',
        cause: error,
      });
    const { said, hint } = systemWords(error);
    throw new FleetError('this-machine', `The vault key ${path} cannot be written: ${said}`, {
      hint: hint ?? 'Check the directory and its rights.',
      cause: error,
    });
  }
  return recipient;
};

/**
 * Reads a key file as text for {@link openVault}. Throws `vault-key`: missing, unreadable, or
 * readable by other users of the machine.
 */
export const readVaultKey = async (path: string): Promise<string> => {
  const handle = await open(path, 'r').catch((error: unknown) => {
    const missing = systemCode(error) === 'ENOENT';
    throw new FleetError(
      'vault-key',
      missing
        ? `The vault key ${path} does not exist`
        : `The vault key ${path} cannot be read: ${systemWords(error).said}`,
      {
        hint: missing
          ? 'Restore it from your backup; without it the sessions in the vault cannot be read.'
          : 'Check the rights of the file.',
        cause: error,
      },
    );
  });
  try {
    const { mode, size } = await handle.stat();
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new FleetError(
        'vault-key',
        `The vault key ${path} is open to other users of this machine (mode ` +
          `${(mode & 0o777).toString(8)})`,
        {
          hint: `Run: chmod 600 ${path}`,
        },
      );
    }
    if (size > maxKeyFileBytes) {
      throw new FleetError(
        'vault-key',
        `The vault key ${path} is no key file: it has ${size} bytes`,
        {
          hint: 'Name the file that holds the age identity.',
        },
      );
    }
    return (await readAtMost(handle, maxKeyFileBytes)).toString('utf8');
  } finally {
    await handle.close();
  }
};
