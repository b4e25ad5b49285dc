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
  const words = /^\s+(?:private|protected) (?!constructor\b)|\((?:private|protected|public) \w+:/;
  expect(found(code, words)).toEqual([]);
});
