import type { ActReply, HostAct } from '../../hostside/protocol/host-acts.ts';
import {
  awaitedState,
  awaitOf,
  grantOf,
  isSilence,
  lostHostFloorMs,
  machineKnown,
  raise,
  recordGrant,
  revokeAtTarget,
  stageOf,
} from './commands-grant.ts';
import {
  addMove,
  advance,
  askAsAuthority,
  beginRun,
  fail,
  look,
  noteBegun,
  type Run,
  raiseEpoch,
  type Steps,
  setAccount,
  surveyIn,
  write,
} from './effects.ts';
import { isDoubted } from './host-statement.ts';
import type { Rules } from './rules.ts';
import { type AccountRow, type HostRow, hostName, keyId, type Ledger, type Move } from './world.ts';

/** `planMove` and `executeMoves` of one account. */
export function* moveAccount(rules: Rules, account: number, to: number): Steps<void> {
  const row = yield* look((ledger) => ledger.accounts[account] as AccountRow);
  const isOpen = yield* look((ledger) => ledger.moves.some((move) => move.account === account));
  if (row.host === null || row.epoch === null || row.host === to || isOpen)
    throw fail('refused', 'there is nothing to move');
  const run = yield* beginRun(rules);
  const move = yield* write('journals the move', (ledger, world) => {
    const now = ledger.accounts[account] as AccountRow;
    if (now.host !== row.host || now.epoch !== row.epoch)
      throw fail('refused', 'the plan is stale');
    const epoch = Math.max(now.highest, row.epoch ?? 0) + 1;
    const about = {
      account,
      kind: 'manual',
      from: row.host,
      to,
      epoch,
      fromEpoch: row.epoch ?? 0,
    } as const;
    return addMove(ledger, world, { ...about, lost: null, isBack: false, releasedTo: null });
  });
  yield* carryMove(run, move);
}

/** `carryMove`: from wherever it stands to its end. */
export function* carryMove(run: Run, opened: Move): Steps<void> {
  let move = opened;
  if (move.phase === 'planned') move = yield* stageFiles(run, move);
  if (move.phase === 'staged') {
    const released = yield* release(run, move);
    if (released === null) return;
    move = released;
  }
  if (move.phase === 'released') move = yield* place(run, move);
  if (move.phase === 'granted') yield* finish(run, move);
}

function* stageFiles(run: Run, opened: Move): Steps<Move> {
  try {
    const { move, refused } = yield* stageAbove(run, opened);
    if (refused !== null) throw fail('refused', refused);
    return yield* write('journals staged', (ledger) => advance(run.rules, ledger, move, 'staged'));
  } catch (error) {
    yield* write('journals aborted', (ledger) => advance(run.rules, ledger, opened, 'aborted'));
    throw error;
  }
}

function* stageAbove(
  run: Run,
  opened: Move,
): Steps<{ readonly move: Move; readonly refused: string | null }> {
  let move = opened;
  for (let raises = 0; ; raises += 1) {
    const [seen, reply] = yield* askAsAuthority(run, move.to as number, 'survey, stage', [
      { act: 'survey' },
      stageOf(move),
    ]);
    yield* refuseOtherMachine(run, move, seen);
    const claim = reply?.claim;
    if (run.rules.hasOwnedLater(claim, { moveId: move.id, epoch: move.fromEpoch }))
      throw fail('refused', 'the target has owned it later');
    if (reply?.ok === true) return { move, refused: null };
    if (isPassing(reply)) throw fail('refused', 'not now');
    const isOver = claim?.state === 'released' || claim?.state === 'revoked';
    const mayRaise = reply?.refusal === 'epoch' && isOver && claim?.moveId !== move.id;
    if (!mayRaise || raises === 3)
      return { move, refused: `files were refused: ${reply?.message}` };
    move = yield* raise(move, (claim?.epoch ?? 0) + 1);
  }
}

