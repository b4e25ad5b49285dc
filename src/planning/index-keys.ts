import { type AccountView, type HostView, zoneNames } from './fleet-view.ts';

/** No host, no account, no key: the null of the flat arrays. */
export const none = -1;

/** Numbers each distinct key in order of appearance; `none` for null. */
export function indexKeys<T>(items: readonly T[], keyOf: (item: T) => string | null): Int32Array {
  const indices = new Map<string, number>();
  return Int32Array.from(items, (item) => {
    const key = keyOf(item);
    if (key === null) return none;
    const index = indices.get(key) ?? indices.size;
    indices.set(key, index);
    return index;
  });
}

/** Real fleets have few kinds of place and few zone rules, so each pair is judged once. */
export function compilePlaces(hosts: readonly HostView[], accounts: readonly AccountView[]) {
  const placeKey = (host: HostView): string => JSON.stringify(zoneNames(host).sort());
  const placeOf = indexKeys(hosts, placeKey);
  const namesOfPlace: string[][] = [];
  hosts.forEach((host, index) => {
    namesOfPlace[placeOf[index] ?? 0] ??= zoneNames(host);
  });
  const zoneRule = indexKeys(accounts, ({ allowedZones }) => (allowedZones.length === 0 ? null : JSON.stringify([...allowedZones].sort())));
  const allowedPlaces: Uint8Array[] = [];
  accounts.forEach(({ allowedZones }, index) => {
    const rule = zoneRule[index] ?? none;
    if (rule === none) return;
    allowedPlaces[rule] ??= Uint8Array.from(namesOfPlace, (names) => (names.some((name) => allowedZones.includes(name)) ? 1 : 0));
  });
  return { placeOf, zoneRule, allowedPlaces };
}
