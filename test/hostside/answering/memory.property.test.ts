import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Conduct, prepare } from '../../../hostside/answering/conduct.ts';
import { decide, resumePending } from '../../../hostside/answering/decide.ts';
import {
  addToHour,
  countInHour,
  type HourWindow,
} from '../../../hostside/answering/hour-window.ts';
import {
  emptyMemory,
  type Memory,
  memoryBounds,
  prune,
} from '../../../hostside/answering/memory.ts';
import { memoryFromJson, memoryToJson } from '../../../hostside/answering/memory-json.ts';
import {
  beforeSend,
  composeAnswer,
  giveUp,
  noteFloodWait,
  noteSent,
} from '../../../hostside/answering/sending.ts';
import type { Verdict } from '../../../hostside/answering/verdict.ts';
import type { ChatEvent } from '../../../hostside/protocol/chat.ts';
import {
  behaviour,
  chatId,
  join,
  message,
  moment,
  noon,
  rule,
  script,
  sharedChat,
  user,
} from './fixtures.ts';

const chatIds = [chatId, '-1001111111111', '-4567'];
const conduct = (ceiling = 7): Conduct =>
  prepare(
    behaviour({
      chats: chatIds.map((id) => ({ ...sharedChat(0), id })),
      limits: { perAccount: null, perChat: null, perUser: null, ceiling },
      script: script({
        rules: [
          rule('some', { kind: 'keyword', words: ['hello'] }),
          rule('joined', { kind: 'joined' }),
          rule('all', { kind: 'any' }),
        ],
        delay: { leastMs: 0, mostMs: 5_000, isTyping: true },
        disclosure: 'An assistant.',
      }),
    }),
  );

const words = [
  'hello',
  'stop',
  'start',
  'a human please',
  'x'.repeat(5_000),
  '',
  '@anna_helps hello',
  '/help',
];

const eventOf = (id: number, pick: number, sentAtMs: number): ChatEvent => {
  const at = { chatId: chatIds[pick % 3] ?? chatId, sentAtMs };
  if (pick % 11 === 0)
    return {
      ...join(id, [user(String(pick)), user(String(pick + 1), { isBot: pick % 2 === 0 })]),
      ...at,
    };
  const sender = pick % 17 === 0 ? null : user(String(pick % 20_011), { firstName: `n${pick}` });
  return message(id, words[pick % words.length] ?? '', {
    ...at,
    sender,
    isMention: pick % 5 === 0,
    isEdit: pick % 13 === 0,
    replyTo: pick % 3 === 0 ? id - 1 : null,
  });
};

const act = fc.record({
  pick: fc.nat(100_000),
  /** Minutes until it happens. */
  wait: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 20 })),
  fate: fc.constantFrom(
    'sent',
    'sent',
    'sent',
    'lost',
    'twice',
    'late',
    'restart',
    'flood',
    'never',
  ),
});

/**
 * Lets a worker live through `acts`; returns when it sent something, once for each random id that
 * reached Telegram, and all verdicts.
 */
const live = (
  acts: readonly { readonly pick: number; readonly wait: number; readonly fate: string }[],
  ready = conduct(),
) => {
  let memory: Memory = emptyMemory();
  const sent = new Map<string, number>();
  const verdicts: Verdict[] = [];
  const late: Verdict[] = [];
  let nowMs = noon;
  const send = (verdict: Verdict, fate: string): void => {
    if (verdict.kind !== 'answer') return;
    const atMs = Math.max(nowMs, verdict.notBeforeMs);
    if (beforeSend(memory, ready, verdict, atMs) !== null) return;
    if (!sent.has(verdict.randomId)) sent.set(verdict.randomId, atMs);
    if (fate === 'twice' && beforeSend(memory, ready, verdict, atMs) !== null)
      throw new Error('a repetition was refused');
    if (fate === 'lost') giveUp(memory, verdict);
    else if (fate !== 'never')
      noteSent(memory, verdict, {
        messageId: 2_000_000 + sent.size,
        text: composeAnswer(memory, ready, verdict, null) ?? '',
        atMs,
      });
  };
  for (const [index, { pick, wait, fate }] of acts.entries()) {
    nowMs += wait * 60_000 + (pick % 60) * 100;
    if (fate === 'restart') {
      memory = memoryFromJson(JSON.parse(JSON.stringify(memoryToJson(memory)))).memory;
      for (const verdict of resumePending(memory, ready, () => moment({ nowMs })))
        send(verdict, 'sent');
    }
    if (fate === 'flood') noteFloodWait(memory, nowMs + pick);
    const verdict = decide(
      memory,
      ready,
      eventOf(index + 1, pick, nowMs - (pick % 7) * 1_000),
      moment({ nowMs }),
    );
    verdicts.push(verdict);
    if (fate === 'late') late.push(verdict);
    else send(verdict, fate);
    for (const each of late.splice(0, pick % 4)) send(each, 'sent');
  }
  return { memory, verdicts, sent: [...sent.values()].sort((left, right) => left - right) };
};

