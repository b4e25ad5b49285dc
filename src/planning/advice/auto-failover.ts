import type { HostHealth } from '../fleet/host-health.ts';

/** A host as a sweep found it. */
export interface SweptFact {
  readonly host: string;
  readonly health: HostHealth;
  readonly accounts: number;
  readonly hasFence: boolean;
}

export interface AutoFailover {
  /** Hosts to be switched off and failed over, by name. */
  readonly hosts: readonly string[];
  /** Why nothing is done although hosts are down; null: nothing speaks against it. */
  readonly brake: string | null;
  /** Down with accounts, and without a fence: only the operator can say that they are off. */
  readonly unfenced: readonly string[];
}

/** Share of the hosts that may be down at once, of at least {@link leastHosts}. */
const mostDown = 0.4;
const leastHosts = 3;

/**
 * Which hosts a sweep may fail over by itself. Many hosts that go away together look like trouble
 * of the operator's own network, so from
 * two on it brakes itself: when more than `maxHosts`, or more than 40 % of at least three, are down
 * (docs/exclusivity.md, row 31). One host never trips it.
 */
export function planAutoFailover(facts: readonly SweptFact[], maxHosts: number): AutoFailover {
  const down = facts.filter(({ health }) => health === 'down');
  const concerned = down.filter(({ accounts }) => accounts > 0);
  const unfenced = concerned.filter(({ hasFence }) => !hasFence).map(({ host }) => host);
  const isTooMany =
    down.length > maxHosts || (facts.length >= leastHosts && down.length > mostDown * facts.length);
  if (down.length >= 2 && isTooMany) {
    const brake =
      `${down.length} of ${facts.length} hosts are down at once ` +
      `(${down.map(({ host }) => host).join(', ')})`;
    return { hosts: [], brake: concerned.length === 0 ? null : brake, unfenced };
  }
  return {
    hosts: concerned.filter(({ hasFence }) => hasFence).map(({ host }) => host),
    brake: null,
    unfenced,
  };
}
