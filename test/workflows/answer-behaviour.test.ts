import { expect, test } from 'vitest';
import type { Behaviour, ChatPolicy } from '../../agent/protocol/behaviour.ts';
import { behaviourHash, describeChange } from '../../src/workflows/answer-behaviour.ts';
import { behaviour, colleague, rule, script, sharedChat } from '../answering/fixtures.ts';

const check = (change: Partial<Behaviour>, expected: readonly string[], from: Partial<Behaviour> = {}) =>
  expect(describeChange(behaviour(from), behaviour({ ...from, ...change }))).toEqual(expected);
const elsewhere: ChatPolicy = { id: '-1009', name: 'Terrace', slotMs: 20_000, colleagues: [colleague(1)] };

test('what a push would change is said in words', () => {
  check({}, []);
  check({ isPaused: true }, ['paused']);
  check({ isPaused: false }, ['resumed'], { isPaused: true });
  check({ script: null }, ['script test → no script']);
  check({ script: script({ name: 'faq' }) }, ['script test → script faq']);
  check({ script: script({ rules: [rule('hello', { kind: 'any' }), rule('new', { kind: 'reply' })] }) }, [
    'script test: rule hello, rule new',
  ]);
  check({ script: script({ staleAfterMs: 1 }) }, ['script test changed']);
  check({ chats: [sharedChat(0), elsewhere] }, ['answers in -1009']);
  check({ chats: [elsewhere] }, ['answers in -1009', 'no longer in -1001234567890']);
  check({ chats: [sharedChat(2)] }, ['other colleagues']);
  check({ chats: [{ ...sharedChat(0), slotMs: 30_000 }] }, ['names or slots of chats']);
  check({ limits: { ...behaviour().limits, ceiling: 300 } }, ['other limits']);
  check({ fleetUserIds: [] }, ['other accounts of the fleet']);
  expect(describeChange(null, behaviour({ isPaused: true }))).toEqual(['new: script test, 1 chat, paused']);
});

test('a test message is no change of the behaviour', () => {
  const said = behaviour({ test: { id: 'a', chatId: '-1', text: 'x', askedAtMs: 1 } });
  expect(describeChange(said, behaviour())).toEqual([]);
  expect(behaviourHash(said)).toBe(behaviourHash(behaviour()));
  expect(behaviourHash(behaviour({ isPaused: true }))).not.toBe(behaviourHash(behaviour()));
});
