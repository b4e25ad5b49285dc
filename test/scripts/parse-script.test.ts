import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import { type ParsedScript, parseScript } from '../../src/scripts/parse-script.ts';

const parsed = (text: string): ParsedScript => parseScript('test', text, 's.yaml');

const problemsOf = (text: string): readonly string[] => {
  try {
    parsed(text);
  } catch (error) {
    if (error instanceof FleetError && error.code === 'inventory')
      return error.problems.map((each) => each.replace(/^s\.yaml:/, ''));
    throw error;
  }
  return [];
};

const rules = (text: string): string => `version: 1\nrules:\n  - ${text}\n`;

test('the least script has the documented defaults: opt-out, disclosure and delay are on, bots and the fleet are not answered', () => {
  const { script, systemPrompt, description } = parsed(rules('{ on: joined, say: Hello }'));
  expect(script).toMatchObject({
    name: 'test',
    hours: null,
    delay: { leastMs: 2_000, mostMs: 6_000, isTyping: true },
    handover: null,
    answersBots: false,
    answersFleet: false,
    staleAfterMs: 300_000,
    rules: [
      {
        name: 'rule-1',
        trigger: { kind: 'joined' },
        conditions: { chats: [], senders: [], languages: [], probability: 1 },
        answer: { kind: 'text', texts: ['Hello'] },
      },
    ],
  });
  expect(script.optOut.words).toContain('стоп');
  expect(script.disclosure).toMatch(/automated assistant/);
  expect([systemPrompt, description]).toEqual(['', null]);
});

test('everything that can be said is taken over', () => {
  const { script } = parsed(`version: 1
system_prompt: Be kind.
hours: { time_zone: Europe/Berlin, days: { fri-mon: "09:00-12:30, 13:00-24:00" }, holidays: [2026-12-25] }
delay: { least: 10s }
opt_out: off
disclosure: off
stale_after: 1h
answers_bots: true
handover: { words: [human], answer: A person comes. }
rules:
  - { name: a, on: { keyword: hi }, say: [one, two], when: { chats: [-1001], senders: ["@Eva", 5], languages: [de], probability: 0.5 } }
  - { on: { pattern: 'a+' }, ask_model: Be short. }
  - { on: { command: help }, ask_model: { links: true } }
  - { on: any, silent: true }
`);
  expect(script.hours?.spans.map(({ day, from, to }) => [day, from, to])).toEqual(
    [5, 6, 0, 1].flatMap((day) => [
      [day, 540, 750],
      [day, 780, 1440],
    ]),
  );
  expect(script).toMatchObject({
    delay: { leastMs: 10_000, mostMs: 10_000 },
    optOut: { words: [], backWords: [], answer: null },
    disclosure: null,
    handover: { silentMs: 86_400_000 },
    answersBots: true,
  });
  expect(script.rules.map(({ trigger, answer }) => [trigger, answer])).toEqual([
    [
      { kind: 'keyword', words: ['hi'] },
      { kind: 'text', texts: ['one', 'two'] },
    ],
    [
      { kind: 'pattern', source: 'a+' },
      { kind: 'model', instructions: 'Be short.', allowsLinks: false },
    ],
    [
      { kind: 'command', name: 'help' },
      { kind: 'model', instructions: null, allowsLinks: true },
    ],
    [{ kind: 'any' }, { kind: 'none' }],
  ]);
  expect(script.rules[0]?.conditions).toEqual({
    chats: ['-1001'],
    senders: ['Eva', '5'],
    languages: ['de'],
    probability: 0.5,
  });
});

