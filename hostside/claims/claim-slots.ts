import { createHash } from 'node:crypto';
import { parseJson } from '../machine/json-shape.ts';
import type { Claim } from '../protocol/claim.ts';
import { parseClaim } from './parse-claim.ts';

/**
 * A claim file is two slots of one disk block each, both allocated when the file is made, so that a
 * full disk cannot stop a
 * later write and a cut one cannot harm the other slot. Slot: magic (8), layout version (u32),
 * payload length (u32), sequence
 * (u64), payload (JSON), zeros, SHA-256 over all before (32). Little endian.
 */
export const slotBytes = 4096;
export const claimFileBytes = 2 * slotBytes;
const magic = Buffer.from('FLEETCLM');
const headBytes = 24;
const sumAt = slotBytes - 32;
const layoutVersion = 1;
const blankSlot = Buffer.alloc(slotBytes);

export type ClaimFault = 'torn' | 'newer-format' | 'unreadable';

/**
 * `claim` is the newest sound one, also when there is a fault: it then tells the operator what was,
 * and opens nothing.
 */
export interface ClaimReading {
  readonly claim: Claim | null;
  readonly fault: ClaimFault | null;
  /** Sequence of `claim`, 0 without one. */
  readonly sequence: number;
  /** The slot that the next claim goes to: never the one that holds `claim`. */
  readonly nextSlot: 0 | 1;
}

const sumOf = (slot: Uint8Array): Buffer =>
  createHash('sha256').update(slot.subarray(0, sumAt)).digest();

/**
 * Throws RangeError for a claim that would not be read back: it must never take the place of one
 * that is.
 */
export const encodeSlot = (claim: Claim, sequence: number): Buffer => {
  const slot = Buffer.alloc(slotBytes);
  const payload = Buffer.from(JSON.stringify(claim));
  if (payload.length > sumAt - headBytes || parseClaim(claim) === null)
    throw new RangeError('the claim has a field out of its limits');
  magic.copy(slot, 0);
  slot.writeUInt32LE(layoutVersion, 8);
  slot.writeUInt32LE(payload.length, 12);
  slot.writeBigUInt64LE(BigInt(sequence), 16);
  payload.copy(slot, headBytes);
  sumOf(slot).copy(slot, sumAt);
  return slot;
};

type Slot =
  | { readonly kind: 'blank' | 'torn' | 'newer' }
  | { readonly kind: 'sound'; readonly claim: Claim; readonly sequence: number };

const decodeSlot = (slot: Buffer): Slot => {
  if (slot.equals(blankSlot)) return { kind: 'blank' };
  if (!slot.subarray(0, 8).equals(magic) || !slot.subarray(sumAt).equals(sumOf(slot)))
    return { kind: 'torn' };
  if (slot.readUInt32LE(8) > layoutVersion) return { kind: 'newer' };
  const length = slot.readUInt32LE(12);
  const sequence = Number(slot.readBigUInt64LE(16));
  if (
    slot.readUInt32LE(8) !== layoutVersion ||
    length > sumAt - headBytes ||
    !Number.isSafeInteger(sequence)
  )
    return { kind: 'torn' };
  const payload = parseJson(slot.toString('utf8', headBytes, headBytes + length));
  const claim = parseClaim(payload);
  if (claim !== null) return { kind: 'sound', claim, sequence };
  return isNewerFormat(payload) ? { kind: 'newer' } : { kind: 'torn' };
};

const isNewerFormat = (payload: unknown): boolean =>
  typeof payload === 'object' &&
  payload !== null &&
  'format' in payload &&
  typeof payload.format === 'number' &&
  payload.format > 2;

/**
 * Reads both slots. A slot that is neither blank nor sound is a fault even when the other one is
 * sound: the broken slot may
 * have been the newer one, so what it closed must not open again.
 */
export const decodeClaimFile = (bytes: Buffer): ClaimReading => {
  if (bytes.length !== claimFileBytes)
    return { claim: null, fault: 'torn', sequence: 0, nextSlot: 0 };
  const first = decodeSlot(bytes.subarray(0, slotBytes));
  const second = decodeSlot(bytes.subarray(slotBytes));
  const newestIsFirst =
    first.kind === 'sound' && (second.kind !== 'sound' || first.sequence > second.sequence);
  const newest = newestIsFirst ? first : second;
  const sound = newest.kind === 'sound' ? newest : null;
  return {
    claim: sound?.claim ?? null,
    fault: faultOf(first, second),
    sequence: sound?.sequence ?? 0,
    nextSlot: newestIsFirst ? 1 : 0,
  };
};

const faultOf = (first: Slot, second: Slot): ClaimFault | null => {
  if (first.kind === 'newer' || second.kind === 'newer') return 'newer-format';
  if (first.kind === 'torn' || second.kind === 'torn') return 'torn';
  if (first.kind === 'blank' && second.kind === 'blank') return 'torn';
  if (first.kind === 'sound' && second.kind === 'sound' && first.sequence === second.sequence)
    return 'torn';
  return null;
};
