/**
 * What draws nothing, moves the cursor, turns the direction of text or stands for nothing; a line's
 * end and a tab are text.
 */
const hidden = '(?![\\n\\t])[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Default_Ignorable_Code_Point}]';
const emoji = '\\p{Extended_Pictographic}(?:\\ufe0f|[\\u{1f3fb}-\\u{1f3ff}])?';
/**
 * One picture of several joined emoji, a key cap, a flood of marks on one letter, or one character
 * that is hidden.
 */
const suspect = new RegExp(
  `(${emoji}(?:\\u200d${emoji}){0,5}|[#*0-9]\\ufe0f\\u20e3)|([\\p{M}]{5,})|${hidden}`,
  'gu',
);
const everyHidden = new RegExp(hidden, 'gu');
const plain = /^[\n\t\x20-\x7e]*$/;
/** Marks that one letter keeps; real languages put up to four on one. */
const marksKept = 4;

const escaped = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
};

/**
 * A text of anybody as it may stand on a terminal: control characters (C0 but for line ends and
 * tabs, C1), format characters (bidi, zero-width, tags), fillers
 * and lone surrogates as `\x1b` or `\u{202e}`, a flood of combining marks cut. Emoji that are
 * joined stay whole. Pure; safe to repeat.
 */
export function visible(text: string): string {
  if (plain.test(text)) return text;
  return text
    .replaceAll('\r\n', '\n')
    .replace(suspect, (found, joined?: string, marks?: string) => {
      if (joined !== undefined) return found;
      if (marks === undefined) return escaped(found);
      const all = [...marks];
      return (
        `${all.slice(0, marksKept).join('').replace(everyHidden, escaped)}` +
        `(${all.length - marksKept} more marks)`
      );
    });
}

/** The same in one line: line ends, too, are seen as such. Pure. */
export const visibleLine = (text: string): string =>
  visible(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');

/**
 * Without what the log of a pipeline would obey: `::command::` at the beginning of a line (GitHub),
 * `##[command]` anywhere (GitHub, Azure), `##teamcity[`.
 * GitLab's section markers need control characters. Pure.
 */
export const disarmed = (text: string): string =>
  text.replace(/^(\s*):(?=:)/gm, '$1\\x3a').replace(/##(?=\w{0,16}\[)/g, '#\\x23');

/**
 * JSON text whose strings hold nothing that a terminal or a pipeline obeys; the values are the
 * same. Pure.
 */
export const visibleJson = (json: string): string => {
  if (plain.test(json) && !json.includes('##')) return json;
  const units = (character: string): string =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
      .join('');
  return json.replace(everyHidden, units).replace(/##(?=\w{0,16}\[)/g, '#\\u0023');
};
