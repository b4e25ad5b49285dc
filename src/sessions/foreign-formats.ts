import { refuse, type SessionRefusal } from './session-outcome.ts';

/**
 * What keeps a login in a way that fleet does not read by this one file, each with the sentence
 * that helps.
 */
const foreign = {
  tdata: ["a part of Telegram Desktop's data (tdata)", 'folder'],
  storeSession: ['a part of a StoreSession of GramJS or teleproto', 'folder'],
  tdlib: ['a database of TDLib', 'logIn'],
  tdl: ['a database of tdl', 'logIn'],
  gotd: ['a session of gotd (Go)', 'logIn'],
  madeline: ['a session of MadelineProto', 'logIn'],
  mtkruto: ['a session of MTKruto', 'logIn'],
  telethon2: ['a session of Telethon 2 (alpha)', 'logIn'],
  grammers: ['a session of grammers', 'logIn'],
  sidecar: ['a description that goes with a session, not a session', 'sidecar'],
  zip: ['a zip archive', 'unpack'],
} as const;

const hints = {
  logIn:
    'Log in anew with Telethon or Pyrogram and import that session. A converted copy ' +
    'would share its key with this program, and Telegram destroys a key that two programs ' +
    'use.',
  folder: 'Stop its program, then import the whole folder that the file is in.',
  sidecar:
    'Import the .session file beside it: it is read with that file, and the account keeps ' +
    'its application and device.',
  unpack: 'Unpack it and import the session file in it.',
} as const;

export type ForeignFormat = keyof typeof foreign;

/** Code `OTHER_FORMAT`. */
export const refuseForeign = (format: ForeignFormat, where: string): SessionRefusal => {
  const [name, hint] = foreign[format];
  const reading =
    hint === 'folder' ? 'which fleet reads as a whole folder' : 'which fleet does not read';
  return refuse('OTHER_FORMAT', where, `is ${name}, ${reading}`, hints[hint]);
};

const firstOf = <T>(
  rules: readonly (readonly [ForeignFormat, T])[],
  fits: (rule: T) => boolean,
): ForeignFormat | undefined => rules.find(([, rule]) => fits(rule))?.[0];

/**
 * By the names in a folder, or of the file itself where its content is encrypted: each rule must
 * fit one name.
 */
const nameRules: readonly (readonly [ForeignFormat, RegExp])[] = [
  ['tdata', /^(?:tdata|key_datas?|[0-9A-F]{16}s?|settingss)$/],
  ['storeSession', /(?::|%3A)authKey$/i],
  ['tdlib', /^(?:td(?:_test)?\.binlog|db(?:_test)?\.sqlite)$/],
  ['madeline', /^(?:safe\.php|lightState\.php|ipcState\.php|.*\.madeline)$/],
];

export const foreignNames = (names: readonly string[]): ForeignFormat | undefined =>
  firstOf(nameRules, (pattern) => names.some((name) => pattern.test(name)));

/** By tables that are all there, in lower case. */
const tableRules: readonly (readonly [ForeignFormat, readonly string[]])[] = [
  ['telethon2', ['datacenter', 'session']],
  ['telethon2', ['datacenter', 'user']],
  ['grammers', ['dc_home', 'dc_option']],
  ['mtkruto', ['kv', 'data_version']],
];

export const foreignTables = (tables: ReadonlyMap<string, unknown>): ForeignFormat | undefined =>
  firstOf(tableRules, (names) => names.every((name) => tables.has(name)));

const boltMagic = 0xed0cdaed;

/** By how a file begins that is not SQLite: 8 KiB are looked at. */
export const foreignBytes = (bytes: Uint8Array): ForeignFormat | undefined => {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 8192));
  const text = head
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (text.startsWith('TDF$')) return 'tdata';
  if (text.startsWith('PK\x03\x04')) return 'zip';
  if (head.length >= 20 && head.readUInt32LE(16) === boltMagic) return 'tdl';
  if (/^(?:<\?php|O:\d+:"danog)/.test(text)) return 'madeline';
  if (!text.startsWith('{')) return undefined;
  if (/"AuthKey(?:ID)?"\s*:|"Version"\s*:\s*\d+\s*,\s*"Data"\s*:/.test(text)) return 'gotd';
  return /"(?:app_id|api_id|app_hash|api_hash|session_file|twoFA)"\s*:/i.test(text)
    ? 'sidecar'
    : undefined;
};

/**
 * MTKruto writes each run of zeros as a zero and its length. Undefined for what cannot be such
 * data; bounded to 1,024 bytes.
 */
const withoutRuns = (data: Uint8Array): Buffer | undefined => {
  const bytes: number[] = [];
  for (let index = 0; index < data.length && bytes.length <= 1024; index++) {
    const byte = data[index] ?? 0;
    const run = byte === 0 ? (data[++index] ?? 0) : 1;
    if (run === 0) return undefined;
    for (let count = 0; count < run; count++) bytes.push(byte);
  }
  return Buffer.from(bytes);
};

/** TL string with the data centre ("2", "2-test"), then TL bytes of 256: a key. */
const isMtkruto = (data: Buffer): boolean => {
  const length = data[0] ?? 0;
  const keyAt = Math.ceil((length + 1) / 4) * 4;
  const dataCentre = data.toString('latin1', 1, 1 + length);
  return (
    /^[1-9]\d{0,3}(?:-[a-z]{1,10})?$/.test(dataCentre) &&
    data.length >= keyAt + 260 &&
    data.readUInt32LE(keyAt) === 0x000100fe
  );
};

/** By the bytes of a string session, after base64. */
export const foreignString = (data: Buffer): ForeignFormat | undefined => {
  if (isMtkruto(data) || isMtkruto(withoutRuns(data) ?? Buffer.alloc(0))) return 'mtkruto';
  return data[0] === 0x7b ? foreignBytes(data) : undefined;
};
