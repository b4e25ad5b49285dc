import type { ActReply, HostAct } from '../../hostside/protocol/host-acts.ts';
import type { HostEvidence } from '../../src/ownership/evidence.ts';
import type { KnownMachine } from '../../src/ownership/host-identity.ts';
import { mayBeGranted } from '../../src/ownership/phases.ts';
import {
  addMove,
  advance,
  askAsAuthority,
  beginRun,
  connectWithIntent,
  Failed,
  fail,
  firstOf,
  isGiveBackSure,
  look,
  noteBegun,
  offerContact,
  type Run,
  raiseEpoch,
  refuseOldCopy,
  request,
  type Steps,
  setAccount,
  setHost,
  surveyIn,
  write,
} from './effects.ts';
import { reverifyOff } from './host-statement.ts';
import type { Rules } from './rules.ts';
import {
  type AccountRow,
  type HostRow,
  hostIndex,
  hostName,
  keyId,
  type Ledger,
  type LedgerState,
  type Move,
  newName,
} from './world.ts';

/** `failover.settle` */
export const lostHostFloorMs = 15_000;

/** `surveyHosts`: everybody is asked at once, what they said is noted when all have answered. */
export function* surveyHosts(run: Run): Steps<readonly HostEvidence[]> {
  const rows = yield* look((ledger) => ledger.hosts);
  const known = rows.flatMap((row, host) => (row.isDestroyed ? [] : [host]));
  const off = new Set(known.filter((host) => rows[host]?.off));
  const evidence = new Map<number, HostEvidence>();
  const refused: number[] = [];
  for (const host of yield* firstOf(known)) {
    try {
      if (off.has(host)) {
        yield { kind: 'connect', host };
        yield* request(host, 'survey', { stamp: null, acts: [{ act: 'survey' }] });
        off.delete(host);
      }
      yield* connectWithIntent(run, host);
      const { id, serial, nonce } = run;
      const replies = yield* request(host, 'contact, survey', {
        stamp: { id, serial, nonce, roster: yield* offerContact(run, host) },
        acts: [{ act: 'contact' }, { act: 'survey' }],
      });
      const isUnfenced = replies[0]?.ok !== true;
      if (isUnfenced) refused.push(host);
      evidence.set(host, {
        host: hostName(host),
        survey: surveyIn(replies),
        isUnfenced,
        isOff: off.has(host),
      });
    } catch (error) {
      if (isTooOld(error)) {
        // `lookAtOld`
        const looked = surveyIn(
          yield* request(host, 'survey', { stamp: null, acts: [{ act: 'survey' }] }),
        );
        evidence.set(host, { host: hostName(host), survey: looked, isUnfenced: true, isOld: true });
        continue;
      }
      if (!isSilence(error)) throw error;
      evidence.set(host, {
        host: hostName(host),
        survey: null,
        isUnfenced: false,
        isOff: off.has(host),
      });
    }
  }
  const seen = known.filter((host) => evidence.get(host)?.survey);
  const faults = yield* faultsOf(run.rules, evidence);
  for (const [host, found] of evidence)
    if (faults.has(found.host)) evidence.set(host, { ...found, isUnfenced: true });
  if (seen.length > 0)
    yield* write('notes who answered', (ledger, world) => {
      for (const host of seen) {
        const machine = machineRow(ledger, host, evidence.get(host)?.survey?.instanceId ?? '');
        setHost(ledger, host, { off: null, mark: newName(world, 'c'), ...machine });
      }
    });
  for (const host of refused)
    yield* refuseOldCopy(run, evidence.get(host)?.survey?.authority ?? null);
  return known.flatMap((host) => evidence.get(host) ?? []);
}

/** `faultsOf`: what is wrong with the machines that answered, by name. */
function* faultsOf(
  rules: Rules,
  evidence: ReadonlyMap<number, HostEvidence>,
): Steps<ReadonlyMap<string, unknown>> {
  const machines = yield* look((ledger) =>
    ledger.hosts.map((_, host) => machineKnown(ledger, host)),
  );
  const heard = [...evidence.values()].flatMap(({ host, survey }) =>
    survey === null
      ? []
      : [{ name: host, instanceId: survey.instanceId, machineId: null, toldName: host }],
  );
  return rules.judgeAll(heard, machines);
}

