import type { HostAct, HostSurvey } from '../../hostside/protocol/host-acts.ts';
import type { ClosedClaim, FoundMove } from '../../src/ownership/adoption-plan.ts';
import { isSilence } from './commands-grant.ts';
import {
  addMove,
  askAsAuthority,
  fail,
  look,
  type Run,
  raiseEpoch,
  request,
  type Steps,
  setAccount,
  setHost,
  surveyIn,
  takeSerial,
  write,
} from './effects.ts';
import type { Rules } from './rules.ts';
import { hostIndex, hostName, keyId, type Ledger, newName, type World } from './world.ts';

type Surveys = ReadonlyMap<number, HostSurvey>;

/** `prepareAdoption`, `executeAdoption`, `recordAdoption`. */
export function* adopt(rules: Rules): Steps<void> {
  const ledger = yield* look((found) => ({ ...found }));
  const kept = yield* look((found, world) => (found.authorityId === 'l#0' ? world.serialKept : 0));
  const before: Surveys = yield* lookAtAll(ledger);
  const authorities = [...before.values()].flatMap(({ authority }) => authority ?? []);
  const heard = Math.max(
    0,
    ...authorities.filter(({ id }) => id === ledger.authorityId).map(({ serial }) => serial),
  );
  const takenOver = [...before]
    .filter(([, { authority }]) => authority !== null && authority.id !== ledger.authorityId)
    .map(([host]) => host);
  const isEmpty = ledger.accounts.every(({ host, highest }) => host === null && highest === 0);
  const isOld =
    isEmpty || Math.max(heard, kept) > ledger.lastSerial || takenOver.length > 0 || ledger.isStale;
  const plan = planFrom(rules, ledger, before, isOld);
  const run = yield* write('takes a serial above all that hosts have heard', (found, world) => {
    if (isOld) found.isStale = true;
    found.isUnsure = true;
    return takeSerial(rules, found, world, heard);
  });
  const after = new Map<number, HostSurvey>();
  for (const host of before.keys()) {
    const replies = yield* askAsAuthority(
      run,
      host,
      'contact, survey',
      [{ act: 'contact' }, { act: 'survey' }],
      {
        ...{ takeOver: takenOver.includes(host), withoutRoster: true },
      },
    );
    const survey = surveyIn(replies);
    if (replies[0]?.ok !== true || survey === null)
      throw fail('refused', `${host} did not accept this ledger`);
    after.set(host, survey);
  }
  const now = yield* look((found) => ({ ...found }));
  if (JSON.stringify(planFrom(rules, now, after, isOld)) !== JSON.stringify(plan))
    throw fail('refused', 'the hosts say something else by now');
  for (const claim of plan.closedClaims) yield* closeClaim(run, claim);
  yield* write('takes over what the hosts know', (found, world) =>
    record(found, world, plan, isOld, [...after.keys()]),
  );
}

function* lookAtAll(ledger: Ledger): Steps<Surveys> {
  const surveys = new Map<number, HostSurvey>();
  for (const host of ledger.hosts.keys()) {
    try {
      yield { kind: 'connect', host };
      const survey = surveyIn(
        yield* request(host, 'survey', { stamp: null, acts: [{ act: 'survey' }] }),
      );
      if (survey !== null) surveys.set(host, survey);
    } catch (error) {
      if (!isSilence(error)) throw error;
    }
  }
  return surveys;
}

type Plan = ReturnType<Rules['planAdoption']>;

