import { readStoredClaim, writeClaim } from '../claims/claim-file.ts';
import type { Places } from '../machine/places.ts';

/**
 * Makes a hold outlive this boot: durable in the claim itself, in a layout from which earlier
 * releases start nothing. Safe to repeat. Throws what the file system throws.
 */
export const markHeld = (places: Places, keyId: string, bootId: string): void => {
  const reading = readStoredClaim(places, keyId);
  const { claim, fault } = reading;
  if (claim?.state !== 'active' || fault !== null || claim.heldSince !== undefined) return;
  writeClaim(places, reading, { ...claim, format: 2, heldSince: bootId });
};
