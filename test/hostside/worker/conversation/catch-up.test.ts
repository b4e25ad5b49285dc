import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CatchUp } from '../../../../hostside/worker/conversation/catch-up.ts';
import { Tally } from '../../../../hostside/worker/conversation/tally.ts';
import type { Failure } from '../../../../hostside/worker/telegram/classify-error.ts';
import {
  type ChatGroup,
  type MissedEvents,
  TelegramFailure,
  type TelegramLink,
} from '../../../../hostside/worker/telegram/telegram-port.ts';

/** The shipped scheduling over a link that only counts what it is asked. */
const [garden, cellar] = ['-1001', '-1002'];
let lastRead: Map<string, number>;
let groups: ChatGroup[];
let refused: string[];
let asked: { readonly chatId: string; readonly after: number; readonly atMs: number }[];
let answer: (chatId: string) => Promise<MissedEvents>;
let tally: Tally;
let catchUp: CatchUp;

const nothing: MissedEvents = { events: [], newestId: 0, unreadable: 0, isComplete: true };
const link = (): TelegramLink =>
  ({
    readMissed: (chatId: string, after: number) => {
      asked.push({ chatId, after, atMs: performance.now() });
      return answer(chatId);
    },
    groups: async () => ({ groups, isWhole: true }),
  }) as unknown as TelegramLink;

beforeEach(() => {
  vi.useFakeTimers();
  lastRead = new Map([
    [garden, 500],
    [cellar, 80],
  ]);
  groups = [];
  refused = [];
  asked = [];
  answer = async () => nothing;
  tally = new Tally();
  const standing = { listed: () => {}, member: (chatId: string) => void refused.push(chatId) };
  catchUp = new CatchUp({
    ...{ tally, say: () => {}, random: () => 0.5, hear: () => {}, standing },
    chatIds: () => lastRead.keys(),
    lastReadId: (chatId) => lastRead.get(chatId) ?? 0,
    limits: () => ({ least: 1, most: 1, sinceMs: 0 }),
  });
});
afterEach(() => {
  catchUp.end();
  vi.useRealTimers();
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const chats = () => asked.map(({ chatId }) => chatId);

test('a new connection: every group that was read before, from before its last message on', async () => {
  lastRead.set('-1003', 0);
  catchUp.begin(link());
  await pass(10);
  expect(asked.map(({ chatId, after }) => [chatId, after])).toEqual([
    [garden, 450],
    [cellar, 30],
  ]);
});

test('a gap without a sign is found by a look within a minute, read once, and not again when nobody can hear it', async () => {
  catchUp.begin(link());
  await pass(10);
  asked = [];
  groups = [{ chatId: garden, title: '', lastMessageId: 503 }];
  answer = async () => ({ ...nothing, newestId: 503 });
  await pass(60_000);
  expect(chats()).toEqual([garden]);
  await pass(600_000);
  expect(chats()).toEqual([garden]);
  groups = [{ chatId: garden, title: '', lastMessageId: 504 }];
  answer = async () => ({ ...nothing, newestId: 504 });
  await pass(60_000);
  expect(chats()).toEqual([garden, garden]);
});

test('what was heard behind a gap does not hide it', async () => {
  catchUp.begin(link());
  await pass(10);
  asked = [];
  lastRead.set(garden, 900);
  catchUp.want(garden);
  await pass(5_000);
  expect(asked.map(({ after }) => after)).toEqual([450]);
});

test('gaps without end are read less and less often', async () => {
  catchUp.begin(link());
  for (let second = 0; second < 120; second += 1) {
    for (let times = 0; times < 50; times += 1) catchUp.want(null);
    await pass(1_000);
  }
  expect(chats().filter((chatId) => chatId === garden).length).toBeLessThan(9);
  expect(chats().filter((chatId) => chatId === cellar).length).toBeGreaterThan(3);
});

test("Telegram's pause is kept, for all groups, and then it goes on", async () => {
  let refusals = 0;
  answer = async () => {
    refusals += 1;
    if (refusals > 1) return nothing;
    throw new TelegramFailure(
      { kind: 'rpc', code: 420, name: 'FLOOD_WAIT', seconds: 30 },
      '420 FLOOD_WAIT',
    );
  };
  catchUp.begin(link());
  await pass(29_000);
  expect(chats()).toEqual([garden]);
  await pass(2_000);
  expect(chats().toSorted()).toEqual([garden, garden, cellar].toSorted());
  expect(tally.counters()).toMatchObject({ catch_up_waits: 1, catch_ups: 2 });
});

test('no answer is tried again, a refusal is not, and what was left out is counted', async () => {
  answer = async (chatId) => {
    if (chatId === cellar)
      throw new TelegramFailure(
        { kind: 'rpc', code: 400, name: 'CHANNEL_PRIVATE', seconds: null },
        '400',
      );
    if (asked.length < 3) throw new TelegramFailure({ kind: 'network', reason: 'x' }, 'x');
    return { ...nothing, unreadable: 2, isComplete: false };
  };
  catchUp.begin(link());
  await pass(35_000);
  expect(chats()).toEqual([garden, cellar, garden]);
  expect(tally.counters()).toMatchObject({
    catch_ups_failed: 2,
    unreadable_messages: 2,
    catch_ups_cut: 1,
  });
});

test('nothing is asked over a connection that is gone', async () => {
  catchUp.begin(link());
  catchUp.end();
  catchUp.want(null);
  await pass(300_000);
  expect(asked).toEqual([]);
});

test('a group that Telegram does not let it read is told, one that it cannot read for a moment is not', async () => {
  const failures: Failure[] = [
    { kind: 'rpc', code: 400, name: 'CHANNEL_PRIVATE', seconds: null },
    { kind: 'rpc', code: 500, name: 'INTERNAL', seconds: null },
  ];
  answer = async () => {
    const failure = failures.shift();
    if (failure === undefined) return nothing;
    throw new TelegramFailure(failure, 'no');
  };
  catchUp.begin(link());
  await pass(10);
  expect(refused).toEqual([garden]);
});
