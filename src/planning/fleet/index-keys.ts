import { type AccountView, type HostView, zoneNames } from './fleet-view.ts';

/** No host, no account, no key: the null of the flat arrays. */
export const none = -1;

/**
 * Fills an array with a figure of each item. `TypedArray.from` does the same through an iterator,
 * several times slower.
 */
export function fill<A extends Float64Array | Int32Array | Uint8Array, T>(
  array: A,
  items: readonly T[],
  figureOf: (item: T) => number,
): A {
  for (let index = 0; index < items.length; index++) array[index] = figureOf(items[index] as T);
  return array;
}

/** Numbers each distinct key in order of appearance; `none` for null. */
export function indexKeys<T>(items: readonly T[], keyOf: (item: T) => string | null): Int32Array {
  const indices = new Map<string, number>();
  return fill(new Int32Array(items.length), items, (item) => {
    const key = keyOf(item);
    if (key === null) return none;
    const known = indices.get(key);
    if (known !== undefined) return known;
    indices.set(key, indices.size);
    return indices.size - 1;
  });
}

/**
 * Numbers each distinct row of figures in order of appearance: items that are alike in all columns
 * have one number.
 */
export function indexFigures(count: number, columns: readonly ArrayLike<number>[]): Int32Array {
  let indices = new Int32Array(count);
  for (const column of columns) {
    const split = new Int32Array(count);
    const byIndex: Map<number, number>[] = [];
    let distinct = 0;
    for (let item = 0; item < count; item++) {
      const before = indices[item] as number;
      const figure = column[item] as number;
      byIndex[before] ??= new Map();
      const known = byIndex[before].get(figure) ?? distinct++;
      byIndex[before].set(figure, known);
      split[item] = known;
    }
    indices = split;
  }
  return indices;
}

/** Real fleets have few kinds of site and few zone rules, so each pair is judged once. */
export function compileSites(hosts: readonly HostView[], accounts: readonly AccountView[]) {
  const siteKey = (host: HostView): string => zoneNames(host).sort().join('\n');
  const siteOf = indexKeys(hosts, siteKey);
  const namesOfSite: string[][] = [];
  hosts.forEach((host, index) => {
    namesOfSite[siteOf[index] ?? 0] ??= zoneNames(host);
  });
  const zoneRule = indexKeys(accounts, ({ allowedZones }) =>
    allowedZones.length === 0 ? null : JSON.stringify([...allowedZones].sort()),
  );
  const allowedSites: Uint8Array[] = [];
  accounts.forEach(({ allowedZones }, index) => {
    const rule = zoneRule[index] ?? none;
    if (rule === none) return;
    allowedSites[rule] ??= Uint8Array.from(namesOfSite, (names) =>
      names.some((name) => allowedZones.includes(name)) ? 1 : 0,
    );
  });
  return { siteOf, zoneRule, allowedSites };
}
