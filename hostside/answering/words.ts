/** Scripts that are written without spaces between words: there a keyword is found anywhere. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const letter = /[\p{L}\p{N}\p{M}_]/u;
const notLetters = /[^\p{L}\p{N}\p{M}_]+/u;

/**
 * Characters of a message that rules look at. What is longer is read to here: the cost of a
 * decision is bounded.
 */
export const rulesLookAt = 1_000;

/**
 * Text as it is compared: compatible forms joined (full-width letters, ligatures), lower case,
 * single spaces.
 */
export const foldText = (text: string): string =>
  text.slice(0, rulesLookAt).normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();

const isLetterAt = (text: string, at: number): boolean =>
  at >= 0 && at < text.length && letter.test(text.charAt(at));

/** Whether `word` stands in `text` as a whole word or phrase; both folded. */
export const hasWord = (text: string, word: string): boolean => {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [first, last] = [word.charAt(0), word.charAt(word.length - 1)];
    const startsWord = !letter.test(first) || unspaced.test(first) || !isLetterAt(text, at - 1);
    const endsWord =
      !letter.test(last) || unspaced.test(last) || !isLetterAt(text, at + word.length);
    if (startsWord && endsWord) return true;
  }
  return false;
};

/** The whole words of a folded text. */
export const wordsOf = (text: string): ReadonlySet<string> => new Set(text.split(notLetters));

/**
 * Whether a folded keyword is one word that {@link wordsOf} finds; otherwise {@link hasWord} has to
 * look for it.
 */
export const isSingleWord = (word: string): boolean =>
  !notLetters.test(word) && !unspaced.test(word);

/**
 * Characters that show nothing or only change how others look: format characters, variation
 * selectors, fillers, keycaps, also those of tomorrow.
 */
const unseen =
  /\p{Default_Ignorable_Code_Point}|\p{Cf}|\p{Cc}|[\ufe00-\ufe0f]|\u034f|[\u115f\u1160]|[\u17b4\u17b5]|[\u180b-\u180f]|[\u2800\u3164\uffa0]|[\u{1f3fb}-\u{1f3ff}]/gu;
/**
 * Letters of these scripts have signs of their own for vowels and tones, which are as much as
 * letters. In all others a mark is laid over its letter.
 */
const signed = (
  'Devanagari Bengali Gurmukhi Gujarati Oriya Tamil Telugu Kannada Malayalam Sinhala Thai ' +
  'Lao Tibetan Myanmar Khmer Hiragana Katakana'
)
  .split(' ')
  .map((script) => ({
    letter: new RegExp(`\\p{Script=${script}}`, 'u'),
    mark: new RegExp(`\\p{Script_Extensions=${script}}`, 'u'),
  }));
/** Of those signs the ones that only stress: of the Vedas, and the dot below for foreign sounds. */
const stress = /[\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc\u0951-\u0954\u1cd0-\u1cff\ua8e0-\ua8f1]/u;
const withMarks = /(\P{M}?)(\p{M}+)/gu;

const withoutMarks = (text: string): string =>
  text.replace(withMarks, (_all, letter: string, marks: string) => {
    const script = signed.find((known) => known.letter.test(letter));
    return script === undefined
      ? letter
      : letter + [...marks].filter((mark) => script.mark.test(mark) && !stress.test(mark)).join('');
  });

/**
 * Letters in squares and circles, and flags, that Unicode does not join to their letter: the first
 * of each row of 26.
 */
const boxed = [0x1f150, 0x1f170, 0x1f1e6] as const;
const boxedLetter = /[\u{1f150}-\u{1f169}\u{1f170}-\u{1f189}\u{1f1e6}-\u{1f1ff}]/gu;

const unboxed = (letter: string): string => {
  const code = letter.codePointAt(0) ?? 0;
  const first = boxed.find((row) => code >= row && code < row + 26) ?? code;
  return String.fromCharCode(97 + code - first);
};

/**
 * What is left of a text for comparing single words: compatible forms and widths joined, lower
 * case, without what cannot be seen and without
 * marks over letters. The same for the words that are looked for.
 */
const skeletonOf = (text: string): string =>
  text
    .slice(0, 4_096)
    .replace(/[\t\n\r]+/g, ' ')
    .replace(unseen, '')
    .replace(boxedLetter, unboxed)
    .normalize('NFKD')
    .toLowerCase()
    .normalize('NFKD')
    .replace(unseen, '')
    .split(/\s+/u)
    .map(withoutMarks)
    .join(' ')
    .trim();

const longestBare = 200;

/**
 * Folded `text` without mentions, a leading slash and what is no letter at both ends: "@anna
 * STOP!!" is "stop".
 */
const bareText = (folded: string): string =>
  folded
    .slice(0, longestBare)
    .replace(/@[\p{L}\p{N}_]+/gu, ' ')
    .replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}\p{M}]+$/gu, '')
    .replace(/ +/g, ' ');

/** A letter with its marks, a syllable of Hangul in parts. */
const oneLetter = '(?:[\\u1100-\\u11ff]{1,3}|\\p{L}\\p{M}*)';
const spelled = new RegExp(`^${oneLetter}(?:[^\\p{L}\\p{N}\\p{M}]+${oneLetter})+$`, 'u');
const joined = (text: string): string => text.replace(/[^\p{L}\p{N}\p{M}]+/gu, '');

/**
 * What a message says when it is nothing but a wish, in every guise: as {@link wishWords} has it.
 * Letter by letter ("s t o p", "s.t.o.p") it is the word.
 */
export const wishIn = (text: string): string => {
  const bare = bareText(skeletonOf(text));
  return spelled.test(bare) ? joined(bare) : bare;
};

/** Words and phrases as {@link wishIn} finds them, phrases also without their spaces. */
export const wishWords = (words: readonly string[]): ReadonlySet<string> =>
  new Set(words.map(skeletonOf).flatMap((word) => [word, joined(word)]));

/** Usernames that a text mentions, lower case, in order. */
export const mentionedNames = (text: string): readonly string[] =>
  [...text.slice(0, rulesLookAt).matchAll(/(?<![\w@/.])@([a-z][a-z0-9_]{3,31})(?!\w)/gi)].map(
    (match) => (match[1] ?? '').toLowerCase(),
  );
