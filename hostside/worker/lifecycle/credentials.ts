import { isIP } from 'node:net';
import { join } from 'node:path';
import { readSmallFile } from '../../machine/durable-file.ts';
import { parseJson, Shape } from '../../machine/json-shape.ts';
import type { WorkerConfig } from '../../protocol/worker.ts';
import type { TelegramCredentials } from '../telegram/telegram-port.ts';

type SessionParts = Pick<TelegramCredentials, 'dcId' | 'address' | 'authKey'>;

const keyBytes = 256;
const limitBytes = 64 * 1024;

/**
 * Either side of a parser at the border; `fault` says what is wrong and holds nothing of the
 * content.
 */
export type Parsed<T> = { readonly value: T } | { readonly fault: string };

/**
 * A GramJS session string: `1` and base64 of data centre (1 byte), length of the address (2 bytes),
 * address, port (2 bytes), key
 * (256 bytes). The port is not used: the library always takes 80.
 */
export const parseSession = (text: string): Parsed<SessionParts> => {
  const line = text.trim();
  if (!/^1[A-Za-z0-9+/]+={0,2}$/.test(line))
    return { fault: 'the session credential is not a GramJS session string' };
  const bytes = Buffer.from(line.slice(1), 'base64');
  const addressLength = bytes.length > 3 ? bytes.readUInt16BE(1) : 0;
  if (bytes.length !== 1 + 2 + addressLength + 2 + keyBytes)
    return { fault: 'the session credential has a wrong length' };
  const dcId = bytes.readUInt8(0);
  const address = bytes.toString('latin1', 3, 3 + addressLength);
  if (dcId < 1 || dcId > 5)
    return { fault: 'the session credential names no data centre of Telegram' };
  if (isIP(address) === 0) return { fault: 'the session credential has no IP address' };
  return { value: { dcId, address, authKey: bytes.subarray(-keyBytes) } };
};

export const parseConfig = (text: string): Parsed<WorkerConfig> => {
  const shape = new Shape(parseJson(text));
  const config: WorkerConfig = {
    format: 1,
    apiId: shape.integer('apiId', 1, 2 ** 31 - 1),
    apiHash: shape.text('apiHash', 256, /./),
    deviceModel: shape.text('deviceModel', 256, /./),
    systemVersion: shape.text('systemVersion', 256, /./),
    appVersion: shape.text('appVersion', 256, /./),
    langCode: shape.text('langCode', 32, /./),
    logLevel: shape.oneOf('logLevel', ['error', 'warn', 'info', 'debug']),
    healthIntervalMs: shape.integer('healthIntervalMs', 50, 3_600_000),
    ...(shape.has('modelKey') ? { modelKey: shape.text('modelKey', 1024, /^[!-~]+$/) } : {}),
  };
  if (shape.value('format') !== 1) shape.fault ??= 'field "format" is not 1';
  return shape.fault === null
    ? { value: config }
    : { fault: `the config credential is wrong: ${shape.fault}` };
};

/** Both credentials of the unit (or of whatever set `CREDENTIALS_DIRECTORY`). */
export const readCredentials = (
  directory: string | undefined,
): Parsed<{ readonly config: WorkerConfig; readonly telegram: TelegramCredentials }> => {
  if (!directory) return { fault: 'CREDENTIALS_DIRECTORY is not set' };
  const session = readCredential(directory, 'session', parseSession);
  if ('fault' in session) return session;
  const config = readCredential(directory, 'config', parseConfig);
  if ('fault' in config) return config;
  const { apiId, apiHash, deviceModel, systemVersion, appVersion, langCode } = config.value;
  const telegram = {
    ...session.value,
    apiId,
    apiHash,
    deviceModel,
    systemVersion,
    appVersion,
    langCode,
  };
  return { value: { config: config.value, telegram } };
};

const readCredential = <T>(
  directory: string,
  name: string,
  parse: (text: string) => Parsed<T>,
): Parsed<T> => {
  const file = readSmallFile(join(directory, name), limitBytes);
  if (file === null) return { fault: `there is no credential ${name}` };
  return 'text' in file ? parse(file.text) : { fault: `credential ${name}: ${file.fault}` };
};
