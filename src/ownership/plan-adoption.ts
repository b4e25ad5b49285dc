import { type ClaimTruth, epochAtMost, isBelow } from './adopt-claims.ts';
import type {
  AdoptedAccount,
  AdoptionDoubt,
  AdoptionPlan,
  AdoptionProblem,
  ClosedClaim,
  EndedMove,
  FoundMove,
} from './adoption-plan.ts';
import { endOf, type JournaledMove } from './ended-moves.ts';
import { detached } from './phases.ts';

/** An account as the ledger or the vault has it. */
export interface KnownAccount {
  readonly account: string;
  readonly keyId: string;
  /** Null: in the vault only. `host` null: the ledger places it nowhere. */
  readonly ledger: {
    readonly host: string | null;
    readonly epoch: number | null;
    /** The ledger knows that it is used outside the fleet. */
    readonly isDetached: boolean;
    /** Highest epoch that the ledger has used for it, also where nobody owns it any more. */
    readonly highest: number;
  } | null;
  readonly isInVault: boolean;
}

export interface AdoptionFacts {
  readonly truths: ReadonlyMap<string, ClaimTruth>;
  /** See `findCutOff`. */
  readonly cutOff: readonly ClosedClaim[];
  readonly accounts: readonly KnownAccount[];
  readonly openMoves: readonly JournaledMove[];
  readonly answering: ReadonlySet<string>;
  /** Of these, hosts that have fleet's programs: they can close a claim that they have lost. */
  readonly equipped: ReadonlySet<string>;
  /** Hosts that will never boot again. */
  readonly destroyed: ReadonlySet<string>;
  /**
   * Hosts that are other machines than the one to which their accounts were given, by why: nothing
   * is decided about these accounts.
   */
  readonly doubted: ReadonlyMap<string, AdoptionDoubt>;
  /**
   * The ledger may have missed what happened last: what a host says about an account that left the
   * fleet is newer.
   */
  readonly isOld: boolean;
}

/**
 * Brings a ledger in line with what the hosts know. Pure: the same facts give the same plan;
 * without differences nothing in it is changed.
 */
export function planAdoption(facts: AdoptionFacts): AdoptionPlan {
  const judged = facts.accounts.map((account) => judgeAccount(account, facts));
  const known = new Set(facts.accounts.map(({ keyId }) => keyId));
  const isUseless = (keyId: string): boolean => facts.truths.get(keyId)?.kind === 'torn';
  const freed = new Set(
    judged.flatMap(({ adopted: { after, keyId }, closed }) =>
      closed && after === null && isUseless(keyId) ? [keyId] : [],
    ),
  );
  const unplaced = new Map(
    facts.accounts.flatMap(({ keyId, ledger }, index) =>
      judged[index]?.adopted.after === null && ledger ? [[keyId, ledger] as const] : [],
    ),
  );
  /** It was granted, and its host has lost that claim since: there is nothing left to wait for. */
  const isForgotten = ({ keyId, to, epoch }: JournaledMove): boolean =>
    unplaced.get(keyId)?.host === to && (unplaced.get(keyId)?.epoch ?? 0) >= epoch;
  /**
   * Its old owner has lost the claim, and with it the receipt: this adoption keeps what only that
   * host could provide.
   */
  const isStranded = ({ keyId, released }: JournaledMove): boolean =>
    released?.isKept === false && unplaced.get(keyId)?.host === released.from;
  const ends = (move: JournaledMove): EndedMove[] =>
    isForgotten(move)
      ? [{ id: move.id, account: move.account, end: 'done' }]
      : endOf(move, facts.truths.get(move.keyId), freed.has(move.keyId) || isStranded(move));
  return {
    accounts: judged.map(({ adopted }) => adopted),
    endedMoves: facts.openMoves.flatMap(ends),
    foundMoves: judged.flatMap(({ found }) => found),
    closedClaims: [...judged.flatMap(({ closed }) => closed ?? []), ...facts.cutOff],
    problems: [
      ...judged.flatMap(({ problems }) => problems),
      ...[...facts.truths].filter(([keyId]) => !known.has(keyId)).flatMap(strangeKey),
    ],
  };
}

