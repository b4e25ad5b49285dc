import type { HostAct } from '../../../hostside/protocol/host-acts.ts';
import { awaitedState } from '../../facts/account-state.ts';
import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { onlineTimeoutMs } from '../hosts/ask-as-authority.ts';
import { restartBegun, restartEnded } from '../init/stale-workers.ts';
import { ActRefused, actOnOwner, isHold } from '../ownership/account-acts.ts';

/** A worker that is to be started anew where it is. */
export interface Restart {
  readonly host: HostSpec;
  readonly account: PlacedAccount;
  readonly why: string;
  /** While it is stopped. */
  readonly acts: readonly HostAct[];
  /** How to do it again when it did not come back. */
  readonly again: string;
}

/**
 * Restarts workers with this run's authority: hosts side by side, on each host one account after
 * the other, each stopped and proven online again before
 * the next one begins. A host on which one does not come back keeps the others as they are; one
 * that is held there ({@link isHeld}) does not. Returns what failed; safe to repeat.
 */
export async function restartWorkers(
  context: FleetContext,
  run: Run,
  restarts: readonly Restart[],
): Promise<FleetError[]> {
  const hosts = [...new Set(restarts.map(({ host }) => host))];
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    async (host) => {
      const held: FleetError[] = [];
      for (const restart of restarts) {
        if (restart.host !== host || context.signal.aborted) continue;
        await restartWorker(context, run, restart).catch((error: unknown) => {
          if (!(error instanceof FleetError && isHeld(error))) throw error;
          held.push(error);
        });
      }
      return held;
    },
    context.signal,
  );
  return outcomes.flatMap((outcome) => (outcome.ok ? outcome.value : [outcome.error]));
}

/** Whether an error says that there is no worker to be restarted. */
export const isNoRestart = (error: unknown): error is FleetError =>
  error instanceof FleetError && (error.code === 'host-not-ready' || isHeld(error));

/** The host holds the account since its boot; a sweep gives it back. */
export const isHeld = (error: FleetError): boolean =>
  error instanceof ActRefused && isHold(error.reply);

async function restartWorker(
  context: FleetContext,
  run: Run,
  { host, account, why, acts, again }: Restart,
): Promise<void> {
  const { name, key_id: keyId } = account;
  const { db } = context.ledger;
  const note = (kind: typeof restartBegun | typeof restartEnded, reason: string): Promise<void> =>
    recordEvent(db, { at: context.now(), kind, host: host.name, account: name, reason });
  // Before the stop: a run that dies in between is found by the next `fleet init`.
  await note(restartBegun, why);
  context.report({
    kind: 'account',
    account: name,
    host: host.name,
    state: 'restarting',
    reason: why,
  });
  const restart: HostAct[] = [
    { act: 'stop', keyId },
    ...acts,
    { act: 'start', keyId },
    { act: 'await', keyIds: [keyId], timeoutMs: onlineTimeoutMs },
  ];
  const replies = await actOnOwner(context, run, host, name, restart).catch(
    async (error: unknown) => {
      // Programs that do not understand the request do nothing of it, of what a host holds nothing
      // runs, and Ctrl-C came before anything was sent: no restart was begun.
      const isBefore = error instanceof FleetError && error.code === 'interrupted';
      if (isBefore || isNoRestart(error))
        await note(restartEnded, `not restarted: ${error.message}`);
      throw error;
    },
  );
  const result = replies.at(-1)?.result;
  const awaited = result?.kind === 'awaited' ? result.accounts[0] : undefined;
  const state = awaited === undefined ? 'offline' : awaitedState(awaited);
  const reason = awaited?.reason ?? 'the host did not say';
  await note(restartEnded, `${state}: ${reason}`);
  context.report({ kind: 'account', account: name, host: host.name, state, reason });
  if (state === 'online') return;
  throw new FleetError(
    'account-offline',
    `${name} on ${host.name} is ${state} after its restart: ${reason}`,
    {
      account: name,
      host: host.name,
      hint:
        `those of ${host.name} that come after it were not restarted; watch it with: fleet ` +
        `logs ${name} -f, then: ${again}`,
    },
  );
}
