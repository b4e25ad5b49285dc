import { decideAuthority } from '../../hostside/claims/authority.ts';
import { isBeforeMark } from '../../hostside/claims/boot-marks.ts';
import {
  completeRelease,
  decideGrant,
  decideRelease,
  decideRevoke,
  decideStage,
  decideStart,
  decideWipe,
} from '../../hostside/claims/decide.ts';
import { decideClosure, isOlderRoster, judgeContact } from '../../hostside/claims/roster.ts';
import { decideGate } from '../../hostside/gate/decide.ts';
import { decideBoot } from '../../hostside/hold/decide.ts';
import { decideAnnouncement, spentBy } from '../../hostside/hold/decide-announcement.ts';
import { mayBeat } from '../../hostside/hold/heartbeat.ts';
import { judgeMachine } from '../../hostside/machine/know-machine.ts';
import { forwardStepMs } from '../../src/ledger/operator-clock.ts';
import { findCutOff, readClaims } from '../../src/ownership/adopt-claims.ts';
import { findDrift, findOutdated } from '../../src/ownership/claim-drift.ts';
import { judgeEvidence } from '../../src/ownership/evidence.ts';
import { judgeAll } from '../../src/ownership/host-identity.ts';
import { contradiction, hasOwnedLater } from '../../src/ownership/old-owner.ts';
import { mayFollow, routeOf } from '../../src/ownership/phases.ts';
import { planAdoption } from '../../src/ownership/plan-adoption.ts';
import { rosterFor } from '../../src/ownership/roster.ts';
import { safeMoment } from '../../src/ownership/safe-moment.ts';

/** What workflows do around the decisions, and the release before did otherwise. */
export interface Mechanisms {
  /**
   * Before a request with authority leaves, its host counts as a possible owner again, whatever was
   * said of it; statements are verified again before each
   * grant, and a failover begins only if its host was not heard since (rows 36, 39, 43).
   */
  readonly withdrawsOff: boolean;
  /**
   * A contact closes what the roster says is gone, and counts only for what it lists and this boot
   * does not hold (rows 34 and 35).
   */
  readonly carriesRoster: boolean;
  /** "Switched off" is believed only behind the end of an announced reboot, too (rule R8). */
  readonly waitsForAnnounced: boolean;
  /** Programs of the release before refuse every request with authority of this one (rule R3). */
  readonly refusesOld: boolean;
}

/**
 * Every decision that the small world takes: the shipped functions themselves. A test may put
 * another one in the place of one of them.
 */
const shippedDecisions = {
  ...{
    decideAuthority,
    decideStage,
    decideGrant,
    decideRelease,
    completeRelease,
    decideRevoke,
    decideStart,
    decideWipe,
  },
  ...{ isBeforeMark, mayBeat, forwardStepMs, judgeMachine, judgeAll },
  ...{
    decideGate,
    decideBoot,
    decideAnnouncement,
    spentBy,
    decideClosure,
    judgeContact,
    isOlderRoster,
  },
  ...{
    judgeEvidence,
    findDrift,
    findOutdated,
    rosterFor,
    contradiction,
    hasOwnedLater,
    mayFollow,
    routeOf,
    safeMoment,
    readClaims,
    findCutOff,
    planAdoption,
  },
} as const;

export type Rules = typeof shippedDecisions & { readonly mechanisms: Mechanisms };

export const shippedRules: Rules = {
  ...shippedDecisions,
  mechanisms: {
    withdrawsOff: true,
    carriesRoster: true,
    waitsForAnnounced: true,
    refusesOld: true,
  },
};