test('property: never more than the ceiling in any 60 minutes, whatever happens', () => {
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 20, maxLength: 150 }),
      fc.integer({ min: 1, max: 12 }),
      (acts, ceiling) => {
        const { sent } = live(acts, conduct(ceiling));
        for (const [index, atMs] of sent.entries()) {
          const before = sent[index - ceiling];
          if (before !== undefined) expect(atMs - before).toBeGreaterThanOrEqual(3_600_000);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('property: the same life gives the same verdicts and the same memory, which survives JSON', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const [first, second] = [live(acts), live(acts)];
      expect(first.verdicts).toEqual(second.verdicts);
      const json = JSON.stringify(memoryToJson(first.memory));
      expect(json).toBe(JSON.stringify(memoryToJson(second.memory)));
      const { memory, damaged } = memoryFromJson(JSON.parse(json));
      expect([damaged, JSON.stringify(memoryToJson(memory))]).toEqual([[], json]);
    }),
    { numRuns: 30 },
  );
});

test('memory stays bounded over 100,000 events', { timeout: 180_000 }, () => {
  const ready = conduct(100_000);
  const memory = emptyMemory();
  for (let id = 1; id <= 100_000; id += 1) {
    const nowMs = noon + id * 50;
    const verdict = decide(
      memory,
      ready,
      eventOf(2 * id, (id * 7_919) % 100_003, nowMs),
      moment({ nowMs }),
    );
    if (
      verdict.kind === 'answer' &&
      id % 4 !== 0 &&
      beforeSend(memory, ready, verdict, verdict.notBeforeMs) === null
    )
      noteSent(memory, verdict, { messageId: 2 * id + 1, text: 'x'.repeat(4_000), atMs: nowMs });
  }
  prune(memory, ready.chatIds, noon);
  for (const part of ['people', 'optOuts', 'handovers', 'talks', 'pending', 'turns'] as const)
    expect(memory[part].size).toBeLessThanOrEqual(memoryBounds[part]);
  for (const chat of memory.chats.values())
    for (const part of ['seen', 'answered', 'context'] as const)
      expect(chat[part].length).toBeLessThanOrEqual(memoryBounds[part]);
  expect(JSON.stringify(memoryToJson(memory)).length).toBeLessThan(4_000_000);
});

test('an hour is counted by minutes, on the side of silence, also when the clock is set back', () => {
  const window: HourWindow = [];
  for (const minute of [0, 0, 1, 30]) addToHour(window, noon + minute * 60_000);
  expect(window).toEqual([noon / 60_000, 2, noon / 60_000 + 1, 1, noon / 60_000 + 30, 1]);
  expect(countInHour(window, noon + 60 * 60_000)).toBe(4);
  expect(countInHour(window, noon + 61 * 60_000)).toBe(2);
  addToHour(window, noon);
  expect(countInHour(window, noon + 89 * 60_000)).toBe(2);
  expect(countInHour(window, noon - 86_400_000)).toBe(2);
  expect(window).toEqual([noon / 60_000 - 1_440, 2]);
  expect(countInHour(window, noon)).toBe(0);
});