/** `refuseOtherMachine` */
function* refuseOtherMachine(run: Run, { to }: Move, seen: ActReply | undefined): Steps<void> {
  const survey = surveyIn(seen === undefined ? [] : [seen]);
  const known = yield* look((ledger) => ({ ...machineKnown(ledger, to as number), isOwner: true }));
  if (
    survey === null ||
    run.rules.judgeAll(
      [{ name: known.name, instanceId: survey.instanceId, machineId: null }],
      [known],
    ).size === 0
  )
    return;
  throw fail('refused', 'another machine answers there than the one that was measured');
}

const isPassing = (reply: ActReply | undefined): boolean =>
  reply?.refusal === 'authority' || reply?.refusal === 'busy';

const releaseOf = (move: Move): HostAct => ({
  ...{ act: 'release', keyId: keyId(move.account), moveId: move.id, epoch: move.fromEpoch },
  successor: hostName(move.releasedTo ?? (move.to as number)),
});

/**
 * null: the move is over, nothing was released. The receipt is on the operator's disk before the
 * journal says so.
 */
function* release(run: Run, move: Move): Steps<Move | null> {
  const [reply] = yield* askAsAuthority(run, move.from ?? 0, 'release', [releaseOf(move)]);
  if (reply?.ok === true)
    return yield* write('journals released', (ledger) => {
      setAccount(ledger, move.account, { state: 'offline' });
      return advance(run.rules, ledger, move, 'released');
    });
  const isReleasing =
    reply?.claim?.moveId === move.id &&
    (reply.claim.state === 'releasing' || reply.claim.state === 'released');
  const isOver =
    ['epoch', 'state', 'move', 'instance'].includes(reply?.refusal ?? '') && !isReleasing;
  if (!isOver) throw fail('refused', 'the release was refused for now');
  yield* revokeAtTarget(run, move);
  yield* write('journals aborted', (ledger) => advance(run.rules, ledger, move, 'aborted'));
  return null;
}

/**
 * Files, a last look at the old owner, the grant; the way back when the target refuses for good, or
 * is lost.
 */
function* place(run: Run, opened: Move): Steps<Move> {
  let move = opened;
  for (;;) {
    const isLost = yield* isTargetLost(run.rules, move);
    let refused: string | null = 'the target was lost';
    if (!isLost) {
      yield* lookAtOldOwner(run, move);
      const staged = yield* stageAbove(run, move);
      move = staged.move;
      refused = staged.refused;
      if (refused === null) {
        const [reply] = yield* askAsAuthority(run, move.to as number, 'grant', [grantOf(move)]);
        if (reply?.ok === true)
          return yield* write('journals granted', (ledger) => recordGrant(run.rules, ledger, move));
        if (isPassing(reply)) throw fail('refused', 'not now');
        refused = `the grant was refused: ${reply?.message}`;
      }
    }
    if (move.isBack || move.from === null) throw fail('refused', refused);
    if (!isLost) yield* revokeAtTarget(run, move);
    const back: Move = {
      ...move,
      to: move.from,
      epoch: move.epoch + 1,
      isBack: true,
      releasedTo: move.to as number,
    };
    yield* write('turns the move back', (ledger) => replace(ledger, back));
    move = back;
  }
}

const replace = (ledger: Ledger, move: Move): void => {
  ledger.moves = ledger.moves.map((old) =>
    old.id === move.id && old.phase === 'released' ? move : old,
  );
  noteBegun(ledger, move);
};

/** `whyTargetIsLost` */
function* isTargetLost(rules: Rules, move: Move): Steps<boolean> {
  const row = yield* look((ledger) => ledger.hosts[move.to as number] as HostRow);
  if (row.off === null) return false;
  try {
    yield { kind: 'connect', host: move.to as number };
    return false;
  } catch (error) {
    if (!isSilence(error)) throw error;
  }
  if (rules.mechanisms.withdrawsOff && (yield* isDoubted(rules, move.to as number, row)))
    return false;
  yield { kind: 'wait', ms: lostHostFloorMs };
  yield* write('notes the epoch', (ledger) => raiseEpoch(ledger, move.account, move.epoch));
  return true;
}

