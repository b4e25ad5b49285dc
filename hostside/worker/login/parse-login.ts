import { isIP } from 'node:net';
import { accountPattern, Shape } from '../../machine/json-shape.ts';
import type { LoginAnswer, LoginKey, LoginRequest } from '../../protocol/login.ts';

/** A request from parsed JSON, or what is wrong with it. Faults name fields, never values. */
export const parseLoginRequest = (
  value: unknown,
): { readonly request: LoginRequest } | { readonly fault: string } => {
  const shape = new Shape(value);
  const addresses = shape
    .list('addresses', 5)
    .filter((entry): entry is string => typeof entry === 'string' && isIP(entry) === 4);
  const request: LoginRequest = {
    format: 1,
    account: shape.text('account', 63, accountPattern),
    act: shape.oneOf('act', ['code', 'qr', 'bot', 'cancel']),
    apiId: shape.integer('apiId', 1, 2 ** 31 - 1),
    apiHash: shape.text('apiHash', 256, /./),
    deviceModel: shape.text('deviceModel', 256, /./),
    systemVersion: shape.text('systemVersion', 256, /./),
    appVersion: shape.text('appVersion', 256, /./),
    langCode: shape.text('langCode', 32, /./),
    addresses,
    dataCentre: shape.integer('dataCentre', 1, 5),
    key: shape.value('key') === null ? null : parseKey(shape),
    expectedUserId: shape.textOrNull('expectedUserId', 19, /^\d+$/),
  };
  if (addresses.length !== 5) shape.fault ??= 'field "addresses" has a wrong value';
  if (shape.value('format') !== 1) shape.fault ??= 'field "format" is not 1';
  return shape.fault === null ? { request } : { fault: shape.fault };
};

const parseKey = (shape: Shape): LoginKey => {
  const inner = new Shape(shape.value('key'));
  const key = {
    dataCentre: inner.integer('dataCentre', 1, 5),
    authKey: inner.text('authKey', 344, /^[A-Za-z0-9+/]{342}==$/),
  };
  if (inner.fault !== null) shape.fault ??= `key: ${inner.fault}`;
  return key;
};

/** null: it is none. */
export const parseLoginAnswer = (value: unknown): LoginAnswer | null => {
  const shape = new Shape(value);
  if (shape.value('kept') === true) return { kept: true };
  if (shape.value('resend') === true) return { resend: true };
  const text = shape.text('text', 1024, /./);
  return shape.fault === null ? { text } : null;
};
