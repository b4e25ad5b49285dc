import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { readEvents } from '../../ledger/queries/events.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { FleetContext } from '../context.ts';
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

/**
 * Kinds of the two events around a restart: the first without the second tells of one that was
 * interrupted.
 */
export const restartBegun = 'account-restarting';
export const restartEnded = 'account-restarted';
/** Events that are looked through for a restart that was interrupted. */
const eventsRead = 5000;

/**
 * Accounts of hosts that are ready whose worker is not that of the host's release, by host and
 * name; and restarts that a killed run left unfinished.
 */
export async function findStaleWorkers(
  context: FleetContext,
  outcomes: readonly HostInitOutcome[],
): Promise<StaleWorker[]> {
  const ready = outcomes.filter(({ error }) => error === null);
  const { db } = context.ledger;
  const accounts = await listAccounts(db);
  const unfinished = new Set<string>();
  for (const { kind, account } of (await readEvents(db, eventsRead)).toReversed()) {
    if (account == null) continue;
    if (kind === restartBegun) unfinished.add(account);
    if (kind === restartEnded || kind === 'account-stopped') unfinished.delete(account);
  }
  return ready.flatMap((outcome) => {
    const host = context.inventory.hosts.find(({ name }) => name === outcome.host);
    if (host === undefined) return [];
    const owned = accounts.filter((account) => account.host === host.name);
    const running = outcome.stale.map(({ keyId, release }) => {
      return {
        host,
        keyId,
        release,
        account: owned.find((account) => account.key_id === keyId) ?? null,
      };
    });
    const left = owned
      .filter(
        ({ name, wanted, key_id }) =>
          wanted === 1 && unfinished.has(name) && !running.some(({ keyId }) => keyId === key_id),
      )
      .map((account) => ({ host, keyId: account.key_id, release: null, account }));
    return [...running, ...left].toSorted((a, b) =>
      (a.account?.name ?? a.keyId) < (b.account?.name ?? b.keyId) ? -1 : 1,
    );
  });
}
