import type { HostRow } from '../../../ledger/schema.ts';
import { hostStates } from '../../../planning/fleet/fleet-view.ts';
import type { HostRanking } from '../../../planning/fleet/ranking.ts';
import { option } from '../../input.ts';

/** `--state` and `--sort` of `fleet hosts list`. */
export const hostListOptions = {
  state: option({
    ...{ shown: 'state', isMany: true, many: 'commas', choices: hostStates, example: 'unhealthy' },
    words: 'only hosts in this state (repeatable, or several with commas)',
  }),
  sort: option({
    ...{
      shown: 'field',
      choices: ['name', 'state', 'accounts', 'score', 'rtt', 'seen'],
      start: 'name',
      example: 'score',
    },
    words:
      'order; accounts: most first, score: best first, rtt: slowest first, seen: longest ago first',
  }),
} as const;

interface Wishes {
  readonly state: readonly HostRanking['state'][];
  readonly sort: 'name' | 'state' | 'accounts' | 'score' | 'rtt' | 'seen';
}

const byText = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

/**
 * Those in one of the states (none named: all), in their order; equal ones by name. `rows`: what
 * the ledger has of them. Pure.
 */
export function listedHosts(
  ranks: readonly HostRanking[],
  rows: ReadonlyMap<string, HostRow>,
  { state, sort }: Wishes,
): readonly HostRanking[] {
  const figures: Readonly<
    Record<Exclude<Wishes['sort'], 'name' | 'state'>, (rank: HostRanking) => number>
  > = {
    accounts: ({ accounts }) => -accounts,
    score: ({ rank }) => rank ?? Number.MAX_SAFE_INTEGER,
    rtt: ({ host }) => -(rows.get(host)?.latency_ms ?? 0),
    seen: ({ host }) => rows.get(host)?.last_seen_at ?? 0,
  };
  const compare = (one: HostRanking, other: HostRanking): number => {
    if (sort === 'name') return 0;
    if (sort === 'state') return byText(one.state, other.state);
    return figures[sort](one) - figures[sort](other);
  };
  return ranks
    .filter((rank) => state.length === 0 || state.includes(rank.state))
    .toSorted((one, other) => compare(one, other) || byText(one.host, other.host));
}
