import type { LedgerDb } from '../../ledger/ledger.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { ensureHosts, recordBootstrapped, recordFailure } from '../../ledger/queries/hosts.ts';
import type { FleetContext } from '../context.ts';
import { readSamples } from '../hosts/read-samples.ts';
import type { HostInitOutcome } from './init.ts';

/**
 * Notes which hosts are ready with which release (null: the one that the host named last), and
 * takes a sample of those that changed or that were never
 * measured: placement can use them at once.
 */
export async function recordInit(
  context: FleetContext,
  outcomes: readonly HostInitOutcome[],
  wanted: string | null,
): Promise<void> {
  await ensureHosts(
    context.ledger.db,
    outcomes.map(({ host }) => host),
  );
  // All at once: each commit waits for the disk.
  await context.ledger.db.transaction().execute(async (transaction) => {
    for (const outcome of outcomes) await recordOutcome(context, transaction, outcome, wanted);
  });
  const readyNow = (states: readonly HostInitOutcome['state'][]) => {
    const names = new Set(
      outcomes.filter(({ state }) => states.includes(state)).map(({ host }) => host),
    );
    return context.inventory.hosts.filter(({ name }) => names.has(name));
  };
  await Promise.all([
    readSamples(context, readyNow(['changed']), 0),
    readSamples(context, readyNow(['ready']), Number.POSITIVE_INFINITY),
  ]);
}

async function recordOutcome(
  context: FleetContext,
  db: LedgerDb,
  { host, state, facts, error }: HostInitOutcome,
  wanted: string | null,
): Promise<void> {
  // Who presses Ctrl-C has found no fault with the host.
  if (error?.code === 'interrupted') return;
  if (error !== null) return recordFailure(db, host, error.message);
  const release = wanted ?? facts?.release ?? '';
  await recordBootstrapped(db, host, context.now(), {
    ...{ release, holdAfterMs: context.inventory.hold.holdAfterMs },
    ...(facts === null
      ? {}
      : {
          arch: facts.arch,
          os: facts.osName,
          ...(facts.machineId === '' ? {} : { machineId: facts.machineId }),
        }),
  });
  if (state === 'changed')
    await recordEvent(db, { at: context.now(), kind: 'host-initialised', host, release });
}
