import { FleetError } from '../../model/errors.ts';

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

/** The ledger at `place` was being copied from the one at `from`, which still counts. */
export const arrivingLedger = (place: string, from: string): FleetError =>
  new FleetError(
    'ledger-moved',
    `ledger ${place}: it is a copy of ${from}, and its move was begun and has not ended`,
    { hint: `with  ledger: ${from}  in the inventory: fleet ledger move --to ${place}` },
  );
