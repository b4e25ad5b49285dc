import { expect, test } from 'vitest';
import { bareText, skeletonOf } from '../../../hostside/answering/words.ts';
import { standardOptOut } from '../../../src/scripts/defaults.ts';

const words = new Set(standardOptOut.words.map(skeletonOf));
const isOptOut = (text: string): boolean => words.has(bareText(skeletonOf(text)));

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
  ['struck through', (word) => [...word].map((letter) => (letter === ' ' ? letter : `${letter}\u0336`)).join('')],
  ['decomposed', (word) => word.normalize('NFD')],
  ['behind a mention', (word) => `@some_account ${word}`],
  ['behind a thousand blanks', (word) => `${'\u200b'.repeat(1_500)}${word}`],
  ['over several lines', (word) => `\n${word}\n`],
];

test.each(guises)('%s, in every language', (_name, guise) => {
  expect(standardOptOut.words.filter((word) => !isOptOut(guise(word)))).toEqual([]);
});

test.each(['ｓｔｏｐ', 'ⓢⓣⓞⓟ', '𝐒𝐓𝐎𝐏', '🅂🅃🄾🄿', '🆂🆃🅾🅿', '🇸🇹🇴🇵', 'S\u20e3T\u20e3O\u20e3P\u20e3', 'ŚTÖP', 'ﺗﻮﻗﻒ'])('%s', (text) => {
  expect(isOptOut(text)).toBe(true);
});

test.each(['please do not stop', 'stop it now please', 'nonstop', 'top', '', '🛑', 'रोको मत'])('%s is none', (text) => {
  expect(isOptOut(text)).toBe(false);
});
