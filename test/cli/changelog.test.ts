/** CHANGELOG.md is what an operator reads before an update, and says which version this is. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releasesOf, unreleasedOf } from '../../scripts/changelog.ts';
import { makeFolder } from './fleet-command.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const changelog = read('CHANGELOG.md');
const releases = releasesOf(changelog);
const entries = releases.flatMap(({ sections }) => sections.flatMap((section) => section.entries));

test('the newest version is that of package.json, of the lock and of fleet itself', async () => {
  const version = releases[0]?.version;
  expect(JSON.parse(read('package.json'))).toMatchObject({ version });
  expect(JSON.parse(read('package-lock.json'))).toMatchObject({
    version,
    packages: { '': { version } },
  });
  const { fleet } = await makeFolder(null);
  expect((await fleet(['--version'])).stdout).toBe(`${version}\n`);
  expect(JSON.parse((await fleet(['version', '--json'])).stdout)).toMatchObject({ fleet: version });
});

test('versions and their dates fall from top to bottom', () => {
  const rank = (version: string): number =>
    version.split('.').reduce((sum, part) => sum * 1_000 + Number(part), 0);
  expect(releases.length).toBeGreaterThan(5);
  for (const [index, { version, date }] of releases.entries()) {
    const before = releases[index - 1];
    expect(new Date(date).toISOString().slice(0, 10)).toBe(date);
    if (before === undefined) continue;
    expect(rank(version), version).toBeLessThan(rank(before.version));
    expect(date <= before.date, version).toBe(true);
  }
});

test('each version is sorted into Added, Changed and Fixed, one line for each change', () => {
  for (const { version, sections } of releases) {
    const names = sections.map(({ name }) => name);
    expect(names, version).toEqual(
      ['Added', 'Changed', 'Fixed'].filter((name) => names.includes(name)),
    );
    for (const section of sections)
      expect(section.entries.length, `${version} ${section.name}`).toBeGreaterThan(0);
  }
  expect(entries.filter((entry) => entry.length > 98 || !/^[`A-Za-z-].*\.$/.test(entry))).toEqual(
    [],
  );
});

test('nothing is said twice, also where two branches were merged', () => {
  const all = [...unreleasedOf(changelog), ...entries];
  expect(all.filter((entry, index) => all.indexOf(entry) !== index)).toEqual([]);
});

test('an operator needs no knowledge of the sources', () => {
  expect(
    entries.filter((entry) =>
      /\b(?:src|agent|test)\/|\.ts\b|knip|biome|vitest|refactor/i.test(entry),
    ),
  ).toEqual([]);
});
