import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { prepare } from '../../../hostside/answering/conduct.ts';
import { decide } from '../../../hostside/answering/decide.ts';
import { draw, identityOf, randomIdOf, rendezvousRank } from '../../../hostside/answering/hash.ts';
import { emptyMemory } from '../../../hostside/answering/memory.ts';
import { beforeSend } from '../../../hostside/answering/sending.ts';
import { slotGuardMs } from '../../../hostside/answering/slots.ts';
import type { Self } from '../../../hostside/answering/verdict.ts';
import type { ChatPolicy, Colleague } from '../../../hostside/protocol/behaviour.ts';
import type { ChatMessage } from '../../../hostside/protocol/chat.ts';
import {
  behaviour,
  chatId,
  colleague,
  message,
  moment,
  noon,
  plan,
  rule,
  script,
  sharedChat,
  user,
} from './fixtures.ts';

const accounts = (count: number): readonly Colleague[] =>
  Array.from({ length: count }, (_, index) => ({
    keyId: `${index}`.padStart(32, '0'),
    userId: `${1000 + index}`,
    username: `helper_${index}`,
  }));

const selfOf = ({ keyId, userId, username }: Colleague): Self => ({
  keyId,
  userId: userId ?? '',
  username,
  firstName: '',
});

const policy = (colleagues: readonly Colleague[]): ChatPolicy => ({
  id: chatId,
  name: null,
  slotMs: 20_000,
  colleagues,
});

/** What each account plans for the message, heard `lateMs` after it was sent; null: nothing. */
const plansOf = (
  colleagues: readonly Colleague[],
  said: (account: Colleague) => ChatMessage,
  lateMs = 0,
) =>
  colleagues.map((account) => {
    const conduct = prepare(
      behaviour({
        chats: [policy(colleagues)],
        script: script({ rules: [rule('all', { kind: 'any' })], staleAfterMs: 3_600_000 }),
      }),
    );
    const verdict = decide(
      emptyMemory(),
      conduct,
      said(account),
      moment({ self: selfOf(account), nowMs: noon + lateMs }),
    );
    return verdict.kind === 'answer' ? verdict : null;
  });

/** What one account plans under `shared`; null: nothing. */
function planOf(shared: ChatPolicy, account: Colleague | undefined, said: ChatMessage) {
  const conduct = prepare(
    behaviour({
      chats: [shared],
      script: script({ rules: [rule('all', { kind: 'any' })], staleAfterMs: 3_600_000 }),
    }),
  );
  const verdict = decide(
    emptyMemory(),
    conduct,
    said,
    moment({ self: selfOf(account as Colleague) }),
  );
  return verdict.kind === 'answer' ? verdict : null;
}

test('an answer takes its time within the slot, or before it is stale, or waits for the next slot', () => {
  const delay = { leastMs: 10_000, mostMs: 10_000, isTyping: false };
  for (const others of [0, 1]) {
    const conduct = prepare(
      behaviour({ chats: [sharedChat(others)], script: script({ delay, staleAfterMs: 120_000 }) }),
    );
    const heardAfter = (ms: number) =>
      decide(emptyMemory(), conduct, message(1, 'hello'), moment({ nowMs: noon + ms }));
    for (let ms = 0; ms <= 110_000; ms += 500) {
      const verdict = heardAfter(ms);
      if (verdict.kind === 'answer')
        expect(verdict.notBeforeMs).toBeLessThanOrEqual(verdict.notAfterMs);
    }
    expect(heardAfter(0).kind).toBe('answer');
    expect(heardAfter(110_001)).toMatchObject({ reason: others === 0 ? 'stale' : 'slot-over' });
  }
});

