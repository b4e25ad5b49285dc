/** What a decision was made from is read by every later release. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { readDecisionInput, saveDecisionInput } from '../../src/ledger/queries/decision-inputs.ts';
import type { DecisionInput } from '../../src/planning/advice/decision-input.ts';

it('a host that the release before called "unbootstrapped" is not ready', async () => {
  const ledger = await openLedger(join(mkdtempSync(join(tmpdir(), 'fleet-inputs-')), 'fleet.db'));
  const former = {
    planner: 'rebalance',
    view: {
      hosts: [
        { name: 'h1', state: 'unbootstrapped' },
        { name: 'h2', state: 'up' },
      ],
    },
  } as unknown as DecisionInput;
  const hash = await saveDecisionInput(ledger.db, former, 1);
  expect((await readDecisionInput(ledger.db, hash))?.view.hosts).toEqual([
    { name: 'h1', state: 'not-ready' },
    { name: 'h2', state: 'up' },
  ]);
  await ledger.close();
});
