import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey } from '../../hostside/protocol/host-acts.ts';
import type { ClosedClaim } from './adoption-plan.ts';
import type { HostEvidence } from './evidence.ts';
import { detached } from './phases.ts';

/** What the claims of all hosts that answered say together about one key. */
export type ClaimTruth =
  /**
   * Exactly one host has the right to run it. `isStill`: it is not running there although it may,
   * so somebody stopped it.
   */
  | {
      readonly kind: 'owned';
      readonly host: string;
      readonly claim: Claim;
      readonly isStill: boolean;
    }
  /**
   * Its owner is releasing it, or has released it, in favour of `successor`, which does not own it
   * yet as far as is known.
   */
  | {
      readonly kind: 'leaving';
      readonly host: string;
      readonly claim: Claim;
      readonly successor: string;
      /**
       * The highest epoch of any claim: a revoked one of the successor lies above that of the owner
       * (docs/exclusivity.md, row 49).
       */
      readonly highest: number;
    }
  /** It was released for use outside the fleet. `highest`: as above. */
  | { readonly kind: 'detached'; readonly epoch: number; readonly highest: number }
  /** Nobody has it. */
  | {
      readonly kind: 'free';
      readonly epoch: number;
      /** The claim at that epoch was closed by an adoption. */
      readonly adoption?: { readonly host: string; readonly moveId: string };
    }
  /**
   * Nothing starts from the claim on `host`: it is torn, gone under a unit that still runs, or was
   * made for another machine that the operator declared to be gone. `epoch`: the highest epoch
   * still visible there, in the claim or in files. `rest`: what the other hosts say; null: nothing.
   */
  | {
      readonly kind: 'torn';
      readonly host: string;
      readonly why: 'torn' | 'missing' | 'foreign';
      readonly epoch: number;
      readonly stagedEpochs: readonly number[];
      readonly rest: ClaimTruth | null;
    }
  /** The claims contradict each other or cannot be read: nothing is guessed. */
  | {
      readonly kind: 'conflict';
      readonly epoch: number;
      readonly what: string /** Whose claim is of another machine. */;
      readonly host?: string;
    };

interface Found {
  readonly host: string;
  readonly survey: HostSurvey;
  readonly account: HostSurvey['accounts'][number];
}

/**
 * Rebuilds from claims who owns what, by key: the highest epoch counts, because it never falls and
 * every change of owner raises it. Hosts that do not answer are not heard; what only they know
 * appears as `free`, `leaving` or not at all, so the caller must not rely on it. `replaced`: hosts
 * whose former machine the operator states to be this one, or to be gone.
 */
export function readClaims(
  evidence: readonly HostEvidence[],
  replaced: ReadonlySet<string> = new Set(),
): Map<string, ClaimTruth> {
  const found = evidence.flatMap(({ host, survey }) =>
    (survey?.accounts ?? []).map(
      (account): Found => ({ host, survey: survey as HostSurvey, account }),
    ),
  );
  return new Map(
    [...Map.groupBy(found, ({ account }) => account.keyId)].flatMap(
      ([keyId, here]): [string, ClaimTruth][] => {
        const truth = judge(here, replaced);
        return truth === null ? [] : [[keyId, truth]];
      },
    ),
  );
}

const isAlive = ({ unit, processes }: Found['account']): boolean =>
  processes > 0 || unit === 'active' || unit === 'activating' || unit === 'deactivating';

/** Its folders were removed under it. */
const runsUnclaimed = (account: Found['account']): boolean =>
  account.claim === null && isAlive(account);

/**
 * Claims that are revoked on disk although their account still runs: the helper died before the
 * stop, and a survey shows nobody else who would finish it.
 */
export const findCutOff = (evidence: readonly HostEvidence[]): ClosedClaim[] =>
  evidence.flatMap(({ host, survey }) =>
    (survey?.accounts ?? []).flatMap((found): ClosedClaim[] => {
      const { keyId, claim, claimFault } = found;
      if (claim?.state !== 'revoked' || claimFault !== null || !isAlive(found)) return [];
      return [
        {
          account: claim.account,
          keyId,
          host,
          epoch: claim.epoch,
          stagedEpochs: [],
          moveId: claim.moveId,
        },
      ];
    }),
  );