describe('accounts that share a group', () => {
  test('property: slots never overlap, and exactly one account is first, whatever is replied to and mentioned and however late it is heard', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.nat(300_000),
        fc.option(fc.nat(8), { nil: null }),
        fc.array(fc.nat(8), { maxLength: 3 }),
        (count, id, lateMs, author, named) => {
          const all = accounts(count);
          const text = named.map((index) => `@helper_${index}`).join(' and ');
          const said = (account: Colleague) =>
            message(id, `hi ${text}`, {
              replyTo: author === null ? null : 7,
              isReplyToMe: author !== null && all[author] === account,
            });
          const plans = plansOf(all, said, lateMs).filter((each) => each !== null);
          expect(plans).toHaveLength(count);
          const windows = plans
            .map(({ startAtMs, notAfterMs }) => [startAtMs, notAfterMs] as const)
            .sort(([a], [b]) => a - b);
          for (const [index, [from]] of windows.slice(1).entries())
            expect(from - (windows[index]?.[1] ?? 0)).toBeGreaterThanOrEqual(slotGuardMs);
          if (lateMs > 0) return;
          const positions = plans.map(({ slot }) => slot?.position);
          expect(new Set(positions).size).toBe(count);
          if (author === null && named.every((index) => index >= count))
            expect(positions.filter((position) => position === 0)).toHaveLength(1);
          if (author !== null && author < count) expect(positions[author]).toBe(0);
        },
      ),
    );
  });

  test('the author of what is replied to is first, then the first that is mentioned', () => {
    const all = accounts(4);
    const [, one, two] = all;
    const positions = (said: (account: Colleague) => ChatMessage) =>
      plansOf(all, said).map((each) => each?.slot?.position);
    const replied = positions((account) =>
      message(1, 'hi @helper_2', { replyTo: 5, isReplyToMe: account === one }),
    );
    expect([replied[1], replied[2]]).toEqual([0, 1]);
    expect(positions(() => message(1, 'hi @somebody_else @helper_2 @helper_1'))[2]).toBe(0);
    expect(two?.username).toBe('helper_2');
  });

  test('an account answers in its first slot, then in the next round; the others step aside for an answer that they see', () => {
    const conduct = prepare(
      behaviour({
        chats: [sharedChat(2)],
        script: script({ rules: [rule('all', { kind: 'any' })] }),
      }),
    );
    const memory = emptyMemory();
    const answer = plan(decide(memory, conduct, message(1, 'hi'), moment()));
    const { position, of } = answer.slot ?? { position: 9, of: 9 };
    expect(of).toBe(3);
    expect(answer.startAtMs).toBe(noon + position * 20_000);
    expect(answer.notAfterMs).toBe(noon + position * 20_000 + 17_000);
    expect(answer.needsLook).toBe(position > 0);
    const later = plan(
      decide(emptyMemory(), conduct, message(1, 'hi'), moment({ nowMs: noon + 61_000 })),
    );
    expect(later).toMatchObject({ slot: { position, of: 3, round: 1 }, needsLook: true });
    expect(later.startAtMs).toBe(Math.max(noon + 61_000, noon + 60_000 + position * 20_000));
    expect(beforeSend(memory, conduct, answer, answer.notAfterMs + 1)?.reason).toBe('slot-over');
    const again = plan(decide(emptyMemory(), conduct, message(1, 'hi'), moment()));
    decide(memory, conduct, message(2, 'no', { sender: user('7'), replyTo: 1 }), moment());
    expect(beforeSend(memory, conduct, again, again.notBeforeMs)).toBe(null);
    decide(
      memory,
      conduct,
      message(3, 'yes', { sender: user(colleague(1).userId ?? ''), replyTo: 1 }),
      moment(),
    );
    expect(beforeSend(memory, conduct, again, again.notBeforeMs)?.reason).toBe(
      'colleague-answered',
    );
  });

  test('property: while colleagues learn of a new sharing at different times, slots do not overlap either', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 6 }),
        fc.uniqueArray(fc.nat(6), { minLength: 1, maxLength: 6 }),
        fc.array(fc.boolean(), { minLength: 7, maxLength: 7 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.boolean(),
        (before, after, informed, id, isEarly) => {
          const all = accounts(7);
          const [old, current] = [before, after].map((indexes) =>
            policy(indexes.sort().map((index) => all[index] as Colleague)),
          );
          const untilMs = noon + (isEarly ? 5_000 : -5_000);
          const said = message(id, 'hi');
          // Once the change-over is there, everybody has been told.
          const told = after.filter((index) => informed[index] || !isEarly);
          const untold = before.filter(
            (index) =>
              !told.includes(index) && isEarly && !(informed[index] && !after.includes(index)),
          );
          const plans = [
            ...told.map((index) =>
              planOf(
                { ...(current as ChatPolicy), former: { ...(old as ChatPolicy), untilMs } },
                all[index],
                said,
              ),
            ),
            ...untold.map((index) => planOf(old as ChatPolicy, all[index], said)),
          ].filter((each) => each !== null);
          const windows = plans
            .map(({ startAtMs, notAfterMs }) => [startAtMs, notAfterMs] as const)
            .sort(([a], [b]) => a - b);
          for (const [index, [from]] of windows.slice(1).entries())
            expect(from).toBeGreaterThanOrEqual(windows[index]?.[1] ?? 0);
          // Whoever shared it before and still does answers; from the change-over on, all do who
          // share it now.
          const answering = isEarly
            ? before.filter((index) => told.includes(index) || untold.includes(index))
            : after;
          expect(plans).toHaveLength(answering.length);
        },
      ),
    );
  });

  test('no slot is left once the message is stale', () => {
    const conduct = prepare(
      behaviour({
        chats: [sharedChat(2)],
        script: script({ rules: [rule('all', { kind: 'any' })], staleAfterMs: 61_000 }),
      }),
    );
    const late = decide(emptyMemory(), conduct, message(1, 'hi'), moment({ nowMs: noon + 60_999 }));
    expect(late.kind === 'silence' ? late.reason : late.slot?.position).toSatisfy(
      (found) => found === 'slot-over' || found === 0,
    );
  });
});

