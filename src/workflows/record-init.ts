import { ensureHosts, recordBootstrapped, recordFailure } from '../ledger/hosts.ts';
import { recordEvent } from '../ledger/records.ts';
import type { FleetContext } from './context.ts';
import type { HostInitOutcome } from './init.ts';
import { readSamples } from './read-samples.ts';

/**
 * Notes which hosts are ready with which release (null: the one that the host named last), and takes a first sample of those: placement can use
 * them at once.
 */
export async function recordInit(context: FleetContext, outcomes: readonly HostInitOutcome[], wanted: string | null): Promise<void> {
  const { db } = context.ledger;
  await ensureHosts(
    db,
    outcomes.map(({ host }) => host),
  );
  for (const { host, state, facts, error } of outcomes) {
    if (error !== null) {
      await recordFailure(db, host, error.message);
      continue;
    }
    const release = wanted ?? facts?.release ?? '';
    await recordBootstrapped(db, host, context.now(), {
      ...{ release, holdAfterMs: context.inventory.hold.holdAfterMs },
      ...(facts === null ? {} : { arch: facts.arch, os: facts.osName }),
    });
    if (state === 'changed')
      await recordEvent(db, { at: context.now(), kind: 'host-initialised', host, account: null, text: `release ${release}` });
  }
  const ready = new Set(outcomes.filter(({ error }) => error === null).map(({ host }) => host));
  await readSamples(
    context,
    context.inventory.hosts.filter(({ name }) => ready.has(name)),
    0,
  );
}