/** `listMachines` */
export const machineKnown = (ledger: Ledger, host: number): KnownMachine => ({
  ...{ name: hostName(host), instanceId: ledger.hosts[host]?.instanceId ?? null, machineId: null },
  ...{ isListed: true, isOwner: ownsAccounts(ledger, host) },
});

const ownsAccounts = ({ accounts, moves }: Ledger, host: number): boolean =>
  accounts.some((row) => row.host === host) ||
  moves.some(
    ({ to, phase, from }) =>
      to === host && mayBeGranted({ phase, from_host: from === null ? null : hostName(from) }),
  );

/** `heardInstance` */
const machineRow = (ledger: Ledger, host: number, heard: string): Partial<HostRow> => {
  const before = ledger.hosts[host]?.instanceId ?? null;
  if (heard.startsWith('i#') || (before !== null && ownsAccounts(ledger, host))) return {};
  return { instanceId: heard };
};

export const isSilence = (error: unknown): boolean =>
  error instanceof Failed && (error.fault.kind === 'unreachable' || error.fault.kind === 'lost');

const isTooOld = (error: unknown): boolean => error instanceof Failed && error.fault.kind === 'old';

/** `grantAccounts` for one account: stage, survey, grant, await. */
export function* grantAccount(run: Run, opened: Move): Steps<void> {
  let move = opened;
  for (let round = 0; move.phase === 'planned' || move.phase === 'staged'; round += 1) {
    move = yield* stage(run, move);
    if (move.kind === 'failover') yield { kind: 'wait', ms: lostHostFloorMs };
    const next = yield* judge(run, move, round < 2);
    if (next === null) return;
    if (next.kind === 'again') {
      move = next.move;
      continue;
    }
    move = yield* grant(run, next.move);
  }
  if (move.phase !== 'granted') return;
  const reply = (yield* askAsAuthority(run, move.to as number, 'await', [awaitOf(move)]))[0];
  yield* write('notes how it fares', (ledger) => {
    setAccount(ledger, move.account, { state: awaitedState(reply) });
    advance(run.rules, ledger, move, 'done');
  });
}

export const awaitOf = ({ account }: Move): HostAct => ({
  act: 'await',
  keyIds: [keyId(account)],
  timeoutMs: 1,
});

export const awaitedState = (reply: ActReply | undefined): LedgerState =>
  reply?.result?.kind === 'awaited' && reply.result.accounts[0]?.state === 'online'
    ? 'online'
    : 'held';

export const stageOf = ({ account, epoch, id }: Move): HostAct => ({
  ...{
    act: 'stage',
    keyId: keyId(account),
    account: 'a',
    epoch,
    moveId: id,
    session: '',
    config: '',
  },
  limits: { memoryMaxBytes: 1, memoryHighBytes: 1, cpuMaxCores: 1, tasksMax: 1 },
});

export const grantOf = ({ account, epoch, id }: Move): HostAct => ({
  ...{ act: 'grant', keyId: keyId(account), account: 'a', epoch, moveId: id, vaultHash: '' },
});

function* stage(run: Run, move: Move, mayRaise = true): Steps<Move> {
  let reply: ActReply | undefined;
  try {
    [reply] = yield* askAsAuthority(run, move.to as number, 'stage', [stageOf(move)]);
  } catch (error) {
    if (isSilence(error) && move.phase === 'planned') yield* abort(run, move);
    throw error;
  }
  const seen =
    reply?.refusal === 'epoch' && reply.claim?.state !== 'active' ? (reply.claim?.epoch ?? 0) : 0;
  if (reply?.ok !== true && mayRaise && seen >= move.epoch)
    return yield* stage(run, yield* raise(move, seen + 1), false);
  if (reply?.ok === true || move.phase === 'staged')
    return yield* write('journals staged', (ledger) => advance(run.rules, ledger, move, 'staged'));
  yield* abort(run, move);
  throw fail('refused', `files were refused: ${reply?.message}`);
}

