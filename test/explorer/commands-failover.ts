import { grantAccount, tolerant } from './commands-grant.ts';
import {
  addMove,
  advance,
  beginRun,
  Failed,
  fail,
  look,
  raiseEpoch,
  type Steps,
  setAccount,
  setHost,
  write,
} from './effects.ts';
import { isSafe } from './host-statement.ts';
import type { Rules } from './rules.ts';
import type { Command, HostRow, Move } from './world.ts';

type Failover = Extract<Command, { verb: 'failover' }>;

/** `earliestFailover`, the prompt, `planFailover`, `executeFailover`. */
export function* failover(rules: Rules, { host, statement, target }: Failover): Steps<void> {
  const row = yield* look((ledger) => ledger.hosts[host] as HostRow);
  const tooEarly = fail('refused', 'it is too early to believe that');
  if (statement === 'powered-off' && row.off === null && !isSafe(rules, row)) throw tooEarly;
  yield* refuseIfAnswering(host);
  const plan = yield* look(({ accounts, moves }) => planOf(host, accounts, moves));
  if (statement === 'fenced') yield { kind: 'fence', host };
  const run = yield* beginRun(rules);
  const moves = yield* write('journals the statement and the moves', (ledger, world) => {
    const now = ledger.hosts[host] as HostRow;
    if (rules.mechanisms.withdrawsOff) {
      if (now.mark !== row.mark) throw fail('refused', 'it was heard since this was planned');
      if (statement === 'powered-off' && now.off === null && !isSafe(rules, now)) throw tooEarly;
    }
    setHost(ledger, host, { off: statement });
    for (const move of plan.dropped) {
      if (isConsumed(move, host)) ledger.moves = ledger.moves.filter(({ id }) => id !== move.id);
      else advance(rules, ledger, move, 'aborted');
      if (isHalted(move, host)) raiseEpoch(ledger, move.account, move.epoch);
      if (move.to === 'detached') setAccount(ledger, move.account, { state: 'offline' });
    }
    const base = {
      kind: 'failover',
      from: null,
      fromEpoch: 0,
      lost: host,
      isBack: false,
      releasedTo: null,
    } as const;
    const added = plan.leaving.map((account) => {
      const highest = Math.max(
        ledger.accounts[account]?.highest ?? 0,
        ...plan.dropped.map((move) => (move.account === account ? move.epoch : 0)),
      );
      return addMove(ledger, world, { ...base, account, to: target, epoch: highest + 1 });
    });
    return [...plan.resumed, ...added];
  });
  for (const move of moves) yield* tolerant(grantAccount(run, move));
  if (statement === 'destroyed')
    yield* write('notes that it is destroyed', (ledger) => {
      if (ledger.hosts[host]?.off) setHost(ledger, host, { isDestroyed: true });
    });
}

function* refuseIfAnswering(host: number): Steps<void> {
  try {
    yield { kind: 'connect', host };
  } catch (error) {
    if (error instanceof Failed && error.fault.kind === 'unreachable') return;
    throw error;
  }
  throw fail('refused', 'it answers');
}

const isHalted = ({ from, to, phase }: Move, host: number): boolean =>
  phase === 'staged' && from === null && to === host;

const isConsumed = ({ to, phase, isBack }: Move, host: number): boolean =>
  to === host && (phase === 'granted' || (phase === 'released' && isBack));

function planOf(
  host: number,
  accounts: readonly { readonly host: number | null }[],
  open: readonly Move[],
) {
  const touching = open.filter(
    ({ account, to }) => to === host || accounts[account]?.host === host,
  );
  const resumed = [
    ...touching.filter(
      ({ kind, phase, to }) => kind === 'failover' && phase === 'staged' && to !== host,
    ),
    ...open.filter(
      ({ kind, phase, to }) => kind === 'failover' && phase === 'granted' && to !== host,
    ),
  ];
  const isDropped = (move: Move): boolean =>
    move.phase === 'planned' ||
    (move.phase === 'staged' && move.from === host) ||
    isHalted(move, host) ||
    isConsumed(move, host);
  const dropped = touching.filter((move) => isDropped(move) && !resumed.includes(move));
  const underWay = touching.filter((move) => !resumed.includes(move) && !dropped.includes(move));
  const goesOn = new Set([...resumed, ...underWay].map(({ account }) => account));
  const arriving = new Set(
    dropped.filter((move) => isHalted(move, host)).map(({ account }) => account),
  );
  const leaving = accounts.flatMap((row, account) => {
    const isLeaving = row.host === host || (row.host === null && arriving.has(account));
    return isLeaving && !goesOn.has(account) ? [account] : [];
  });
  return { resumed, dropped, leaving };
}
