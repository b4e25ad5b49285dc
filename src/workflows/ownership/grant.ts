import { epochJumpLimit } from '../../../hostside/protocol/claim.ts';
import type { ActReply, AwaitedAccount, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { awaitedState } from '../../facts/account-state.ts';
import type { AskOptions } from '../../facts/ask-host.ts';
import { changeAccountState } from '../../ledger/queries/events.ts';
import {
  advanceMove,
  closeMove,
  setMoveEpoch,
  setMoveProblem,
} from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { judgeEvidence } from '../../ownership/evidence.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import { behavioursToStage } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority, helperTimeoutMs, onlineTimeoutMs } from '../hosts/ask-as-authority.ts';
import { lostHostOf } from '../hosts/lost-host-of.ts';
import { interruptedMove, wasCut } from '../interrupted.ts';
import { grantIntent, leaveWithOwner } from './give-back.ts';
import { evidenceError, hostGone, offlineError } from './grant-errors.ts';
import type { GrantOutcome } from './grant-outcome.ts';
import { reverifyOff } from './host-statement.ts';
import { lastKnownState, passLostHostFloor, yieldToOwner } from './lost-host.ts';
import { refusedBy } from './move-hosts.ts';
import { recordGrant } from './record-grant.ts';
import { surveyHosts } from './survey.ts';
import { wipeOrphans } from './wipe.ts';
import { grantAct, putStateAct, stageActs, vaultHashOf } from './worker-material.ts';

/**
 * Rounds of stage and survey while hosts keep showing higher epochs. More is two ledgers at work.
 */
const maxRounds = 3;
const again = 'the same command';

/**
 * Carries moves without an old owner from wherever they stand to the end: stage the files, survey
 * all known hosts, grant, wait until the worker says online. Concurrent over hosts; a failing
 * account or host does not affect the others. Every act is safe to repeat, so a run that was killed
 * is continued by calling this again with the moves that are still open. Statements that hosts are
 * off are verified again after every survey. Outcomes are in the order of `moves`.
 */
export async function grantAccounts(
  context: FleetContext,
  run: Run,
  moves: readonly MoveRow[],
): Promise<GrantOutcome[]> {
  const grants = new FirstGrants(context, run);
  const outcomes = new Map<string, GrantOutcome>();
  let waiting = moves.filter(({ phase }) => phase === 'planned' || phase === 'staged');
  const granted = moves.filter(({ phase }) => phase === 'granted');
  for (let round = 0; waiting.length > 0; round += 1) {
    const staged = await grants.stage(waiting, outcomes);
    // Before the survey, so that a silent host is tried once more as late as possible.
    await passLostHostFloor(context, staged);
    const judged = await grants.judge(staged, outcomes, round + 1 < maxRounds);
    granted.push(...(await grants.grant(judged.clear, outcomes)));
    waiting = judged.again;
  }
  await grants.awaitOnline(granted, outcomes);
  return moves.map(
    (move) =>
      outcomes.get(move.id) ??
      failed(
        move,
        new FleetError('bug', `${move.account}: no outcome`, { hint: 'please report this' }),
      ),
  );
}

const failed = (
  move: MoveRow,
  problem: FleetError,
  state: AccountState = 'stored',
): GrantOutcome => ({
  account: move.account,
  host: move.to_host,
  state,
  problem,
});

/** Why a host did not take files. */
interface StageFault {
  readonly problem: FleetError;
  /**
   * Epoch of the released or revoked claim that made the host refuse: stage again above it. 0 if
   * the host refused for another reason.
   */
  readonly seenEpoch: number;
}

type Outcomes = Map<string, GrantOutcome>;

/** Moves without an old owner, all of a run together. */
class FirstGrants {
  readonly #context: FleetContext;
  readonly #run: Run;

  constructor(context: FleetContext, run: Run) {
    this.#context = context;
    this.#run = run;
  }

  /**
   * Uploads files to the new hosts. What could not be staged gets its outcome; what never left
   * `planned` is aborted.
   */
  async stage(moves: readonly MoveRow[], outcomes: Outcomes, mayRaise = true): Promise<MoveRow[]> {
    const staged: MoveRow[] = [];
    const raised: MoveRow[] = [];
    const results = await this.#perHost(
      moves,
      (host, here) => this.#stageOnHost(host, here),
      outcomes,
    );
    for (const { move, value } of results) {
      // A move that was staged before may have been granted since: then its files are in use, and
      // the survey decides.
      const seen = value?.seenEpoch ?? 0;
      if (value !== null && mayRaise && seen >= move.epoch && seen <= move.epoch + epochJumpLimit)
        raised.push(await this.#raise(move, seen + 1));
      else if (value === null || move.phase === 'staged')
        staged.push(await this.#advance(move, 'staged'));
      else outcomes.set(move.id, failed(move, value.problem));
    }
    await this.#abortUnstaged(moves, outcomes);
    return raised.length === 0
      ? staged
      : [...staged, ...(await this.stage(raised, outcomes, false))];
  }

  async #raise(move: MoveRow, epoch: number): Promise<MoveRow> {
    await setMoveEpoch(this.#context.ledger.db, move, epoch, this.#context.now());
    return { ...move, epoch };
  }

  async #stageOnHost(host: HostSpec, moves: readonly MoveRow[]): Promise<(StageFault | null)[]> {
    const results: (StageFault | null)[] = moves.map(() => null);
    const acts: HostAct[] = [];
    const owners: number[] = [];
    const behaviours = await behavioursToStage(this.#context);
    for (const [index, move] of moves.entries()) {
      try {
        const staged = await stageActs(this.#context, move, host, behaviours);
        acts.push(...staged);
        owners.push(...staged.map(() => index));
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        results[index] = { problem: error, seenEpoch: 0 };
      }
    }
    const replies = await this.#ask(host, acts);
    for (const [at, index] of owners.entries()) {
      const [move, reply] = [moves[index], replies[at]];
      // Replies that only follow from a refused stage are ignored.
      if (move === undefined || reply?.ok === true || results[index] !== null) continue;
      const seenEpoch =
        reply?.refusal === 'epoch' && reply.claim?.state !== 'active'
          ? (reply.claim?.epoch ?? 0)
          : 0;
      results[index] = {
        problem: refusedBy(move, move.to_host, 'take the files of', reply, again),
        seenEpoch,
      };
    }
    await behaviours.noteStaged(moves.filter((_, index) => results[index] === null));
    return results;
  }

  async #abortUnstaged(moves: readonly MoveRow[], outcomes: Outcomes): Promise<void> {
    for (const move of moves) {
      const problem = outcomes.get(move.id)?.problem;
      if (problem && move.phase === 'planned')
        await advanceMove(
          this.#context.ledger.db,
          move,
          'aborted',
          this.#context.now(),
          problem.message,
        );
    }
  }

  /**
   * Surveys all known hosts and sorts the moves: clear to grant, to be staged again at a higher
   * epoch, or refused with an outcome.
   */
  async judge(
    moves: readonly MoveRow[],
    outcomes: Outcomes,
    mayRaise: boolean,
  ): Promise<{ clear: MoveRow[]; again: MoveRow[] }> {
    const clear: MoveRow[] = [];
    const again: MoveRow[] = [];
    if (moves.length === 0) return { clear, again };
    this.#context.report({ kind: 'phase', text: 'asking every known host who owns what' });
    const asked = this.#context.signal.aborted ? null : await surveyHosts(this.#context, this.#run);
    if (asked === null || wasCut(asked.problems.values())) {
      for (const move of moves) await this.#refuse(move, interruptedMove(move), outcomes);
      return { clear, again };
    }
    await wipeOrphans(this.#context, this.#run, asked.evidence);
    const { evidence, doubts } = await reverifyOff(this.#context, asked.evidence);
    for (const move of moves) {
      const verdict = judgeEvidence(await grantIntent(this.#context, move), evidence);
      const doubt =
        verdict.kind === 'incomplete'
          ? verdict.hosts.flatMap((host) => doubts.get(host) ?? [])[0]
          : undefined;
      if (doubt !== undefined) await this.#refuse(move, doubt, outcomes);
      else if (verdict.kind === 'clear' || verdict.kind === 'granted') clear.push(move);
      else if (verdict.kind === 'kept')
        outcomes.set(move.id, await leaveWithOwner(this.#context, this.#run, move));
      else if (verdict.kind === 'raise' && mayRaise) {
        again.push(await this.#raise(move, verdict.epoch));
      } else if (verdict.kind === 'owned' && verdict.host === lostHostOf(move)) {
        const problem = await yieldToOwner(this.#context, this.#run, move, verdict.host);
        outcomes.set(move.id, { ...failed(move, problem, 'held'), host: verdict.host });
      } else await this.#refuse(move, evidenceError(move, verdict, asked.problems), outcomes);
    }
    return { clear, again };
  }

  async #refuse(move: MoveRow, problem: FleetError, outcomes: Outcomes): Promise<void> {
    await setMoveProblem(this.#context.ledger.db, move.id, problem.message, this.#context.now());
    outcomes.set(move.id, failed(move, problem));
  }

  /**
   * Gives the right to run. The journal says `staged` before, and `granted` with the placement
   * right after.
   */
  async grant(moves: readonly MoveRow[], outcomes: Outcomes): Promise<MoveRow[]> {
    const granted: MoveRow[] = [];
    const results = await this.#perHost(
      moves,
      (host, here) => this.#grantOnHost(host, here),
      outcomes,
    );
    for (const { move, value } of results) {
      if (value === null) granted.push(await recordGrant(this.#context, move));
      else await this.#refuse(move, value, outcomes);
    }
    return granted;
  }

  async #grantOnHost(host: HostSpec, moves: readonly MoveRow[]): Promise<(FleetError | null)[]> {
    const acts: HostAct[] = [];
    const grantAt: number[] = [];
    const problems = new Map<MoveRow, FleetError>();
    for (const move of moves) {
      try {
        acts.push(...(await this.#actsOfGrant(move)));
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        problems.set(move, error);
      }
      grantAt.push(acts.length - 1);
    }
    const replies = await this.#ask(host, acts);
    return moves.map((move, index) => {
      const problem = problems.get(move);
      if (problem !== undefined) return problem;
      const reply = replies[grantAt[index] ?? 0];
      return reply?.ok === true ? null : refusedBy(move, move.to_host, 'run', reply, again);
    });
  }

  /** What the account remembers, where that is known; the grant is the last one. */
  async #actsOfGrant(move: MoveRow): Promise<HostAct[]> {
    const vaultHash = await vaultHashOf(this.#context, move);
    const state = await lastKnownState(this.#context, move);
    if (state === null) return [grantAct(move, vaultHash, null)];
    return [putStateAct(move, state), grantAct(move, vaultHash, state.stateHash)];
  }

  /**
   * Waits on each host until its accounts are settled, then closes their moves: whatever the state,
   * the host owns them.
   */
  async awaitOnline(moves: readonly MoveRow[], outcomes: Outcomes): Promise<void> {
    if (moves.length > 0) {
      this.#context.report({
        kind: 'expected',
        accounts: moves.map(({ account, to_host }) => ({ account, host: to_host })),
      });
      this.#context.report({ kind: 'phase', text: 'waiting until Telegram answers the accounts' });
    }
    const results = await this.#perHost(
      moves,
      (host, here) => this.#awaitOnHost(host, here),
      outcomes,
    );
    for (const { move, value } of results) {
      const state = awaitedState(value);
      await this.#context.ledger.db.transaction().execute(async (transaction) => {
        const nowMs = this.#context.now();
        if (!(await closeMove(transaction, move, value.reason === '' ? null : value.reason, nowMs)))
          return;
        const { account, to_host: host } = move;
        await changeAccountState(
          transaction,
          { account, host, state, reason: value.reason },
          nowMs,
        );
      });
      outcomes.set(move.id, {
        account: move.account,
        host: move.to_host,
        state,
        problem: state === 'online' ? null : offlineError(move, state, value.reason),
      });
    }
  }

  async #awaitOnHost(host: HostSpec, moves: readonly MoveRow[]): Promise<AwaitedAccount[]> {
    const act: HostAct = {
      act: 'await',
      keyIds: moves.map(({ key_id }) => key_id),
      timeoutMs: onlineTimeoutMs,
    };
    const [reply] = await this.#ask(host, [act], (progress) => {
      const move = moves.find(({ key_id }) => key_id === progress.keyId);
      if (move !== undefined)
        this.#context.report({
          kind: 'account',
          account: move.account,
          host: host.name,
          state: progress.state,
          reason: progress.reason,
        });
    });
    const awaited = reply?.result?.kind === 'awaited' ? reply.result.accounts : [];
    return moves.map(
      ({ key_id }) =>
        awaited.find(({ keyId }) => keyId === key_id) ?? {
          keyId: key_id,
          settled: false,
          state: 'offline',
          reason: reply?.message ?? 'the host did not say',
        },
    );
  }

  async #ask(
    host: HostSpec,
    acts: readonly HostAct[],
    onProgress?: AskOptions['onProgress'],
  ): Promise<readonly ActReply[]> {
    if (acts.length === 0) return [];
    const timeoutMs = helperTimeoutMs + onlineTimeoutMs;
    return askAsAuthority(this.#context, this.#run, host, acts, {
      timeoutMs,
      ...(onProgress ? { onProgress } : {}),
    });
  }

  async #advance(move: MoveRow, phase: 'staged'): Promise<MoveRow> {
    return advanceMove(this.#context.ledger.db, move, phase, this.#context.now());
  }

  /**
   * Runs `act` once per host with that host's moves. A host that fails gives all its moves an
   * outcome; the other hosts go on.
   */
  async #perHost<T>(
    moves: readonly MoveRow[],
    act: (host: HostSpec, here: readonly MoveRow[]) => Promise<readonly T[]>,
    outcomes: Outcomes,
  ): Promise<{ move: MoveRow; value: T }[]> {
    const byHost = Map.groupBy(moves, ({ to_host }) => to_host);
    const hosts = this.#context.inventory.hosts.filter(({ name }) => byHost.has(name));
    const reached = await forEachHost(
      hosts,
      this.#context.inventory.concurrency,
      (host) => act(host, byHost.get(host.name) ?? []),
      this.#context.signal,
    );
    const results: { move: MoveRow; value: T }[] = [];
    for (const outcome of reached) {
      for (const [index, move] of (byHost.get(outcome.host.name) ?? []).entries()) {
        if (!outcome.ok)
          await this.#refuse(
            move,
            wasCut([outcome.error]) ? interruptedMove(move) : outcome.error,
            outcomes,
          );
        else results.push({ move, value: outcome.value[index] as T });
      }
    }
    for (const move of moves.filter(({ to_host }) => !hosts.some(({ name }) => name === to_host))) {
      await this.#refuse(move, hostGone(move, move.to_host), outcomes);
    }
    return results;
  }
}
