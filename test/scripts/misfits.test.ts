import { expect, it } from 'vitest';
import type { Answer, Behaviour, ModelSettings } from '../../hostside/protocol/behaviour.ts';
import { misfitsOf } from '../../src/scripts/compose-behaviour.ts';

const chat = (colleagues: number, slotMs = 20_000): Behaviour['chats'][number] => ({
  ...{ id: '-1001', name: null, slotMs },
  colleagues: Array.from({ length: colleagues }, (_, index) => ({
    keyId: String(index),
    userId: null,
    username: null,
  })),
});
const model = (timeoutMs: number) => ({ timeoutMs }) as ModelSettings;
const behaviour = (answer: Answer, mostMs: number, over: Partial<Behaviour>): Behaviour => ({
  ...{
    format: 1,
    account: 'anna',
    isPaused: false,
    fleetUserIds: [],
    model: null,
    chats: [chat(2)],
  },
  limits: { perAccount: 1, perChat: 1, perUser: 1, ceiling: 1 },
  script: {
    name: 'desk',
    rules: [
      {
        name: 'r',
        trigger: { kind: 'any' },
        conditions: { chats: [], senders: [], languages: [], probability: 1 },
        answer,
      },
    ],
    delay: { leastMs: 0, mostMs, isTyping: true },
    optOut: { words: [], backWords: [], answer: null },
    ...{
      hours: null,
      disclosure: null,
      handover: null,
      answersBots: false,
      answersFleet: false,
      staleAfterMs: 60_000,
    },
  },
  ...over,
});
const text: Answer = { kind: 'text', texts: ['hi'] };
const ask: Answer = { kind: 'model', instructions: null, allowsLinks: false };

it.each<[string, Behaviour, readonly (string | RegExp)[]]>([
  ['a delay that fits', behaviour(text, 17_000, {}), []],
  [
    'a delay that does not fit',
    behaviour(text, 17_001, {}),
    [/anna: .*may take 17.001 s, .*chat -1001 have 17 s each/],
  ],
  ['no colleague, no slot', behaviour(text, 60_000, { chats: [chat(1)] }), []],
  ['a longer slot', behaviour(text, 60_000, { chats: [chat(2, 63_000)] }), []],
  ['a model that fits', behaviour(ask, 0, { model: model(17_000) }), []],
  [
    'a model that may take too long',
    behaviour(ask, 0, { model: model(18_000) }),
    [/may take 18 s/],
  ],
  ['a model that is not asked', behaviour(text, 0, { model: model(18_000) }), []],
  ['no model', behaviour(ask, 0, {}), [/desk asks a model, and the inventory has no "model"/]],
  ['no group', behaviour(ask, 60_000, { chats: [] }), []],
])('%s', (_, given, expected) => {
  const found = misfitsOf(given);
  expect(found).toHaveLength(expected.length);
  for (const [index, pattern] of expected.entries()) expect(found[index]).toMatch(pattern);
});
