import { createHash } from 'node:crypto';
import { assembleSession } from './assemble-session.ts';
import { refuse, type SessionOutcome, type SessionRefusal } from './session-outcome.ts';
import { decryptLocal, keyOfPasscode } from './tdata-cipher.ts';

/**
 * Telegram Desktop's own data, as its sources write it (Telegram/SourceFiles/storage). A file is
 * `TDF$`, version (LE), content, MD5 over content, its length,
 * version and magic. Integers in the content are big-endian; a byte array is its length and its
 * bytes.
 *
 *     key_datas: bytes salt · bytes key, encrypted by the passcode · bytes accounts, encrypted by
 *     that key (i32 count · i32 numbers · i32 the active one)
 *     one file an account: bytes, encrypted by that key: i32 75 · bytes (i32 -1 · i32 -1 · u64 user
 *     · i32 data centre · keys · keys to destroy)
 *     keys: u32 count · (i32 data centre · 256 bytes) each; before 2021: i32 user · i32 data centre
 *     · keys
 */
const magic = Buffer.from('TDF$', 'latin1');
const authorization = 75;
/** Telegram Desktop itself allows six. */
const mostAccounts = 10;
const mostKeys = 50;

/** The files that hold the logins, without the folders of caches beside them. */
export const isTdataFile = (name: string): boolean =>
  /^(?:key_data[s01]|[0-9A-F]{16}[s01])$/.test(name);

const damaged = new Error('not as Telegram Desktop writes it');

class Reader {
  readonly #data: Buffer;
  #offset = 0;

  constructor(data: Buffer) {
    this.#data = data;
  }

  take(count: number): Buffer {
    const end = this.#offset + count;
    if (count < 0 || end > this.#data.length) throw damaged;
    const part = this.#data.subarray(this.#offset, end);
    this.#offset = end;
    return part;
  }

  int32 = (): number => this.take(4).readInt32BE(0);
  bytes = (): Buffer => this.take(this.take(4).readInt32BE(0));
}

/**
 * The name of the file of account `index`: hexadecimal digits of an MD5 hash, the lower half of
 * each byte first.
 */
const accountFile = (index: number): string => {
  const name = index === 0 ? 'data' : `data#${index + 1}`;
  const digest = createHash('md5').update(name, 'latin1').digest().subarray(0, 8);
  return [...digest]
    .map((byte) => `${(byte & 15).toString(16)}${(byte >> 4).toString(16)}`)
    .join('')
    .toUpperCase();
};

type TdataFiles = ReadonlyMap<string, Buffer>;

/** The content of the first sound one of the copies that Telegram Desktop keeps. */
const contentOf = (files: TdataFiles, name: string): Reader | null => {
  for (const end of ['s', '0', '1']) {
    const file = files.get(`${name}${end}`);
    if (file === undefined || file.length < 24 || !file.subarray(0, 4).equals(magic)) continue;
    const content = file.subarray(8, file.length - 16);
    const length = Buffer.alloc(4);
    length.writeInt32LE(content.length);
    const hash = createHash('md5')
      .update(content)
      .update(length)
      .update(file.subarray(4, 8))
      .update(magic)
      .digest();
    if (hash.equals(file.subarray(file.length - 16))) return new Reader(content);
  }
  return null;
};

const intact = 'Quit Telegram Desktop, then copy its whole tdata folder again.';

const openKey = (
  files: TdataFiles,
  passcode: string,
  where: string,
): { readonly key: Buffer; readonly accounts: Buffer } | SessionRefusal => {
  const file = contentOf(files, 'key_data');
  if (file === null) return refuse('CORRUPT', where, 'has no sound key file (key_datas)', intact);
  const [salt, sealed, accounts] = [file.bytes(), file.bytes(), file.bytes()];
  const key = decryptLocal(sealed, keyOfPasscode(salt, passcode));
  const list = key === null ? null : decryptLocal(accounts, key);
  if (key !== null && list !== null) return { key, accounts: list };
  return passcode === ''
    ? refuse(
        'PASSCODE',
        where,
        'is locked by a passcode',
        'Import it with --passcode env:NAME, file:PATH or exec:COMMAND.',
      )
    : refuse(
        'PASSCODE',
        where,
        'is not opened by this passcode',
        'Check the passcode: it is the one that Telegram Desktop asks for at its start.',
      );
};

const keysIn = (reader: Reader): ReadonlyMap<number, Buffer> => {
  const count = reader.int32();
  if (count < 0 || count > mostKeys) throw damaged;
  return new Map(Array.from({ length: count }, () => [reader.int32(), reader.take(256)] as const));
};

const readAccount = (
  files: TdataFiles,
  key: Buffer,
  index: number,
  where: string,
): SessionOutcome => {
  const file = contentOf(files, accountFile(index));
  const plain = file === null ? null : decryptLocal(file.bytes(), key);
  if (plain === null) return refuse('CORRUPT', where, 'has no sound file of this account', intact);
  const outer = new Reader(plain);
  if (outer.int32() !== authorization)
    return refuse(
      'NO_KEY',
      where,
      'holds no login of this account',
      'Log in with Telegram Desktop first, quit it, and copy the folder again.',
    );
  const reader = new Reader(outer.bytes());
  const [oldUser, oldDataCentre] = [reader.int32(), reader.int32()];
  const isWide = oldUser === -1 && oldDataCentre === -1;
  const userId = isWide ? reader.take(8).readBigUInt64BE(0) : BigInt(oldUser);
  const dataCentre = isWide ? reader.int32() : oldDataCentre;
  const facts = {
    format: 'tdata',
    dataCentre: BigInt(dataCentre),
    authKey: keysIn(reader).get(dataCentre) ?? Buffer.alloc(0),
  } as const;
  const rest = {
    userId,
    userRequired: true,
    isBot: false,
    testMode: false,
    address: null,
    apiId: null,
  } as const;
  return assembleSession(
    { ...facts, ...rest, warnings: [{ code: 'SHARED_KEY', message: sharedKey }] },
    where,
  );
};

const sharedKey =
  'Telegram Desktop holds the same key: it must never be started with this folder again, ' +
  'and must not log out there';

const numbersIn = (list: Buffer): readonly number[] => {
  const reader = new Reader(list);
  const count = reader.int32();
  if (count < 1 || count > mostAccounts) throw damaged;
  const numbers = Array.from({ length: count }, reader.int32);
  if (
    numbers.some((number) => number < 0 || number >= mostAccounts) ||
    new Set(numbers).size !== count
  )
    throw damaged;
  return numbers;
};

/**
 * The accounts of a tdata folder, in its order; one refusal where none can be read. `files`: those
 * of {@link isTdataFile}, by name. Codes: `PASSCODE`, `CORRUPT`,
 * `NO_KEY` and those of {@link assembleSession}. Never throws.
 */
export const parseTdata = (
  files: TdataFiles,
  passcode: string,
  where: string,
): readonly SessionOutcome[] => {
  const corrupt = (place: string): SessionRefusal =>
    refuse('CORRUPT', place, 'is not as Telegram Desktop writes it', intact);
  try {
    const opened = openKey(files, passcode, where);
    if ('ok' in opened) return [opened];
    const numbers = numbersIn(opened.accounts);
    return numbers.map((number, place) => {
      const account =
        numbers.length === 1 ? where : `${where} (account ${place + 1} of ${numbers.length})`;
      try {
        return readAccount(files, opened.key, number, account);
      } catch {
        return corrupt(account);
      }
    });
  } catch {
    // Nothing but these bytes takes part.
    return [corrupt(where)];
  }
};
