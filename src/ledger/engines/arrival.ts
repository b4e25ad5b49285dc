import { FleetError } from '../../model/errors.ts';
import type { LedgerDb } from './engine.ts';
import type { Standing } from './ledger-mark.ts';

/** A ledger that comes to a new place. */
export interface Arrival {
  /** `markText` of the ledger that it comes from. */
  readonly mark: string;
  /** Judges what is in the place when it comes. Throws where that has to stay. */
  readonly accept: (standing: Standing) => void;
  /** Where what is in the place goes. */
  readonly aside: string;
  /** Nothing of what is in the place counts: it is removed. */
  readonly dropsOld: boolean;
  /** Gets the new and empty ledger, within its transaction. */
  readonly fill: (db: LedgerDb) => Promise<void>;
}

/** A place for a ledger, whatever is in it. All of it: errors `ledger-*`. */
export interface ArrivalPlace {
  readonly standing: () => Promise<Standing>;
  /** When it returns the ledger is on the disk there, whole, marked, and may not act. */
  readonly arrive: (arrival: Arrival) => Promise<void>;
  /** Takes that mark away: from here on it is in charge. Returns whether it was there. */
  readonly end: (mark: string) => Promise<boolean>;
}

/** The place is not as it was when the plan was made. */
export const placeChanged = (place: string): FleetError =>
  new FleetError('plan-stale', `ledger ${place}: something else came to be there meanwhile`, {
    hint: 'nothing was moved; run this again: it looks anew',
  });
