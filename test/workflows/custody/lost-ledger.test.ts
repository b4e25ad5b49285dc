import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { type Ledger, openLedger } from '../../../src/ledger/ledger.ts';
import { beginRun } from '../../../src/ledger/queries/runs.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import { lostLedgerErrors, refuseLostLedger } from '../../../src/workflows/custody/lost-ledger.ts';

async function fresh(): Promise<{
  context: FleetContext;
  ledger: Ledger;
  keep: (name: string) => Promise<void>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-lost-'));
  const ledger = await openLedger(join(directory, 'fleet.db'));
  onTestFinished(async () => {
    await ledger.close();
    await rm(directory, { recursive: true });
  });
  const vault = join(directory, 'vault');
  const keep = async (name: string): Promise<void> => {
    await mkdir(vault, { recursive: true });
    await writeFile(join(vault, name), 'x');
  };
  return {
    ledger,
    keep,
    context: { ledger, inventory: { paths: { vault } }, now: () => 1 } as unknown as FleetContext,
  };
}

it('a new ledger beside a vault with sessions is refused, and both ways back are named; looks say it', async () => {
  const { context, keep } = await fresh();
  await keep('anna.age');
  await keep('ben.age');
  const message = expect.stringContaining('2 sessions are in the vault');
  const hint = expect.stringMatching(/fleet restore FILE.*fleet adopt/);
  await expect(refuseLostLedger(context)).rejects.toMatchObject({
    code: 'ledger-stale',
    message,
    hint,
  });
  expect(await lostLedgerErrors(context)).toMatchObject([{ code: 'ledger-stale' }]);
});

it('an import that was killed goes on: this ledger knows the vault from its beginning', async () => {
  const { context, keep } = await fresh();
  await refuseLostLedger(context);
  await keep('anna.age');
  await refuseLostLedger(context);
  expect(await lostLedgerErrors(context)).toEqual([]);
});

it('a ledger that has acted is not new; what lies about in the folder is no session', async () => {
  const first = await fresh();
  await first.keep('anna.age');
  await beginRun(first.ledger, 'test', 1);
  await refuseLostLedger(first.context);
  const second = await fresh();
  for (const name of ['.authenticated', 'README', 'Not A Name.age']) await second.keep(name);
  await refuseLostLedger(second.context);
});
