import { expect, test } from 'vitest';
import type { Behaviour, ChatPolicy } from '../../../hostside/protocol/behaviour.ts';
import {
  behaviourHash,
  changeOver,
  describeChange,
} from '../../../src/workflows/answers/answer-behaviour.ts';
import {
  behaviour,
  colleague,
  rule,
  script,
  sharedChat,
} from '../../hostside/answering/fixtures.ts';

const check = (
  change: Partial<Behaviour>,
  expected: readonly string[],
  from: Partial<Behaviour> = {},
) => expect(describeChange(behaviour(from), behaviour({ ...from, ...change }))).toEqual(expected);
const elsewhere: ChatPolicy = {
  id: '-1009',
  name: 'Terrace',
  slotMs: 20_000,
  colleagues: [colleague(1)],
};

test('what a push would change is said in words', () => {
  check({}, []);
  check({ isPaused: true }, ['paused']);
  check({ isPaused: false }, ['resumed'], { isPaused: true });
  check({ script: null }, ['script test → no script']);
  check({ script: script({ name: 'faq' }) }, ['script test → script faq']);
  check(
    { script: script({ rules: [rule('hello', { kind: 'any' }), rule('new', { kind: 'reply' })] }) },
    ['script test: rule hello, rule new'],
  );
  check({ script: script({ staleAfterMs: 1 }) }, ['script test changed']);
  check({ chats: [sharedChat(0), elsewhere] }, ['answers in -1009']);
  check({ chats: [elsewhere] }, ['answers in -1009', 'no longer in -1001234567890']);
  check({ chats: [sharedChat(2)] }, ['other colleagues']);
  check({ chats: [{ ...sharedChat(0), slotMs: 30_000 }] }, ['names or slots of chats']);
  check({ limits: { ...behaviour().limits, ceiling: 300 } }, ['other limits']);
  check({ fleetUserIds: [] }, ['other accounts of the fleet']);
  expect(describeChange(null, behaviour({ isPaused: true }))).toEqual([
    'new: script test, 1 chat, paused',
  ]);
});

test('a test message is no change of the behaviour', () => {
  const said = behaviour({ test: { id: 'a', chatId: '-1', text: 'x', askedAtMs: 1 } });
  expect(describeChange(said, behaviour())).toEqual([]);
  expect(behaviourHash(said)).toBe(behaviourHash(behaviour()));
  expect(behaviourHash(behaviour({ isPaused: true }))).not.toBe(behaviourHash(behaviour()));
});

test('who shares a chat in another way, or is new in it, changes over with the others; who knows already, or is alone, does not wait', () => {
  const [two, three] = [sharedChat(1), sharedChat(2)];
  const own = (account: string, chats: readonly ChatPolicy[]) => behaviour({ account, chats });
  const former = { slotMs: two.slotMs, colleagues: two.colleagues, untilMs: 9 };
  const untilOf = (befores: readonly Behaviour[], afters: readonly Behaviour[]) =>
    changeOver(befores, afters, 9).map(({ chats }) => chats.map((chat) => chat.former));
  const befores = [own('anna', [two]), own('ben', [two])];
  expect(
    untilOf(befores, [own('anna', [three]), own('ben', [three]), own('new', [three, elsewhere])]),
  ).toEqual([[former], [former], [former, undefined]]);
  expect(
    untilOf([own('anna', [three]), own('ben', [two])], [own('anna', [three]), own('ben', [three])]),
  ).toEqual([[undefined], [former]]);
  expect(untilOf(befores, befores)).toEqual([[undefined], [undefined]]);
  expect(untilOf([], [own('new', [three])])).toEqual([[undefined]]);
});

test('how a chat was shared before is no change of the behaviour', () => {
  const passing = behaviour({
    chats: [{ ...sharedChat(1), former: { ...sharedChat(0), untilMs: 9 } }],
  });
  expect(describeChange(passing, behaviour({ chats: [sharedChat(1)] }))).toEqual([]);
  expect(behaviourHash(passing)).toBe(behaviourHash(behaviour({ chats: [sharedChat(1)] })));
});
