import { expect, test } from 'vitest';
import { wishIn, wishWords } from '../../../hostside/answering/words.ts';
import { standardOptOut } from '../../../src/scripts/defaults.ts';

const words = wishWords(standardOptOut.words);
const isOptOut = (text: string): boolean => words.has(wishIn(text));

const lettersOf = (word: string): readonly string[] =>
  [...new Intl.Segmenter().segment(word)]
    .map(({ segment }) => segment)
    .filter((letter) => /\p{L}/u.test(letter));

/** Ways in which the same word arrives. */
const guises: readonly (readonly [string, (word: string) => string])[] = [
  ['as it is', (word) => word],
  ['upper case', (word) => word.toUpperCase()],
  ['with marks around', (word) => `  "${word}" !!! 🛑`],
  ['with an emoji and its selector', (word) => `${word}\u270b\ufe0f`],
  ['with a selector inside', (word) => [...word].join('\ufe0f')],
  ['with zero-width spaces', (word) => [...word].join('\u200b')],
  ['with joiners', (word) => [...word].join('\u2060')],
  ['with soft hyphens', (word) => [...word].join('\u00ad')],
  ['with bidirectional marks', (word) => `\u202e${word}\u202c\u200f`],
  ['with a byte order mark', (word) => `\ufeff${word}`],
  ['with fillers', (word) => [...word].join('\u3164')],
  ['with tags', (word) => `${word}\u{e0001}\u{e007f}`],
  [
    'struck through',
    (word) => [...word].map((letter) => (letter === ' ' ? letter : `${letter}\u0336`)).join(''),
  ],
  ['decomposed', (word) => word.normalize('NFD')],
  ['behind a mention', (word) => `@some_account ${word}`],
  ['behind a thousand blanks', (word) => `${'\u200b'.repeat(1_500)}${word}`],
  ['letter by letter', (word) => lettersOf(word).join(' ')],
  ['over several lines', (word) => `\n${word}\n`],
];

const everyCharacter = Array.from({ length: 0x110000 }, (_, code) => code)
  .filter((code) => code < 0xd800 || code > 0xdfff)
  .map((code) => String.fromCodePoint(code));
const between = (word: string, what: string): string => [...word].join(what);
const scriptsOf = (text: string): readonly RegExp[] =>
  ['Devanagari', 'Bengali', 'Thai', 'Hiragana', 'Katakana']
    .map((script) => new RegExp(`\\p{Script_Extensions=${script}}`, 'u'))
    .filter((script) => script.test(text));

test('every character that is invisible in Unicode, in every language', () => {
  const unseen = everyCharacter.filter((letter) =>
    /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Variation_Selector}]/u.test(letter),
  );
  expect(unseen.length).toBeGreaterThan(4_000);
  const missed = standardOptOut.words.flatMap((word) =>
    unseen.filter((letter) => !isOptOut(between(word, letter))),
  );
  expect(missed.map((letter) => letter.codePointAt(0)?.toString(16))).toEqual([]);
});

test('every mark of Unicode over every letter, except the signs of the own script', () => {
  const marks = everyCharacter.filter((letter) => /\p{M}/u.test(letter));
  expect(marks.length).toBeGreaterThan(2_000);
  const missed = standardOptOut.words.flatMap((word) => {
    const own = scriptsOf(word);
    return marks.filter(
      (mark) =>
        !own.some((script) => script.test(mark)) &&
        !isOptOut([...word].map((letter) => letter + mark).join('')),
    );
  });
  expect(missed.map((letter) => letter.codePointAt(0)?.toString(16))).toEqual([]);
});

test('every width and form of every letter', () => {
  const forms = new Map<string, string[]>();
  for (const letter of everyCharacter) {
    const plain = letter.normalize('NFKD').toLowerCase();
    if (plain !== letter) forms.set(plain, [...(forms.get(plain) ?? []), letter]);
  }
  const missed = standardOptOut.words.flatMap((word) =>
    [...word].flatMap((letter, at) =>
      (forms.get(letter) ?? [])
        .map((form) => [...word].with(at, form).join(''))
        .filter((text) => !isOptOut(text)),
    ),
  );
  expect(missed).toEqual([]);
});

test.each(guises)('%s, in every language', (_name, guise) => {
  expect(standardOptOut.words.filter((word) => !isOptOut(guise(word)))).toEqual([]);
});

test.each([
  'ｓｔｏｐ',
  'ⓢⓣⓞⓟ',
  '𝐒𝐓𝐎𝐏',
  '🅂🅃🄾🄿',
  '🆂🆃🅾🅿',
  '🇸🇹🇴🇵',
  'S\u20e3T\u20e3O\u20e3P\u20e3',
  's.t.o.p',
  'S-T-O-P',
  's\u200at\u200ao\u200ap',
  'ŚTÖP',
  'ﺗﻮﻗﻒ',
])('%s', (text) => {
  expect(isOptOut(text)).toBe(true);
});

test.each([
  'please do not stop',
  'stop it now please',
  'nonstop',
  'top',
  '',
  '🛑',
  'रोको मत',
  'रूको मत',
  'หยด',
  's t o',
  'a b',
])('%s is none', (text) => {
  expect(isOptOut(text)).toBe(false);
});
