import type { ActReply, ActResult, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { raiseEpoch } from '../../ledger/queries/accounts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError, type FleetErrorCode } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority, helperTimeoutMs, onlineTimeoutMs } from '../hosts/ask-as-authority.ts';
import { hostGone } from './grant-errors.ts';

/**
 * The two ends of a move, spoken to with the authority of this run. Every act is safe to repeat.
 */
export class MoveHosts {
  readonly #context: FleetContext;
  readonly #run: Run;

  constructor(context: FleetContext, run: Run) {
    this.#context = context;
    this.#run = run;
  }

  /**
   * One reply per act, in order. Errors: those of the Remote, `inventory`, `host-not-ready`,
   * `agent-reply`.
   */
  async ask(
    move: MoveRow,
    name: string,
    acts: readonly HostAct[],
    onState?: (state: string, reason: string) => void,
  ): Promise<readonly ActReply[]> {
    const host = this.#spec(move, name);
    const timeoutMs = helperTimeoutMs + onlineTimeoutMs;
    const onProgress =
      onState && (({ state, reason }: { state: string; reason: string }) => onState(state, reason));
    return askAsAuthority(this.#context, this.#run, host, acts, {
      timeoutMs,
      ...(onProgress ? { onProgress } : {}),
    });
  }

  #spec(move: MoveRow, name: string): HostSpec {
    const host = this.#context.inventory.hosts.find((candidate) => candidate.name === name);
    if (host !== undefined) return host;
    throw hostGone(move, name);
  }

  spec(move: MoveRow): HostSpec {
    return this.#spec(move, move.to_host);
  }
}

/**
 * The result of one act, of the kind that the act answers. Throws what the refusal is to the
 * operator.
 */
export function resultOf<K extends ActResult['kind']>(
  move: MoveRow,
  host: string,
  act: string,
  reply: ActReply | undefined,
  kind: K,
): Extract<ActResult, { kind: K }> {
  if (reply?.ok !== true) throw refusedBy(move, host, act, reply);
  if (reply.result?.kind === kind) return reply.result as Extract<ActResult, { kind: K }>;
  throw new FleetError(
    'agent-reply',
    `${host} answered something else when asked to ${act} ${move.account}`,
    {
      host,
      account: move.account,
      hint: `bring the host up to date: fleet init --limit ${host}`,
    },
  );
}

/**
 * What a helper's refusal is to the operator. `again`: the command that goes on once the cause is
 * gone.
 */
export function refusedBy(
  move: MoveRow,
  host: string,
  act: string,
  reply: ActReply | undefined,
  again = 'fleet resume',
): FleetError {
  const [code, hint] = ((): readonly [FleetErrorCode, string] => {
    if (reply?.refusal === 'authority') return ['authority-refused', otherLedgerHint(host)];
    if (reply?.refusal === 'space') return ['host-space', `free space on ${host}, then: ${again}`];
    if (reply?.refusal === 'instance') return ['claim-refused', otherMachineHint(host, again)];
    return [
      'claim-refused',
      `fleet moves shows where the move stands; once the cause is gone: ${again}`,
    ];
  })();
  const why = reply?.message ?? reply?.refusal ?? 'no reason given';
  return new FleetError(code, `${host} refused to ${act} ${move.account}: ${why}`, {
    host,
    account: move.account,
    hint,
  });
}

const otherLedgerHint = (host: string): string =>
  `${host} obeys another ledger or a newer run: use that one; if it is lost: fleet adopt; ` +
  `if it is out of use for good: fleet hosts take-over ${host}`;

/**
 * Its hardware, or its name for itself, is another one than at its boot or when its claims were
 * made.
 */
const otherMachineHint = (host: string, again: string): string =>
  `where it asks for a reboot: fleet reboot ${host}, then: ${again}; otherwise fleet adopt ` +
  'says what became of its machine';

/**
 * The target has owned the account after all that this ledger knows: a move would end its claim and
 * lose its state.
 */
export const unknownOwner = ({ account, from_host, to_host }: MoveRow, epoch: number): FleetError =>
  new FleetError(
    'ledger-stale',
    `${account} was not moved: ${to_host} has owned it at epoch ${epoch}, later than ` +
      `${from_host} as this ledger has it`,
    {
      account,
      host: to_host,
      hint: 'bring the ledger in line with what the hosts know: fleet adopt',
    },
  );

/**
 * Refusals that say nothing about whether the host could do it at another moment, or for another
 * run.
 */
export const isPassing = (reply: ActReply | undefined): boolean =>
  reply?.refusal === 'authority' || reply?.refusal === 'busy' || reply?.refusal === 'deadline';

/**
 * An act was sent and nothing came back: what the host did is not known until it is asked again
 * (docs/exclusivity.md, row 26).
 */
export function inDoubt(move: MoveRow, host: string, act: string, cause: FleetError): FleetError {
  return new FleetError(
    'in-doubt',
    `${move.account} is in doubt at ${host}: whether it did ${act} is not known (${cause.message})`,
    {
      host,
      account: move.account,
      hint: `when ${host} answers again: fleet resume`,
      cause,
    },
  );
}

/** Errors after which a host may or may not have done what it was asked to. */
export const isLostReply = ({ code }: FleetError): boolean =>
  code === 'ssh-lost' ||
  code === 'command-timeout' ||
  code === 'agent-reply' ||
  code === 'ssh-timeout';

/**
 * The target durably refuses a grant of this move that may still be on its way
 * (docs/exclusivity.md, row 7), and loses the files.
 */
export async function revokeAtTarget(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<void> {
  const { key_id, account, epoch, id, to_host } = move;
  const about = { keyId: key_id, epoch } as const;
  const acts: HostAct[] = [
    // the account goes on elsewhere at once: what a grant started here must count no more
    { act: 'revoke', ...about, account, moveId: id, settle: true },
    { act: 'wipe', ...about },
  ];
  const [revoked] = await hosts.ask(move, to_host, acts);
  resultOf(move, to_host, 'give up', revoked, 'claim');
  await raiseEpoch(context.ledger.db, key_id, epoch);
}
