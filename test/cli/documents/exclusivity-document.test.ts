import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const document = readFileSync('docs/exclusivity.md', 'utf8');
const rowsFile = (name: string): string =>
  `test/simulator/rows/exclusivity-rows${name === '' ? '' : `-${name}`}.test.ts`;
/**
 * What the document calls the files of rows; the tests in them begin with the number of their row.
 */
const short: Readonly<Record<string, string>> = {
  ...{
    rows: rowsFile(''),
    roster: rowsFile('second'),
    lab: 'test/e2e/moves/never-twice.nightly.lab.test.ts',
  },
  ...Object.fromEntries(
    [
      'statements',
      'boots',
      'holds',
      'reboots',
      'claims',
      'machines',
      'contacts',
      'host',
      'asked',
      'turns',
      'upgrades',
      'uninstall',
      'combined',
    ].map((name) => [name, rowsFile(name)]),
  ),
};

interface Row {
  /** As the first cell has it. */
  readonly numbers: string;
  /** The last cell. */
  readonly tests: string;
}

/** The cells of the table below a heading, without its first line. */
const tableBelow = (heading: string): readonly (readonly string[])[] =>
  (document.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '')
    .split('\n')
    .filter((line) => /^\| [^-]/.test(line))
    .slice(1)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

const rows: readonly Row[] = tableBelow('The rows').map((cells) => ({
  numbers: cells[0] ?? '',
  tests: cells.at(-1) ?? '',
}));

/** `7, 8` and `21-33`, one by one. */
const eachOf = (numbers: string): readonly string[] =>
  numbers.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split('-');
    return first === last
      ? [part]
      : Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) =>
          String(Number(first) + index),
        );
  });

interface Named {
  readonly file: string;
  /** Words of a test's name; null: those that begin with the row's number, or the whole file. */
  readonly words: string | null;
  readonly isShort: boolean;
}

const namedIn = ({ tests }: Row): readonly Named[] =>
  tests
    .split(/, (?![^"]*"(?:[^"]*"[^"]*")*[^"]*$)/)
    .filter((part) => part !== '')
    .map((part) => {
      const [, path, words = null] = /^`([^`]+)`(?:: "(.+)")?$/.exec(part) ?? [];
      return { file: path ?? short[part] ?? part, words, isShort: path === undefined };
    });

describe('the table of rows', () => {
  it('has every row, and only files that exist', () => {
    const known = new Set(rows.flatMap(({ numbers }) => eachOf(numbers)));
    expect(
      Array.from({ length: 51 }, (_, index) => String(index + 1)).filter(
        (number) => !known.has(number),
      ),
    ).toEqual([]);
    expect(rows.flatMap(namedIn).filter(({ file }) => !existsSync(file))).toEqual([]);
  });

  it('names tests by words that they have', () => {
    const wrong = rows
      .flatMap(namedIn)
      .filter(({ file, words }) => words !== null && !readFileSync(file, 'utf8').includes(words));
    expect(wrong).toEqual([]);
  });

  it('names a file of rows only where a test in it begins with the number', () => {
    const wrong = rows.flatMap((row) => {
      const files = namedIn(row).filter(({ isShort }) => isShort);
      if (files.length === 0 || !/^\d/.test(row.numbers)) return [];
      const others = namedIn(row).some(({ isShort }) => !isShort);
      const numbers = eachOf(row.numbers);
      const found = files.map(({ file }) => {
        const titles = titlesOf(readFileSync(file, 'utf8'));
        return numbers.filter((number) => new RegExp(`['\`(, ]${number}[ ,:]`).test(titles));
      });
      // Each number in one of the files, and each file for one of the numbers.
      const missing = [
        ...numbers.filter((number) => !found.flat().includes(number)),
        ...files.flatMap(({ file }, index) =>
          found[index]?.length === 0 ? [`${row.numbers}: ${file}`] : [],
        ),
      ];
      // One of several that stand together may be tested elsewhere.
      return others && eachOf(row.numbers).length > 1 ? [] : missing;
    });
    expect(wrong).toEqual([]);
  });

  it('names a file of rows by a rule only where a test in it has that rule', () => {
    const wrong = rows
      .filter(({ numbers }) => /^[A-Z]/.test(numbers))
      .flatMap((row) =>
        namedIn(row).map(({ file, isShort }) => ({ rule: row.numbers, file, isShort })),
      )
      .filter(
        ({ rule, file, isShort }) =>
          isShort && !new RegExp(`['\`(, ]${rule}[ ,:]`).test(readFileSync(file, 'utf8')),
      );
    expect(wrong).toEqual([]);
  });

  it('knows every file of rows', () => {
    const files = globSync('test/simulator/rows/exclusivity-rows*.test.ts');
    expect(files.filter((file) => !Object.values(short).includes(file))).toEqual([]);
  });
});

describe('the table of what is promised', () => {
  const promises = tableBelow('What is promised, and what is not');

  it('says of each fault what fleet does, whether that is a promise, and where it is tested', () => {
    expect(promises.length).toBeGreaterThan(12);
    expect(
      promises.filter((cells) => cells.length !== 4 || cells.slice(0, 3).includes('')),
    ).toEqual([]);
    // Claims that cannot meet leave nothing to test.
    const untested = promises.filter((cells) => cells[3] === '').map(([fault]) => fault);
    expect(untested).toEqual(['two ledgers whose inventories share no host']);
  });

  it('names only rows that the table above has, and files that exist', () => {
    const known = new Set(rows.flatMap(({ numbers }) => eachOf(numbers)));
    const named = promises.flatMap((cells) =>
      (cells[3] ?? '').split(', ').filter((part) => part !== ''),
    );
    expect(
      named.filter((part) => !known.has(part) && !existsSync(/^`(.+)`$/.exec(part)?.[1] ?? '')),
    ).toEqual([]);
  });
});

/** Every quoted text at the beginning of which a number may stand. */
const titlesOf = (text: string): string =>
  (text.match(/'\d[^']*'|`\d[^`]*`/g) ?? []).map((title) => `\n${title}`).join('');
