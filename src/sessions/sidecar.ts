import type { SessionDevice } from '../model/session.ts';

/** Names that tools which make sessions write; the first one that is there counts. */
const names = {
  apiId: ['app_id', 'api_id'],
  apiHash: ['app_hash', 'api_hash'],
  deviceModel: ['device', 'device_model'],
  systemVersion: ['sdk', 'system_version'],
  appVersion: ['app_version'],
  langCode: ['lang_code', 'lang_pack', 'system_lang_code'],
} as const satisfies Readonly<Record<keyof SessionDevice, readonly string[]>>;

/** Nothing that a terminal obeys, that has no width or that turns the direction of text. */
const line = /^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u;
const forms = {
  apiId: /^[1-9]\d{0,9}$/,
  apiHash: /^[0-9a-fA-F]{32}$/,
  deviceModel: line,
  systemVersion: line,
  appVersion: line,
  langCode: /^[a-z]{2,3}(?:-[a-zA-Z]{2,8})?$/,
} as const satisfies Readonly<Record<keyof SessionDevice, RegExp>>;
const maxApiId = 2_147_483_647;

/**
 * The `.json` file that many tools write beside a session: application, device and language. What
 * is absent or has an odd form is left out, and an application's
 * number and hash count together or not at all. null: it says nothing of these. Pure; the result
 * holds a secret.
 */
export const parseSidecar = (content: Uint8Array): SessionDevice | null => {
  let json: unknown;
  try {
    json = JSON.parse(
      Buffer.from(content.buffer, content.byteOffset, content.byteLength)
        .toString('utf8')
        .replace(/^\uFEFF/, ''),
    );
  } catch {
    return null;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null;
  const known = new Map(Object.entries(json));
  const pick = (key: keyof SessionDevice): string | number | undefined => {
    const value = names[key]
      .map((name) => known.get(name))
      .find((each) => each !== undefined && each !== null && each !== '');
    const text = typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
    if (!forms[key].test(text)) return undefined;
    if (key !== 'apiId') return text;
    return Number(text) <= maxApiId ? Number(text) : undefined;
  };
  const isApplication = pick('apiId') !== undefined && pick('apiHash') !== undefined;
  const keys = (Object.keys(names) as (keyof SessionDevice)[]).filter(
    (key) => isApplication || (key !== 'apiId' && key !== 'apiHash'),
  );
  const device = Object.fromEntries(
    keys.map((key) => [key, pick(key)]).filter(([, value]) => value !== undefined),
  );
  return Object.keys(device).length === 0 ? null : device;
};
