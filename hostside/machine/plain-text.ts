/**
 * Control and format characters, and what only looks like a space: they move a cursor, turn the
 * direction round or hide.
 */
const unseen = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/**
 * Words of a worker as one line of at most `most` characters, with what cannot be seen written out
 * (`\u{1b}`).
 */
export const plainText = (text: string, most: number): string => {
  const plain = text
    .slice(0, most)
    .replace(unseen, (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`);
  return plain.length <= most ? plain : `${plain.slice(0, most - 3)}...`;
};