describe('every mistake is named with its line and what was probably meant', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['', '1:1 version: this key is missing; it must be 1, the only version of this format'],
    [
      `${rules('{ on: joined, say: x }')}delai: {}`,
      '4:1 delai: unknown key (did you mean "delay"?)',
    ],
    [
      rules('{ on: join, say: x }'),
      '3:11 rules[0].on: must be one of mention, reply, joined, any, or { keyword: [...] ' +
        '}, { pattern: "..." } or { command: ... }, not "join"',
    ],
    [
      rules('{ on: { keywrod: [x] }, say: x }'),
      '3:13 rules[0].on.keywrod: unknown key (did you mean "keyword"?)',
    ],
    [
      rules('{ on: { keyword: x, command: y }, say: x }'),
      '3:34 rules[0].on.command: a rule has one trigger, and "keyword" is it; make a second rule',
    ],
    [rules('{ on: {}, say: x }'), '3:11 rules[0].on: one of keyword, pattern, command is missing'],
    [rules('{ on: joined }'), '3:5 rules[0]: a rule needs one of say, ask_model, silent'],
    [
      rules('{ on: joined, say: x, silent: true }'),
      '3:35 rules[0].silent: a rule has only one of say, ask_model, silent; "say" is given too',
    ],
    [
      rules('{ on: joined, say: "Hi {{firstname}}" }'),
      '3:24 rules[0].say: no variable is called "firstname" (did you mean "first_name"?)',
    ],
    [
      rules('{ on: joined, say: [x, "{{what}}"] }'),
      '3:28 rules[0].say[1]: no variable is called "what"; there are first_name, ' +
        'username, group, time, account',
    ],
    [
      rules("{ on: { pattern: 'a(?!b)' }, say: x }"),
      '3:22 rules[0].on.pattern: must be a pattern that can be matched in bounded time: ' +
        'this one looks ahead or behind ((?=, (?!, (?<=, (?<!), which cannot be bounded; ' +
        'split it into two rules, not "a(?!b)"',
    ],
    [
      rules("{ on: { pattern: '(' }, say: x }"),
      '3:22 rules[0].on.pattern: must be a pattern that can be matched in bounded time: ' +
        'this one is not a regular expression of JavaScript (flags iu): check brackets and ' +
        'backslashes, not "("',
    ],
    [
      `${rules('{ on: any, say: x }')}  - { on: mention, say: y }`,
      '4:5 rules[1]: this rule is never reached: one above it takes every message (on: any)',
    ],
    [
      `${rules('{ name: a, on: reply, say: x }')}  - { name: a, on: mention, say: y }`,
      '4:13 rules[1].name: a rule is called "a" already',
    ],
    [
      `${rules('{ on: joined, say: x }')}hours: { time_zone: Europe/Berln, days: { mon: ` +
        '09:00-18:00 } }',
      '4:21 hours.time_zone: no time zone is called "Europe/Berln" (did you mean "Europe/Berlin"?)',
    ],
    [
      `${rules('{ on: joined, say: x }')}hours: { time_zone: UTC, days: { mon: 22:00-06:00 } }`,
      '4:39 hours.days.mon: must be hours such as 09:00-18:00 (up to 24:00), several ' +
        'parted by commas, not over midnight, not "22:00-06:00"',
    ],
    [
      `${rules('{ on: joined, say: x }')}hours: { time_zone: UTC, days: { moon: 09:00-18:00 } }`,
      '4:34 hours.days.moon: bad name: days such as mon, mon-fri or sat,sun',
    ],
    [
      `${rules('{ on: joined, say: x }')}hours: { time_zone: UTC, days: {}, holidays: ` +
        '[2026-02-30] }',
      '4:47 hours.holidays[0]: must be a day such as 2026-12-25, not "2026-02-30"',
    ],
  ];
  test.each(cases)('%j', (text, problem) => {
    expect(problemsOf(text)).toContain(problem);
  });
});

describe('the scripts that ship', () => {
  const folder = new URL('../../templates/scripts/', import.meta.url);
  const files = readdirSync(folder).filter(
    (file) => file.endsWith('.yaml') && !file.endsWith('.transcript.yaml'),
  );
  const texts = files.map((file) => readFileSync(new URL(file, folder), 'utf8'));

  test.each(files.map((file, index) => [file, texts[index] ?? ''] as const))(
    '%s is sound',
    (file, text) => {
      expect(parseScript(file, text, file).description).toBeTruthy();
    },
  );

  test('together they show every key, and docs/scripts.md explains each', () => {
    const docs = readFileSync(new URL('../../docs/scripts.md', import.meta.url), 'utf8');
    const keys = [
      'version',
      'description',
      'system_prompt',
      'hours',
      'time_zone',
      'days',
      'holidays',
      'delay',
      'least',
      'most',
      'typing',
      'opt_out',
      'words',
      'back_words',
      'answer',
      'disclosure',
    ];
    keys.push(
      'handover',
      'silent',
      'stale_after',
      'answers_bots',
      'answers_fleet',
      'rules',
      'name',
      'on',
      'keyword',
      'pattern',
      'command',
      'when',
      'chats',
      'senders',
      'languages',
      'probability',
    );
    keys.push('say', 'ask_model', 'instructions', 'links');
    for (const key of keys) {
      expect([key, texts.some((text) => new RegExp(`\\b${key}:`).test(text))]).toEqual([key, true]);
      expect([key, docs.includes(`\`${key}\``)]).toEqual([key, true]);
    }
  });
});
