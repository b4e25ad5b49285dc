import { askHost } from '../../facts/ask-host.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { readJournalFacts } from '../../ledger/queries/journal-facts.ts';
import { listMovedKeys } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { readStaleness } from '../../ledger/queries/staleness.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import { sentenceOf } from '../../model/events/event.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { findOutdated } from '../../ownership/claim-drift.ts';
import { rosterFor } from '../../ownership/roster.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { closedBy, contactHost, helperTimeoutMs } from '../hosts/ask-as-authority.ts';
import { stopOldUnits } from './stop-old-units.ts';

/**
 * Hosts that were declared destroyed and are still in the inventory are tried: one that answers is
 * contacted first, like any host that comes back, which stops and revokes what it runs; and the
 * operator hears about it. It counts as a host of the fleet again from then on, wiped or not. Gives
 * what to say; `isKept`: the operator is about to make these hosts ready again, so of one that was
 * wiped there is nothing to say.
 */
export async function meetDestroyed(
  context: FleetContext,
  run: Run,
  only: readonly HostSpec[] = context.inventory.hosts,
  isKept = false,
): Promise<FleetError[]> {
  const destroyed = new Set(
    (await listHosts(context.ledger.db))
      .filter(({ destroyed_at }) => destroyed_at !== null)
      .map(({ name }) => name),
  );
  const hosts = only.filter(({ name }) => destroyed.has(name));
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => meet(context, run, host, isKept),
    context.signal,
  );
  return outcomes.flatMap((outcome) => {
    if (outcome.ok) return outcome.value ?? [];
    return isUnreachable(outcome.error) ? [] : [outcome.error];
  });
}

async function meet(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  isKept: boolean,
): Promise<FleetError | null> {
  const { name } = host;
  const before = closedBy(run).length;
  // Throws where nothing answers, which is the expected case.
  const contacted = await contactHost(context, run, host, []).catch((error: unknown) => {
    if (error instanceof FleetError && error.code === 'host-not-ready') return error;
    throw error;
  });
  if (contacted instanceof FleetError) return stopOld(context, host, contacted);
  const closed = closedBy(run)
    .slice(before)
    .filter((each) => each.host === name);
  const event = {
    ...({ kind: 'destroyed-host-answers', host: name } as const),
    ...{ isWiped: contacted === null, accounts: closed.map(({ account }) => account) },
  };
  await recordEvent(context.ledger.db, { at: context.now(), ...event });
  if (isKept && contacted === null) return null;
  const what = sentenceOf(event);
  return new FleetError('claim-refused', `${name} was declared destroyed and ANSWERS: ${what}`, {
    host: name,
    hint:
      `it counts as a host of the fleet again. Keep it: fleet init --limit ${name}. ` +
      `Otherwise: fleet uninstall --limit ${name}, or take it out of the inventory`,
  });
}

/**
 * Its programs are of an earlier fleet: they get no requests, and their outdated units cannot start
 * until `fleet init` has upgraded them.
 */
async function stopOld(
  context: FleetContext,
  host: HostSpec,
  problem: FleetError,
): Promise<FleetError> {
  const replies = await askHost(
    context.remoteFor(host),
    { format: 1, acts: [{ act: 'survey' }] },
    { timeoutMs: helperTimeoutMs },
  );
  const result = replies?.[0]?.result;
  if (result?.kind !== 'survey') return problem;
  const claims = findOutdated(
    result.survey,
    rosterFor(host.name, await readJournalFacts(context.ledger.db)).gone,
  );
  return claims.length === 0 ? problem : stopOldUnits(context, host, claims);
}

/**
 * Hosts whose programs `init` has just changed hear which claims are theirs, so that a boot before
 * the next sweep holds nothing that it need not. Does nothing where this ledger never granted an
 * account. Gives why a host could not be told; the next sweep does it.
 */
export async function contactAfterInit(
  context: FleetContext,
  begin: () => Promise<Run>,
  hosts: readonly HostSpec[],
): Promise<FleetError[]> {
  const { db } = context.ledger;
  if (
    hosts.length === 0 ||
    (await listMovedKeys(db)).length === 0 ||
    (await readStaleness(db)) !== null
  )
    return [];
  const run = await begin();
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => contactHost(context, run, host, []),
    context.signal,
  );
  // An older release that was brought back gets no requests; the next sweep reports it.
  return outcomes.flatMap((outcome) =>
    outcome.ok || outcome.error.code === 'host-not-ready' ? [] : [outcome.error],
  );
}
