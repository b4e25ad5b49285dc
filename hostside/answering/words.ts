/** Scripts that are written without spaces between words: there a keyword is found anywhere. */
const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const letter = /[\p{L}\p{N}\p{M}_]/u;
const notLetters = /[^\p{L}\p{N}\p{M}_]+/u;

/** Characters of a message that rules look at. What is longer is read to here: the cost of a decision is bounded. */
export const rulesLookAt = 1_000;

/** Text as it is compared: compatible forms joined (full-width letters, ligatures), lower case, single spaces. */
export const foldText = (text: string): string => text.slice(0, rulesLookAt).normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();

const isLetterAt = (text: string, at: number): boolean => at >= 0 && at < text.length && letter.test(text.charAt(at));

/** Whether `word` stands in `text` as a whole word or phrase; both folded. */
export const hasWord = (text: string, word: string): boolean => {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [first, last] = [word.charAt(0), word.charAt(word.length - 1)];
    const startsWord = !letter.test(first) || unspaced.test(first) || !isLetterAt(text, at - 1);
    const endsWord = !letter.test(last) || unspaced.test(last) || !isLetterAt(text, at + word.length);
    if (startsWord && endsWord) return true;
  }
  return false;
};

/** The whole words of a folded text. */
export const wordsOf = (text: string): ReadonlySet<string> => new Set(text.split(notLetters));

/** Whether a folded keyword is one word that {@link wordsOf} finds; otherwise {@link hasWord} has to look for it. */
export const isSingleWord = (word: string): boolean => !notLetters.test(word) && !unspaced.test(word);

/** Characters that show nothing or only change how others look: format characters, variation selectors, fillers, keycaps. */
const unseen =
  /\p{Cf}|\p{Cc}|[\ufe00-\ufe0f]|[\u{e0100}-\u{e01ef}]|\u034f|[\u115f\u1160]|[\u17b4\u17b5]|[\u180b-\u180f]|[\u2800\u3164\uffa0]|[\u{1f3fb}-\u{1f3ff}]/gu;
/** Marks that are laid over letters of alphabets: accents, strokes, enclosures, the points of Arabic and Hebrew. Vowel signs of other scripts are letters. */
const marks =
  /[\u0300-\u036f]|[\u0483-\u0489]|[\u0591-\u05c7]|[\u0610-\u061a]|\u0640|[\u064b-\u065f]|\u0670|[\u06d6-\u06ed]|[\u1ab0-\u1aff]|[\u1dc0-\u1dff]|[\u20d0-\u20ff]|[\ufe20-\ufe2f]/gu;
/** Letters in squares and circles, and flags, that Unicode does not join to their letter: the first of each row of 26. */
const boxed = [0x1f150, 0x1f170, 0x1f1e6] as const;
const boxedLetter = /[\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}\u{1f1e6}-\u{1f1ff}]/gu;

const unboxed = (letter: string): string => {
  const code = letter.codePointAt(0) ?? 0;
  const first = boxed.find((row) => code >= row && code < row + 26) ?? code;
  return String.fromCharCode(97 + code - first);
};

/**
 * What is left of a text for comparing single words: compatible forms and widths joined, lower case, without what cannot be seen and without
 * marks over letters. The same for the words that are looked for.
 */
export const skeletonOf = (text: string): string =>
  text
    .slice(0, 4_096)
    .replace(/[\t\n\r]+/g, ' ')
    .replace(unseen, '')
    .replace(boxedLetter, unboxed)
    .normalize('NFKD')
    .toLowerCase()
    .normalize('NFKD')
    .replace(unseen, '')
    .replace(marks, '')
    .replace(/\s+/gu, ' ')
    .trim();

const longestBare = 200;

/** Folded `text` without mentions, a leading slash and what is no letter at both ends: "@anna  STOP!!" is "stop". */
export const bareText = (folded: string): string =>
  folded
    .slice(0, longestBare)
    .replace(/@[\p{L}\p{N}_]+/gu, ' ')
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}\p{M}]+$/gu, '')
    .replace(/ +/g, ' ');

/** Usernames that a text mentions, lower case, in order. */
export const mentionedNames = (text: string): readonly string[] =>
  [...text.slice(0, rulesLookAt).matchAll(/(?<![\w@/.])@([a-z][a-z0-9_]{3,31})(?!\w)/gi)].map((match) => (match[1] ?? '').toLowerCase());
