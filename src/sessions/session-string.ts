import { assembleSession, type SessionFacts } from './assemble-session.ts';
import { authKeyBytes } from './auth-key.ts';
import { isTelegramServer } from './data-centres.ts';
import { foreignString, refuseForeign } from './foreign-formats.ts';
import { mtcuteVersion, parseMtcute } from './mtcute-string.ts';
import { refuse, type SessionOutcome, type SessionRefusal } from './session-outcome.ts';

/** Longest text that is looked at, in characters; the longest real string session has about 480. */
export const maxSessionStringLength = 4096;

const noFacts = {
  userId: null,
  userRequired: false,
  isBot: false,
  testMode: false,
  address: null,
  apiId: null,
  warnings: [],
} as const;

const malformed = (where: string, what: string): SessionRefusal =>
  refuse(
    'BAD_STRING',
    where,
    what,
    'Copy the whole string again: Telethon, GramJS, Pyrogram and mtcute (version 3) ' +
      'strings are understood.',
  );

/**
 * Removes what editors and shells put around a string: byte order mark, white space, one pair of
 * quotes.
 */
const unwrap = (text: string): string => {
  const bare = text.replace(/^\uFEFF/, '').trim();
  return /^(["'`])(.*)\1$/s.exec(bare)?.[2]?.trim() ?? bare;
};

/** Both base64 alphabets, padded or not; undefined for anything else. */
const decodeBase64 = (text: string): Buffer | undefined => {
  const body = /^([A-Za-z0-9+/_-]+)={0,2}$/.exec(text)?.[1];
  return body === undefined || body.length % 4 === 1 ? undefined : Buffer.from(body, 'base64url');
};

/**
 * GramJS: u8 dc, u16 length, address text, u16 port, key to the end. Tested before Telethon,
 * because with a 14-character address it is as long
 * as a Telethon IPv6 string; the other way round no public IPv6 address begins with 00 07-40, so
 * one shape never passes for the other.
 */
const gramjsFacts = (data: Buffer): SessionFacts | undefined => {
  const length = data.length < 3 ? 0 : data.readUInt16BE(1);
  const keyStart = 3 + length + 2;
  const address = data.toString('latin1', 3, 3 + length);
  if (
    length < 7 ||
    length > 64 ||
    data.length < keyStart ||
    !isTelegramServer(address, data.readUInt16BE(keyStart - 2))
  ) {
    return undefined;
  }
  return {
    ...noFacts,
    format: 'gramjs-string',
    dataCentre: BigInt(data.readUInt8(0)),
    address,
    authKey: data.subarray(keyStart),
  };
};

/** Telethon: u8 dc, 4 or 16 address bytes, u16 port, key. */
const telethonFacts = (data: Buffer): SessionFacts | undefined => {
  const addressLength = data.length - authKeyBytes - 3;
  if (addressLength !== 4 && addressLength !== 16) {
    return undefined;
  }
  const raw = data.subarray(1, 1 + addressLength);
  const address =
    addressLength === 4 ? raw.join('.') : (raw.toString('hex').match(/.{4}/g) ?? []).join(':');
  if (!isTelegramServer(address, data.readUInt16BE(1 + addressLength))) {
    return undefined;
  }
  return {
    ...noFacts,
    format: 'telethon-string',
    dataCentre: BigInt(data.readUInt8(0)),
    address,
    authKey: data.subarray(-authKeyBytes),
  };
};

const oldPyrogram = {
  code: 'OLD_STRING',
  message: 'a string of Pyrogram 1: it does not say which application logged in',
} as const;

/** User ids have at most 52 bits, application ids 31. */
const maxUserId = 2n ** 53n - 1n;
const maxApiId = 2 ** 31 - 1;

/**
 * Four or eight bytes less make a newer string as long as an old one, with a key from the wrong
 * place. Then the bool of the newer head lies in the key, or the
 * upper half of the newer user id does. One old string in 120 looks like that as well, and is
 * refused rather than read wrongly.
 */
const mayBeCut = (data: Buffer): boolean =>
  data.readUInt8(5) <= 1 ||
  (data.length === 263 && BigInt(data.readUInt32BE(2 + authKeyBytes - 4)) <= maxUserId >> 32n);

/**
 * Pyrogram: u8 dc, [u32 api id,] bool test, key, u64 (oldest: u32) user id, bool bot; 271, 267 or
 * 263 bytes. Nothing in it names the format, so what
 * could be no number or bool of Pyrogram's is another's string.
 */
const pyrogramFacts = (data: Buffer): SessionFacts | undefined => {
  if (data.length !== 271 && data.length !== 267 && data.length !== 263) {
    return undefined;
  }
  const current = data.length === 271;
  const keyStart = current ? 6 : 2;
  const userStart = keyStart + authKeyBytes;
  const userId =
    data.length === 263 ? BigInt(data.readUInt32BE(userStart)) : data.readBigUInt64BE(userStart);
  const [test = 2, bot = 2] = [data[keyStart - 1], data.at(-1)];
  if (
    test > 1 ||
    bot > 1 ||
    userId > maxUserId ||
    (current ? data.readUInt32BE(1) > maxApiId : mayBeCut(data))
  ) {
    return undefined;
  }
  return {
    format: 'pyrogram-string',
    dataCentre: BigInt(data.readUInt8(0)),
    apiId: current ? BigInt(data.readUInt32BE(1)) : null,
    testMode: test !== 0,
    authKey: data.subarray(keyStart, userStart),
    userId,
    userRequired: true,
    isBot: bot !== 0,
    address: null,
    warnings: current ? [] : [oldPyrogram],
  };
};

/**
 * mtcute strings begin with their version; versions 1 and 2 had other layouts and are refused by
 * name.
 */
const readMtcute = (data: Buffer, where: string): SessionFacts | SessionRefusal | undefined => {
  const version = data[0];
  const fields = parseMtcute(data);
  if (fields !== undefined) {
    const { dataCentre, testMode, address, userId, isBot, authKey } = fields;
    return {
      ...noFacts,
      format: 'mtcute-string',
      dataCentre: BigInt(dataCentre),
      testMode,
      address,
      userId,
      isBot,
      authKey,
    };
  }
  const upgraded =
    (version === 1 || version === 2) && data.length > 271 ? Buffer.from(data) : undefined;
  upgraded?.writeUInt8(mtcuteVersion, 0);
  return upgraded !== undefined && parseMtcute(upgraded) !== undefined
    ? refuse(
        'UNKNOWN_VERSION',
        where,
        `an mtcute string of version ${version}; only version ${mtcuteVersion} is understood`,
        'Export it again with a current mtcute.',
      )
    : undefined;
};

/**
 * Reads a string session of any known library, whatever surrounds it (white space, quotes, byte
 * order mark).
 * Never throws. `where` starts the message of a refusal. Codes: `EMPTY` `BAD_STRING` `OTHER_FORMAT`
 * `UNKNOWN_VERSION` and those of {@link assembleSession}.
 */
export const parseSessionString = (text: string, where = 'session string'): SessionOutcome => {
  const bare = unwrap(text.length > maxSessionStringLength ? '?' : text);
  if (bare === '') {
    return refuse(
      'EMPTY',
      where,
      'is empty',
      'Give a session string or a session file with content.',
    );
  }
  const prefixed = bare.startsWith('1');
  const data = decodeBase64(prefixed ? bare.slice(1) : bare);
  if (data === undefined) {
    return malformed(
      where,
      'is not a session string: it holds characters that no session string has, or too ' +
        'many of them',
    );
  }
  const other = foreignString(data);
  if (other !== undefined) {
    return refuseForeign(other, where);
  }
  const facts = prefixed
    ? (gramjsFacts(data) ?? telethonFacts(data))
    : (pyrogramFacts(data) ?? readMtcute(data, where));
  const outcome =
    facts === undefined
      ? malformed(
          where,
          'is not a session string of a known library, or a part is missing: ' +
            `${data.length} bytes after decoding`,
        )
      : 'ok' in facts
        ? facts
        : assembleSession(facts, where);
  data.fill(0);
  return outcome;
};
