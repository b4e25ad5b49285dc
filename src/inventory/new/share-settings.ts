import type { Draft, DraftHost, DraftLogin } from './draft.ts';

const keys = ['user', 'port', 'identityFile', 'password', 'passphrase', 'sudoPassword'] as const;
type Key = (typeof keys)[number];

/** A draft whose common settings stand in one place: for all hosts, for a group, or at the host. */
export interface SharedDraft {
  readonly all: DraftLogin;
  readonly groups: ReadonlyMap<string, DraftLogin>;
  readonly hosts: ReadonlyMap<string, DraftLogin>;
}

function mostCommon<T>(values: readonly T[]): { readonly value: T; readonly count: number } | null {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const [best] = [...counts].toSorted(([, a], [, b]) => b - a);
  return best === undefined ? null : { value: best[0], count: best[1] };
}

/** Hosts of each group, those of groups in it included. */
function membersOf({ hosts, groups }: Draft): ReadonlyMap<string, readonly DraftHost[]> {
  const parents = new Map(groups.map(({ name, parents: above }) => [name, above]));
  const all = (names: readonly string[], found: Set<string>): Set<string> => {
    for (const name of names) {
      if (found.has(name)) continue;
      found.add(name);
      all(parents.get(name) ?? [], found);
    }
    return found;
  };
  const of = hosts.map((host) => ({ host, groups: all(host.groups, new Set()) }));
  return new Map(
    groups.map(({ name }) => [
      name,
      of.filter((each) => each.groups.has(name)).map(({ host }) => host),
    ]),
  );
}

/**
 * Says each setting as high as it is true for everybody below: a value for all hosts only where
 * every host has one, a value of a group only where all its hosts
 * want that value. So no order of groups can change what a host gets.
 */
export function shareSettings(draft: Draft): SharedDraft {
  const all: Record<string, unknown> = {};
  const groups = new Map<string, Record<string, unknown>>();
  const hosts = new Map<string, Record<string, unknown>>();
  const members = membersOf(draft);
  const shared = (of: readonly DraftHost[], key: Key): boolean =>
    of.length > 1 && new Set(of.map((host) => host[key])).size === 1;
  for (const key of keys) {
    const common = draft.hosts.every((host) => host[key] !== undefined)
      ? mostCommon(draft.hosts.map((host) => host[key]))
      : null;
    const general =
      common !== null && (common.count > 1 || draft.hosts.length === 1) ? common.value : undefined;
    if (general !== undefined) all[key] = general;
    const served = new Set<string>();
    for (const { name } of draft.groups) {
      const of = members.get(name) ?? [];
      const value = of[0]?.[key];
      if (
        value === undefined ||
        value === general ||
        !shared(of, key) ||
        of.every((host) => served.has(host.name))
      )
        continue;
      groups.set(name, { ...groups.get(name), [key]: value });
      for (const host of of) served.add(host.name);
    }
    for (const host of draft.hosts) {
      const value = host[key];
      if (value !== undefined && value !== general && !served.has(host.name))
        hosts.set(host.name, { ...hosts.get(host.name), [key]: value });
    }
  }
  return { all, groups, hosts };
}
