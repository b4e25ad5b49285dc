import { describe, expect, test } from 'vitest';
import { decide } from '../../../hostside/answering/decide.ts';
import { openAt } from '../../../hostside/answering/hours.ts';
import { emptyMemory, type Memory, memoryBounds } from '../../../hostside/answering/memory.ts';
import { beforeSend } from '../../../hostside/answering/sending.ts';
import type { ChatEvent } from '../../../hostside/protocol/chat.ts';
import {
  chatId,
  conductOf,
  message,
  moment,
  noon,
  plan,
  self,
  sharedChat,
  short,
  user,
} from './fixtures.ts';

const conduct = conductOf({ chats: [sharedChat(1)] });
const hear = (memory: Memory, ...events: readonly ChatEvent[]): string | undefined =>
  events.map((event) => short(decide(memory, conduct, event, moment()))).at(-1);
const context = (memory: Memory): readonly string[] =>
  memory.chats.get(chatId)?.context.map(({ text }) => text) ?? [];

test('what was read stays read also when its id is no longer kept', () => {
  const memory = emptyMemory();
  const ids = Array.from({ length: memoryBounds.seen + 1 }, (_, index) => index + 1);
  hear(memory, ...ids.map((id) => message(id, 'good morning')));
  expect(memory.chats.get(chatId)?.seen).not.toContain(1);
  expect(hear(memory, message(1, 'hello'))).toBe('duplicate');
});

test('the talk that a model gets has the words as they were corrected, and no empty ones', () => {
  const memory = emptyMemory();
  hear(
    memory,
    message(1, 'good mroning'),
    message(2, '', { hasMedia: true }),
    message(1, 'good morning', { isEdit: true }),
  );
  expect(context(memory)).toEqual(['good morning']);
});

test('what the account itself has said is its own part of the talk, known by its flag or by its id', () => {
  const memory = emptyMemory();
  hear(
    memory,
    message(1, 'one', { isOwn: true }),
    message(2, 'two', { sender: user(self.userId) }),
    message(3, 'three'),
  );
  expect(memory.chats.get(chatId)?.context.map(({ name }) => name)).toEqual(['', '', 'User 500']);
});

describe('a reply by an account of the fleet', () => {
  const replies: readonly [string, ChatEvent][] = [
    ['this one, said elsewhere', message(9, 'yes', { isOwn: true, replyTo: 1 })],
    ['this one, known by its id', message(9, 'yes', { sender: user(self.userId), replyTo: 1 })],
    ['a colleague', message(9, 'yes', { sender: user('201'), replyTo: 1 })],
  ];

  test.each(replies)('by %s: nothing is sent any more once it is heard', (_, reply) => {
    const memory = emptyMemory();
    const answer = plan(decide(memory, conduct, message(1, 'hello'), moment()));
    hear(memory, reply);
    expect(beforeSend(memory, conduct, answer, answer.notBeforeMs)?.reason).toBe(
      'colleague-answered',
    );
  });

  test('begins a talk with whoever had asked: that one means the account when asking for silence', () => {
    const memory = emptyMemory();
    hear(
      memory,
      message(1, 'a question'),
      message(2, 'an answer', { sender: user('201'), replyTo: 1 }),
    );
    expect(hear(memory, message(3, 'stop'))).toBe('answer: You will not hear from me.');
    expect(hear(memory, message(4, 'stop', { sender: user('501') }))).toBe('opt-out-now');
  });
});

test('hours that are asked again go on with the clock', () => {
  const isOpen = openAt({ timeZone: 'UTC', spans: [{ day: 3, from: 0, to: 720 }], holidays: [] });
  expect([noon - 60_000, noon - 1, noon].map(isOpen)).toEqual(['open', 'open', 'hours']);
});
