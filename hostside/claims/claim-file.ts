import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import {
  errorCode,
  fsyncDirectory,
  namesIn,
  writeDurably,
  writeFully,
} from '../machine/durable-file.ts';
import { claimPath, type Places } from '../machine/places.ts';
import type { Claim } from '../protocol/claim.ts';
import { isPutBack, markInBoot } from './boot-marks.ts';
import {
  type ClaimReading,
  claimFileBytes,
  decodeClaimFile,
  encodeSlot,
  slotBytes,
} from './claim-slots.ts';

const noClaim: ClaimReading = { claim: null, fault: null, sequence: 0, nextSlot: 0 };
const unreadable: ClaimReading = { ...noClaim, fault: 'unreadable' };

/**
 * The claim of a key as it counts in this boot; never throws. One from before what this boot has
 * written was put back: it is held.
 */
export const readClaim = (places: Places, keyId: string): ClaimReading => {
  const reading = readStoredClaim(places, keyId);
  const { claim, fault } = reading;
  if (
    claim === null ||
    fault !== null ||
    claim.heldSince !== undefined ||
    !isPutBack(places, claim)
  )
    return reading;
  return { ...reading, claim: { ...claim, format: 2, heldSince: 'put-back' } };
};

/**
 * The claim of a key as its file has it; never throws. A claim of another key in the file (copied
 * by hand) is `torn`: claims are filed by key.
 */
export const readStoredClaim = (places: Places, keyId: string): ClaimReading => {
  let descriptor: number;
  try {
    descriptor = openSync(
      claimPath(places, keyId),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? noClaim : unreadable;
  }
  try {
    if (!fstatSync(descriptor).isFile()) return unreadable;
    const bytes = Buffer.alloc(claimFileBytes + 1);
    const length = readSync(descriptor, bytes, 0, bytes.length, 0);
    const reading = decodeClaimFile(bytes.subarray(0, length));
    return reading.claim === null || reading.claim.keyId === keyId
      ? reading
      : { ...reading, fault: 'torn' };
  } catch {
    return unreadable;
  } finally {
    closeSync(descriptor);
  }
};

/**
 * Makes what {@link readClaim} sees durable, name and content: a writer may have been killed
 * between its write and its sync, and what is answered from must
 * not be taken back by a power loss (docs/exclusivity.md, row 45). Throws what the file system
 * throws.
 */
export const syncClaims = (places: Places, keyIds: readonly string[]): void => {
  for (const keyId of keyIds) {
    try {
      const descriptor = openSync(
        claimPath(places, keyId),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ELOOP') throw error;
    }
  }
  fsyncDirectory(places.claims);
};

/**
 * Makes `claim` the newest, durable when this returns: in place into the older slot (no new disk
 * blocks), or as a new file when
 * there is none or neither slot is sound. Only the holder of the account's act lock may call it.
 * Throws what the file system throws.
 */
export const writeClaim = (places: Places, reading: ClaimReading, claim: Claim): void => {
  if (claim.state !== 'active') markInBoot(places, claim);
  writeSlot(places, reading, claim);
  // One that is marked as held was put back, perhaps: it opens nothing.
  if (claim.state === 'active' && claim.heldSince === undefined) markInBoot(places, claim);
};

const writeSlot = (places: Places, reading: ClaimReading, claim: Claim): void => {
  const path = claimPath(places, claim.keyId);
  const slot = encodeSlot(claim, reading.sequence + 1);
  if (reading.claim === null) {
    writeDurably(path, Buffer.concat([slot, Buffer.alloc(slotBytes)]), 0o644);
    return;
  }
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    writeFully(descriptor, slot, reading.nextSlot * slotBytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Keys that have a claim file, sorted. */
export const claimedKeyIds = (places: Places): readonly string[] => {
  const suffix = '.claim';
  return namesIn(places.claims)
    .filter((name) => /^[0-9a-f]{32}\.claim$/.test(name))
    .map((name) => basename(name, suffix))
    .sort();
};
