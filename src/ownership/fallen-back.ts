/**
 * `heard`: the serial that the host knew before it was told another one; undefined: it does not
 * say. `acknowledged`: as of before the request left.
 */
export const hasFallenBack = (
  acknowledged: number | null,
  heard: number | undefined,
): heard is number => acknowledged !== null && heard !== undefined && heard < acknowledged;

/**
 * A host that knows less of this ledger than it had acknowledged (docs/exclusivity.md, row 41).
 * Serials; `knew` 0: none.
 */
export const fallenBackText = ({
  acknowledged,
  knew,
}: {
  readonly acknowledged: number;
  readonly knew: number;
}): string =>
  knew === 0
    ? `it had acknowledged run ${acknowledged} of this ledger, and knows of none: it was ` +
      `installed anew, or fleet's folders were removed`
    : `it had acknowledged run ${acknowledged} of this ledger, and knew only ${knew}: its ` +
      'disk was put back to an earlier state, or it is a copy';

export const fallenBackHint = (host: string): string =>
  `who put it back? If nobody did, look for a copy of ${host}, and switch one of the two ` +
  'off. Its accounts go on from what that disk remembers; what it has lost, fleet sweep ' +
  'names';