interface Judged {
  readonly adopted: AdoptedAccount;
  readonly found: readonly FoundMove[];
  readonly closed?: ClosedClaim;
  readonly problems: readonly AdoptionProblem[];
}

function judgeAccount(known: KnownAccount, facts: AdoptionFacts): Judged {
  const truth = facts.truths.get(known.keyId);
  const doubt = facts.doubted.get(known.ledger?.host ?? '');
  if (doubt !== undefined) {
    const problem = { account: known.account, host: known.ledger?.host ?? null, ...doubt };
    return { adopted: same(known, ''), found: [], problems: [problem] };
  }
  const judged = isOnItsWay(known, truth, facts)
    ? { adopted: same(known, ''), found: [], problems: [] }
    : truth === undefined
      ? unclaimed(known, facts)
      : claimed(known, truth, facts);
  if (known.isInVault) return judged;
  const problem = {
    ...{
      account: known.account,
      host: null,
      text: 'the ledger knows it, but the vault has no session of it',
    },
    hint:
      'put the vault back (fleet restore), or import the session again, or: fleet accounts ' +
      `remove ${known.account}`,
  };
  return { ...judged, problems: [...judged.problems, problem] };
}

/**
 * Its owner has written the receipt and lost it since, but the move has all that it needs, and no
 * claim has an epoch as high: it goes on.
 */
function isOnItsWay(
  { keyId, ledger }: KnownAccount,
  truth: ClaimTruth | undefined,
  { openMoves }: AdoptionFacts,
): boolean {
  const move = openMoves.find((each) => each.keyId === keyId && each.released?.isKept === true);
  if (move === undefined || ledger?.host !== move.released?.from) return false;
  return (
    truth === undefined || (isBelow(truth, ledger?.epoch ?? 0) && epochAtMost(truth) < move.epoch)
  );
}

const same = (
  { account, keyId, ledger }: KnownAccount,
  reason: string,
  epoch = ledger?.epoch ?? 0,
): AdoptedAccount => ({
  ...{
    account,
    keyId,
    isNew: ledger === null,
    before: ledger?.host ?? null,
    after: ledger?.host ?? null,
    epoch,
    moveId: null,
  },
  ...{ isChanged: ledger === null, isDetached: false, isStill: false, reason },
});

const nowAt = (
  known: KnownAccount,
  host: string | null,
  epoch: number,
  reason: string,
): AdoptedAccount => {
  const before = known.ledger?.host ?? null;
  const isSame =
    known.ledger !== null && before === host && (host === null || known.ledger.epoch === epoch);
  return { ...same(known, isSame ? '' : reason, epoch), after: host, isChanged: !isSame };
};

/** What the account remembers is only there, and is kept before it starts elsewhere. */
const closedAt = (
  { account, keyId }: KnownAccount,
  host: string,
  epoch: number,
  { equipped }: AdoptionFacts,
): Pick<Judged, 'closed'> =>
  equipped.has(host) ? { closed: { account, keyId, host, epoch, stagedEpochs: [] } } : {};

function unclaimed(known: KnownAccount, facts: AdoptionFacts): Judged {
  const { answering } = facts;
  const host = known.ledger?.host ?? null;
  if (host === null || !answering.has(host))
    return {
      adopted: same(known, known.ledger === null ? 'in the vault, on no host' : ''),
      found: [],
      problems: [],
    };
  const epoch = known.ledger?.epoch ?? 0;
  const adopted = nowAt(known, null, epoch, `${host} has no claim on it`);
  return { adopted, ...closedAt(known, host, epoch, facts), found: [], problems: [] };
}

