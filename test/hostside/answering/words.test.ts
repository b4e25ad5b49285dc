import { expect, test } from 'vitest';
import {
  cutText,
  fillTemplate,
  greetedNames,
  safeName,
  withDisclosure,
} from '../../../hostside/answering/compose.ts';
import { clockIn, openAt } from '../../../hostside/answering/hours.ts';
import {
  foldText,
  hasWord,
  isSingleWord,
  mentionedNames,
  wishIn,
  wordsOf,
} from '../../../hostside/answering/words.ts';
import { user } from './fixtures.ts';

test('keywords are whole words, without regard to case and form of letters', () => {
  const has = (text: string, word: string) => {
    const [folded, wanted] = [foldText(text), foldText(word)];
    if (isSingleWord(wanted)) expect(wordsOf(folded).has(wanted)).toBe(hasWord(folded, wanted));
    return hasWord(folded, wanted);
  };
  for (const [text, word] of [
    ['What is the PRICE?', 'price'],
    ['ｐｒｉｃｅ', 'price'],
    ['a price_list and a price', 'price'],
    ['opening  hours\ntoday', 'opening hours'],
    ['Сколько СТОИТ?', 'стоит'],
    ['请问价格多少', '价格'],
    ['C++ or not', 'c++'],
    ['na\u0131ve na\u00efve', 'nai\u0308ve'],
  ] as const)
    expect([text, has(text, word)]).toEqual([text, true]);
  for (const [text, word] of [
    ['priceless', 'price'],
    ['price_list', 'price'],
    ['enterprice', 'price'],
    ['', 'price'],
    ['überprice', 'price'],
  ] as const)
    expect([text, has(text, word)]).toEqual([text, false]);
});

test('an opt-out is a message that is nothing else', () => {
  const bare = wishIn;
  for (const text of [
    'stop',
    '/stop',
    '@anna_helps  STOP!!',
    ' Stop. ',
    '“stop”',
    'stop @anna_helps',
  ])
    expect([text, bare(text)]).toEqual([text, 'stop']);
  for (const text of ['stop it', "don't stop"]) expect(bare(text)).not.toBe('stop');
});

test('mentions', () => {
  expect(mentionedNames('@Anna_helps, ask @ben12 (@ab) mail@example.com @@no1234 t.me/@x')).toEqual(
    ['anna_helps', 'ben12'],
  );
});

test('names that people chose bring neither mentions nor links nor hidden characters', () => {
  expect(safeName('@all\u202e https://evil.com\n')).toBe('all https evil com');
  expect(safeName('x'.repeat(100))).toHaveLength(64);
  expect(
    greetedNames([
      user('1', { firstName: '' }),
      user('2', { firstName: '', username: 'ben' }),
      user('3'),
      user('4'),
    ]),
  ).toBe('ben, User 3');
});

test('templates fill what they know', () => {
  const values = {
    first_name: 'Eva',
    username: 'eva',
    group: 'Garden',
    time: '12:00',
    account: 'Anna',
  };
  expect(
    fillTemplate(
      'Hi {{ first_name }} ({{username}}) in {{group}} at {{time}}, {{account}} {{other}}',
      values,
    ),
  ).toBe('Hi Eva (eva) in Garden at 12:00, Anna {{other}}');
});

test('long answers are cut, the disclosure is not', () => {
  expect(cutText('short', 10)).toBe('short');
  expect(cutText('one two three four', 16)).toBe('one two three…');
  expect(cutText('😀'.repeat(10), 6)).toBe('😀😀…');
  const sent = withDisclosure('word '.repeat(2_000), 'I am an assistant.');
  expect(sent.length).toBeLessThanOrEqual(4_096);
  expect(sent.endsWith('…\n\nI am an assistant.')).toBe(true);
});

test('hours are those on the wall clock: summer time, midnight, the end of the day', () => {
  const at = (iso: string, from: number, to: number, timeZone = 'Europe/Berlin') =>
    openAt({
      timeZone,
      spans: [0, 1, 2, 3, 4, 5, 6].map((day) => ({ day, from, to })),
      holidays: ['2026-12-25'],
    })(Date.parse(iso));
  expect(at('2026-03-28T07:59:00Z', 540, 1080)).toBe('hours');
  expect(at('2026-03-28T08:00:00Z', 540, 1080)).toBe('open');
  // The night after it: clocks go forward.
  expect(at('2026-03-29T06:59:00Z', 540, 1080)).toBe('hours');
  expect(at('2026-03-29T07:00:00Z', 540, 1080)).toBe('open');
  // 02:30 happens twice in October, and is within both times.
  expect(at('2026-10-25T00:30:00Z', 150, 151)).toBe('open');
  expect(at('2026-10-25T01:30:00Z', 150, 151)).toBe('open');
  expect(at('2026-12-24T22:59:00Z', 0, 1440)).toBe('open');
  expect(at('2026-12-24T23:00:00Z', 0, 1440)).toBe('holiday');
  expect(at('2026-12-24T23:00:00Z', 0, 1440, 'America/New_York')).toBe('open');
  expect(
    openAt({ timeZone: 'UTC', spans: [{ day: 4, from: 0, to: 1440 }], holidays: [] })(
      Date.UTC(2026, 10, 25, 23, 59),
    ),
  ).toBe('hours');
  expect(clockIn('Asia/Kolkata')(Date.UTC(2026, 10, 25, 18, 45))).toBe('00:15');
});
