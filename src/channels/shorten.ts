/** What one text takes of a limit; of several texts it is the sum. */
export type SizeOf = (text: string) => number;

/** UTF-16 units, as Telegram counts. */
export const unitsOf: SizeOf = (text) => text.length;
export const bytesOf: SizeOf = (text) => Buffer.byteLength(text);

const letters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/**
 * The text in at most `limit`, with `note` at its end where something is missing: cut between
 * lines, and within a line that is too long by itself, between what people read as one letter.
 * Pure.
 */
export function shorten(
  text: string,
  limit: number,
  note: string,
  sizeOf: SizeOf = unitsOf,
): string {
  if (sizeOf(text) <= limit) return text;
  const end = `\n${note}`;
  const room = limit - sizeOf(end);
  let [kept, size] = ['', 0];
  for (const line of text.split('\n')) {
    const next = kept === '' ? line : `\n${line}`;
    if (size + sizeOf(next) > room) {
      if (size < room / 2) kept += begin(next, room - size, sizeOf);
      break;
    }
    kept += next;
    size += sizeOf(next);
  }
  return `${kept}${end}`;
}

function begin(line: string, room: number, sizeOf: SizeOf): string {
  let [kept, size] = ['', 0];
  for (const { segment } of letters.segment(line)) {
    size += sizeOf(segment);
    if (size > room) break;
    kept += segment;
  }
  return kept;
}
