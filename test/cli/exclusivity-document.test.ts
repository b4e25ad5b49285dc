import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const document = readFileSync('docs/exclusivity.md', 'utf8');
const rowsFile = (name: string): string => `test/simulator/exclusivity-rows${name === '' ? '' : `-${name}`}.test.ts`;
/** What the document calls the files of rows; the tests in them begin with the number of their row. */
const short: Readonly<Record<string, string>> = {
  ...{ rows: rowsFile(''), roster: rowsFile('second'), lab: 'test/e2e/never-twice.nightly.lab.test.ts' },
  ...Object.fromEntries(
    ['statements', 'boots', 'holds', 'reboots', 'forgotten', 'claims', 'machines', 'contacts', 'host', 'asked', 'turns'].map((name) => [
      name,
      rowsFile(name),
    ]),
  ),
};

interface Row {
  /** As the first cell has it. */
  readonly numbers: string;
  /** The last cell. */
  readonly tests: string;
}

const table = /## The rows\n[\s\S]*?(?=\n## )/.exec(document)?.[0] ?? '';
const rows: readonly Row[] = table
  .split('\n')
  .filter((line) => /^\| \w/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map((cells) => ({ numbers: cells[1] ?? '', tests: cells.at(-2) ?? '' }));

/** `7, 8` and `21-33`, one by one. */
const eachOf = (numbers: string): readonly string[] =>
  numbers.split(', ').flatMap((part) => {
    const [first = '', last = first] = part.split('-');
    return first === last ? [part] : Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => String(Number(first) + index));
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
    expect(Array.from({ length: 51 }, (_, index) => String(index + 1)).filter((number) => !known.has(number))).toEqual([]);
    expect(rows.flatMap(namedIn).filter(({ file }) => !existsSync(file))).toEqual([]);
  });

  it('names tests by words that they have', () => {
    const wrong = rows.flatMap(namedIn).filter(({ file, words }) => words !== null && !readFileSync(file, 'utf8').includes(words));
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
        ...files.flatMap(({ file }, index) => (found[index]?.length === 0 ? [`${row.numbers}: ${file}`] : [])),
      ];
      // One of several that stand together may be tested elsewhere.
      return others && eachOf(row.numbers).length > 1 ? [] : missing;
    });
    expect(wrong).toEqual([]);
  });

  it('knows every file of rows', () => {
    const files = globSync('test/simulator/exclusivity-rows*.test.ts');
    expect(files.filter((file) => !Object.values(short).includes(file))).toEqual([]);
  });
});

/** Every quoted text at the beginning of which a number may stand. */
const titlesOf = (text: string): string => (text.match(/'\d[^']*'|`\d[^`]*`/g) ?? []).map((title) => `\n${title}`).join('');
