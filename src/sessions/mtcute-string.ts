import { canonicalAddress, dataCentrePort } from './data-centres.ts';

/**
 * mtcute string session, version 3 (base64url without padding). Integers are little-endian; `bytes`
 * is TL's: a length byte below 254,
 * or 254 and three length bytes, then the content, then zeros to a multiple of four.
 *
 *     u8 version = 3 · i32 flags (1 user known, 2 test mode, 4 separate media address) · bytes
 *     address [· bytes media address]
 *     [· i53 user id (u32 low, i32 high) · bool is bot] · bytes key
 *     address: u8 version (1 or 2) · u8 data centre · u8 flags (1 IPv6, 2 media only, 4 test mode
 *     from version 2) · string ip · i32 port
 */
export interface MtcuteFields {
  readonly version: number;
  readonly dataCentre: number;
  readonly testMode: boolean;
  readonly address: string;
  readonly userId: bigint | null;
  readonly isBot: boolean;
  readonly authKey: Uint8Array;
}

export const mtcuteVersion = 3;
const flagSelf = 1;
const flagTest = 2;
const flagMedia = 4;
const dcFlagTest = 4;
const boolTrue = 0x997275b5;
const boolFalse = 0xbc799737;

interface Cursor {
  readonly data: Buffer;
  offset: number;
}

/**
 * The next `count` bytes; an empty result with a broken cursor would be ambiguous, so running out
 * is undefined.
 */
const take = (cursor: Cursor, count: number): Buffer | undefined => {
  const end = cursor.offset + count;
  if (end > cursor.data.length) {
    return undefined;
  }
  const part = cursor.data.subarray(cursor.offset, end);
  cursor.offset = end;
  return part;
};

const takeBytes = (cursor: Cursor): Buffer | undefined => {
  const first = take(cursor, 1)?.[0];
  if (first === undefined || first === 255) {
    return undefined;
  }
  const length = first < 254 ? first : take(cursor, 3)?.readUIntLE(0, 3);
  const content = length === undefined ? undefined : take(cursor, length);
  if (content === undefined) {
    return undefined;
  }
  const header = first < 254 ? 1 : 4;
  return take(cursor, (4 - ((header + content.length) % 4)) % 4) === undefined
    ? undefined
    : content;
};

interface Address {
  readonly dataCentre: number;
  readonly testMode: boolean;
  readonly address: string;
}

/** An address as mtcute writes it into strings and into its database; undefined: it is none. */
export const parseMtcuteAddress = (data: Uint8Array | undefined): Address | undefined => {
  const cursor: Cursor = { data: Buffer.from(data ?? []), offset: 0 };
  const head = take(cursor, 3);
  const ip = takeBytes(cursor);
  const [version, dataCentre, flags] = head ?? [];
  if (
    ip === undefined ||
    take(cursor, 4) === undefined ||
    dataCentre === undefined ||
    flags === undefined ||
    (version !== 1 && version !== 2)
  ) {
    return undefined;
  }
  return {
    dataCentre,
    testMode: version === 2 && (flags & dcFlagTest) !== 0,
    address: ip.toString('latin1'),
  };
};

const takeSelf = (cursor: Cursor): { userId: bigint; isBot: boolean } | undefined => {
  const part = take(cursor, 12);
  const bool = part?.readUInt32LE(8);
  if (part === undefined || (bool !== boolTrue && bool !== boolFalse)) {
    return undefined;
  }
  return { userId: part.readBigInt64LE(0), isBot: bool === boolTrue };
};

/**
 * Undefined when the layout does not fit to the last byte. Only version 3 is read; the caller
 * reports others.
 */
export const parseMtcute = (data: Buffer): MtcuteFields | undefined => {
  const cursor: Cursor = { data, offset: 0 };
  const version = take(cursor, 1)?.[0];
  const flags = take(cursor, 4)?.readUInt32LE(0);
  if (
    version !== mtcuteVersion ||
    flags === undefined ||
    (flags & ~(flagSelf | flagTest | flagMedia)) !== 0
  ) {
    return undefined;
  }
  const main = parseMtcuteAddress(takeBytes(cursor));
  const media = (flags & flagMedia) !== 0 ? parseMtcuteAddress(takeBytes(cursor)) : main;
  const self = (flags & flagSelf) !== 0 ? takeSelf(cursor) : null;
  const authKey = takeBytes(cursor);
  if (
    main === undefined ||
    media === undefined ||
    self === undefined ||
    authKey === undefined ||
    cursor.offset !== data.length
  ) {
    return undefined;
  }
  return {
    version,
    dataCentre: main.dataCentre,
    testMode: (flags & flagTest) !== 0 || main.testMode || media.testMode,
    address: main.address,
    userId: self?.userId ?? null,
    isBot: self?.isBot ?? false,
    authKey,
  };
};

const tlBytes = (content: Buffer): Buffer => {
  const header =
    content.length < 254
      ? Buffer.of(content.length)
      : Buffer.of(254, content.length & 255, (content.length >> 8) & 255, content.length >> 16);
  const padding = (4 - ((header.length + content.length) % 4)) % 4;
  return Buffer.concat([header, content, Buffer.alloc(padding)]);
};

const int32 = (value: number): Buffer => {
  const part = Buffer.alloc(4);
  part.writeUInt32LE(value);
  return part;
};

const formatSelf = (userId: bigint, isBot: boolean): Buffer => {
  const part = Buffer.alloc(12);
  part.writeBigInt64LE(userId, 0);
  part.writeUInt32LE(isBot ? boolTrue : boolFalse, 8);
  return part;
};

/**
 * The bytes of a version 3 string: production, IPv4, no separate media address. `userId` at most
 * 2^53 - 1.
 */
export const formatMtcute = (
  dataCentre: number,
  authKey: Uint8Array,
  userId: bigint | null,
  isBot: boolean,
): Buffer => {
  const address = Buffer.concat([
    Buffer.of(2, dataCentre, 0),
    tlBytes(Buffer.from(canonicalAddress(dataCentre), 'latin1')),
    int32(dataCentrePort),
  ]);
  return Buffer.concat([
    Buffer.of(mtcuteVersion),
    int32(userId === null ? 0 : flagSelf),
    tlBytes(address),
    userId === null ? Buffer.alloc(0) : formatSelf(userId, isBot),
    tlBytes(Buffer.from(authKey)),
  ]);
};
