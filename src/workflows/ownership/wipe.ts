import {
  highestEpoch,
  listAccounts,
  listUsedKeys,
  type PlacedAccount,
} from '../../ledger/queries/accounts.ts';
import { listLogins } from '../../ledger/queries/logins.ts';
import { listMovedKeys, listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { movesIdle } from '../../ownership/old-owner.ts';
import { orphanFiles, type StagedFiles } from '../../ownership/orphans.ts';
import { detached } from '../../ownership/phases.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority } from '../hosts/ask-as-authority.ts';

/**
 * Removes session files that runs which were killed left where nobody owns them. The host refuses
 * when its claim needs them, and a host that fails now
 * shows the same files in the next survey: nothing here can fail the run.
 */
export async function wipeOrphans(
  context: FleetContext,
  run: Run,
  evidence: readonly HostEvidence[],
): Promise<void> {
  const { db } = context.ledger;
  // An account may have been removed while files of it lay on a host, sent by this ledger or by a
  // copy of it.
  const accounts = await listAccounts(db);
  const keyIds = new Set([
    ...accounts.map(({ key_id }) => key_id),
    ...(await listMovedKeys(db)),
    ...(await listUsedKeys(db)),
  ]);
  const open = await listOpenMoves(db);
  // What an account remembers is still to be fetched where a login was cut off while its old
  // session was given up.
  const isLeaving = open.some(({ to_host }) => to_host === detached);
  const logins = new Set(isLeaving ? (await listLogins(db)).map(({ account }) => account) : []);
  const expected = open.map(({ account, from_host, to_host, key_id, epoch }) => ({
    host: to_host === detached && logins.has(account) ? (from_host ?? '') : to_host,
    ...{ keyId: key_id, epoch },
  }));
  const settled = new Map(
    accounts
      .filter((account) => isSettled(account, open))
      .map(({ key_id, host, epoch }) => [key_id, { host: host ?? '', epoch: epoch ?? 0 }]),
  );
  const staying = new Set(
    [...accounts.filter(({ state }) => state !== 'detached'), ...open].map(({ key_id }) => key_id),
  );
  const shown = new Set(
    evidence.flatMap(({ survey }) => (survey?.accounts ?? []).map(({ keyId }) => keyId)),
  );
  for (const keyId of shown)
    if (keyIds.has(keyId) && !staying.has(keyId))
      settled.set(keyId, { host: detached, epoch: await highestEpoch(db, keyId) });
  const byHost = Map.groupBy(orphanFiles(evidence, keyIds, expected, settled), ({ host }) => host);
  const hosts = context.inventory.hosts.filter(({ name }) => byHost.has(name));
  const wipe = async (host: HostSpec): Promise<void> => {
    const acts = (byHost.get(host.name) ?? []).map(
      ({ keyId, epoch }: StagedFiles) => ({ act: 'wipe', keyId, epoch }) as const,
    );
    await askAsAuthority(context, run, host, acts);
  };
  await forEachHost(hosts, context.inventory.concurrency, wipe, context.signal);
}

/**
 * Files on the previous owner can be wiped: the new owner has its own copy, and is online or was
 * stopped on purpose.
 */
const isSettled = (account: PlacedAccount, open: readonly MoveRow[]): boolean =>
  (account.state === 'online' || movesIdle(account.state, account.wanted === 1)) &&
  open.every((move) => move.account !== account.name);
