import { seenLingerMs } from '../../facts/seen-linger.ts';
import { accountSpecFor, lingerMsOf } from '../../inventory/account-spec.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { advanceMove, epochGivenUp, setMoveProblem } from '../../ledger/queries/moves.ts';
import { latestSamples } from '../../ledger/queries/records.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import type { StateRecord } from '../../vault/state-store.ts';
import type { FleetContext } from '../context.ts';
import { lostHostOf } from '../hosts/lost-host-of.ts';
import { MoveHosts, revokeAtTarget } from './move-hosts.ts';

/**
 * What an account continues from when its host has lost it: the last state that is known of it. The
 * end of a hold continues where the host stands, and what
 * was exported or removed since then starts with nothing.
 */
export async function lastKnownState(
  { states, ledger }: FleetContext,
  move: MoveRow,
): Promise<StateRecord | null> {
  if (move.kind !== 'failover' && move.kind !== 'initial') return null;
  const state = await states.get(move.account as AccountName);
  if (state?.keyId !== move.key_id) return null;
  return state.epoch > (await epochGivenUp(ledger.db, move.key_id)) ? state : null;
}

/**
 * A host that was declared gone may have run until that moment: a machine without power sends
 * nothing again, but Telegram counts its connections until they have been silent for as long as
 * their workers asked for. If the clock was set, assume that no time has passed, and wait the full
 * settle time. Ctrl-C ends the wait: nothing may start after it.
 */
export async function passLostHostFloor(
  context: FleetContext,
  moves: readonly MoveRow[],
): Promise<void> {
  const lost = moves.filter(({ kind }) => kind === 'failover');
  // A failover that continues may be older than the last statement about its host: it was switched
  // on again, and off, in between.
  const offAtMs = new Map(
    (await listHosts(context.ledger.db)).map(({ name, off_at }) => [name, off_at ?? 0]),
  );
  const samples = await samplesByHost(context);
  const floors = lost.map((move) => {
    const host = lostHostOf(move) ?? '';
    const seenMs = seenMsOf(context, move, samples.get(host));
    return lostFloorLeftMs(
      context,
      { account: move.account, seenMs },
      Math.max(move.created_at, offAtMs.get(host) ?? 0),
    );
  });
  await passFloor(context, Math.max(0, ...floors), "the lost host's connections", context.signal);
}

/**
 * The old owner of a move has given its receipt and is silent now. It may have lost its power while
 * the kernel still sent what a killed worker had queued,
 * which it does for less than the settle floor: from then on Telegram counts that connection for as
 * long as the worker asked for.
 */
export async function passSilentOwnerFloor(
  context: FleetContext,
  move: MoveRow,
  { takenAtMs, settleMs }: Pick<StateRecord, 'takenAtMs' | 'settleMs'>,
): Promise<void> {
  const seenMs = seenMsOf(context, move, (await samplesByHost(context)).get(move.from_host ?? ''));
  const leftMs = lostFloorLeftMs(context, { account: move.account, seenMs }, takenAtMs + settleMs);
  await passFloor(
    context,
    leftMs,
    `the connections of ${move.from_host ?? ''}, which does not answer,`,
  );
}

async function passFloor(
  context: FleetContext,
  leftMs: number,
  whose: string,
  until?: AbortSignal,
): Promise<void> {
  if (leftMs <= 0) return;
  context.report({
    kind: 'phase',
    text: `waiting ${(leftMs / 1000).toFixed(0)} s until Telegram counts ${whose} no more`,
  });
  await context.pause(leftMs, until);
}

const samplesByHost = async ({ ledger }: FleetContext): Promise<Map<string, string>> =>
  new Map((await latestSamples(ledger.db)).map(({ host, sample_json }) => [host, sample_json]));

/**
 * What the account's worker was seen to ask for on its host, ms; 0 for a custom worker, whose word
 * is in the inventory.
 */
const seenMsOf = (
  { inventory }: FleetContext,
  { account, key_id }: MoveRow,
  sample: string | undefined,
): number =>
  accountSpecFor(inventory, account as AccountName).worker === null
    ? seenLingerMs(sample ?? null, key_id)
    : 0;

/**
 * What is left of the time for which the account must be used nowhere after its host was declared
 * gone, ms. `seenMs`: what its worker was seen to ask for.
 */
export function lostFloorLeftMs(
  { inventory, now }: Pick<FleetContext, 'inventory' | 'now'>,
  { account, seenMs }: { readonly account: string; readonly seenMs: number },
  declaredAtMs: number,
): number {
  const floorMs = Math.max(
    inventory.failover.settleMs,
    lingerMsOf(inventory, account as AccountName),
    seenMs,
  );
  return Math.min(floorMs, declaredAtMs + floorMs - now());
}

/**
 * The lost host answers after all, and still owns the account: it stays there, once the target can
 * no longer start it. Gives what the operator is told.
 */
export async function yieldToOwner(
  context: FleetContext,
  run: Run,
  move: MoveRow,
  owner: string,
): Promise<FleetError> {
  const { db } = context.ledger;
  const problem = new FleetError(
    'claim-refused',
    `${owner} answers again and owns ${move.account}, which stays there`,
    {
      ...{ account: move.account, host: owner },
      hint: `fleet sweep starts it there again; fleet drain ${owner} moves it in order`,
    },
  );
  try {
    await revokeAtTarget(context, new MoveHosts(context, run), move);
    await advanceMove(db, move, 'aborted', context.now(), problem.message);
    return problem;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    await setMoveProblem(db, move.id, error.message, context.now());
    return error;
  }
}
