import { link, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import { type AccountName, isAccountName, type KeyId } from '../model/names.ts';
import type { Session } from '../model/session.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { isVaultMarked, markIfNew } from './authenticate-vault.ts';
import { sealContent } from './authentication.ts';
import { decryptRecord, encryptFor } from './decrypt-record.ts';
import {
  createDurableFile,
  readRegularFile,
  sweepTemporary,
  syncDirectory,
  systemCode,
  temporaryFor,
} from './durable-file.ts';
import { recipientOf } from './vault-key.ts';
import { serializeRecord, type VaultMeta, type VaultRecord, vaultHashOf } from './vault-record.ts';

/** What the ledger notes about a stored session; neither field is a secret. */
export interface VaultReceipt {
  readonly keyId: KeyId;
  /** SHA-256 (hex) of the canonical plaintext. */
  readonly vaultHash: string;
}

/**
 * The operator's encrypted session store: one age file per account. Every act is atomic and durable
 * when it resolves.
 */
export interface Vault {
  /**
   * Stores a session, authenticated with the key. With a session already there: throws `vault`, or
   * with `replace` keeps the
   * former file under `removed/`. The caller keeps ownership of `session.authKey`.
   */
  put(
    account: AccountName,
    session: Session,
    meta: VaultMeta,
    options?: { readonly replace?: boolean },
  ): Promise<VaultReceipt>;
  /**
   * Throws `vault` (no such account, damaged, newer fleet) or `vault-key` (wrong key). The caller
   * zeroes `session.authKey` after use.
   */
  get(account: AccountName): Promise<VaultRecord & VaultReceipt>;
  /** Accounts with a session, sorted by name; needs no key. */
  list(): Promise<readonly AccountName[]>;
  /**
   * Takes the session out of use and returns the path of the encrypted copy that stays: a session
   * cannot be made again. Throws `vault` where there is none.
   */
  remove(account: AccountName): Promise<string>;
  /**
   * The hash that {@link Vault.put} returned for what is stored now. Throws as {@link Vault.get}.
   */
  vaultHash(account: AccountName): Promise<string>;
}

/** Where a vault lies and how its key is had. */
export interface VaultOptions {
  readonly directory: string;
  /**
   * The text of the key file or variable; asked for when first needed, and again after a failure.
   */
  readonly readIdentity: () => Promise<string>;
  /**
   * Whether it is known from elsewhere that every record here is authenticated, whatever the mark
   * in the directory says. Default: no.
   */
  readonly isKnownAuthentic?: () => Promise<boolean>;
}

const suffix = '.age';
function failed(act: string, path: string, error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { said, hint } = systemWords(error);
  return new FleetError('vault', `The vault cannot ${act} ${path}: ${said}`, {
    hint: hint ?? 'Check the directory of the vault: its rights, its owner and the free space.',
    cause: error,
  });
}

const missing = (account: AccountName, path: string): FleetError =>
  new FleetError('vault', `The vault has no session of ${account} (${path})`, {
    account,
    hint: 'Import its session with `fleet accounts import`, or restore the vault from a backup.',
  });

/**
 * Links the current file as `removed/NAME~N.age` with the first free N; `~` is in no account name,
 * so names cannot collide.
 */
const keepCopy = async (directory: string, account: AccountName): Promise<string> => {
  const removed = join(directory, 'removed');
  makeFolder(removed);
  const taken = (await readdir(removed)).filter((name) => name.startsWith(`${account}~`));
  const numbers = taken
    .map((name) => Number.parseInt(name.slice(account.length + 1), 10))
    .filter(Number.isSafeInteger);
  const copy = join(removed, `${account}~${Math.max(0, ...numbers) + 1}${suffix}`);
  await link(join(directory, account + suffix), copy);
  await syncDirectory(removed);
  await syncDirectory(directory);
  return copy;
};

/**
 * Puts `temp` in place: atomically instead of the former file, or only where there is none (`link`
 * refuses a taken name).
 */
const place = async (
  temp: string,
  target: string,
  account: AccountName,
  replace: boolean,
): Promise<void> => {
  if (replace) {
    await rename(temp, target);
    return;
  }
  try {
    await link(temp, target);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') {
      throw error;
    }
    throw new FleetError('vault', `The vault holds a session of ${account} already (${target})`, {
      account,
      hint:
        'Choose another account name, or remove the stored session first; it is never ' +
        'overwritten by an import.',
    });
  }
};

