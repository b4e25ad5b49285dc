import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostFacts } from '../../agent/claims/decide.ts';
import { type Places, placesBelow } from '../../agent/machine/places.ts';
import type { Claim } from '../../agent/protocol/claim.ts';

export const keyId = '0123456789abcdef0123456789abcdef';
export const hash = 'a'.repeat(64);

export const claimOf = (fields: Partial<Claim> = {}): Claim => ({
  format: 1,
  keyId,
  account: 'anna',
  epoch: 3,
  state: 'active',
  moveId: 'move-3',
  successor: null,
  stateHash: null,
  instanceId: 'machine-1',
  bootId: 'boot-1',
  authorityId: 'ledger-1',
  serial: 7,
  vaultHash: hash,
  writtenAt: '2026-01-01T00:00:00.000Z',
  ...fields,
});

export const factsOf = (fields: Partial<HostFacts> = {}): HostFacts => ({
  instanceId: 'machine-1',
  bootId: 'boot-1',
  verdict: 'run',
  staged: [],
  running: false,
  authority: { id: 'ledger-1', serial: 8 },
  now: '2026-01-01T00:01:00.000Z',
  ...fields,
});

/** A host's file tree in a scratch directory. */
export const scratchPlaces = (): Places => {
  const places = placesBelow(mkdtempSync(join(tmpdir(), 'fleet-host-')));
  for (const path of [places.claims, places.locks, places.accounts, places.accountState, places.accountRuntime, places.units]) {
    mkdirSync(path, { recursive: true });
  }
  for (const path of ['etc/fleet', 'run/fleet-boot']) mkdirSync(join(places.root, path), { recursive: true });
  return places;
};
