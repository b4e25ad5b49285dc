import { awaitedState } from '../facts/account-state.ts';
import type { PlacedAccount } from '../ledger/accounts.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import { actOnOwner } from './account-acts.ts';
import { onlineTimeoutMs } from './ask-as-authority.ts';
import type { FleetContext } from './context.ts';
import { restartBegun, restartEnded, type StaleWorker } from './stale-workers.ts';

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
  await note(restartBegun, 'its worker is of an earlier release');
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
  await note(restartEnded, `${state}: ${reason}`);
  context.report({ kind: 'account', account: name, host: host.name, state, reason });
  if (state === 'online') return;
  throw new FleetError('account-offline', `${name} on ${host.name} is ${state} after its restart: ${reason}`, {
    account: name,
    host: host.name,
    hint: `the other accounts of ${host.name} keep their former worker; watch it with: fleet logs ${name} -f, then run fleet init again`,
  });
}
