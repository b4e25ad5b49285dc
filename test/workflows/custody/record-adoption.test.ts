import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { markStale, readStaleness } from '../../../src/ledger/queries/staleness.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import type { Adoption } from '../../../src/workflows/custody/adoption.ts';
import { recordAdoption } from '../../../src/workflows/custody/record-adoption.ts';

const keyId = 'a'.repeat(32);
const gone = {
  ...{
    account: 'anna',
    keyId,
    isNew: false,
    before: null,
    after: 'h1',
    epoch: 3,
    moveId: 'm3',
    isChanged: true,
    isDetached: false,
  },
  ...{ isStill: false, reason: 'h1 owns it at epoch 3' },
};

test('an adoption is written where the ledger is what its plan was made from; otherwise nothing is, and it says so', async () => {
  const ledger = await openLedger(join(mkdtempSync(join(tmpdir(), 'fleet-adoption-')), 'fleet.db'));
  await markStale(ledger.db, 'its adoption was begun');
  const context = {
    ledger,
    now: () => 1,
    inventory: { hold: { holdAfterMs: 1 } },
  } as unknown as FleetContext;
  // Another command has taken the account out of the fleet since: to place it breaks the ledger's
  // own rules.
  const adoption = {
    ...{ isOld: true, hosts: [], missing: [], without: [], replaced: [], conduct: [], vault: [] },
    plan: { accounts: [gone], endedMoves: [], foundMoves: [], closedClaims: [], problems: [] },
  } as unknown as Adoption;
  await expect(recordAdoption(context, adoption, async () => false)).rejects.toMatchObject({
    code: 'plan-stale',
  });
  expect(await readStaleness(ledger.db)).toBe('its adoption was begun');
  expect(await ledger.db.selectFrom('events').selectAll().execute()).toEqual([]);
  await ledger.close();
});