function* abort(run: Run, move: Move): Steps<void> {
  yield* write('journals aborted', (ledger) => advance(run.rules, ledger, move, 'aborted'));
}

export function* raise(move: Move, epoch: number): Steps<Move> {
  return yield* write(`takes epoch ${epoch}`, (ledger) => {
    ledger.moves = ledger.moves.map((old) => (old.id === move.id ? { ...old, epoch } : old));
    noteBegun(ledger, { ...move, epoch });
    return { ...move, epoch };
  });
}

type Judged = { readonly kind: 'clear' | 'again'; readonly move: Move } | null;

function* judge(run: Run, move: Move, mayRaise: boolean): Steps<Judged> {
  const evidence = yield* reverifyOff(run, yield* surveyHosts(run));
  const { ownedEpoch, isUndisputed } = yield* look((ledger) => {
    const row = ledger.accounts[move.account] as AccountRow;
    const owned = row.host === move.to ? row.epoch : null;
    return {
      ownedEpoch: owned,
      isUndisputed:
        owned !== null && isGiveBackSure(ledger, move.account, move.to as number, owned),
    };
  });
  const about = {
    keyId: keyId(move.account),
    moveId: move.id,
    epoch: move.epoch,
    toHost: hostName(move.to as number),
  };
  const intent = { ...about, ownedEpoch, isUndisputed };
  const verdict = run.rules.judgeEvidence(intent, evidence);
  if (verdict.kind === 'clear' || verdict.kind === 'granted') return { kind: 'clear', move };
  if (verdict.kind === 'kept') {
    yield* leaveWithOwner(run, move);
    return null;
  }
  if (verdict.kind === 'raise' && mayRaise)
    return { kind: 'again', move: yield* raise(move, verdict.epoch) };
  if (verdict.kind === 'owned' && move.lost !== null && hostIndex(verdict.host) === move.lost) {
    yield* revokeAtTarget(run, move);
    yield* abort(run, move);
    return null;
  }
  throw fail('refused', `the evidence says ${verdict.kind}`);
}

function* leaveWithOwner(run: Run, move: Move): Steps<void> {
  const [wiped] = yield* askAsAuthority(run, move.to as number, 'wipe', [
    { act: 'wipe', keyId: keyId(move.account), epoch: move.epoch },
  ]);
  if (wiped?.ok !== true) throw fail('refused', 'the files were not given up');
  const wanted = yield* write('journals aborted', (ledger) => {
    raiseEpoch(ledger, move.account, move.epoch);
    advance(run.rules, ledger, move, 'aborted');
    return ledger.accounts[move.account]?.wanted === true;
  });
  if (wanted) yield* startOwned(run, move.account);
}

/** `startAccount` after its run has begun. */
export function* startOwned(run: Run, account: number): Steps<void> {
  const row = yield* look((ledger) => ledger.accounts[account] as AccountRow);
  if (row.host === null) throw fail('refused', 'it is on no host');
  yield* write('notes that it is wanted', (ledger) =>
    setAccount(ledger, account, { wanted: true }),
  );
  const acts: HostAct[] = [
    { act: 'start', keyId: keyId(account) },
    { act: 'await', keyIds: [keyId(account)], timeoutMs: 1 },
  ];
  const replies = yield* askAsAuthority(run, row.host, 'start', acts);
  if (replies.some(({ ok }) => !ok)) throw fail('refused', 'the start was refused');
  yield* write('notes how it fares', (ledger) => {
    const now = ledger.accounts[account] as AccountRow;
    if (
      now.host === row.host &&
      now.epoch === row.epoch &&
      now.state !== 'removing' &&
      now.state !== 'detached'
    )
      setAccount(ledger, account, { state: awaitedState(replies[1]) });
  });
}

/** `revokeAtTarget` */
export function* revokeAtTarget(run: Run, move: Move): Steps<void> {
  const about = { keyId: keyId(move.account), epoch: move.epoch } as const;
  const [revoked] = yield* askAsAuthority(run, move.to as number, 'revoke, wipe', [
    { act: 'revoke', ...about, account: 'a', moveId: move.id },
    { act: 'wipe', ...about },
  ]);
  if (revoked?.ok !== true) throw fail('refused', 'the revoke was refused');
  yield* write('notes the epoch', (ledger) => raiseEpoch(ledger, move.account, move.epoch));
}

