import * as z from 'zod';
import { compilePattern } from '../../hostside/answering/pattern.ts';
import { PatternMistake } from '../../hostside/answering/pattern-parts.ts';
import {
  decimal,
  duration,
  flag,
  listOf,
  mapping,
  matching,
  named,
  word,
} from '../inventory/schema/schema-leaves.ts';

/** Not more than Telegram takes, with room for the disclosure. */
const longestText = 3_500;
const text = () => matching(/^[^\0]{1,3500}$/, `text of 1 to ${longestText} characters`);
const phrase = () =>
  matching(/^[^\0]*[^\s\0][^\0]*$/, 'a word or phrase of at most 64 characters').max(64, {
    error: 'a word or phrase of at most 64 characters',
  });
const phrases = () =>
  listOf(phrase())
    .min(1, { error: 'a list with at least one word or phrase' })
    .max(200, { error: 'a list of at most 200 words' });
const off = () => z.literal('off');

const patternError = (issue: { readonly input?: unknown }): string => {
  try {
    if (typeof issue.input === 'string') compilePattern(issue.input);
  } catch (error) {
    if (error instanceof PatternMistake)
      return `a pattern that can be matched in bounded time: this one ${error.message}`;
  }
  return 'a regular expression of at most 500 characters';
};

const isPattern = (source: string): boolean => {
  try {
    compilePattern(source);
    return true;
  } catch {
    return false;
  }
};

const pattern = () =>
  z
    .string({ error: 'a regular expression of at most 500 characters' })
    .max(500, { error: 'a regular expression of at most 500 characters' })
    .refine(isPattern, { error: patternError });

const simpleTriggers = ['mention', 'reply', 'joined', 'any'] as const;

const trigger = () =>
  z.union(
    [
      z.enum(simpleTriggers),
      mapping({
        keyword: z.union([phrase(), phrases()], { error: 'a word, or a list of words' }).optional(),
        pattern: pattern().optional(),
        command: matching(
          /^[a-z][a-z0-9_]{0,31}$/i,
          'the name of a command without "/": letters, digits and "_"',
        ).optional(),
      }),
    ],
    {
      error:
        `one of ${simpleTriggers.join(', ')}, or { keyword: [...] }, { pattern: "..." } or { ` +
        'command: ... }',
    },
  );

const chatId = () =>
  z
    .union([z.int(), z.string().regex(/^-\d{1,16}$/)], {
      error: 'the id of a group such as -1001234567890',
    })
    .transform(String);
const sender = () =>
  z
    .union([z.int().min(1), z.string().regex(/^@?[A-Za-z0-9_]{1,64}$/)], {
      error: 'the id of a user, or a username',
    })
    .transform((value) => String(value).replace(/^@/, ''));

const rule = () =>
  mapping({
    name: word('a name').optional(),
    on: trigger(),
    when: mapping({
      chats: listOf(chatId()).optional(),
      senders: listOf(sender()).optional(),
      languages: listOf(
        matching(/^[a-z]{2,3}$/, 'a language of two letters such as en'),
      ).optional(),
      probability: decimal(0, 1).optional(),
    }).optional(),
    say: z
      .union([text(), listOf(text()).min(1, { error: 'a list with at least one text' })], {
        error: 'a text, or a list of texts that take turns',
      })
      .optional(),
    ask_model: z
      .union(
        [
          z.literal(true),
          text(),
          mapping({ instructions: text().optional(), links: flag().optional() }),
        ],
        {
          error: 'true, instructions for this rule, or { instructions: ..., links: true }',
        },
      )
      .optional(),
    silent: z.literal(true, { error: 'true, or left out' }).optional(),
  });

const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const daysForm = 'days such as mon, mon-fri or sat,sun';
const spanForm =
  'hours such as 09:00-18:00 (up to 24:00), several parted by commas, not over midnight';
const spanPattern = /^(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/;

/** Days of the week, 0 is Sunday, of `mon`, `mon-fri` or `sat,sun`; null for anything else. */
export const parseDays = (days: string): readonly number[] | null => {
  const parts = days
    .toLowerCase()
    .replace(/\s/g, '')
    .split(',')
    .map((part) => {
      const [from, to = from] = part
        .split('-')
        .map((name) => dayNames.indexOf(name as (typeof dayNames)[number]));
      if (from === undefined || to === undefined || from < 0 || to < 0) return null;
      return Array.from({ length: ((to - from + 7) % 7) + 1 }, (_, index) => (from + index) % 7);
    });
  return parts.includes(null) ? null : [...new Set(parts.flatMap((part) => part ?? []))];
};

/** Minutes of the day of `09:00-12:30, 13:00-18:00`; null for anything else. */
export const parseSpans = (
  spans: string,
): readonly { readonly from: number; readonly to: number }[] | null => {
  const parts = spans
    .replace(/\s/g, '')
    .split(',')
    .map((part) => {
      if (!spanPattern.test(part)) return null;
      const [from = 0, to = 0] = part
        .split('-')
        .map((time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3)));
      return from < to ? { from, to } : null;
    });
  return parts.includes(null) ? null : parts.flatMap((part) => part ?? []);
};

const isDate = (date: string): boolean =>
  !Number.isNaN(Date.parse(date)) && new Date(date).toISOString().startsWith(date);

const hours = () =>
  mapping({
    time_zone: matching(/^[A-Za-z0-9_+/-]{1,64}$/, 'a time zone such as Etc/UTC or Europe/Berlin'),
    days: z.record(
      named(/./, daysForm).refine((days) => parseDays(days) !== null, { error: daysForm }),
      z
        .string({ error: spanForm })
        .refine((spans) => parseSpans(spans) !== null, { error: spanForm }),
      {
        error: 'a mapping such as { mon-fri: 09:00-18:00 }',
      },
    ),
    holidays: listOf(
      matching(/^\d{4}-\d{2}-\d{2}$/, 'a day such as 2026-12-25').refine(isDate, {
        error: 'a day such as 2026-12-25',
      }),
    ).optional(),
  });

/** A script as it is written in YAML. */
export const scriptSchema = mapping({
  version: z.literal(1, { error: '1, the only version of this format' }),
  description: matching(/^.{1,200}$/, 'one line of at most 200 characters').optional(),
  system_prompt: matching(/^[^\0]{1,20000}$/, 'text of at most 20000 characters').optional(),
  hours: hours().optional(),
  delay: mapping({
    least: duration('0s', '5m').optional(),
    most: duration('0s', '5m').optional(),
    typing: flag().optional(),
  }).optional(),
  opt_out: z
    .union(
      [
        off(),
        mapping({
          words: phrases().optional(),
          back_words: phrases().optional(),
          answer: z.union([off(), text()], { error: 'a text, or off' }).optional(),
        }),
      ],
      {
        error: 'a mapping of keys, or off',
      },
    )
    .optional(),
  disclosure: z
    .union([off(), matching(/^[^\0]{1,500}$/, 'text')], {
      error: 'text of at most 500 characters, or off',
    })
    .optional(),
  handover: mapping({
    words: phrases(),
    answer: text(),
    silent: duration('1m', '30d').optional(),
  }).optional(),
  stale_after: duration('10s', '1d').optional(),
  answers_bots: flag().optional(),
  answers_fleet: flag().optional(),
  rules: listOf(rule())
    .min(1, { error: 'a list with at least one rule' })
    .max(500, { error: 'a list of at most 500 rules' }),
});

export type ScriptYaml = z.output<typeof scriptSchema>;
export type RuleYaml = ScriptYaml['rules'][number];
