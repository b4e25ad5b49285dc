import { mkdirSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostFacts } from '../../../hostside/claims/decide.ts';
import { type Places, placesBelow } from '../../../hostside/machine/places.ts';
import type { Claim } from '../../../hostside/protocol/claim.ts';
import type { BootVerdict, ContactRecord } from '../../../hostside/protocol/host.ts';
import type { ContactOffer, Roster } from '../../../hostside/protocol/roster.ts';

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

/** What a boot decided about the claim of {@link claimOf}. */
export const verdictOf = (verdict: 'run' | 'hold', bootId = 'boot-1', epoch = 3): BootVerdict => ({
  ...{ format: 1, bootId, verdict, reasons: verdict === 'run' ? [] : ['a reason'], decidedAt: '' },
  claims: [{ keyId, epoch, isHeld: verdict === 'hold' }],
});

/** A contact of the boot before that counts for the claim of {@link claimOf}. */
export const contactOf = (fields: Partial<ContactRecord> = {}): ContactRecord => ({
  ...{
    format: 2,
    bootId: 'boot-1',
    wallMs: 1_000_000,
    bootMs: 5,
    holdAfterMs: 600_000,
    holdGapMs: 90_000,
    authorityId: 'ledger-1',
    serial: 7,
    revision: 1,
  },
  ...{ claims: [{ keyId, epoch: 3, moveId: 'move-3' }], isWhole: true },
  ...fields,
});

/** What a stamp offers that is a contact: by default of a ledger that knows nothing. */
export const offerOf = (
  roster: Partial<Roster> = {},
  fields: Partial<ContactOffer> = {},
): ContactOffer => ({
  ...{ sentAtMs: Number.MAX_SAFE_INTEGER, holdAfterMs: 600_000, holdGapMs: 90_000 },
  roster: { revision: 1, owned: [], arriving: [], gone: [], ...roster },
  ...fields,
});

export const factsOf = (fields: Partial<HostFacts> = {}): HostFacts => ({
  instanceId: 'machine-1',
  bootId: 'boot-1',
  verdict: verdictOf('run'),
  staged: [],
  running: false,
  authority: { id: 'ledger-1', serial: 8 },
  now: '2026-01-01T00:01:00.000Z',
  ...fields,
});

/** A host's file tree in a scratch directory. */
export const scratchPlaces = (): Places => {
  const places = placesBelow(mkdtempSync(join(tmpdir(), 'fleet-host-')));
  for (const path of [
    places.claims,
    places.locks,
    places.accounts,
    places.accountState,
    places.accountRuntime,
    places.units,
  ]) {
    mkdirSync(path, { recursive: true });
  }
  for (const path of ['etc/fleet', 'run/fleet-boot', 'opt/fleet'])
    mkdirSync(join(places.root, path), { recursive: true });
  symlinkSync('releases/r1', places.current);
  return places;
};
