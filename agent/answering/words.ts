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
