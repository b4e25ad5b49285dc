import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const document = readFileSync('docs/security.md', 'utf8');
const tests = new Map(
  globSync('test/**/*.test.ts').map((path) => [path.split('/').at(-1) ?? '', path]),
);
/** Rows of all tables, without their heads. */
const rows = document
  .split('\n')
  .filter(
    (line, index, lines) =>
      line.startsWith('| ') &&
      !line.startsWith('| --- ') &&
      !lines[index + 1]?.startsWith('| --- '),
  )
  .map((line) => line.slice(2, -2).split(' | '));
const namesIn = (text: string): string[] =>
  [...text.matchAll(/`(?:[\w/]*\/)?([a-z-]+(?:\.[a-z]+)*\.test\.ts)`/g)].map(
    ([, name = '']) => name,
  );

/** "the same" is what the row above names. */
const shownBy = (index: number): string[] => {
  const cell = rows[index]?.at(-1) ?? '';
  return [...namesIn(cell), ...(cell.startsWith('the same') ? shownBy(index - 1) : [])];
};

it('every test that the threat model names exists', () => {
  const named = [...new Set(namesIn(document))];
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !tests.has(name))).toEqual([]);
});

it('every line says which test shows it', () => {
  expect(rows.length).toBeGreaterThan(60);
  const shown = (cell: string): boolean =>
    namesIn(cell).length > 0 || /^the same\b|^the canary in /.test(cell);
  expect(rows.filter((cells) => !shown(cells.at(-1) ?? '')).map(([first]) => first)).toEqual([]);
});

it('where a line quotes a title, that test has it', () => {
  const quoted = rows.flatMap((cells, index) => {
    const cell = cells.at(-1) ?? '';
    const parts = [...cell.matchAll(/(?:`([\w/.-]+\.test\.ts)`|^the same) \((\*[^)]*\*)[^)]*\)/g)];
    return parts.flatMap(([, name, titles = '']) =>
      [...titles.matchAll(/\*([^*]+)\*/g)].map(([, title = '']) => ({
        title,
        in: name === undefined ? shownBy(index) : namesIn(`\`${name}\``),
      })),
    );
  });
  expect(quoted.length).toBeGreaterThan(8);
  const has = ({ title, in: names }: (typeof quoted)[number]): boolean =>
    names.some((name) =>
      readFileSync(tests.get(name) ?? '', 'utf8').includes(title.replace(/\.\.\.$/, '')),
    );
  expect(quoted.filter((each) => !has(each))).toEqual([]);
});

it('the units, and what a host without an end costs, are in the output of tests', () => {
  const printed = (name: string): string =>
    [...readFileSync(tests.get(name) ?? '', 'utf8').matchAll(/console\.log\(([\s\S]*?)\);/g)]
      .map(([, said]) => said)
      .join('\n');
  expect(readFileSync(tests.get('hostile-worker.lab.test.ts') ?? '', 'utf8')).toContain(
    "readdirSync('templates/units')",
  );
  expect(printed('hostile-worker.lab.test.ts')).toContain('systemd-analyze security');
  expect(printed('limits.test.ts')).toMatch(/seconds[\s\S]*MiB/);
});

it('the root says how to report, and leads there', () => {
  expect(readFileSync('SECURITY.md', 'utf8')).toMatch(
    /Report a weakness privately[\s\S]*\(docs\/security\.md\)/,
  );
});