function claimed(known: KnownAccount, truth: ClaimTruth, facts: AdoptionFacts): Judged {
  const { ledger } = known;
  if (truth.kind === 'torn') return torn(known, truth, facts);
  if (truth.kind === 'conflict') {
    const doubt = facts.doubted.get(truth.host ?? '');
    return conflicting(known, truth.what, doubt?.hint);
  }
  const epoch = epochOf(truth);
  if (ledger?.host && (ledger.epoch ?? 0) > epoch)
    return newerInLedger(known, ledger.host, truth, facts);
  // Its last owner gave it up and does not answer; the report is older than that.
  if (ledger?.host === null && ledger.highest > (truth.kind === 'detached' ? truth.highest : epoch))
    return { adopted: same(known, ''), found: [], problems: [] };
  switch (truth.kind) {
    case 'owned': {
      const adopted = nowAt(known, truth.host, epoch, `${truth.host} owns it at epoch ${epoch}`);
      const isHere = adopted.isChanged && { moveId: truth.claim.moveId, isStill: truth.isStill };
      return { adopted: { ...adopted, ...isHere }, found: [], problems: [] };
    }
    case 'free': {
      const adopted = nowAt(known, null, epoch, 'no host owns it any more');
      // Its own adoption was killed after the claim was closed, perhaps before what the account
      // remembers was kept.
      const { adoption } = truth;
      const again =
        adoption === undefined || adoption.host !== ledger?.host
          ? {}
          : closedAt(known, adoption.host, epoch, facts);
      const closed =
        again.closed === undefined
          ? {}
          : { closed: { ...again.closed, moveId: adoption?.moveId ?? '' } };
      return { adopted, ...closed, found: [], problems: [] };
    }
    case 'detached': {
      const reason = 'it was exported or removed';
      const adopted = nowAt(known, null, truth.highest, reason);
      // A ledger that is not old may know that it came back since.
      const isNews = facts.isOld && ledger?.isDetached === false;
      return {
        adopted: { ...adopted, ...(isNews ? { isChanged: true, reason } : {}), isDetached: true },
        found: [],
        problems: [],
      };
    }
    case 'leaving':
      return leaving(known, truth, facts);
  }
}

const conflicting = (known: KnownAccount, text: string, hint: string = whichRuns): Judged => {
  return {
    adopted: same(known, ''),
    found: [],
    problems: [{ account: known.account, host: null, text, hint }],
  };
};

const whichRuns =
  'find out which of the hosts runs it, stop it on the other one, and wipe fleet from ' +
  'that one; then: fleet adopt';

const epochOf = (truth: Exclude<ClaimTruth, { kind: 'torn' | 'conflict' }>): number =>
  truth.kind === 'owned' || truth.kind === 'leaving' ? truth.claim.epoch : truth.epoch;

/**
 * A torn claim is closed where it cannot be the newest one, or where ledger and hosts name nobody
 * else: then the account is free above all used epochs, and continues with the memory that the last
 * sweep kept. Otherwise nothing is guessed.
 */
function torn(
  known: KnownAccount,
  truth: Extract<ClaimTruth, { kind: 'torn' }>,
  facts: AdoptionFacts,
): Judged {
  const { account, keyId, ledger } = known;
  const { host, epoch, stagedEpochs, rest, why } = truth;
  const owner = ledger?.host ?? null;
  const closed = (at: number) => ({ closed: { account, keyId, host, epoch: at, stagedEpochs } });
  if (
    rest?.kind === 'owned' &&
    rest.claim.epoch >= epoch &&
    (owner === null || owner === rest.host)
  )
    // A sound claim is closed above its epoch, whoever else has that one.
    return {
      ...claimed(known, rest, facts),
      ...closed(Math.max(rest.claim.epoch, why === 'foreign' ? epoch + 1 : 0)),
    };
  const isRestOver = rest === null || isBelow(rest, owner === host ? (ledger?.epoch ?? 0) : 0);
  // What runs without a claim has no right to, whatever the others say.
  if (why === 'missing' && rest !== null && !isRestOver && rest.kind !== 'conflict')
    return { ...claimed(known, rest, facts), ...closed(Math.max(epoch, epochAtMost(rest))) };
  if (!isRestOver || (owner !== null && owner !== host))
    return conflicting(known, `the claim on ${host} ${uselessNow[why]}`);
  const next = Math.max(epoch, ledger?.epoch ?? 0, rest === null ? 0 : epochAtMost(rest)) + 1;
  const reason = `its claim on ${host} ${closedSince[why]} will be closed; fleet allocate starts it again`;
  return { adopted: nowAt(known, null, next, reason), found: [], ...closed(next), problems: [] };
}

