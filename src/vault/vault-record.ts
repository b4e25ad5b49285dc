import { createHash } from 'node:crypto';
import * as z from 'zod';
import { type AccountName, isAccountName } from '../model/names.ts';
import type { Session, SessionDevice, SessionFormat } from '../model/session.ts';
import { authKeyBytes, keyIdOf } from '../sessions/auth-key.ts';

/** What the vault knows of a session besides the session itself. */
export interface VaultMeta {
  /** ISO 8601, UTC. */
  readonly importedAt: string;
  readonly sourceFormat: SessionFormat;
  /** The application that logged in, where the source said so; null otherwise. */
  readonly apiId: number | null;
  /** Application and device that it was made with, where a description came with it. */
  readonly device?: SessionDevice;
}

/** One opened entry. `session.authKey` belongs to the caller, who zeroes it after use. */
export interface VaultRecord extends VaultMeta {
  readonly account: AccountName;
  readonly session: Session;
}

const recordFormat = 1;
/**
 * With a device, which releases that do not know it must not leave out: to them the record is of a
 * newer fleet, not damaged.
 */
const deviceFormat = 2;

const formats = [
  'pyrogram',
  'pyrogram-string',
  'telethon',
  'telethon-string',
  'gramjs-string',
  'mtcute-string',
  'mtcute',
  'store-session',
  'tdata',
  'login',
] as const satisfies readonly SessionFormat[];

const word = z.string().max(64).optional();

const recordSchema = z.strictObject({
  format: z.literal([recordFormat, deviceFormat]),
  account: z.string().refine(isAccountName),
  dataCentre: z.int().min(1).max(5),
  key: z.base64().refine((text) => Buffer.from(text, 'base64').length === authKeyBytes),
  userId: z
    .string()
    .regex(/^[1-9][0-9]{0,18}$/)
    .nullable(),
  isBot: z.boolean(),
  importedAt: z.iso.datetime(),
  sourceFormat: z.enum(formats),
  apiId: z.int().positive().nullable(),
  device: z
    .strictObject({
      apiId: z.int().positive().optional(),
      apiHash: z.string().max(64).optional(),
      ...{ deviceModel: word, systemVersion: word, appVersion: word, langCode: word },
    })
    .optional(),
});

const inOrder = (device: SessionDevice | undefined): object | undefined =>
  device && Object.fromEntries(Object.entries(device).sort(([a], [b]) => (a < b ? -1 : 1)));

/**
 * The canonical plaintext: UTF-8 JSON with keys in a fixed order, so that equal records have equal
 * bytes and hashes.
 * The user id is a string (64 bits). A secret: zero it after use.
 */
export const serializeRecord = (record: VaultRecord): Buffer => {
  const { account, session, importedAt, sourceFormat, apiId, device } = record;
  const key = Buffer.from(
    session.authKey.buffer,
    session.authKey.byteOffset,
    session.authKey.byteLength,
  ).toString('base64');
  const userId = session.userId === null ? null : session.userId.toString();
  const { dataCentre, isBot } = session;
  const format = device === undefined ? recordFormat : deviceFormat;
  return Buffer.from(
    JSON.stringify({
      format,
      account,
      dataCentre,
      key,
      userId,
      isBot,
      importedAt,
      sourceFormat,
      apiId,
      device: inOrder(device),
    }),
    'utf8',
  );
};

const looseFormat = z.looseObject({ format: z.int() });

/**
 * `newer` where a later fleet wrote it, `damaged` where it is no record at all. The input is a
 * secret; no part of it is returned but the record.
 */
export const parseRecord = (plaintext: Uint8Array): VaultRecord | 'newer' | 'damaged' => {
  let json: unknown;
  try {
    json = JSON.parse(
      Buffer.from(plaintext.buffer, plaintext.byteOffset, plaintext.byteLength).toString('utf8'),
    );
  } catch {
    return 'damaged';
  }
  const format = looseFormat.safeParse(json);
  if (format.success && format.data.format > deviceFormat) {
    return 'newer';
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) {
    return 'damaged';
  }
  const { account, dataCentre, key, userId, isBot, importedAt, sourceFormat, apiId, device } =
    parsed.data;
  const authKey = Uint8Array.from(Buffer.from(key, 'base64'));
  const session: Session = {
    dataCentre,
    authKey,
    userId: userId === null ? null : BigInt(userId),
    isBot,
    testMode: false,
    keyId: keyIdOf(authKey),
  };
  return {
    account,
    session,
    importedAt,
    sourceFormat,
    apiId,
    ...(device === undefined ? {} : { device: device as SessionDevice }),
  };
};

/**
 * SHA-256 (hex) of the canonical plaintext: tells whether two copies hold the same record, without
 * being one.
 */
export const vaultHashOf = (plaintext: Uint8Array): string =>
  createHash('sha256').update(plaintext).digest('hex');
