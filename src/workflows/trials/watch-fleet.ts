import type { AccountSample, HostSample } from '../../../hostside/protocol/sample.ts';
import { accountStateIn } from '../../facts/account-state.ts';
import { asKnown } from '../../facts/known-state.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { Remote } from '../../remote/remote.ts';
import {
  countRefusal,
  isLoginRefused,
  type LoginRefusal,
  pausedBy,
} from '../../remote/shared/login-pause.ts';
import type { FleetContext } from '../context.ts';
import { askAgent } from '../hosts/read-samples.ts';

/** One host at this moment. `sample` null: `problem` says why it could not be asked. */
export interface WatchedHost {
  readonly host: string;
  readonly sample: HostSample | null;
  readonly latencyMs: number | null;
  readonly problem: FleetError | null;
  readonly accounts: number;
  readonly maxAccounts: number;
}

/** One account at this moment. `measured` null: its host does not tell. */
export interface WatchedAccount {
  readonly name: string;
  readonly host: string | null;
  readonly state: string;
  readonly reason: string;
  readonly measured: AccountSample | null;
}

export interface FleetMoment {
  readonly atMs: number;
  readonly hosts: readonly WatchedHost[];
  /**
   * Those of the hosts and those without one; with all hosts of the inventory also those of others,
   * so that none is missing.
   */
  readonly accounts: readonly WatchedAccount[];
}

export interface FleetWatch {
  /**
   * Asks every agent now, concurrently; a host that does not answer is a value. Records nothing:
   * who looks every second must not fill the ledger.
   */
  look(): Promise<FleetMoment>;
  /** Ends the connections. */
  close(): Promise<void>;
}

/**
 * Looks at `hosts` as often as asked, over one connection each; a connection that broke is made
 * anew by the next look (`reconnect`).
 */
export function watchFleet(
  context: FleetContext,
  hosts: readonly HostSpec[],
  reconnect: (host: HostSpec) => Remote,
): FleetWatch {
  const remotes = new Map<string, Remote>();
  const refusals = new Map<string, LoginRefusal>();
  const ask = async (host: HostSpec) => {
    const paused = pausedBy(refusals.get(host.name) ?? null, host.name, context.now());
    if (paused !== null) throw paused;
    const remote = remotes.get(host.name) ?? reconnect(host);
    remotes.set(host.name, remote);
    try {
      const answer = await askAgent(remote, host.maxAccounts);
      refusals.delete(host.name);
      return answer;
    } catch (error) {
      if (error instanceof FleetError && isLoginRefused(error))
        refusals.set(
          host.name,
          countRefusal(refusals.get(host.name) ?? null, error, context.now()),
        );
      else refusals.delete(host.name);
      remotes.delete(host.name);
      await remote.close();
      throw error;
    }
  };
  const look = async (): Promise<FleetMoment> => {
    const { db } = context.ledger;
    const [accounts, rows] = [await listAccounts(db), await listHosts(db)];
    const ready = new Set(
      rows
        .filter(({ release, destroyed_at }) => release !== null && destroyed_at === null)
        .map(({ name }) => name),
    );
    const asked = hosts.filter(({ name }) => ready.has(name));
    const outcomes = new Map(
      (await forEachHost(asked, context.inventory.concurrency, ask, context.signal)).map(
        (outcome) => [outcome.host.name as string, outcome],
      ),
    );
    const watched = hosts.map((host): WatchedHost => {
      const outcome = outcomes.get(host.name);
      const size = {
        host: host.name,
        accounts: accounts.filter((each) => each.host === host.name).length,
        maxAccounts: host.maxAccounts,
      };
      if (outcome === undefined) return { ...size, sample: null, latencyMs: null, problem: null };
      return outcome.ok
        ? { ...size, ...outcome.value, problem: null }
        : { ...size, sample: null, latencyMs: null, problem: outcome.error };
    });
    const atMs = context.now();
    const samples = new Map(watched.map(({ host, sample }) => [host, sample]));
    const silent = new Set(
      watched.flatMap(({ host, problem }) => (problem === null ? [] : [host])),
    );
    // What did not answer just now is not known either, although no sweep has noted it yet.
    const health = new Map(
      rows.map((row) => [
        row.name,
        {
          ...row,
          unreachable_since: row.unreachable_since ?? (silent.has(row.name) ? atMs : null),
        },
      ]),
    );
    const inInventory = new Set<string>(context.inventory.hosts.map(({ name }) => name));
    const isWhole = context.inventory.hosts.every(({ name }) => samples.has(name));
    const isChosen = (host: string | null): boolean =>
      host === null || samples.has(host) || (isWhole && !inInventory.has(host));
    const known = accounts
      .filter(({ host }) => isChosen(host))
      .map((account) => asKnown(account, health.get(account.host ?? '')));
    return {
      atMs,
      hosts: watched,
      accounts: known.map((account) => watchedAccount(account, samples)),
    };
  };
  const close = async (): Promise<void> =>
    void (await Promise.all([...remotes.values()].map((remote) => remote.close())));
  return { look, close };
}

function watchedAccount(
  account: PlacedAccount,
  samples: ReadonlyMap<string, HostSample | null>,
): WatchedAccount {
  const { name, host, key_id: keyId } = account;
  const sample = host === null ? null : (samples.get(host) ?? null);
  const recorded = { state: account.state, reason: account.state_reason };
  const known =
    sample === null ? recorded : accountStateIn(sample, keyId, account.wanted === 1, recorded);
  return {
    name,
    host,
    ...known,
    measured: sample?.accounts.find((each) => each.keyId === keyId) ?? null,
  };
}
