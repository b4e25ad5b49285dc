/**
 * One of several programs on one ledger: `node racer.ts PLACE INDEX`. Prints what it did as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type LedgerDb, openLedger } from '../../../src/ledger/ledger.ts';
import { advanceMove, closeMove, findMove } from '../../../src/ledger/queries/moves.ts';
import { beginRun, takeLock } from '../../../src/ledger/queries/runs.ts';
import type { MoveRow } from '../../../src/ledger/schema.ts';
import type { PostgresPlace } from '../../../src/model/ledger-place.ts';

const [, , text = '', index = ''] = process.argv;
const place = JSON.parse(text) as PostgresPlace;
const ledger = await openLedger({ place, readPassword: async () => null });
const tell = (db: LedgerDb, word: string) =>
  db
    .insertInto('events')
    .values({ at: Date.now(), kind: 'race', host: null, account: null, text: word })
    .execute();
const read = (await findMove(ledger.db, 'm')) as MoveRow;
const turns: { serial: number }[] = [];
for (let turn = 0; turn < 5; turn += 1) {
  const lock = await takeLock(ledger, 60_000, { command: `racer ${index}` });
  const { serial } = await beginRun(ledger, 'race', Date.now());
  await tell(ledger.db, `begin ${index} ${turn}`);
  await sleep(5);
  await tell(ledger.db, `end ${index} ${turn}`);
  await lock.release();
  turns.push({ serial });
}
// All without the lock, from what each has read in the beginning.
const isFirst = await ledger.db.transaction().execute(async (db) => {
  const staged = await advanceMove(db, read, 'staged', 1).catch(() => null);
  if (staged === null) return false;
  const granted = await advanceMove(db, staged, 'granted', 1);
  return closeMove(db, granted, null, 1);
});
await ledger.close();
process.stdout.write(JSON.stringify({ turns, isFirst }));