function* lookAtOldOwner(run: Run, move: Move): Steps<void> {
  if (move.from === null || move.from === move.to) return;
  let survey = null;
  try {
    survey = surveyIn(yield* askAsAuthority(run, move.from, 'survey', [{ act: 'survey' }]));
  } catch (error) {
    if (!isSilence(error)) throw error;
    return;
  }
  if (survey === null) throw fail('refused', 'no survey');
  const fault = run.rules.contradiction(survey, {
    keyId: keyId(move.account),
    moveId: move.id,
    epoch: move.fromEpoch,
  });
  if (fault !== null) throw fail('refused', fault);
}

function* finish(run: Run, move: Move): Steps<void> {
  const [reply] = yield* askAsAuthority(run, move.to as number, 'await', [awaitOf(move)]);
  const state = awaitedState(reply);
  yield* write('notes how it fares', (ledger) => setAccount(ledger, move.account, { state }));
  if (state === 'online' && move.from !== null && move.from !== move.to) {
    try {
      yield* askAsAuthority(run, move.from, 'wipe', [
        { act: 'wipe', keyId: keyId(move.account), epoch: move.fromEpoch },
      ]);
    } catch (error) {
      if (!isSilence(error)) throw error;
    }
  }
  yield* write('journals done', (ledger) => advance(run.rules, ledger, move, 'done'));
}

/** `exportAccount` (`detach`): given up by its owner, then used outside. */
export function* exportAccount(rules: Rules, account: number): Steps<void> {
  const { row, open } = yield* look((ledger) => ({
    row: ledger.accounts[account] as AccountRow,
    open: ledger.moves.find((move) => move.account === account),
  }));
  if (open !== undefined && open.to !== 'detached') throw fail('refused', 'it is on its way');
  if (row.state === 'detached') throw fail('refused', 'it was exported');
  const run = yield* beginRun(rules);
  if (row.host !== null) yield* detach(run, account, row, open);
  yield* write('writes the session for use outside', (ledger, world) => {
    setAccount(ledger, account, { state: 'detached' });
    world.outside[account] = true;
  });
}

function* detach(run: Run, account: number, row: AccountRow, open: Move | undefined): Steps<void> {
  const host = row.host as number;
  let move = open;
  if (move === undefined)
    move = yield* write('journals that it leaves', (ledger, world) => {
      setAccount(ledger, account, { state: 'removing' });
      const about = {
        account,
        kind: 'manual',
        from: host,
        to: 'detached',
        epoch: row.epoch ?? 0,
        fromEpoch: row.epoch ?? 0,
      } as const;
      return addMove(ledger, world, { ...about, lost: null, isBack: false, releasedTo: null });
    });
  const about = { keyId: keyId(account), epoch: move.epoch } as const;
  if (move.phase === 'planned') {
    const [reply] = yield* askAsAuthority(run, host, 'release', [
      { act: 'release', ...about, moveId: move.id, successor: 'detached' },
    ]);
    if (reply?.ok !== true) throw fail('refused', `the release was refused: ${reply?.message}`);
    const planned = move;
    move = yield* write('journals released', (ledger) =>
      advance(run.rules, ledger, planned, 'released'),
    );
  }
  const [wiped] = yield* askAsAuthority(run, host, 'wipe', [{ act: 'wipe', ...about }]);
  if (wiped?.ok !== true) throw fail('refused', 'the wipe was refused');
  const released = move;
  yield* write('journals done', (ledger) => {
    setAccount(ledger, account, { host: null, epoch: null, moveId: null, state: 'detached' });
    const done = advance(run.rules, ledger, released, 'done');
    ledger.receipts = [...ledger.receipts.filter((old) => old.account !== account), done];
  });
}

/** `importAccounts`: the operator says that nothing else uses the session any more. */
export function* importAccount(account: number): Steps<void> {
  yield* write('takes the session back', (ledger, world) => {
    if (ledger.accounts[account]?.state !== 'detached') throw fail('refused', 'it is known');
    world.outside[account] = false;
    setAccount(ledger, account, { state: 'stored' });
  });
}
