import { FleetError } from '../../model/errors.ts';
import { parseMark, type StoredMarks } from './ledger-mark.ts';

/** A newer release has written to the ledger at `place`: this one would not understand it. */
export const newerLedger = (place: string, version: number, known: number): FleetError =>
  new FleetError(
    'ledger-newer',
    `ledger ${place}: version ${version} is newer than this fleet understands (${known})`,
    { hint: 'update fleet on this machine, or use the machine that wrote the ledger last' },
  );

/** The ledger at `place` has given its authority to the one at `to`. */
export const movedLedger = (place: string, to: string): FleetError =>
  new FleetError('ledger-moved', `ledger ${place}: it was moved to ${to}, and takes no changes`, {
    hint: `write  ledger: ${to}  into the inventory`,
  });

/** The ledger at `place` is a copy of the one at `from`, whose move has not ended. */
const arrivingLedger = (place: string, from: string): FleetError =>
  new FleetError(
    'ledger-moved',
    `ledger ${place}: it is a copy of ${from}, and its move was begun and has not ended`,
    { hint: `end it: fleet ledger move --to '${place}'` },
  );

/** Why the ledger at `place` may not be used; null: it may. */
export function markedLedger(place: string, marks: StoredMarks): FleetError | null {
  if (marks.moved_to !== null) return movedLedger(place, parseMark(marks.moved_to).place);
  if (marks.arriving_from !== null)
    return arrivingLedger(place, parseMark(marks.arriving_from).place);
  return null;
}
