import type { FaultKind } from './kinds.ts';

/**
 * Kinds of faults that the product does not survive yet, each with why: random schedules leave them out, and their stories are skipped. `FLEET_SIM_ALL=1`
 * switches them on; so do the names of single ones in `FLEET_SIM_KINDS`, with commas between them.
 */
export const notYet: Partial<Readonly<Record<FaultKind, string>>> = {};

const wanted: readonly string[] = (process.env.FLEET_SIM_KINDS ?? '').split(',');
const all = process.env.FLEET_SIM_ALL === '1';

/** For stories and for tests of the world itself: kinds that are switched on in spite of {@link notYet}. */
export const forced = new Set<FaultKind>();

export const isOn = (kind: FaultKind): boolean => all || forced.has(kind) || wanted.includes(kind) || notYet[kind] === undefined;
