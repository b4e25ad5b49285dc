import { epochJumpLimit } from '../../../hostside/protocol/claim.ts';
import type { HostAct } from '../../../hostside/protocol/host-acts.ts';
import { advanceMove, setMoveEpoch, setMoveProblem, turnMove } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError } from '../../model/errors.ts';
import { contradiction, hasOwnedLater, isReleasing } from '../../ownership/old-owner.ts';
import type { MovePhase } from '../../ownership/phases.ts';
import type { StateRecord } from '../../vault/state-store.ts';
import { behavioursToStage } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';
import {
  checkRoom,
  keptState,
  ReleaseRefused,
  takeState,
  takeStateAgain,
} from '../ownership/carry-state.ts';
import { hasArrived, refuseOtherMachine } from '../ownership/know-target.ts';
import { passSilentOwnerFloor } from '../ownership/lost-host.ts';
import { whyTargetIsLost } from '../ownership/lost-target.ts';
import { formatDecisionJson, readDecision } from '../ownership/move-decision.ts';
import {
  inDoubt,
  isLostReply,
  isPassing,
  MoveHosts,
  refusedBy,
  resultOf,
  revokeAtTarget,
  unknownOwner,
} from '../ownership/move-hosts.ts';
import { recordGrant, recordRelease } from '../ownership/record-grant.ts';
import { grantAct, putStateAct, stageActs, vaultHashOf } from '../ownership/worker-material.ts';
import { finishMove } from './finish-move.ts';

/**
 * How one move fared. `problem` is null when the account is where it was to go and as well as it
 * was before.
 */
export interface MoveOutcome {
  readonly account: string;
  readonly from: string;
  readonly to: string;
  /** Where it is now, or who has to be asked first. */
  readonly host: string;
  readonly state: AccountState | 'moving';
  readonly phase: MovePhase;
  /**
   * From the release until it was online again, ms, by the operator's clock; null: it was not
   * stopped in this run, or is not online.
   */
  readonly offlineMs: number | null;
  /** The part of it that was the settle floor, ms. */
  readonly settledMs: number | null;
  readonly problem: FleetError | null;
}

/**
 * The last look at the old owner begins this long before the end of the settle floor: about as long
 * as it takes.
 */
const lookBesideMs = 500;

/** Most tries to stage at an epoch above all that the target has seen. */
const maxRaises = 3;

/** What one run learned about a move on the way, for its outcome. */
interface Log {
  stoppedAtMs: number | null;
  settledMs: number | null;
}

/**
 * Carries one move from wherever it stands to its end. Every phase is in the journal before the act
 * that follows it, every act
 * may be repeated, and a move that a killed run left is carried on by this same path. Never throws
 * a FleetError: it is in the outcome, and what is
 * still to be done stays open in the journal with the reason.
 */
export async function carryMove(
  context: FleetContext,
  run: Run,
  move: MoveRow,
): Promise<MoveOutcome> {
  return new OwnerChange(context, run).carry(move);
}

/** One move with an old owner. */
class OwnerChange {
  readonly #context: FleetContext;
  readonly #run: Run;
  readonly #hosts: MoveHosts;
  readonly #log: Log = { stoppedAtMs: null, settledMs: null };
  /** As far as the journal has it. */
  #move!: MoveRow;
  #likelyParts = 1;
  /** Why the account is on its way back. */
  #turned: FleetError | null = null;

  constructor(context: FleetContext, run: Run) {
    this.#context = context;
    this.#run = run;
    this.#hosts = new MoveHosts(context, run);
  }

