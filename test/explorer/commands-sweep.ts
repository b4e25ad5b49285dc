import type { HostAct } from '../../hostside/protocol/host-acts.ts';
import type { HostEvidence } from '../../src/ownership/evidence.ts';
import { allocate, isSilence, surveyHosts, tolerant } from './commands-grant.ts';
import { carryMove } from './commands-move.ts';
import {
  askAsAuthority,
  beginRun,
  fail,
  isGiveBackSure,
  look,
  type Run,
  rosterOf,
  type Steps,
  setAccount,
  write,
} from './effects.ts';
import type { Rules } from './rules.ts';
import { type Host, hostIndex, hostName, keyId, type Ledger, type Move } from './world.ts';

/** `sweepFleet` */
export function* sweep(rules: Rules): Steps<void> {
  const isObserver = yield* look((ledger) =>
    ledger.accounts.every(({ highest, host }) => highest === 0 && host === null),
  );
  if (isObserver) return;
  const run = yield* beginRun(rules);
  const evidence = yield* surveyHosts(run);
  yield* write('notes how accounts fare', (ledger) => recordStates(ledger, evidence));
  if (!rules.mechanisms.carriesRoster) yield* retireOutdated(run, evidence);
  yield* stopOutdated(run, evidence);
  yield* endDoubt(evidence);
  yield* wipeOrphans(run, evidence);
  for (const move of yield* movesToResume()) yield* tolerant(carryMove(run, move));
  const isSilent = evidence.some(
    ({ survey, isUnfenced, isOff }) => (survey === null && isOff !== true) || isUnfenced === true,
  );
  const names = yield* look((ledger) =>
    ledger.accounts.flatMap(({ state, wanted, host, epoch }, account) => {
      const isBegun = ledger.moves.some(
        (move) => move.account === account && move.from === null && move.phase !== 'planned',
      );
      const isHeld = state === 'held' && wanted && host !== null;
      const isSure = isHeld && epoch !== null && isGiveBackSure(ledger, account, host, epoch);
      return isSilent ? (isSure ? [account] : []) : isBegun || isHeld ? [account] : [];
    }),
  );
  if (names.length > 0) yield* allocate(rules, 0, run, names);
}

/** `stopOutdated` */
function* stopOutdated(run: Run, evidence: readonly HostEvidence[]): Steps<void> {
  for (const { host, survey, isOld } of evidence) {
    if (isOld !== true || survey?.authority?.id !== run.id) continue;
    const { gone } = yield* rosterOf(run.rules, hostIndex(host));
    const outdated = run.rules
      .findOutdated(survey, gone)
      .map(({ keyId: key }) => Number(key.slice(2)));
    if (outdated.length > 0)
      yield {
        ...{ kind: 'shell', host: hostIndex(host), words: 'stops of units' },
        act: (found: Host) => {
          found.disk = {
            ...found.disk,
            enabled: found.disk.enabled.map(
              (isEnabled, account) => isEnabled && !outdated.includes(account),
            ),
          };
          for (const account of outdated) found.running[account] = false;
        },
      };
  }
}

/** `endDoubt` */
function* endDoubt(evidence: readonly HostEvidence[]): Steps<void> {
  if (!(yield* look(({ isUnsure }) => isUnsure))) return;
  const isComplete = evidence.every(
    ({ survey, isUnfenced }) => survey !== null && isUnfenced !== true,
  );
  yield* write('notes that it has forgotten nothing', (ledger) => {
    const knowsMore = evidence.some(({ survey }) =>
      survey?.accounts.some(
        ({ keyId: key, claim, claimFault }) =>
          claimFault !== null ||
          (claim?.state === 'active' &&
            claim.epoch > (ledger.accounts[Number(key.slice(2))]?.epoch ?? 0)),
      ),
    );
    if (isComplete && !knowsMore) ledger.isUnsure = false;
  });
}

/** `fleet resume` */
export function* resumeMoves(rules: Rules): Steps<void> {
  const moves = yield* movesToResume();
  if (moves.length === 0) throw fail('refused', 'there is nothing to resume');
  const run = yield* beginRun(rules);
  for (const move of moves) yield* tolerant(carryMove(run, move));
}

const movesToResume = (): Steps<readonly Move[]> =>
  look(({ moves }) => moves.filter(({ from, to }) => from !== null && to !== 'detached'));

/** What agents say, as far as it changes what commands do (`recordStates`). */
export const recordStates = (ledger: Ledger, evidence: readonly HostEvidence[]): void => {
  for (const [account, row] of ledger.accounts.entries()) {
    const survey = evidence.find(
      ({ host }) => row.host !== null && host === hostName(row.host),
    )?.survey;
    if (!survey || ['removing', 'detached', 'stored'].includes(row.state)) continue;
    const isRunning = survey.accounts.some(
      ({ keyId: key, processes }) => key === keyId(account) && processes > 0,
    );
    const stopped = row.wanted ? 'offline' : 'stopped';
    setAccount(ledger, account, {
      state: isRunning
        ? 'online'
        : survey.bootVerdict?.verdict === 'hold' && row.wanted
          ? 'held'
          : stopped,
    });
  }
};

/**
 * As the release before did it, after the survey and only for accounts that have an owner; now the
 * contact itself closes what is over.
 */
function* retireOutdated(run: Run, evidence: readonly HostEvidence[]): Steps<void> {
  const { accounts, moves } = yield* look(({ accounts, moves }) => ({ accounts, moves }));
  for (const { host, survey } of evidence)
    for (const { keyId: key, claim } of survey?.accounts ?? []) {
      const account = Number(key.slice(2));
      const owner = accounts[account];
      const isTarget = moves.some(
        (move) => move.account === account && move.to === hostIndex(host),
      );
      const isOpen = claim?.state === 'active' || claim?.state === 'releasing';
      if (
        !isOpen ||
        !owner?.epoch ||
        owner.host === hostIndex(host) ||
        claim.epoch >= owner.epoch ||
        isTarget
      )
        continue;
      const revoke: HostAct = {
        act: 'revoke',
        keyId: key,
        account: 'a',
        epoch: owner.epoch,
        moveId: `retire-${run.serial}`,
      };
      yield* oneHost(askAsAuthority(run, hostIndex(host), 'revoke', [revoke]));
    }
}

/** `wipeOrphans`: what a contact has closed leaves its files. */
function* wipeOrphans(run: Run, evidence: readonly HostEvidence[]): Steps<void> {
  for (const { host, survey } of evidence) {
    const wipes = (survey?.accounts ?? []).flatMap(
      ({ keyId: key, claim, stagedEpochs }): HostAct[] =>
        claim?.state !== 'revoked'
          ? []
          : stagedEpochs.flatMap((epoch): HostAct[] =>
              epoch <= claim.epoch ? [{ act: 'wipe', keyId: key, epoch }] : [],
            ),
    );
    if (wipes.length > 0) yield* oneHost(askAsAuthority(run, hostIndex(host), 'wipe', wipes));
  }
}

function* oneHost(steps: Steps<unknown>): Steps<void> {
  try {
    yield* steps;
  } catch (error) {
    if (!isSilence(error)) throw error;
  }
}
