import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import { isAccountName } from '../model/names.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { openContent, type RecordKind, sealContent } from './authentication.ts';
import { decrypt, encryptFor } from './decrypt-record.ts';
import { createDurableFile, readRegularFile, replaceDurably, systemCode } from './durable-file.ts';
import { parseIdentities, recipientOf } from './vault-key.ts';

/**
 * Says, authenticated itself, that every record of the vault is authenticated: from then on one
 * that is not was put there by somebody else.
 */
export const markName = 'authenticated.json';
const markContent = Buffer.from('every record is authenticated');
const markLimitBytes = 4096;

/** Whether the vault bears its mark. Error `vault`: there is one, but not of this key. */
export async function isVaultMarked(directory: string, identityText: string): Promise<boolean> {
  const path = join(directory, markName);
  const sealed = await readRegularFile(path, markLimitBytes).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw new FleetError(
      'vault',
      `The mark of the vault, ${path}, cannot be read: ${systemWords(error).said}`,
      {
        hint:
          'It is a small file of mode 600. Take it from a backup; without it old records ' +
          'would be trusted again.',
      },
    );
  });
  if (sealed === null) return false;
  if (openContent(identityText, 'mark', 'vault', sealed).form === 'authenticated') return true;
  throw new FleetError('vault', `The mark of the vault was not written with this key (${path})`, {
    hint: 'The vault belongs to another key, or the file was altered: take it from a backup.',
  });
}

async function mark(directory: string, identityText: string): Promise<void> {
  try {
    await createDurableFile(
      join(directory, markName),
      sealContent(identityText, 'mark', 'vault', markContent),
    );
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
}

interface StoredRecord {
  readonly path: string;
  readonly kind: RecordKind;
  readonly name: string;
}

/** Every record of a vault: sessions, states, and what was removed or replaced. */
async function recordsIn(directory: string): Promise<readonly StoredRecord[]> {
  const folders: readonly [string, RecordKind][] = [
    ['', 'session'],
    ['states', 'state'],
    ['removed', 'session'],
  ];
  const found = folders.map(async ([folder, kind]): Promise<readonly StoredRecord[]> => {
    const names = await readdir(join(directory, folder)).catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return [];
      throw error;
    });
    return names
      .filter((each) => each.endsWith('.age'))
      .map((each) => ({
        path: join(directory, folder, each),
        kind,
        name: each.slice(0, -'.age'.length).replace(/~\d+$/, ''),
      }))
      .filter(({ name }) => isAccountName(name));
  });
  return (await Promise.all(found)).flat();
}

export const holdsRecords = async (directory: string): Promise<boolean> =>
  (await recordsIn(directory)).length > 0;

/** A vault that holds nothing yet is marked before its first record. */
export async function markIfNew(directory: string, identityText: string): Promise<void> {
  if (!(await isVaultMarked(directory, identityText)) && !(await holdsRecords(directory)))
    await mark(directory, identityText);
}

/** Bytes of a record's file at most that is taken over. */
const recordLimitBytes = 64 * 1024 * 1024;

/**
 * Gives every record of a vault that bears no mark its authentication, in place, then the mark:
 * what lies there at this moment is trusted, once. Records that
 * cannot be opened stay as they are and will be refused by name. Safe to repeat after it was
 * killed; nothing else may write meanwhile. Gives how many
 * records were changed; 0 as well for a vault that bears its mark already. Errors: `vault`,
 * `vault-key`.
 */
export async function authenticateVault(directory: string, identityText: string): Promise<number> {
  const records = await recordsIn(directory);
  if (await isVaultMarked(directory, identityText)) return 0;
  const recipient = await recipientOf(identityText);
  let changed = 0;
  for (const { path, kind, name } of records) {
    const plaintext = await decrypt(
      await readRegularFile(path, recordLimitBytes),
      parseIdentities(identityText),
    );
    if (typeof plaintext === 'string') continue;
    const opened = openContent(identityText, kind, name, plaintext);
    if (opened.form !== 'legacy' || !isAbout(opened.content, name)) continue;
    const sealed = sealContent(identityText, kind, name, opened.content);
    await replaceDurably(
      path,
      `${path}.${process.pid}.${randomBytes(8).toString('hex')}.tmp`,
      await encryptFor(recipient, sealed),
    );
    changed += 1;
    for (const secret of [plaintext, opened.content, sealed]) secret.fill(0);
  }
  await mark(directory, identityText);
  return changed;
}

/**
 * A record of a former release names its account itself: a file that was renamed does not become
 * authentic.
 */
function isAbout(content: Buffer, name: string): boolean {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    return (
      typeof value === 'object' && value !== null && 'account' in value && value.account === name
    );
  } catch {
    return false;
  }
}