  async carry(move: MoveRow): Promise<MoveOutcome> {
    this.#move = move;
    try {
      if (this.#move.phase === 'planned') await this.#stage();
      if (this.#move.phase === 'staged') await this.#release();
      if (this.#move.phase === 'released') await this.#grant();
      if (this.#move.phase === 'aborted') return this.#outcome('moving', this.#turned);
      const finished = await finishMove(this.#context, this.#hosts, this.#move);
      this.#move = finished.move;
      if (finished.back !== null) return await this.#goBack(finished.back, finished.problem);
      return this.#outcome(finished.state, finished.problem ?? this.#turned);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      return await this.#stopped(error);
    }
  }

  /**
   * The account could not come online there: a move of its own takes it back, and the outcome is
   * about both.
   */
  async #goBack(back: MoveRow, problem: FleetError | null): Promise<MoveOutcome> {
    const outcome = await new OwnerChange(this.#context, this.#run).carry(back);
    return {
      ...outcome,
      from: this.#move.from_host ?? '',
      to: this.#move.to_host,
      problem: outcome.problem ?? problem,
    };
  }

  /** A move that got no further than its plan is over; any other stays open and says why. */
  async #stopped(problem: FleetError): Promise<MoveOutcome> {
    const { db } = this.#context.ledger;
    if (this.#move.phase !== 'planned')
      await setMoveProblem(db, this.#move.id, problem.message, this.#context.now());
    else if (problem.code !== 'interrupted')
      this.#move = await advanceMove(
        db,
        this.#move,
        'aborted',
        this.#context.now(),
        problem.message,
      );
    return this.#outcome('moving', problem);
  }

  #outcome(state: MoveOutcome['state'], problem: FleetError | null): MoveOutcome {
    const { account, from_host, to_host, phase } = this.#move;
    const { stoppedAtMs, settledMs } = this.#log;
    const isThere = phase === 'granted' || phase === 'done' || phase === 'released';
    return {
      ...{
        account,
        from: from_host ?? '',
        to: to_host,
        host: isThere ? to_host : (from_host ?? ''),
        state,
        phase,
        problem,
      },
      offlineMs:
        stoppedAtMs === null || state !== 'online' ? null : this.#context.now() - stoppedAtMs,
      settledMs,
    };
  }

  async #advance(phase: MovePhase, problem: string | null = null): Promise<void> {
    this.#move = await advanceMove(
      this.#context.ledger.db,
      this.#move,
      phase,
      this.#context.now(),
      problem,
    );
    this.#report(phase, problem ?? '');
  }

  #report(state: string, reason: string): void {
    this.#context.report({
      kind: 'account',
      account: this.#move.account,
      host: this.#move.to_host,
      state,
      reason,
    });
  }

  async #stage(): Promise<void> {
    this.#likelyParts = await checkRoom(this.#context, this.#hosts, this.#move);
    const [refused] = await this.#stageAnd(() => []);
    if (refused !== undefined) throw refused;
    await this.#advance('staged');
  }

  /**
   * Files to the new host, at an epoch above all that it has seen, and `more` acts in the same
   * request. Gives what was refused: the stage itself, or
   * the first of `more`.
   */
  async #stageAnd(more: (move: MoveRow) => readonly HostAct[]): Promise<[] | [FleetError]> {
    for (let raises = 0; ; raises += 1) {
      const move = this.#move;
      const behaviours = await behavioursToStage(this.#context);
      const host = this.#hosts.spec(move);
      const staged = await stageActs(this.#context, move, host, behaviours);
      const [seenThere, ...replies] = await this.#hosts.ask(move, move.to_host, [
        { act: 'survey' },
        ...staged,
        ...more(move),
      ]);
      await refuseOtherMachine(this.#context, move, seenThere);
      const failed = replies.find(({ ok }) => !ok);
      const claim = (failed ?? replies[0])?.claim;
      if (hasOwnedLater(claim, { moveId: move.id, epoch: readDecision(move).fromEpoch }))
        throw unknownOwner(move, claim?.epoch ?? 0);
      if (failed === undefined) {
        await behaviours.noteStaged([move]);
        return [];
      }
      const seen = failed.claim?.epoch ?? 0;
      const isOver = failed.claim?.state === 'released' || failed.claim?.state === 'revoked';
      const mayRaise =
        failed.refusal === 'epoch' &&
        isOver &&
        failed.claim?.moveId !== move.id &&
        seen <= move.epoch + epochJumpLimit;
      if (isPassing(failed)) throw refusedBy(move, move.to_host, 'take the files of', failed);
      if (!mayRaise || raises === maxRaises)
        return [refusedBy(move, move.to_host, 'take the files of', failed)];
      await setMoveEpoch(this.#context.ledger.db, move, seen + 1, this.#context.now());
      this.#move = { ...move, epoch: seen + 1 };
    }
  }

  /**
   * From here on the account is stopped. The receipt and the final state are on this machine before
   * the journal says `released`.
   */
  async #release(): Promise<void> {
    if (this.#context.signal.aborted) {
      throw new FleetError(
        'interrupted',
        `${this.#move.account} was not stopped: interrupted before its release`,
        {
          account: this.#move.account,
          hint: 'its files are on the new host; carry it on with: fleet resume',
        },
      );
    }
    const stoppedAtMs = this.#context.now();
    try {
      await takeState(
        this.#context,
        this.#hosts,
        this.#move,
        readDecision(this.#move),
        this.#likelyParts,
      );
    } catch (error) {
      if (!(error instanceof ReleaseRefused)) throw error;
      return this.#releaseRefused(error);
    }
    this.#log.stoppedAtMs = stoppedAtMs;
    this.#move = await recordRelease(this.#context, this.#move, stoppedAtMs);
    this.#report('released', '');
  }

  /**
   * Nothing was released when the claim there is not of this move: then the move is over. Otherwise
   * it can only go on.
   */
  async #releaseRefused({ reply }: ReleaseRefused): Promise<void> {
    const from = this.#move.from_host ?? '';
    const problem = refusedBy(this.#move, from, 'release', reply);
    const isOver =
      ['epoch', 'state', 'move', 'instance'].includes(reply?.refusal ?? '') &&
      !isReleasing(reply?.claim, this.#move.id);
    if (!isOver) throw problem;
    await revokeAtTarget(this.#context, this.#hosts, this.#move);
    this.#turned = problem;
    await this.#advance('aborted', problem.message);
  }

  async #grant(): Promise<void> {
    const kept = await keptState(this.#context, this.#move);
    if (kept !== null || !(await hasArrived(this.#context, this.#hosts, this.#move))) {
      const state = kept ?? (await takeStateAgain(this.#context, this.#hosts, this.#move));
      for (;;) {
        const lost = await whyTargetIsLost(this.#context, this.#move);
        const [refused] = lost === null ? await this.#place(state) : [lost];
        if (refused === undefined) break;
        await this.#turnBack(refused, lost !== null);
      }
    }
    this.#move = await recordGrant(this.#context, this.#move);
    this.#report('granted', '');
  }

  /**
   * Files and state to the new host, the settle floor, a last look at the old one, the grant. Gives
   * why the new host refused for good.
   */
  async #place(state: StateRecord): Promise<[] | [FleetError]> {
    const settled = this.#settle(state, () => this.#lookAtOldOwner(state));
    const [[refused], vaultHash] = await Promise.all([
      this.#stageAnd((move) => [putStateAct(move, state)]),
      vaultHashOf(this.#context, this.#move),
      settled,
    ]);
    if (refused !== undefined) return [refused];
    const move = this.#move;
    const act = grantAct(move, vaultHash, state.stateHash, readDecision(move).idle);
    const [reply] = await this.#hosts.ask(move, move.to_host, [act]).catch((error: unknown) => {
      throw error instanceof FleetError && isLostReply(error)
        ? inDoubt(move, move.to_host, 'the grant', error)
        : error;
    });
    if (reply?.ok === true) return [];
    if (isPassing(reply)) throw refusedBy(move, move.to_host, 'run', reply);
    return [refusedBy(move, move.to_host, 'run', reply)];
  }

  /**
   * Nobody connects with the session before the last connection's packets are gone
   * (docs/exclusivity.md, row 17). If the clock was set, assume that no time has passed, and wait
   * the full settle time. `look`: at the old owner, in the last moments of the floor, because its
   * round trip would be more time offline.
   */
  async #settle({ takenAtMs, settleMs }: StateRecord, look: () => Promise<void>): Promise<void> {
    const leftMs = Math.min(settleMs, Math.max(0, takenAtMs + settleMs - this.#context.now()));
    if (this.#log.stoppedAtMs !== null) this.#log.settledMs = settleMs;
    if (leftMs === 0) return look();
    this.#report('settling', `${(leftMs / 1000).toFixed(1)} s`);
    const besideMs = Math.min(leftMs, lookBesideMs);
    await this.#context.pause(leftMs - besideMs);
    await Promise.all([look(), this.#context.pause(besideMs)]);
  }

  /**
   * A host that does not answer contradicts nothing: its receipt is durable, and its gate obeys it
   * at the next boot. But it may have lost its power before
   * the last connection's end was sent, and Telegram counts that connection until it has been
   * silent for long enough.
   */
  async #lookAtOldOwner(state: StateRecord): Promise<void> {
    const { from_host, to_host, key_id, id, account } = this.#move;
    if (from_host === null || from_host === to_host) return;
    const [reply] = await this.#hosts
      .ask(this.#move, from_host, [{ act: 'survey' }])
      .catch((error: unknown) => {
        if (
          error instanceof FleetError &&
          (error.code.startsWith('ssh-') || error.code === 'command-timeout')
        )
          return [];
        throw error;
      });
    if (reply === undefined) return passSilentOwnerFloor(this.#context, this.#move, state);
    const { survey } = resultOf(this.#move, from_host, 'survey', reply, 'survey');
    const fault = contradiction(survey, {
      keyId: key_id,
      moveId: id,
      epoch: readDecision(this.#move).fromEpoch,
    });
    if (fault === null) return;
    throw new FleetError(
      'claim-refused',
      `${account} is not started on ${to_host}: ${from_host} gave a receipt for it, but ${fault}`,
      {
        account,
        host: from_host,
        hint:
          `look at ${from_host}: was its disk rolled back, or the account started by hand? ` +
          'Then: fleet resume',
      },
    );
  }

  /**
   * The account goes back to where it came from, at a higher epoch, once the target durably refuses
   * this move, or is no more. Once only.
   */
  async #turnBack(refused: FleetError, isLost: boolean): Promise<void> {
    const decision = readDecision(this.#move);
    const { to_host, from_host, epoch } = this.#move;
    if (decision.isBack || from_host === null) throw refused;
    if (!isLost) await revokeAtTarget(this.#context, this.#hosts, this.#move);
    const reason = `came back: ${refused.message}`;
    const decisionJson = formatDecisionJson({
      ...decision,
      host: from_host,
      reason,
      isBack: true,
      releasedTo: to_host,
    });
    const back = { host: from_host, epoch: epoch + 1, decisionJson };
    this.#move = await turnMove(this.#context.ledger.db, this.#move, back, this.#context.now());
    this.#turned = refused;
    this.#report('turned back', refused.message);
  }
}