function planFrom(rules: Rules, ledger: Ledger, surveys: Surveys, isOld: boolean): Plan {
  const evidence = [...surveys].map(([host, survey]) => ({ host: hostName(host), survey }));
  return rules.planAdoption({
    ...{ truths: rules.readClaims(evidence), cutOff: rules.findCutOff(evidence) },
    accounts: ledger.accounts.map(({ host, epoch, state, highest }, account) => ({
      ...{ account: `a${account}`, keyId: keyId(account), isInVault: true },
      ledger: {
        host: host === null ? null : hostName(host),
        epoch,
        isDetached: state === 'detached',
        highest,
      },
    })),
    openMoves: ledger.moves.map(({ id, account, epoch, to }) => ({
      ...{
        id,
        account: `a${account}`,
        keyId: keyId(account),
        epoch,
        to: to === 'detached' ? to : hostName(to),
      },
    })),
    ...{
      answering: new Set([...surveys.keys()].map(hostName)),
      equipped: new Set([...surveys.keys()].map(hostName)),
      doubted: new Map(),
      isOld,
    },
    destroyed: new Set(
      ledger.hosts.flatMap(({ isDestroyed }, host) => (isDestroyed ? [hostName(host)] : [])),
    ),
  });
}

function* closeClaim(
  run: Run,
  { keyId: key, host, epoch, stagedEpochs, moveId = `adopt-${run.serial}` }: ClosedClaim,
): Steps<void> {
  const acts: HostAct[] = [
    { act: 'revoke', keyId: key, account: 'a', epoch, moveId, settle: true },
    ...stagedEpochs.map((staged): HostAct => ({ act: 'wipe', keyId: key, epoch: staged })),
  ];
  const replies = yield* askAsAuthority(run, hostIndex(host), 'revoke, wipe', acts, {
    withoutRoster: true,
  });
  if (replies.some(({ ok }) => !ok)) throw fail('refused', 'a torn claim was not closed');
}

function record(
  ledger: Ledger,
  world: World,
  plan: Plan,
  isOld: boolean,
  answered: readonly number[],
): void {
  for (const host of ledger.hosts.keys())
    if (isOld) setHost(ledger, host, { off: null, isDestroyed: false, intent: 0, intentAhead: 0 });
  for (const host of answered) setHost(ledger, host, { off: null, mark: newName(world, 'c') });
  for (const { account, after, epoch, moveId, isChanged, isDetached, isStill } of plan.accounts) {
    const index = Number(account.slice(1));
    if (isChanged) {
      const state = isDetached
        ? 'detached'
        : after === null
          ? 'stored'
          : isStill
            ? 'stopped'
            : 'placed';
      const placed =
        after === null
          ? { host: null, epoch: null, moveId: null }
          : { host: hostIndex(after), epoch, moveId };
      setAccount(ledger, index, { ...placed, state, ...(isStill ? { wanted: false } : {}) });
    }
    if (epoch > 0) raiseEpoch(ledger, index, epoch);
  }
  const ended = new Set(plan.endedMoves.map(({ id }) => id));
  const givenUp = ledger.moves.filter(
    ({ id, to }) =>
      to === 'detached' && plan.endedMoves.some((end) => end.id === id && end.end === 'done'),
  );
  ledger.receipts = [
    ...ledger.receipts.filter(({ account }) => givenUp.every((move) => move.account !== account)),
    ...givenUp,
  ];
  ledger.moves = ledger.moves.filter(({ id }) => !ended.has(id));
  for (const found of plan.foundMoves) noteMove(ledger, world, found);
  ledger.isStale = false;
}

function noteMove(
  ledger: Ledger,
  world: World,
  { id, account, from, to, fromEpoch, epoch }: FoundMove,
): void {
  const known = ledger.moves.find((move) => move.id === id);
  const index = Number(account.slice(1));
  const isDetach = to === 'detached';
  const about = {
    account: index,
    kind: 'manual',
    from: hostIndex(from),
    to: isDetach ? ('detached' as const) : hostIndex(to),
  } as const;
  const added =
    known ??
    addMove(ledger, world, {
      ...about,
      epoch: isDetach ? fromEpoch : epoch,
      fromEpoch,
      lost: null,
      isBack: false,
      releasedTo: null,
    });
  const at = isDetach ? {} : { epoch };
  ledger.moves = ledger.moves.map((move) =>
    move.id === added.id ? { ...move, ...at, id, phase: 'planned' } : move,
  );
  if (isDetach) setAccount(ledger, index, { state: 'removing' });
}