function* grant(run: Run, move: Move): Steps<Move> {
  const [reply] = yield* askAsAuthority(run, move.to as number, 'grant', [grantOf(move)]);
  if (reply?.ok !== true) throw fail('refused', `the grant was refused: ${reply?.message}`);
  return yield* write('journals granted', (ledger) => recordGrant(run.rules, ledger, move));
}

export const recordGrant = (rules: Rules, ledger: Ledger, move: Move): Move => {
  raiseEpoch(ledger, move.account, move.epoch);
  setAccount(ledger, move.account, {
    host: move.to as number,
    epoch: move.epoch,
    moveId: move.id,
    state: 'placed',
  });
  ledger.begun = ledger.begun.filter(
    ({ account, epoch }) => account !== move.account || epoch > move.epoch,
  );
  return advance(rules, ledger, move, 'granted');
};

/** `planAllocation` and `executeAllocation` for those accounts; new ones go to `target`. */
export function* allocate(
  rules: Rules,
  target: number,
  given: Run | null = null,
  only: readonly number[] | null = null,
): Steps<void> {
  const { accounts, moves } = yield* look(({ accounts, moves }) => ({ accounts, moves }));
  const chosen = accounts
    .map((row, account) => ({ ...row, account }))
    .filter(({ account }) => only?.includes(account) ?? true);
  const resumed = moves.filter(
    ({ account, from, phase }) =>
      from === null && phase !== 'planned' && chosen.some((row) => row.account === account),
  );
  const isFree = ({ account }: { account: number }): boolean =>
    resumed.every((move) => move.account !== account);
  const homeless = chosen.filter(
    (row) => row.host === null && row.state === 'stored' && isFree(row),
  );
  const held = chosen.filter(
    (row) =>
      row.state === 'held' &&
      row.host !== null &&
      row.wanted &&
      isFree(row) &&
      !moves.some(({ account, from }) => account === row.account && from !== null),
  );
  if (resumed.length + homeless.length + held.length === 0) return;
  const run = given ?? (yield* beginRun(rules));
  const opened = yield* write('journals the plan', (ledger, world) => {
    for (const move of ledger.moves.filter(
      ({ phase, from }) => phase === 'planned' && from === null,
    ))
      advance(rules, ledger, move, 'aborted');
    const base = {
      from: null,
      phase: 'planned',
      fromEpoch: 0,
      lost: null,
      isBack: false,
      releasedTo: null,
    } as const;
    const epochOf = (account: number): number => (ledger.accounts[account]?.highest ?? 0) + 1;
    for (const { account } of homeless.filter(stillTrue(ledger)))
      addMove(ledger, world, {
        ...base,
        account,
        kind: 'initial',
        to: target,
        epoch: epochOf(account),
      });
    for (const { account, host } of held.filter(stillTrue(ledger)))
      addMove(ledger, world, {
        ...base,
        account,
        kind: 'manual',
        to: host ?? 0,
        epoch: epochOf(account),
      });
    const ours = [...resumed, ...homeless, ...held].map(({ account }) => account);
    return ledger.moves.filter(({ account, from }) => from === null && ours.includes(account));
  });
  for (const move of opened) yield* tolerant(grantAccount(run, move));
}

/** `stillTrue`: nothing else has happened to the account since the plan was made. */
const stillTrue =
  (ledger: Ledger) =>
  ({ account, host, state }: AccountRow & { readonly account: number }): boolean => {
    const row = ledger.accounts[account];
    const isBusy = ledger.moves.some((move) => move.account === account);
    return !isBusy && row?.host === host && (host !== null || row.state === state);
  };

/** One account's trouble leaves the others alone. */
export function* tolerant(steps: Steps<void>): Steps<void> {
  try {
    yield* steps;
  } catch (error) {
    if (!(error instanceof Failed) || error.fault.kind === 'stale') throw error;
  }
}