test('every account is first equally often, and a leaver moves only its own messages', () => {
  const keyIds = accounts(5).map(({ keyId }) => keyId);
  const firsts = (ids: readonly string[]) =>
    Array.from(
      { length: 5_000 },
      (_, id) => ids.find((keyId) => rendezvousRank(`${chatId} ${id}`, keyId, ids) === 0) ?? '',
    );
  const all = firsts(keyIds);
  for (const keyId of keyIds)
    expect(all.filter((each) => each === keyId).length).toSatisfy(
      (count: number) => count > 850 && count < 1_150,
    );
  const fewer = firsts(keyIds.slice(1));
  expect(fewer.filter((keyId, index) => keyId !== all[index] && all[index] !== keyIds[0])).toEqual(
    [],
  );
});

test('identities: the message id where all members share it, else who said what when', () => {
  expect(identityOf(message(5, 'hi'))).toBe(identityOf(message(5, 'other', { sender: user('1') })));
  const basic = (fields: Partial<ChatMessage>) =>
    identityOf(message(5, 'hi', { chatId: '-4567', ...fields }));
  expect(basic({})).toBe(basic({ messageId: 77 }));
  expect(
    new Set([
      basic({}),
      basic({ text: 'ho' }),
      basic({ sentAtMs: noon + 1_000 }),
      basic({ sender: user('1') }),
    ]).size,
  ).toBe(4);
});

test('random ids are 64-bit integers that differ for accounts, messages and rules', () => {
  const ids = [
    randomIdOf('a', 'm', 'r'),
    randomIdOf('b', 'm', 'r'),
    randomIdOf('a', 'n', 'r'),
    randomIdOf('a', 'm', 's'),
  ];
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(BigInt.asIntN(64, BigInt(id)).toString()).toBe(id);
  expect(randomIdOf('a', 'm', 'r')).toBe(ids[0]);
});

test('draws are even', () => {
  const draws = Array.from({ length: 10_000 }, (_, index) => draw(`message ${index} rule`));
  for (const limit of [0.1, 0.5, 0.9])
    expect(Math.abs(draws.filter((each) => each < limit).length / 10_000 - limit)).toBeLessThan(
      0.02,
    );
});