/** Why nothing starts from a claim, after its name. */
const uselessNow = {
  torn: 'cannot be read (torn)',
  missing: 'cannot be read (missing, and it runs)',
  foreign: 'was made for another machine',
};
const closedSince = {
  torn: 'is torn and',
  missing: 'is gone, and it runs: it',
  foreign: 'was made for another machine and',
};

/**
 * The ledger has used a higher epoch than any host that answers shows, and the owner answers: its
 * disk was rolled back, or it was installed anew. What older
 * claims say is over; the account is free above all of them, and a survey of every host decides
 * whether it may start.
 */
function newerInLedger(
  known: KnownAccount,
  host: string,
  truth: Exclude<ClaimTruth, { kind: 'torn' | 'conflict' }>,
  facts: AdoptionFacts,
): Judged {
  if (!facts.answering.has(host)) return { adopted: same(known, ''), found: [], problems: [] };
  const epoch = known.ledger?.epoch ?? 0;
  const isOpen =
    truth.kind === 'owned' || (truth.kind === 'leaving' && truth.claim.state === 'releasing');
  if (!isOpen) {
    const reason = `${host} has lost its claim of epoch ${epoch}; fleet allocate starts it again`;
    return {
      adopted: nowAt(known, null, epoch, reason),
      ...closedAt(known, host, epoch, facts),
      found: [],
      problems: [],
    };
  }
  const text =
    `${host} should own it at epoch ${epoch}, but no host knows of more than epoch ` +
    `${epochOf(truth)}, which ${truth.host} has`;
  const hint = 'the next contact closes that older claim: fleet sweep, then fleet adopt';
  return {
    adopted: same(known, ''),
    found: [],
    problems: [{ account: known.account, host, text, hint }],
  };
}

function leaving(
  known: KnownAccount,
  truth: Extract<ClaimTruth, { kind: 'leaving' }>,
  { openMoves, answering, destroyed }: AdoptionFacts,
): Judged {
  const { host, claim, successor } = truth;
  const { account, keyId } = known;
  const adopted = {
    ...nowAt(known, host, claim.epoch, `${host} gives it up for ${successor}`),
    moveId: claim.moveId,
  };
  if (openMoves.some(({ id }) => id === claim.moveId)) return { adopted, found: [], problems: [] };
  if (successor === detached || answering.has(successor)) {
    return {
      adopted,
      found: [
        {
          id: claim.moveId,
          account,
          keyId,
          from: host,
          to: successor,
          fromEpoch: claim.epoch,
          epoch: truth.highest + 1,
        },
      ],
      problems: [],
    };
  }
  if (destroyed.has(successor))
    return {
      adopted: nowAt(
        known,
        null,
        claim.epoch,
        `${host} gave it up for ${successor}, which is destroyed`,
      ),
      found: [],
      problems: [],
    };
  const text = `${host} gave it up for ${successor}, which does not answer and may own it`;
  return {
    adopted,
    found: [],
    problems: [
      {
        account,
        host: successor,
        text,
        hint:
          `when ${successor} answers: fleet adopt. If it never will: fleet failover ` +
          `${successor} --destroyed, then fleet adopt`,
      },
    ],
  };
}

/** A host has the right to run something that the operator has no session of. */
function strangeKey([, truth]: readonly [string, ClaimTruth]): AdoptionProblem[] {
  if (truth.kind !== 'owned' && truth.kind !== 'leaving') return [];
  const text =
    `${truth.host} has a claim on an account "${truth.claim.account}" whose session is not ` +
    'in this vault';
  return [
    {
      account: null,
      host: truth.host,
      text,
      hint: 'put the vault back (fleet restore) or import that session, then: fleet adopt',
    },
  ];
}
