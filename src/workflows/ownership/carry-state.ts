import type { ActReply, HostAct, StatePart } from '../../../hostside/protocol/host-acts.ts';
import {
  hashEntries,
  stateLimitBytes,
  statePartBytes,
  unpackState,
} from '../../../hostside/protocol/state-archive.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import type { StateRecord } from '../../vault/state-store.ts';
import type { FleetContext } from '../context.ts';
import { refuseOtherMachine } from './know-target.ts';
import { type MoveDecision, readDecision } from './move-decision.ts';
import {
  inDoubt,
  isLostReply,
  isPassing,
  type MoveHosts,
  refusedBy,
  resultOf,
} from './move-hosts.ts';

/** Space that must stay free beside a state on every disk that it passes, bytes. */
const spareBytes = 16 * 1024 * 1024;

const weigh = (move: MoveRow): HostAct => ({ act: 'weigh-state', keyId: move.key_id });

/**
 * Before anything stops: the old owner answers, its state can be carried, and there is room for it
 * on the new host and on this machine. Errors: those
 * of the Remote, `host-space`, `vault`. Gives how many parts the state will have at most, if it
 * does not grow.
 */
export async function checkRoom(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<number> {
  const from = move.from_host ?? '';
  const [[old], [seen, next]] = await Promise.all([
    hosts.ask(move, from, [weigh(move)]),
    hosts.ask(move, move.to_host, [{ act: 'survey' }, weigh(move)]),
  ]);
  await refuseOtherMachine(context, move, seen);
  const { bytes } = resultOf(move, from, 'weigh the state of', old, 'state-size');
  const { freeBytes } = resultOf(move, move.to_host, 'weigh the state of', next, 'state-size');
  if (bytes > stateLimitBytes) {
    throw new FleetError(
      'host-space',
      `${move.account} has ${mebibytes(bytes)} of state on ${from}; a move carries ` +
        `${mebibytes(stateLimitBytes)}`,
      {
        account: move.account,
        host: from,
        hint: `clear its state directory on ${from} of what need not move`,
      },
    );
  }
  const places = [
    { where: move.to_host, free: freeBytes },
    {
      where: `the folder of the vault (${context.inventory.paths.vault})`,
      free: await context.states.freeBytes(),
    },
  ];
  const short = places.find(({ free }) => free < 2 * bytes + spareBytes);
  if (short === undefined) return Math.ceil(bytes / statePartBytes);
  throw new FleetError(
    'host-space',
    `${move.account} needs ${mebibytes(2 * bytes + spareBytes)} on ${short.where}, which ` +
      `has ${mebibytes(short.free)}`,
    {
      account: move.account,
      hint: 'free some space there; nothing was stopped',
    },
  );
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/**
 * The receipt could not be had; `reply` tells what the host said, or null when nothing came back.
 */
export class ReleaseRefused extends Error {
  readonly reply: ActReply | undefined;

  constructor(reply: ActReply | undefined) {
    super('the release was refused');
    this.reply = reply;
  }
}

/**
 * Gets the old owner's receipt and its final state, checks one against the other, and keeps both on
 * this machine, durably. The same acts whether the
 * release is new or its reply was lost. `likelyParts`: asked for together with the release, to save
 * a round trip while the account is stopped. Throws {@link ReleaseRefused}; FleetError `in-doubt`,
 * `agent-reply`, `vault`.
 */
export async function takeState(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
  decision: Pick<MoveDecision, 'fromEpoch' | 'releasedTo'>,
  likelyParts = 1,
): Promise<StateRecord> {
  const from = move.from_host ?? '';
  const epoch = decision.fromEpoch;
  const about = { keyId: move.key_id, moveId: move.id, epoch } as const;
  const release: HostAct = {
    act: 'release',
    ...about,
    successor: decision.releasedTo ?? move.to_host,
  };
  const read = (part: number): HostAct => ({ act: 'read-state', ...about, part });
  const ask = (acts: readonly HostAct[]): Promise<readonly ActReply[]> =>
    hosts.ask(move, from, acts).catch((error: unknown) => {
      throw error instanceof FleetError && isLostReply(error)
        ? inDoubt(move, from, 'release', error)
        : error;
    });
  const early = Array.from({ length: Math.max(1, likelyParts) }, (_, index) => read(index));
  const [released, ...replies] = await ask([release, ...early]);
  if (released?.ok !== true) throw new ReleaseRefused(released);
  const { claim } = resultOf(move, from, 'release', released, 'claim');
  const part = (reply: ActReply | undefined): StatePart =>
    resultOf(move, from, 'give the state of', reply, 'state-part');
  const head = part(replies[0]);
  const takenAtMs = context.now();
  const missing = Array.from({ length: Math.max(0, head.parts - early.length) }, (_, index) =>
    read(early.length + index),
  );
  const more = missing.length === 0 ? [] : await ask(missing);
  const slices = [...replies.slice(0, head.parts), ...more].map(part);
  const sent = Buffer.concat(slices.map(({ data }) => Buffer.from(data, 'base64')));
  const stateHash = claim.stateHash ?? '';
  // Where the ledger is an older one, the host may have given it before and cleared it since: then
  // this machine has kept it.
  const archive = fits(sent, stateHash)
    ? sent
    : ((await keptState(context, move))?.archive ?? sent);
  if (!fits(archive, stateHash))
    throw refusedBy(move, from, 'give the state of', {
      index: 0,
      ok: false,
      message: 'it is not the one of its receipt',
    });
  const given: StateRecord = {
    ...{
      account: move.account as AccountName,
      keyId: move.key_id,
      moveId: move.id,
      epoch,
      stateHash,
      takenAtMs,
      archive,
    },
    settleMs: head.settleMs,
  };
  const record = await orLater(context, given);
  await context.states.put(record);
  return record;
}

/**
 * The account has run at a later epoch than its old owner had, and what it remembers from there is
 * kept: the ledger was an older copy, and the later owner's disk put back. It goes on from there;
 * what the old owner has is older.
 */
async function orLater(context: FleetContext, given: StateRecord): Promise<StateRecord> {
  const kept = await context.states.get(given.account);
  if (kept?.keyId !== given.keyId || kept.epoch <= given.epoch) return given;
  return { ...given, epoch: kept.epoch, stateHash: kept.stateHash, archive: kept.archive };
}

function fits(archive: Uint8Array, stateHash: string): boolean {
  try {
    return hashEntries(unpackState(archive)) === stateHash;
  } catch {
    return false;
  }
}

/**
 * What {@link takeState} kept for this very move; null: nothing, so the old owner has to be asked
 * again.
 */
export async function keptState(context: FleetContext, move: MoveRow): Promise<StateRecord | null> {
  const record = await context.states.get(move.account as AccountName);
  return record?.moveId === move.id ? record : null;
}

/**
 * The journal says `released`, but what was kept is gone: the old owner has it still. Where that
 * one has lost it for good, only an adoption can continue: it closes the claim there and keeps the
 * memory that still lies there. Errors: those of {@link takeState}, `claim-refused`.
 */
export async function takeStateAgain(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<StateRecord> {
  try {
    return await takeState(context, hosts, move, readDecision(move));
  } catch (error) {
    if (!(error instanceof ReleaseRefused)) throw error;
    const from = move.from_host ?? '';
    const { code, message, hint } = refusedBy(move, from, 'release', error.reply);
    const isForGood =
      error.reply !== undefined && !isPassing(error.reply) && error.reply.refusal !== 'space';
    const adopt =
      `was ${from} reinstalled, or its disk rolled back? If no copy of it still runs: fleet ` +
      `adopt, then fleet allocate ${move.account}`;
    throw new FleetError(code, message, {
      account: move.account,
      host: from,
      hint: isForGood ? adopt : hint,
    });
  }
}
