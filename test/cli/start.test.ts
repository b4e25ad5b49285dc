/**
 * What every start of the command line loads: the verbs, and no library or query that only some of
 * them need.
 */
import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Modules that the file loads at once: neither types nor `import()`. */
function loadedBy(path: string): string[] {
  const statements = readFileSync(join(root, path), 'utf8').matchAll(
    /^(?:import|export)\b([^;]*?)\bfrom '([^']+)';/gms,
  );
  return [...statements].flatMap(([, what = '', name = '']) => {
    const names = /\{([^}]*)\}/
      .exec(what)?.[1]
      ?.split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
    const isOnlyTypes =
      /^\s*type\s/.test(what) ||
      (names !== undefined && names.length > 0 && names.every((each) => each.startsWith('type ')));
    return isOnlyTypes ? [] : [name.startsWith('.') ? normalize(join(path, '..', name)) : name];
  });
}

test('a start loads no library but those that read the command line, and nothing that talks to the ledger or to hosts', () => {
  const way = new Map<string, string>([['src/cli/program.ts', 'src/cli/program.ts']]);
  for (const [path, how] of way) {
    if (!path.endsWith('.ts')) continue;
    for (const next of loadedBy(path)) if (!way.has(next)) way.set(next, `${next} < ${how}`);
  }
  const libraries = [...way].filter(([name]) => !name.endsWith('.ts') && !name.startsWith('node:'));
  expect(
    libraries.map(([name, how]) => (['chalk', 'commander'].includes(name) ? name : how)).toSorted(),
  ).toEqual(['chalk', 'commander']);
  // Milliseconds each: what needs one loads it then.
  const costly = [
    'node:crypto',
    'node:child_process',
    'node:http',
    'node:https',
    'node:net',
    'node:tls',
    'node:zlib',
  ];
  expect(costly.flatMap((name) => way.get(name) ?? [])).toEqual([]);
  const heavy =
    /^src\/(?:ledger\/(?:queries|engines|migrations)|remote\/(?:ssh2|openssh)|steps|sessions|vault|report|channels)\//;
  expect([...way].flatMap(([name, how]) => (heavy.test(name) ? [how] : []))).toEqual([]);
  expect(way.size).toBeGreaterThan(100);
});
