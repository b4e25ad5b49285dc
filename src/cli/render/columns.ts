import { withoutColours } from '../style.ts';

/** Characters that terminals draw two columns wide (East Asian, emoji), and those that take none. */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;
const without = /^(?:\p{Mn}|[\u200b-\u200f])$/u;

/** How many columns of a terminal the text takes. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const character of withoutColours(text))
    columns += character < '\u0300' ? 1 : without.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}
