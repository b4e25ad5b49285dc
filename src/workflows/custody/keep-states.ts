import type { ActReply, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { hashEntries, unpackState } from '../../../hostside/protocol/state-archive.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { StateRecord } from '../../vault/state-store.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority } from '../hosts/ask-as-authority.ts';

/**
 * A state that has not changed is written again with the time of the last look after this long: a
 * plan prints its age.
 */
const renewAfterMs = 10 * 60_000;

interface Owned {
  readonly account: Pick<PlacedAccount, 'name' | 'key_id'>;
  readonly epoch: number;
  readonly known: StateRecord | null;
}

/**
 * Copies what accounts remember from the hosts that answered into the vault, so that a failover
 * continues from the last sweep: small
 * states only, whole or not at all, and not of accounts that are changing their host, whose final
 * state is kept by the move. One request per host.
 * Gives the hosts for which it could not be done.
 */
export async function keepStates(
  context: FleetContext,
  run: Run,
  evidence: readonly HostEvidence[],
): Promise<FleetError[]> {
  const { inventory, ledger } = context;
  const moving = new Set((await listOpenMoves(ledger.db)).map(({ account }) => account));
  const resting = (await listAccounts(ledger.db)).filter(
    ({ name, host }) => host !== null && !moving.has(name),
  );
  const answering = new Set(
    evidence
      .filter(({ survey, isUnfenced }) => survey !== null && isUnfenced !== true)
      .map(({ host }) => host),
  );
  const hosts = inventory.hosts.filter(
    ({ name }) => answering.has(name) && resting.some(({ host }) => host === name),
  );
  const outcomes = await forEachHost(
    hosts,
    inventory.concurrency,
    (host) =>
      keepOf(
        context,
        run,
        host,
        resting.filter((account) => account.host === host.name),
      ),
    context.signal,
  );
  return outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
}

async function keepOf(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  accounts: readonly PlacedAccount[],
): Promise<void> {
  const owned = await Promise.all(
    accounts.map(async (account): Promise<Owned> => {
      const kept = await context.states.get(account.name as AccountName);
      return {
        account,
        epoch: account.epoch ?? 0,
        known: kept?.keyId === account.key_id ? kept : null,
      };
    }),
  );
  const acts = owned.map(({ account, epoch, known }): HostAct => {
    const act = { act: 'copy-state', keyId: account.key_id, epoch } as const;
    return known === null ? act : { ...act, unless: known.stateHash };
  });
  const replies = await askAsAuthority(context, run, host, acts);
  // A move that began meanwhile keeps the final state, which must not be overwritten by an older
  // one.
  const moving = new Set((await listOpenMoves(context.ledger.db)).map(({ account }) => account));
  for (const [index, each] of owned.entries()) {
    const record = moving.has(each.account.name)
      ? null
      : recordOf(each, replies[index], run, context.now());
    if (record !== null) await context.states.put(record);
  }
}

/** null: it is no archive of a state. */
function hashOf(archive: Uint8Array): string | null {
  try {
    return hashEntries(unpackState(archive));
  } catch {
    return null;
  }
}

/**
 * The claim of `owner` on its host is over at `epoch`: what it left there is kept, unless later
 * words of the account are kept already. Those of a later epoch
 * are; those of its own epoch where the host's disk was put back meanwhile, or has nothing.
 */
export async function keepLastState(
  context: FleetContext,
  run: Run,
  { owner, epoch }: { readonly owner: PlacedAccount; readonly epoch: number },
  reply: ActReply | undefined,
): Promise<void> {
  const kept = await context.states.get(owner.name as AccountName);
  const known = kept?.keyId === owner.key_id ? kept : null;
  const left = recordOf({ account: owner, epoch, known: null }, reply, run, context.now());
  if (left === null) return;
  const isOlder =
    known !== null &&
    (known.epoch > (owner.epoch ?? 0) ||
      (await wasPutBack(context, owner.host ?? '', known.takenAtMs)));
  if (isOlder || (known !== null && left.stateHash === hashEntries([]))) return;
  await context.states.put(left);
}

/**
 * It knew an earlier run of this ledger than it had acknowledged; one that knows of none has lost
 * fleet's files, not the accounts' ones.
 */
async function wasPutBack(
  { ledger }: FleetContext,
  host: string,
  sinceMs: number,
): Promise<boolean> {
  const row = (await listHosts(ledger.db)).find(({ name }) => name === host);
  return (row?.fell_back_at ?? 0) >= sinceMs && (row?.fell_back_to ?? 0) > 0;
}

/**
 * What is to be kept now of the answer to `copy-state`; null: nothing new, or words of a later
 * owner are kept (the ledger is an older copy). A claim that is in
 * doubt is no reason to fail: others say so.
 */
function recordOf(
  { account, epoch, known }: Owned,
  reply: ActReply | undefined,
  run: Run,
  nowMs: number,
): StateRecord | null {
  if (known !== null && known.epoch > epoch) return null;
  const result = reply?.result;
  if (result?.kind !== 'state-copy' || result.stateHash === undefined) return null;
  if (result.data === undefined) {
    const isCurrent =
      known === null || (known.epoch === epoch && nowMs - known.takenAtMs < renewAfterMs);
    return isCurrent ? null : { ...known, epoch, takenAtMs: nowMs };
  }
  const archive = Buffer.from(result.data, 'base64');
  if (hashOf(archive) !== result.stateHash) return null;
  const { stateHash } = result;
  const name = account.name as AccountName;
  return {
    account: name,
    keyId: account.key_id,
    moveId: `sweep-${run.serial}`,
    epoch,
    stateHash,
    takenAtMs: nowMs,
    settleMs: 0,
    archive,
  };
}
