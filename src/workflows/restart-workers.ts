import { awaitedState } from '../facts/account-state.ts';
import { listAccounts, type PlacedAccount } from '../ledger/accounts.ts';
import { readEvents, recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import { actOnOwner } from './account-acts.ts';
import { onlineTimeoutMs } from './ask-as-authority.ts';
import type { FleetContext } from './context.ts';
import type { HostInitOutcome } from './init.ts';

/** An account that runs, or was stopped while it ran, a worker of an earlier release. */
export interface StaleWorker {
  readonly host: HostSpec;
  /** Name in this ledger; null: this ledger does not own the account there. */
  readonly account: PlacedAccount | null;
  readonly keyId: string;
  /** Release of the running worker; null: a restart of it was interrupted, it may be stopped. */
  readonly release: string | null;
}

const begun = 'account-restarting';
const ended = 'account-restarted';
/** Events that are looked through for a restart that was interrupted. */
const eventsRead = 5000;

/** Accounts of hosts that are ready whose worker is not that of the host's release, by host and name; and restarts that a killed run left unfinished. */
export async function findStaleWorkers(context: FleetContext, outcomes: readonly HostInitOutcome[]): Promise<StaleWorker[]> {
  const ready = outcomes.filter(({ error }) => error === null);
  const { db } = context.ledger;
  const accounts = await listAccounts(db);
  const unfinished = new Set<string>();
  for (const { kind, account } of (await readEvents(db, eventsRead)).toReversed()) {
    if (account === null) continue;
    if (kind === begun) unfinished.add(account);
    if (kind === ended || kind === 'account-stopped') unfinished.delete(account);
  }
  return ready.flatMap((outcome) => {
    const host = context.inventory.hosts.find(({ name }) => name === outcome.host);
    if (host === undefined) return [];
    const owned = accounts.filter((account) => account.host === host.name);
    const running = outcome.stale.map(({ keyId, release }) => {
      return { host, keyId, release, account: owned.find((account) => account.key_id === keyId) ?? null };
    });
    const left = owned
      .filter(({ name, wanted, key_id }) => wanted === 1 && unfinished.has(name) && !running.some(({ keyId }) => keyId === key_id))
      .map((account) => ({ host, keyId: account.key_id, release: null, account }));
    return [...running, ...left].toSorted((a, b) => ((a.account?.name ?? a.keyId) < (b.account?.name ?? b.keyId) ? -1 : 1));
  });
}

/**
 * Restarts workers with this run's authority: hosts side by side, on each host one account after the other, each stopped and proven online again before
 * the next one begins. A host on which one does not come back keeps the others as they are. Returns what failed; safe to repeat.
 */
export async function restartWorkers(context: FleetContext, run: Run, workers: readonly StaleWorker[]): Promise<FleetError[]> {
  const hosts = [...new Set(workers.map(({ host }) => host))];
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    async (host) => {
      for (const { account, host: owner } of workers) {
        if (owner === host && account !== null && !context.signal.aborted) await restartWorker(context, run, host, account);
      }
    },
    context.signal,
  );
  return outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
}

async function restartWorker(context: FleetContext, run: Run, host: HostSpec, account: PlacedAccount): Promise<void> {
  const { name, key_id: keyId } = account;
  const { db } = context.ledger;
  const note = (kind: string, text: string): Promise<void> =>
    recordEvent(db, { at: context.now(), kind, host: host.name, account: name, text });
  // Before the stop: a run that dies in between is found by the next `fleet init`.
  await note(begun, 'its worker is of an earlier release');
  context.report({ kind: 'account', account: name, host: host.name, state: 'restarting', reason: 'its worker is of an earlier release' });
  const replies = await actOnOwner(context, run, host, name, [
    { act: 'stop', keyId },
    { act: 'start', keyId },
    { act: 'await', keyIds: [keyId], timeoutMs: onlineTimeoutMs },
  ]);
  const result = replies[2]?.result;
  const awaited = result?.kind === 'awaited' ? result.accounts[0] : undefined;
  const state = awaited === undefined ? 'offline' : awaitedState(awaited);
  const reason = awaited?.reason ?? 'the host did not say';
  await note(ended, `${state}: ${reason}`);
  context.report({ kind: 'account', account: name, host: host.name, state, reason });
  if (state === 'online') return;
  throw new FleetError('account-offline', `${name} on ${host.name} is ${state} after its restart: ${reason}`, {
    account: name,
    host: host.name,
    hint: `the other accounts of ${host.name} keep their former worker; watch it with: fleet logs ${name} -f, then run fleet init again`,
  });
}
