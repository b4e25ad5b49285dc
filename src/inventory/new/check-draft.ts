import type { Draft } from './draft.ts';

/**
 * Mistakes that need more than one server to be seen: two of one name, or none at all. `PLACE: what
 * is wrong`.
 */
export function mistakesIn({ hosts }: Draft): readonly string[] {
  if (hosts.length === 0) return ['no server is named'];
  const first = new Map<string, string>();
  return hosts.flatMap(({ name, source }) => {
    const known = first.get(name);
    if (known === undefined) first.set(name, source);
    return known === undefined
      ? []
      : [
          `${source}: the host would be called ${name}, as the one of ${known}: give it ` +
            'another name',
        ];
  });
}
