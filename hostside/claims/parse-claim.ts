import {
  accountPattern,
  keyIdPattern,
  Shape,
  sha256Pattern,
  wordPattern,
} from '../machine/json-shape.ts';
import type { Claim } from '../protocol/claim.ts';
import { epochLimit } from '../protocol/claim.ts';

/** Host names of the inventory, and `detached`. */
export const successorPattern = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;

/** SHA-256 of the session in the vault; empty where no grant has told it. */
export const vaultHashPattern = /^(?:[0-9a-f]{64})?$/;

/**
 * A claim of format 1, or 2 when a boot holds it, from parsed JSON; null when it is anything else.
 * Unknown extra fields are dropped.
 */
export const parseClaim = (value: unknown): Claim | null => {
  const shape = new Shape(value);
  const isHeld = shape.value('format') === 2;
  const claim: Claim = {
    format: isHeld ? 2 : 1,
    keyId: shape.text('keyId', 32, keyIdPattern),
    account: shape.text('account', 63, accountPattern),
    epoch: shape.integer('epoch', 1, epochLimit),
    state: shape.oneOf('state', ['active', 'releasing', 'released', 'revoked']),
    moveId: shape.text('moveId', 128, wordPattern),
    successor: shape.textOrNull('successor', 63, successorPattern),
    stateHash: shape.textOrNull('stateHash', 64, sha256Pattern),
    instanceId: shape.text('instanceId', 128, wordPattern),
    bootId: shape.text('bootId', 128, wordPattern),
    authorityId: shape.text('authorityId', 128, wordPattern),
    serial: shape.integer('serial', 1, Number.MAX_SAFE_INTEGER),
    vaultHash: shape.text('vaultHash', 64, vaultHashPattern),
    writtenAt: shape.text('writtenAt', 40),
    ...(isHeld ? { heldSince: shape.text('heldSince', 128, wordPattern) } : {}),
  };
  return (isHeld || shape.value('format') === 1) && shape.fault === null ? claim : null;
};
