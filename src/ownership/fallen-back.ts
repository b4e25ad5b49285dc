/**
 * `heard`: the serial that the host knew before it was told another one; undefined: it does not
 * say. `acknowledged`: as of before the request left.
 */
export const hasFallenBack = (
  acknowledged: number | null,
  heard: number | undefined,
): heard is number => acknowledged !== null && heard !== undefined && heard < acknowledged;

/** For a host that forgot runs which it had acknowledged (docs/exclusivity.md, row 41). */
export const fallenBackHint = (host: string): string =>
  `who put it back? If nobody did, look for a copy of ${host}, and switch one of the two ` +
  'off. Its accounts go on from what that disk remembers; what it has lost, fleet sweep ' +
  'names';
