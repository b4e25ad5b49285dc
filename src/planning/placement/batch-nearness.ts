import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { none } from '../fleet/index-keys.ts';
import type { HostPreference } from './host-preference.ts';

/**
 * Distances that may be compared in all; a batch of thousands on a big fleet stays as it was
 * placed.
 */
const budget = 300_000;
const mostPasses = 4;
/** Changes that save less are not worth naming, km. */
const leastSaving = 0.1;

/**
 * Brings a batch that was placed by location nearer to where its accounts belong: whoever is not at
 * the nearest host takes a free slot
 * nearer by, or changes places with another account of the batch when both together are nearer
 * then. One after the other cannot see
 * that somebody who came first holds the only slot that somebody else needs.
 */
export function bringNearer(
  fleet: FlatFleet,
  preference: HostPreference,
  batch: readonly number[],
): void {
  const inBatch = new Uint8Array(fleet.accounts.length);
  for (const account of batch) inBatch[account] = 1;
  const upHosts = fleet.upHosts();
  let compared = 0;
  for (let pass = 0; pass < mostPasses; pass++) {
    let isChanged = false;
    for (const account of batch) {
      compared += upHosts.length;
      if (compared > budget) return;
      const change = bestChange(fleet, preference, inBatch, account, upHosts);
      if (change === null) continue;
      isChanged = true;
      const from = fleet.hostOf[account] as number;
      if (change.exchanged !== none) fleet.move(change.exchanged, none);
      fleet.move(account, change.to);
      if (change.exchanged !== none) fleet.move(change.exchanged, from);
    }
    if (!isChanged) return;
  }
}

interface Change {
  readonly to: number;
  readonly exchanged: number;
}

/**
 * The change that saves the most kilometres, ties to the lower host and account; null when none
 * saves any.
 */
function bestChange(
  fleet: FlatFleet,
  preference: HostPreference,
  inBatch: Uint8Array,
  account: number,
  upHosts: readonly number[],
): Change | null {
  const from = fleet.hostOf[account] as number;
  const now = preference.detour(account, from);
  let best: Change | null = null;
  let bestSaving = leastSaving;
  for (const to of upHosts) {
    const saving = now - preference.detour(account, to);
    if (!(saving > bestSaving) || to === from) continue;
    if (fleet.accepts(account, to)) {
      best = { to, exchanged: none };
      bestSaving = saving;
      continue;
    }
    for (const other of fleet.residents(to)) {
      if (inBatch[other] === 0) continue;
      const both = saving + preference.detour(other, to) - preference.detour(other, from);
      if (
        !(both > bestSaving) ||
        !fleet.acceptsInsteadOf(account, to, other) ||
        !fleet.acceptsInsteadOf(other, from, account)
      )
        continue;
      best = { to, exchanged: other };
      bestSaving = both;
    }
  }
  return best;
}
