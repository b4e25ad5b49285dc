import { dirname } from 'node:path';
import type { Ledger } from '../../ledger/ledger.ts';
import { FleetError } from '../../model/errors.ts';
import type { LedgerMovePlan } from '../../workflows/custody/move-ledger.ts';
import type { Desk } from '../desk.ts';
import { dryRun, type Fields, type InputOf, option } from '../input.ts';
import { loadInventoryOf, secretReader } from '../open-context.ts';
import { defineErrand } from '../verb.ts';

interface MoveInput extends InputOf<Fields> {
  readonly to: string;
  readonly dryRun: boolean;
}

interface MovedLedger extends LedgerMovePlan {
  /** Rows that came along, by table; null: none were copied. */
  readonly rows: Readonly<Record<string, number>> | null;
}

/** Opens no context: a move that was begun has left a ledger that refuses to be opened. */
async function moveIt(desk: Desk, input: MoveInput): Promise<MovedLedger> {
  const inventory = await loadInventoryOf(desk);
  const [{ namedLedgerPlace }, { accessTo, openLedger }, { executeLedgerMove, planLedgerMove }] =
    await Promise.all([
      import('../../inventory/ledger-place.ts'),
      import('../../ledger/ledger.ts'),
      import('../../workflows/custody/move-ledger.ts'),
    ]);
  const readSecret = secretReader(inventory);
  const named = (name: string) => accessTo(namedLedgerPlace(name, inventory), readSecret);
  const from = accessTo(inventory.ledger, readSecret);
  const places = { from, to: named(input.to), home: dirname(inventory.path), named };
  const first = await planLedgerMove(places, Date.now());
  if (input.dryRun || first.kind === 'none') return { ...first, rows: null };
  if (first.kind === 'end') {
    await desk.agree('Take the last step of this move?', { plan: { ...first, rows: null }, input });
    return { ...first, rows: await executeLedgerMove(first, null) };
  }
  const source = await openLedger(from);
  try {
    return await underLock(desk, source, async () => {
      const plan = await planLedgerMove(places, Date.now());
      await desk.agree('Move the ledger?', { plan: { ...plan, rows: null }, input });
      if (desk.signal.aborted)
        throw new FleetError('interrupted', 'interrupted: nothing was moved', {
          hint: 'run it again when you are ready',
        });
      return { ...plan, rows: await executeLedgerMove(plan, source) };
    });
  } catch (error) {
    throw source.useError(error);
  } finally {
    await source.close();
  }
}

/** Other commands end before it, and none begins. */
async function underLock<T>(desk: Desk, source: Ledger, act: () => Promise<T>): Promise<T> {
  const { takeLock } = await import('../../ledger/queries/runs.ts');
  const about = { command: 'ledger move', signal: desk.signal };
  const lock = await takeLock(source, desk.waitMs, about);
  try {
    return await act();
  } finally {
    await lock.release();
  }
}

/** `fleet ledger move`. */
export const moveLedgerVerb = defineErrand({
  name: 'ledger move',
  group: 'ledger',
  summary:
    'move the ledger into a PostgreSQL database, or back into a file; it stays the same ' +
    'ledger for all hosts, and the old one refuses every command',
  isAloneAtTimes: true,
  input: {
    to: option({
      ...{ shown: 'place', isRequired: true, example: 'postgres://fleet@db.example.net/fleet' },
      words: 'an address postgres://USER@SERVER/DATABASE, or the path of a file',
    }),
    dryRun: dryRun('look at both places, show what would be moved, and change nothing'),
  },
  examples: [
    ['ledger move --to postgres://fleet@db.example.net/fleet --dry-run', 'is the place free?'],
    ['ledger move --to postgres://fleet@db.example.net/fleet', 'move it; run again, it goes on'],
    ['ledger move --to fleet.db', 'back into a file of this machine'],
  ],
  files: ['inventory', 'ledger'],
  effects: 'ledger',
  run: moveIt,
  toJson: (
    { kind, from, to, line, authorityId, serial, entries, hosts, accounts, aside, rows },
    input,
  ) => ({
    ...{ dryRun: input.dryRun, isChanged: !input.dryRun && kind !== 'none', act: kind },
    ...{ from, to, inventory: { ledger: line }, authorityId, serial },
    ...{ hosts, accounts, historyEntries: entries, aside, rows },
  }),
});