const isOpen = ({ state }: Claim): boolean => state === 'active' || state === 'releasing';

/** The machine has changed, or the disk: nothing starts from it. */
export const isForeign = ({ survey, account }: Pick<Found, 'survey' | 'account'>): boolean =>
  account.claim !== null && isOpen(account.claim) && account.claim.instanceId !== survey.instanceId;

/** null: files or a unit, but never a claim. */
function judge(found: readonly Found[], replaced: ReadonlySet<string>): ClaimTruth | null {
  const claims = found.flatMap(({ host, survey, account }) =>
    account.claim === null ? [] : [{ host, survey, account, claim: account.claim }],
  );
  const epoch = Math.max(0, ...claims.map(({ claim }) => claim.epoch));
  const conflict = (what: string): ClaimTruth => ({ kind: 'conflict', epoch, what });
  const useless =
    found.find(({ account }) => account.claimFault !== null) ??
    found.find(({ account }) => runsUnclaimed(account)) ??
    found.find((each) => replaced.has(each.host) && isForeign(each));
  if (useless !== undefined) {
    const { host, account } = useless;
    const rest = judge(
      found.filter((each) => each !== useless),
      replaced,
    );
    const why =
      account.claimFault === null ? (account.claim === null ? 'missing' : 'foreign') : 'torn';
    if ((account.claimFault !== 'torn' && why === 'torn') || rest?.kind === 'torn')
      return conflict(`the claim on ${host} cannot be read (${account.claimFault ?? why})`);
    const { stagedEpochs } = account;
    return {
      kind: 'torn',
      host,
      why,
      epoch: Math.max(account.claim?.epoch ?? 0, ...stagedEpochs),
      stagedEpochs,
      rest,
    };
  }
  if (claims.length === 0) return null;
  // A revoked claim closes its own host and says nothing about the others: an aborted move leaves
  // one above the epoch of the owner.
  const standing = claims.filter(({ claim }) => claim.state !== 'revoked');
  const highest = standing.filter(
    ({ claim }) => claim.epoch === Math.max(...standing.map((each) => each.claim.epoch)),
  );
  const rivals = highest.filter(({ claim }) => isOpen(claim));
  const top = rivals[0] ?? highest[0];
  if (top === undefined) {
    const last = claims.find(
      ({ claim }) => claim.epoch === epoch && claim.moveId.startsWith('adopt-'),
    );
    return {
      kind: 'free',
      epoch,
      ...(last === undefined ? {} : { adoption: { host: last.host, moveId: last.claim.moveId } }),
    };
  }
  if (rivals.length > 1)
    return conflict(
      `${rivals.map(({ host }) => host).join(' and ')} both claim it at epoch ${top.claim.epoch}`,
    );
  const { host, claim, survey, account } = top;
  if (isForeign(top))
    return {
      kind: 'conflict',
      epoch,
      what: `the claim on ${host} was made for another machine`,
      host,
    };
  if (claim.state === 'active') {
    const isStill =
      account.processes === 0 && account.unit === 'inactive' && claim.bootId === survey.bootId;
    return { kind: 'owned', host, claim, isStill };
  }
  if (claim.successor === null)
    return conflict(`the claim on ${host} is ${claim.state} in favour of nobody`);
  if (claim.successor === detached && claim.state === 'released')
    return { kind: 'detached', epoch: claim.epoch, highest: epoch };
  return { kind: 'leaving', host, claim, successor: claim.successor, highest: epoch };
}

/** As far as the claims tell, no higher epoch was used. */
export const epochAtMost = (truth: ClaimTruth): number =>
  truth.kind === 'leaving' || truth.kind === 'detached'
    ? truth.highest
    : truth.kind === 'owned'
      ? truth.claim.epoch
      : truth.epoch;

/**
 * Nobody has it; or the others' claims are outdated, because the host in question was granted
 * `epoch` later. A revoked claim elsewhere, at whatever epoch, was granted to nobody: an aborted
 * move leaves such a claim above the owner's.
 */
export const isBelow = (truth: ClaimTruth, epoch: number): boolean => {
  if (truth.kind === 'free') return true;
  if (truth.kind === 'detached') return truth.epoch < epoch;
  return truth.kind === 'leaving' && truth.claim.state === 'released' && truth.claim.epoch < epoch;
};
