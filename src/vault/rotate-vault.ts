import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import { isAccountName } from '../model/names.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { markName } from './authenticate-vault.ts';
import { openContent, type RecordKind, sealContent } from './authentication.ts';
import { decrypt, encryptFor } from './decrypt-record.ts';
import {
  readRegularFile,
  replaceDurably,
  sweepTemporary,
  systemCode,
  temporaryFor,
} from './durable-file.ts';
import { parseIdentities, recipientOf } from './vault-key.ts';

/** A file of the vault that the key protects. `isEncrypted` false: it is authenticated only. */
interface KeyedFile {
  readonly path: string;
  readonly kind: RecordKind;
  readonly name: string;
  readonly isEncrypted: boolean;
}

/** Bytes of a file at most: the largest state, in base64 twice. */
const limitBytes = 64 * 1024 * 1024;

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  });
}

const folders: readonly (readonly [string, RecordKind])[] = [
  ['', 'session'],
  ['states', 'state'],
  ['removed', 'session'],
  ['logins', 'session'],
  ['logins/removed', 'session'],
];

/**
 * Every file of a vault that its key protects: sessions, states, what was removed or replaced,
 * logins that are not done, and the marks beside them.
 */
async function keyedFiles(directory: string): Promise<readonly KeyedFile[]> {
  const records = folders.map(async ([folder, kind]): Promise<readonly KeyedFile[]> => {
    const names = (await namesIn(join(directory, folder))).filter(
      (name) => name.endsWith('.age') && !name.startsWith('.'),
    );
    return names
      .toSorted()
      .map((each) => ({
        path: join(directory, folder, each),
        kind,
        name: each.slice(0, -'.age'.length).replace(/~\d+$/, ''),
        isEncrypted: true,
      }))
      .filter(({ name }) => isAccountName(name));
  });
  const marks: readonly KeyedFile[] = [
    { path: join(directory, markName), kind: 'mark', name: 'vault', isEncrypted: false },
    { path: join(directory, 'logins', markName), kind: 'mark', name: 'vault', isEncrypted: false },
    {
      path: join(directory, 'history-head.json'),
      kind: 'mark',
      name: 'history',
      isEncrypted: false,
    },
  ];
  return [...(await Promise.all(records)).flat(), ...marks];
}

/** Authenticated content; null: no identity of the text opens it, or it is not authentic. */
async function open(
  file: KeyedFile,
  bytes: Uint8Array,
  identityText: string,
): Promise<Buffer | null> {
  const sealed = file.isEncrypted ? await decrypt(bytes, parseIdentities(identityText)) : bytes;
  if (typeof sealed === 'string') return null;
  const opened = openContent(identityText, file.kind, file.name, sealed);
  if (file.isEncrypted) sealed.fill(0);
  return opened.form === 'authenticated' ? opened.content : null;
}

async function readFile({ path }: KeyedFile): Promise<Buffer | null> {
  return readRegularFile(path, limitBytes).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return null;
    throw new FleetError('vault', `The vault cannot read ${path}: ${systemWords(error).said}`, {
      hint: 'Nothing was lost: check the file and its rights, then run the same command again.',
      cause: error,
    });
  });
}

/** What {@link rekeyVault} made of a vault. */
export interface Rekeyed {
  /** Files that are written with the first identity now and were not before. */
  readonly changed: number;
  /** All that the first identity opens. */
  readonly sound: number;
  /** Files that neither identity opens, or that are not authentic: they stay as they are. */
  readonly left: readonly string[];
}

/**
 * Writes every file of a vault anew for the first identity of `identityText`, where it is not yet,
 * one after the other and each atomically; then reads all of them
 * with that identity alone. Safe to repeat after it was killed anywhere; nothing else may write
 * meanwhile. Errors: `vault`, `vault-key`.
 */
export async function rekeyVault(directory: string, identityText: string): Promise<Rekeyed> {
  const [first] = parseIdentities(identityText);
  const recipient = await recipientOf(identityText);
  for (const [folder] of folders) await sweepTemporary(join(directory, folder));
  const left: string[] = [];
  let [changed, sound] = [0, 0];
  for (const file of await keyedFiles(directory)) {
    const bytes = await readFile(file);
    if (bytes === null) continue;
    const known = await open(file, bytes, first);
    const content = known ?? (await open(file, bytes, identityText));
    if (content === null) left.push(file.path);
    else if (known === null) {
      await replace(file, content, first, recipient);
      changed += 1;
    }
    content?.fill(0);
    if (content !== null) sound += 1;
  }
  for (const file of await keyedFiles(directory)) {
    const bytes = left.includes(file.path) ? null : await readFile(file);
    if (bytes === null) continue;
    const content = await open(file, bytes, first);
    content?.fill(0);
    if (content === null)
      throw new FleetError(
        'vault',
        `${file.path} was written with the new key and does not open with it`,
        {
          hint: 'The former key is kept. Check the disk, then run the same command again.',
        },
      );
  }
  return { changed, sound, left };
}

async function replace(
  { path, kind, name, isEncrypted }: KeyedFile,
  content: Buffer,
  identity: string,
  recipient: string,
): Promise<void> {
  const sealed = sealContent(identity, kind, name, content);
  await replaceDurably(
    path,
    temporaryFor(path),
    isEncrypted ? await encryptFor(recipient, sealed) : sealed,
  );
  if (isEncrypted) sealed.fill(0);
}
