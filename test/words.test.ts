/** One dialect and one word for one thing: what was decided once does not come back. */
import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (glob: string) =>
  globSync(glob).map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n') }));

const found = (glob: string, pattern: RegExp): string[] =>
  read(glob).flatMap(({ path, lines }) =>
    lines.flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );

const code = '{src,hostside,test,scripts,bench}/**/*.ts';

it('what is private is written with #, but for constructors, where the language has only a word', () => {
  const words =
    /^\s+(?:private|protected) (?!constructor\b|override\b)|\((?:private|protected|public) \w+:/;
  expect(found(code, words)).toEqual([]);
});

/** What was said once, and what is said now. Migrations of ledgers keep the names of their time. */
const former: readonly (readonly [RegExp, string])[] = [
  [/'unbootstrapped'|\bunbootstrapped\b/, 'not ready (state `not-ready`)'],
  [/\b(?:find|nearest)Place\b/, 'a city: findCity, nearestCity'],
  [/\bclass (?:Journey|Carrier)\b/, 'a first grant, a change of owner'],
  [/\blets fleet in\b/, "a host accepts fleet's logins"],
  [/\bfleet does without\b/, 'fleet ignores it'],
  [/\bcounts as none\b|\bno more since\b/, 'said with a subject and a verb'],
  [/\balthough that was over\b/, 'an outdated epoch or claim'],
];

it.each(former)('nothing says %s: it is %s', (pattern) => {
  const files = '{src,hostside,docs}/**/*.{ts,md}';
  const left = found(files, pattern).filter((line) => !/decision-inputs|migrations/.test(line));
  expect(left).toEqual([]);
});
