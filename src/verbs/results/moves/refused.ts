import { someOf } from '../../../model/counted.ts';
import type { HostRefusal } from '../../../planning/fleet/refusals.ts';

/**
 * Why hosts refused an account, a line for each reason: hosts that say the same are one line. Pure.
 */
export const refusalLines = (refusals: readonly HostRefusal[]): readonly string[] =>
  [...Map.groupBy(refusals, ({ host, message }) => message.replaceAll(host, 'HOST'))].map(
    ([generic, alike]) => {
      const [first] = alike;
      if (alike.length === 1 && first !== undefined) return `${first.host}: ${first.message}`;
      return `${someOf(alike.map(({ host }) => host))}: ${generic}`;
    },
  );

const remedies: Readonly<Partial<Record<HostRefusal['code'], string>>> = {
  'not-ready': 'fleet init makes hosts ready',
  cordoned: 'fleet hosts uncordon HOST lets accounts come again',
  draining: 'fleet hosts uncordon HOST lets accounts come again',
  unhealthy: 'fleet sweep asks hosts again; fleet doctor says what is wrong',
  dead: 'add a host, or bring one back by fleet init',
  pinned: 'unpin the account (fleet accounts unpin), or make room on its host',
  zone: 'allow another zone, or add a host there',
  full: 'add a host, or raise max_accounts',
  memory: 'add a host, or one with more memory',
  'anti-affinity': 'add a host, or put fewer accounts of this group on one host',
};
/** So that an account whose hosts are both cordoned and full is told both. */
const mostRemedies = 2;

/** What makes room, by the most frequent reasons. Pure. */
export function roomHint(refusals: readonly HostRefusal[]): string {
  const counts = [...Map.groupBy(refusals, ({ code }) => code)].toSorted(
    ([, a], [, b]) => b.length - a.length,
  );
  const hints = counts.flatMap(([code]) => remedies[code] ?? []);
  const said = [...new Set(hints)].slice(0, mostRemedies);
  return said.length === 0 ? 'add a host to the inventory' : said.join('; or: ');
}
