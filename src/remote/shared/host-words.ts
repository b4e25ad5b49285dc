/** Characters of another side's words that a message quotes at most. */
const MAX_QUOTE = 240;
const MAX_LINES = 3;

/**
 * The last words of another side (a host, a jump host, sshd, sudo) for a message: up to three lines
 * as one, nothing in it that moves a cursor,
 * the end kept where it is too long. Empty when nothing was said.
 */
export function lastWords(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => shown(line).replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '');
  const last = lines.slice(-MAX_LINES).join(' / ');
  const letters = [...last];
  return letters.length > MAX_QUOTE ? `... ${letters.slice(-MAX_QUOTE).join('')}` : last;
}

/** ` It said: ...` for the end of a message, or nothing. */
export function itSaid(text: string): string {
  const words = lastWords(text);
  return words === '' ? '' : `. It said: ${words}`;
}

/**
 * Control and format characters (also those that turn the direction of text) as `\u....`; tabs as
 * blanks.
 */
function shown(line: string): string {
  return line.replaceAll('\t', ' ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (letter) => {
    return `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
