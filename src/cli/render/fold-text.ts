import { columnsOf } from './columns.ts';
import { type Letter, lettersOf, paint } from './wrap-cell.ts';

/** Letters of a line that are never parted, without the spaces around them. */
interface Chunk {
  readonly start: number;
  readonly end: number;
}

/** Words after `fleet` that may be the command's own: `fleet hosts rename h1 h2`. */
const commandWords = 4;

/**
 * Whether a word stays on the line of those before it: a command that is copied from a screen must
 * not lose what stands behind a line's end. `before`: the chunk so far, in words.
 */
function staysWith(before: readonly string[], word: string): boolean {
  const last = before.at(-1);
  if (last === undefined || /[,;:.)]$/.test(last)) return false;
  if (/^--?[a-z]/i.test(word) || /^--?[a-z][\w-]*$/i.test(last)) return true;
  const begin = before.lastIndexOf('fleet');
  return begin >= 0 && before.length - begin <= commandWords;
}

const wordsIn = (text: string, from: number): Chunk[] =>
  [...text.slice(from).matchAll(/[^ ]+/g)].map(({ index, 0: word }) => ({
    start: from + index,
    end: from + index + word.length,
  }));

function chunksIn(text: string, words: readonly Chunk[]): Chunk[][] {
  const chunks: Chunk[][] = [];
  for (const word of words) {
    const last = chunks.at(-1) ?? [];
    const said = last.map(({ start, end }) => text.slice(start, end));
    if (staysWith(said, text.slice(word.start, word.end))) last.push(word);
    else chunks.push([word]);
  }
  return chunks;
}

/** How far in the lines after the first begin: behind a mark, or below a second column. */
function hangOf(text: string, width: number): number {
  const [lead = '', space = ''] = /^( *)(?:[^\w\s"'([] |\S+ {2,})?/.exec(text) ?? [];
  const hang = columnsOf(lead);
  return hang <= width / 2 ? hang : Math.min(columnsOf(space), width / 2);
}

const columnsFrom = (letters: readonly Letter[], { start, end }: Chunk): number =>
  letters.slice(start, end).reduce((sum, { columns }) => sum + columns, 0);

function foldLine(line: string, width: number): string {
  const letters = lettersOf(line);
  // A letter may be two units of a string long: places are counted in letters.
  const text = letters.map(({ letter }) => (letter.length === 1 ? letter : '\ufffc')).join('');
  const hang = hangOf(text, width);
  const lead = text.length - text.trimStart().length;
  const fits = (chunk: Chunk): boolean => columnsFrom(letters, chunk) <= width - hang;
  const pieces = chunksIn(text, wordsIn(text, lead)).flatMap((words): Chunk[] => {
    const whole = { start: words[0]?.start ?? 0, end: words.at(-1)?.end ?? 0 };
    return fits(whole) ? [whole] : words;
  });
  const lines: Chunk[] = [];
  let current: Chunk | null = null;
  for (const piece of pieces) {
    const longer: Chunk = { start: current === null ? 0 : current.start, end: piece.end };
    const room = lines.length === 0 ? width : width - hang;
    if (current === null || columnsFrom(letters, longer) <= room) current = longer;
    else {
      lines.push(current);
      current = piece;
    }
  }
  if (current !== null) lines.push(current);
  return lines
    .map(
      ({ start, end }, index) =>
        ' '.repeat(index === 0 ? 0 : hang) + paint(letters.slice(start, end)),
    )
    .join('\n');
}

/**
 * Text for a terminal of so many columns: lines that are longer are broken between words, and what
 * follows stands below the text of the first. A word that is longer than a line stays whole, and so
 * does a command of fleet, where it fits on a line. Pure.
 */
export const foldText = (text: string, columns: number): string =>
  text
    .split('\n')
    .map((line) => (columnsOf(line) <= columns ? line : foldLine(line, columns)))
    .join('\n');
