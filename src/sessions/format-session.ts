import { FleetError } from '../model/errors.ts';
import type { Session, SessionStringFormat, WrittenFormat } from '../model/session.ts';
import { authKeyBytes } from './auth-key.ts';
import { canonicalAddress, dataCentrePort } from './data-centres.ts';
import { formatMtcute } from './mtcute-string.ts';

export const isStringFormat = (format: WrittenFormat): format is SessionStringFormat =>
  format.endsWith('-string');

/** Telegram's user ids have at most 52 bits. */
const maxUserId = BigInt(Number.MAX_SAFE_INTEGER);

const uint16 = (value: number): Buffer => Buffer.of(value >> 8, value & 255);

const pyrogramBytes = (session: Session, userId: bigint, apiId: number): Buffer => {
  const data = Buffer.alloc(271);
  data.writeUInt8(session.dataCentre, 0);
  data.writeUInt32BE(apiId, 1);
  data.set(session.authKey, 6);
  data.writeBigUInt64BE(userId, 6 + authKeyBytes);
  data.writeUInt8(session.isBot ? 1 : 0, 270);
  return data;
};

const telethonBytes = (session: Session): Buffer => {
  const address = canonicalAddress(session.dataCentre).split('.').map(Number);
  return Buffer.concat([
    Buffer.of(session.dataCentre, ...address),
    uint16(dataCentrePort),
    session.authKey,
  ]);
};

const gramjsBytes = (session: Session): Buffer => {
  const address = Buffer.from(canonicalAddress(session.dataCentre), 'latin1');
  return Buffer.concat([
    Buffer.of(session.dataCentre),
    uint16(address.length),
    address,
    uint16(dataCentrePort),
    session.authKey,
  ]);
};

const cannotHold = (format: WrittenFormat, why: string): FleetError =>
  new FleetError('usage', `The session cannot be written as ${format}: ${why}`, {
    hint:
      'Choose telethon-string or gramjs-string, which need no user id, or bring the account ' +
      'online once so that the id is known.',
  });

/** The user id that `format` must carry. Throws `usage` where it is unknown or does not fit. */
export const requireUserId = (session: Session, format: WrittenFormat): bigint => {
  if (session.userId === null) {
    throw cannotHold(format, 'the user id is not known, and the format must carry it');
  }
  return session.userId;
};

const requireShortUserId = (session: Session, format: WrittenFormat): void => {
  if (session.userId !== null && session.userId > maxUserId) {
    throw cannotHold(format, 'the user id has more than 53 bits');
  }
};

/** Base64url with padding, as Python's `urlsafe_b64encode` writes it. */
const padded = (data: Buffer): string =>
  data.toString('base64').replaceAll('+', '-').replaceAll('/', '_');

const encode = (
  session: Session,
  format: SessionStringFormat,
  apiId: number | null,
): { data: Buffer; text: (data: Buffer) => string } => {
  switch (format) {
    case 'gramjs-string':
      return { data: gramjsBytes(session), text: (data) => `1${data.toString('base64')}` };
    case 'telethon-string':
      return { data: telethonBytes(session), text: (data) => `1${padded(data)}` };
    case 'pyrogram-string':
      requireShortUserId(session, format);
      return {
        data: pyrogramBytes(session, requireUserId(session, format), apiId ?? 0),
        text: (data) => data.toString('base64url'),
      };
    case 'mtcute-string':
      requireShortUserId(session, format);
      return {
        data: formatMtcute(session.dataCentre, session.authKey, session.userId, session.isBot),
        text: (data) => data.toString('base64url'),
      };
  }
};

/**
 * Writes a session as one line without line end; reading it back gives the same session as far as
 * the format carries it (Telethon and
 * GramJS strings: neither user nor bot). Always with the canonical address of the data centre, port
 * 443 (GramJS ignores the port, Telethon and
 * mtcute use it). `apiId` only matters to `pyrogram-string`, where unknown is written as 0 = "the
 * one the client is started with".
 * Throws FleetError `usage` where the format must carry a user id that is unknown. The result is a
 * secret.
 */
export const formatSession = (
  session: Session,
  format: SessionStringFormat,
  apiId: number | null = null,
): string => {
  const { data, text } = encode(session, format, apiId);
  const line = text(data);
  data.fill(0);
  return line;
};
