import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import * as z from 'zod';
import { parseIdentities } from './vault-key.ts';

/** What a file of the vault is, so that none can stand in for another. */
export type RecordKind = 'session' | 'state' | 'mark' | 'backup';

/**
 * Version of the form in which records are authenticated; 1 were records with no authentication.
 */
const envelopeFormat = 2;

/**
 * The key that authenticates records: only who has the identity can write them, while its public
 * recipient is enough to encrypt. HKDF (RFC 5869).
 */
const recordKeyOf = (identity: string): Buffer =>
  Buffer.from(
    hkdfSync('sha256', identity, 'fleet vault', 'authentication of records, version 2', 32),
  );

/**
 * An HMAC-SHA-256 of one identity that takes the kind and the name first; each is preceded by its
 * length, so that no two inputs read the same.
 */
export function authenticator(identity: string, kind: RecordKind, name: string) {
  const hmac = createHmac('sha256', recordKeyOf(identity));
  for (const part of [`fleet ${envelopeFormat}`, kind, name])
    hmac.update(`${Buffer.byteLength(part)}:${part}`);
  return hmac;
}

const macOf = (identity: string, kind: RecordKind, name: string, content: Uint8Array): Buffer =>
  authenticator(identity, kind, name).update(content).digest();

const envelopeSchema = z.strictObject({
  format: z.literal(envelopeFormat),
  kind: z.string(),
  name: z.string(),
  mac: z.string().regex(/^[0-9a-f]{64}$/),
  content: z.base64(),
});
const anyFormat = z.looseObject({ format: z.int() });

/**
 * `content` with what it is and a proof that it was written with the identity. A secret as far as
 * the content is one.
 */
export function sealContent(
  identityText: string,
  kind: RecordKind,
  name: string,
  content: Uint8Array,
): Buffer {
  const mac = macOf(parseIdentities(identityText)[0], kind, name, content).toString('hex');
  const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString(
    'base64',
  );
  return Buffer.from(JSON.stringify({ format: envelopeFormat, kind, name, mac, content: text }));
}

/**
 * `legacy`: in the form without authentication, which {@link RecordKind} and name have to be judged
 * by its content.
 */
export type OpenedContent =
  | { readonly form: 'authenticated' | 'legacy'; readonly content: Buffer }
  | { readonly form: 'forged' | 'misplaced' | 'newer' | 'damaged' };

/**
 * What {@link sealContent} made, checked; `misplaced`: it is authentic, but of another kind or
 * name.
 */
export function openContent(
  identityText: string,
  kind: RecordKind,
  name: string,
  sealed: Uint8Array,
): OpenedContent {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return { form: 'damaged' };
  }
  const format = anyFormat.safeParse(json);
  if (!format.success) return { form: 'damaged' };
  if (format.data.format < envelopeFormat) return { form: 'legacy', content: Buffer.from(bytes) };
  if (format.data.format > envelopeFormat) return { form: 'newer' };
  const envelope = envelopeSchema.safeParse(json);
  if (!envelope.success) return { form: 'damaged' };
  const content = Buffer.from(envelope.data.content, 'base64');
  const mac = Buffer.from(envelope.data.mac, 'hex');
  const isAuthentic = parseIdentities(identityText).some((identity) =>
    timingSafeEqual(
      macOf(identity, envelope.data.kind as RecordKind, envelope.data.name, content),
      mac,
    ),
  );
  if (!isAuthentic) return { form: 'forged' };
  return envelope.data.kind === kind && envelope.data.name === name
    ? { form: 'authenticated', content }
    : { form: 'misplaced' };
}

/** Why a record is not used, for a message: "... is not used: it ...". */
export const whyNotUsed: Readonly<Record<'forged' | 'misplaced' | 'legacy', string>> = {
  forged: 'it was not written with the vault’s key: its authentication does not fit',
  misplaced:
    'it is authentic, but was written for another account or another purpose: the file ' +
    'was renamed or copied',
  legacy: 'it has no authentication, and this vault takes only records that have',
};
