import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';
import { type AccountName, isAccountName } from '../model/names.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { markIfNew } from './authenticate-vault.ts';
import { openContent, sealContent, whyNotUsed } from './authentication.ts';
import { decrypt, encryptFor } from './decrypt-record.ts';
import { readRegularFile, replaceDurably, systemCode } from './durable-file.ts';
import { takesLegacy, type VaultOptions } from './vault.ts';
import { parseIdentities, recipientOf } from './vault-key.ts';

/** The last state that an account had on a host, with what the host's receipt says about it. */
export interface StateRecord {
  readonly account: AccountName;
  readonly keyId: string;
  /** The move that released it, and the epoch that ended with it. */
  readonly moveId: string;
  readonly epoch: number;
  /** SHA-256 (hex) of the state, as in the receipt. */
  readonly stateHash: string;
  /** By the operator's clock, ms since the epoch. */
  readonly takenAtMs: number;
  /** How long after that moment the account may not start anywhere, ms. */
  readonly settleMs: number;
  /**
   * As hostside/protocol/state-archive.ts packs it. Like a session: for the vault and the next host
   * only.
   */
  readonly archive: Uint8Array;
}

/**
 * States beside the sessions in the vault, one encrypted file per account. A new one replaces the
 * old one.
 */
export interface StateStore {
  /** Durable when it resolves. Throws `vault`, `vault-key`. */
  put(record: StateRecord): Promise<void>;
  /** null: none is kept. Throws `vault` (damaged, unreadable), `vault-key`. */
  get(account: AccountName): Promise<StateRecord | null>;
  /** Bytes that may still be written there. */
  freeBytes(): Promise<number>;
}

const recordSchema = z.strictObject({
  format: z.literal(1),
  account: z.string().refine(isAccountName),
  keyId: z.string().regex(/^[0-9a-f]{32}$/),
  moveId: z.string().max(128),
  epoch: z.int().positive(),
  stateHash: z.string().regex(/^[0-9a-f]{64}$/),
  takenAtMs: z.number().nonnegative(),
  settleMs: z.number().nonnegative(),
  archive: z.base64(),
});

function failed(act: string, path: string, error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { said, hint } = systemWords(error);
  return new FleetError('vault', `The vault cannot ${act} ${path}: ${said}`, {
    hint: hint ?? 'Check the directory of the vault: its rights, its owner and the free space.',
    cause: error,
  });
}

const damaged = (account: AccountName, path: string): FleetError =>
  new FleetError('vault', `The vault's state of ${account} is damaged (${path})`, {
    account,
    hint:
      'Take it away when the host that the account left still has its state: it is then ' +
      'read again.',
  });

const notUsed = (account: AccountName, path: string, why: string): FleetError =>
  new FleetError('vault', `The vault's state of ${account} is not used: ${why} (${path})`, {
    account,
    hint:
      'Somebody else may have put it there. Restore the file from a backup, or take it ' +
      'away: what the account remembers is then read from its host.',
  });

/** Bytes of a state's file at most: the largest archive, in base64 twice. */
const stateLimitBytes = 64 * 1024 * 1024;

/**
 * The store in `states/` of the vault's directory, made where it does not exist. Nothing is read or
 * made yet.
 */
export const openStateStore = (options: VaultOptions): StateStore => {
  const directory = join(options.directory, 'states');
  const pathOf = (account: AccountName): string => join(directory, `${account}.age`);
  return {
    put: async (record) => {
      const path = pathOf(record.account);
      const temp = join(
        directory,
        `.${record.account}.${process.pid}.${randomBytes(8).toString('hex')}.tmp`,
      );
      try {
        makeFolder(directory);
        const text = JSON.stringify({
          format: 1,
          ...record,
          archive: Buffer.from(record.archive).toString('base64'),
        });
        const identity = await options.readIdentity();
        await markIfNew(options.directory, identity);
        const sealed = sealContent(identity, 'state', record.account, Buffer.from(text));
        await replaceDurably(path, temp, await encryptFor(await recipientOf(identity), sealed));
      } catch (error) {
        throw failed('write', path, error);
      }
    },
    get: async (account) => {
      const path = pathOf(account);
      const content = await readRegularFile(path, stateLimitBytes).catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return null;
        throw failed('read', path, error);
      });
      if (content === null) return null;
      const identity = await options.readIdentity();
      return readRecord(content, identity, account, path, () => takesLegacy(options, identity));
    },
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(options.directory).catch((error: unknown) => {
        throw failed('measure', options.directory, error);
      });
      return bavail * bsize;
    },
  };
};

async function readRecord(
  content: Uint8Array,
  identityText: string,
  account: AccountName,
  path: string,
  isLegacyTaken: () => Promise<boolean>,
): Promise<StateRecord> {
  const plaintext = await decrypt(content, parseIdentities(identityText));
  if (plaintext === 'wrong-key') {
    throw new FleetError(
      'vault-key',
      `The vault key does not open the state of ${account} (${path})`,
      {
        account,
        hint: 'It was encrypted for another key: name the key that was in use then.',
      },
    );
  }
  if (plaintext === 'damaged') throw damaged(account, path);
  const opened = openContent(identityText, 'state', account, plaintext);
  if (opened.form === 'forged' || opened.form === 'misplaced')
    throw notUsed(account, path, whyNotUsed[opened.form]);
  if (opened.form === 'legacy' && !(await isLegacyTaken()))
    throw notUsed(account, path, whyNotUsed.legacy);
  if (!('content' in opened)) throw damaged(account, path);
  try {
    const {
      format: _,
      archive,
      ...record
    } = recordSchema.parse(JSON.parse(opened.content.toString('utf8')));
    if (record.account === account)
      return { ...record, account, archive: Buffer.from(archive, 'base64') };
  } catch {
    // Named below, without what the file holds.
  }
  throw damaged(account, path);
}
