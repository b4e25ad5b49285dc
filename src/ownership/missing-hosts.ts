import type { FleetHost } from '../../hostside/protocol/roster.ts';

/** A host that other hosts remember, and that neither the inventory nor the ledger knows. */
export interface MissingHost extends FleetHost {
  /** Who remembers it, by name. */
  readonly knownBy: readonly string[];
}

/** What one host said of itself and of the fleet. */
export interface Remembering {
  readonly host: string;
  readonly instanceId: string;
  readonly hosts: readonly FleetHost[];
}

/**
 * Hosts that those who answered remember from their last contact and that neither the inventory nor
 * the ledger has: each may be running any account (docs/exclusivity.md, row 47). One that answers
 * under another name is there; `without`: the operator has declared that it runs nothing. By name.
 * Pure.
 */
export function findMissing(
  answered: readonly Remembering[],
  known: ReadonlySet<string>,
  without: ReadonlySet<string>,
): MissingHost[] {
  const there = new Set(answered.map(({ instanceId }) => instanceId).filter((id) => id !== ''));
  const missing = new Map<string, MissingHost>();
  for (const { host, hosts } of answered) {
    for (const { name, instanceId } of hosts) {
      if (known.has(name) || without.has(name) || there.has(instanceId)) continue;
      const before = missing.get(name);
      const knownBy = [...(before?.knownBy ?? []), host];
      missing.set(name, { name, instanceId: before?.instanceId || instanceId, knownBy });
    }
  }
  return [...missing.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