/** Bytes of a session's file at most; one has about 1 KiB. */
const recordLimitBytes = 64 * 1024;

/**
 * Records without authentication are of a release before they had one. Once all of the vault were
 * given it, none is taken any more.
 */
export const takesLegacy = async (
  { directory, isKnownAuthentic }: VaultOptions,
  identity: string,
): Promise<boolean> =>
  !((await isKnownAuthentic?.()) ?? false) && !(await isVaultMarked(directory, identity));

class AgeVault implements Vault {
  readonly #options: VaultOptions;

  constructor(options: VaultOptions) {
    this.#options = options;
  }

  async put(
    account: AccountName,
    session: Session,
    meta: VaultMeta,
    options: { readonly replace?: boolean } = {},
  ): Promise<VaultReceipt> {
    const identity = await this.#options.readIdentity();
    const recipient = await recipientOf(identity);
    const plaintext = serializeRecord({ account, session, ...meta });
    try {
      const receipt = { keyId: session.keyId, vaultHash: vaultHashOf(plaintext) };
      await markIfNew(this.#options.directory, identity).catch((error: unknown) => {
        throw failed('write', this.#options.directory, error);
      });
      const sealed = sealContent(identity, 'session', account, plaintext);
      await this.#write(account, await encryptFor(recipient, sealed), options.replace === true);
      sealed.fill(0);
      return receipt;
    } finally {
      plaintext.fill(0);
    }
  }

  async get(account: AccountName): Promise<VaultRecord & VaultReceipt> {
    const path = this.#pathOf(account);
    const content = await readRegularFile(path, recordLimitBytes).catch((error: unknown) => {
      throw systemCode(error) === 'ENOENT' ? missing(account, path) : failed('read', path, error);
    });
    const identity = await this.#options.readIdentity();
    return decryptRecord(content, identity, account, path, () =>
      takesLegacy(this.#options, identity),
    );
  }

  async list(): Promise<readonly AccountName[]> {
    const names = await readdir(this.#options.directory).catch((error: unknown) => {
      throw failed('list', this.#options.directory, error);
    });
    return names
      .filter((name) => name.endsWith(suffix))
      .map((name) => name.slice(0, -suffix.length))
      .filter(isAccountName)
      .sort();
  }

  async remove(account: AccountName): Promise<string> {
    const path = this.#pathOf(account);
    try {
      const copy = await keepCopy(this.#options.directory, account);
      await rm(path);
      await syncDirectory(this.#options.directory);
      return copy;
    } catch (error) {
      throw systemCode(error) === 'ENOENT' ? missing(account, path) : failed('remove', path, error);
    }
  }

  async vaultHash(account: AccountName): Promise<string> {
    const { session, vaultHash } = await this.get(account);
    session.authKey.fill(0);
    return vaultHash;
  }

  #pathOf(account: AccountName): string {
    return join(this.#options.directory, account + suffix);
  }

  async #write(account: AccountName, content: Uint8Array, replace: boolean): Promise<void> {
    const { directory } = this.#options;
    const target = this.#pathOf(account);
    const temp = temporaryFor(join(directory, account));
    try {
      await sweepTemporary(directory);
      await createDurableFile(temp, content);
      if (replace) {
        await keepCopy(directory, account).catch((error: unknown) => {
          if (systemCode(error) !== 'ENOENT') {
            throw error;
          }
        });
      }
      await place(temp, target, account, replace);
      await rm(temp, { force: true });
      await syncDirectory(directory);
    } catch (error) {
      await rm(temp, { force: true });
      throw failed('write', target, error);
    }
  }
}

/**
 * Opens a vault; its directory is made (mode 0700) where it does not exist. Throws `vault`. The key
 * is not read yet.
 */
export const openVault = async (options: VaultOptions): Promise<Vault> => {
  try {
    makeFolder(options.directory);
  } catch (error) {
    throw failed('create', options.directory, error);
  }
  return new AgeVault(options);
};
