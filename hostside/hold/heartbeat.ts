import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { claimedKeyIds, readClaim } from '../claims/claim-file.ts';
import { readBootVerdict, readContact } from '../machine/boot.ts';
import { readSmallFile, writeDurably } from '../machine/durable-file.ts';
import { parseJson, Shape, wordPattern } from '../machine/json-shape.ts';
import type { Places } from '../machine/places.ts';
import { holdOf } from '../protocol/hold-of.ts';
import type { BootVerdict, ContactRecord } from '../protocol/host.ts';

/** When the host was last known to be up, as it wrote itself: ms since the epoch by its clock. */
export interface Heartbeat {
  readonly wallMs: number;
  /** The last contact at that moment; absent in those of an earlier release. */
  readonly contact?: ContactName;
}

/** Tells one contact from another. */
export type ContactName = Pick<ContactRecord, 'authorityId' | 'serial' | 'revision'>;

/**
 * Whether a boot may say that it is up (docs/exclusivity.md, rule R5): only one whose accounts were
 * all allowed to run, by its verdict or by a contact in it that
 * has judged every claim. A boot that holds leaves the heartbeat of the one before, so that the
 * next boot is no younger than it is.
 */
export const mayBeat = (
  verdict: BootVerdict | null,
  contact: Pick<ContactRecord, 'bootId' | 'isWhole'> | null,
): boolean => {
  if (verdict === null) return false;
  if (verdict.verdict === 'run' && verdict.claims !== undefined) return true;
  return contact !== null && contact.bootId === verdict.bootId && contact.isWhole;
};

/** One heartbeat, durable, where it is allowed. Throws what the file system throws. */
export const beat = (places: Places): void => {
  const verdict = readBootVerdict(places);
  const contact = readContact(places);
  if (!mayBeat(verdict, contact) || hasHeldClaim(places, verdict)) return;
  mkdirSync(dirname(places.heartbeat), { recursive: true, mode: 0o755 });
  writeDurably(
    places.heartbeat,
    `${JSON.stringify({ format: 1, wallMs: Date.now(), ...nameOf(contact) })}\n`,
    0o644,
  );
};

const nameOf = (contact: ContactRecord | null): { readonly contact?: ContactName } => {
  if (contact === null) return {};
  const { authorityId, serial, revision } = contact;
  return { contact: { authorityId, serial, revision } };
};

/**
 * Files that were put back while the machine ran bring an old contact with them, by which the next
 * boot would start what this one holds.
 */
const hasHeldClaim = (places: Places, verdict: BootVerdict | null): boolean =>
  claimedKeyIds(places).some((keyId) => {
    const { claim } = readClaim(places, keyId);
    return claim?.state === 'active' && holdOf(claim, verdict?.bootId ?? '', verdict) !== null;
  });

/**
 * null: there is none, or garbage. Its writer is the agent, which has no rights: it can make a boot
 * look younger, never a contact.
 */
export const readHeartbeat = (places: Places): Heartbeat | null => {
  const file = readSmallFile(places.heartbeat, 4096);
  const shape = new Shape(file !== null && 'text' in file ? parseJson(file.text) : undefined);
  const wallMs = shape.number('wallMs', 0, Number.MAX_SAFE_INTEGER);
  const named = shape.has('contact') ? new Shape(shape.value('contact')) : null;
  const contact = named === null ? null : readName(named);
  const isSound =
    shape.fault === null && (named?.fault ?? null) === null && shape.value('format') === 1;
  return isSound ? { wallMs, ...(contact === null ? {} : { contact }) } : null;
};

const readName = (shape: Shape): ContactName => ({
  authorityId: shape.text('authorityId', 128, wordPattern),
  serial: shape.integer('serial', 0, Number.MAX_SAFE_INTEGER),
  revision: shape.integer('revision', 0, Number.MAX_SAFE_INTEGER),
});
