import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gramJsTelegram } from '../../../../hostside/worker/telegram/gramjs-client.ts';
import { readHistory } from '../../../../hostside/worker/telegram/read-history.ts';
import { StormGuard } from '../../../../hostside/worker/telegram/storm-guard.ts';
import { TelegramClock } from '../../../../hostside/worker/telegram/telegram-clock.ts';
import type { TelegramLink } from '../../../../hostside/worker/telegram/telegram-port.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';
import { credentialsOf, dialTo } from './telegram-contract.ts';

const never = new AbortController().signal;
const [ann, bob] = ['7001', '8001'];
let dc: DataCentre;
let login: LoginCredentials;
let chatId: string;
let link: TelegramLink;
let gaps: (string | null)[];

beforeEach(async () => {
  dc = await startDataCentre();
  login = dc.addAccount({ userId: ann, firstName: 'Ann' });
  dc.people.addPerson({ userId: bob, firstName: 'Bob' });
  chatId = dc.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
});
afterEach(async () => {
  await link?.close();
  await dc.stop();
});

const connect = async (): Promise<TelegramLink> => {
  link = await gramJsTelegram(credentialsOf(login), {
    dial: dialTo(dc),
    timing: { requestLimitMs: 60_000, lingerMs: 100 },
  }).connect(never);
  gaps = [];
  link.listen({ onEvent: () => {}, onGap: (chat) => gaps.push(chat), onMembership: () => {} });
  return link;
};
const say = (text: string, more: { readonly isUnreadable?: boolean } = {}) =>
  dc.people.say({ chatId, from: bob, text, ...more });

describe('what Telegram could repeat for ever is answered a few times a second at most, then not at all', () => {
  test('a wrong salt, an id that is too low, a sequence number that is too low', {
    timeout: 60_000,
  }, async () => {
    const effects = [
      { kind: 'bad-salt' },
      { kind: 'bad-message', code: 16 },
      { kind: 'bad-message', code: 32 },
    ] as const;
    await Promise.all(
      effects.map(async (effect, index) => {
        const own = dc.addAccount({ userId: String(9_001 + index) });
        const open = await gramJsTelegram(credentialsOf(own), {
          dial: dialTo(dc),
          timing: { checkLimitMs: 60_000 },
        }).connect(never);
        const requests = () =>
          dc.report().accounts.find(({ keyId }) => keyId === own.keyId)?.connections[0]?.requests ??
          0;
        const before = requests();
        dc.fault({ method: 'users.getUsers', userId: own.userId, times: null, effect });
        const failed = open.check().catch((error: unknown) => error);
        await sleep(3_000);
        expect(requests() - before).toBeGreaterThan(2);
        expect(requests() - before).toBeLessThan(15);
        expect(await failed).toBeInstanceOf(Error);
        expect((await open.lost).failure).toMatchObject({ kind: 'rpc', name: 'MESSAGES_REFUSED' });
        expect(requests() - before).toBeLessThan(25);
      }),
    );
  });

  test('the guard: free at first, slower and slower, at an end, and new after a rest', () => {
    const guard = new StormGuard();
    const pauses = Array.from({ length: 13 }, (_, index) => guard.pauseMs(index * 1_000));
    expect(pauses).toEqual([0, 0, 0, 250, 500, 1000, 2000, 2000, 2000, 2000, 2000, 2000, null]);
    expect(guard.pauseMs(100_000)).toBe(0);
  });
});

test('a session that Telegram has forgotten: a gap, because nobody knows what it would have told', async () => {
  await connect();
  dc.forgetSessions(ann);
  say('nobody hears this');
  await link.check();
  await expect.poll(() => gaps).toContain(null);
});

test('an answer that cannot be read is no gap, and a packet of updates that cannot be read is one', async () => {
  await connect();
  dc.fault({ method: 'messages.getHistory', effect: { kind: 'unreadable' } });
  await expect(link.readAfter(chatId, 0, 10)).resolves.toEqual([]);
  expect(gaps).toEqual([]);
  say('strange', { isUnreadable: true });
  await expect.poll(() => gaps).toEqual([null]);
});

test('groups whose newest message cannot be read take no other group along', {
  timeout: 15_000,
}, async () => {
  const others: string[] = [];
  for (let index = 0; index < 6; index += 1) {
    const group = dc.people.addGroup({
      kind: 'supergroup',
      title: `G${index}`,
      members: [ann, bob],
    });
    dc.people.say({
      chatId: group,
      from: bob,
      text: 'x',
      isUnreadable: index === 2 || index === 5,
    });
    if (index !== 2 && index !== 5) others.push(group);
    await sleep(1_050);
  }
  await connect();
  const listed = (await link.groups()).groups.map(({ chatId: id }) => id);
  expect(others.filter((id) => !listed.includes(id))).toEqual([]);
  await link.send({ chatId: others[0] ?? '', text: 'hello', replyTo: null, randomId: '5' });
});

describe('what was missed', () => {
  const unlimited = { least: 1_000, most: 1_000, sinceMs: 0 };
  test('a message that cannot be read is passed over alone', async () => {
    const ids = Array.from({ length: 150 }, (_, index) =>
      say(`number ${index}`, { isUnreadable: index === 7 || index === 8 || index === 120 }),
    );
    await connect();
    const missed = await link.readMissed(chatId, 0, unlimited);
    expect(missed).toMatchObject({
      unreadable: 3,
      isComplete: true,
      newestId: ids.at(-1)?.messageId,
    });
    const texts = missed.events.map((event) => (event.kind === 'message' ? event.text : ''));
    expect(texts).toEqual(
      Array.from({ length: 150 }, (_, index) => `number ${index}`).filter(
        (_, index) => ![7, 8, 120].includes(index),
      ),
    );
  });

  test('more than the limits: the newest, and it is said that older ones were left out', async () => {
    for (let index = 0; index < 250; index += 1) say(`number ${index}`);
    await connect();
    const missed = await link.readMissed(chatId, 0, { least: 120, most: 120, sinceMs: 0 });
    expect(missed).toMatchObject({ isComplete: false });
    expect(missed.events).toHaveLength(120);
    expect(
      await link.readMissed(chatId, 0, { least: 0, most: 1_000, sinceMs: 1_000 }),
    ).toMatchObject({ isComplete: true });
  });

  test('pages back while messages are young, and to the least number of them in any case', async () => {
    const at = (id: number) => ({ id, date: id });
    const history = Array.from({ length: 1_000 }, (_, index) => at(1_000 - index));
    const read = async (limits: { least: number; most: number; sinceMs: number }) =>
      readHistory(limits, async (offsetId, addOffset, limit) => {
        const from = offsetId === 0 ? 0 : history.findIndex(({ id }) => id < offsetId);
        return history.slice(from + addOffset, from + addOffset + limit);
      });
    expect((await read({ least: 50, most: 5_000, sinceMs: 0 })).messages).toHaveLength(1_000);
    expect((await read({ least: 50, most: 5_000, sinceMs: 700_000 })).messages).toHaveLength(400);
    expect((await read({ least: 650, most: 5_000, sinceMs: 900_000 })).messages).toHaveLength(650);
    expect(await read({ least: 50, most: 130, sinceMs: 0 })).toMatchObject({ isComplete: false });
  });
});

test("Telegram's clock: whatever the wall clock says, and when it is set", async () => {
  const clock = new TelegramClock();
  expect(clock.skewMs).toBeNull();
  clock.set(Date.now() - 400_000);
  expect(Math.abs((clock.skewMs ?? 0) - 400_000)).toBeLessThan(1_000);
  clock.advance(Date.now() - 500_000);
  expect(Math.abs((clock.skewMs ?? 0) - 400_000)).toBeLessThan(1_000);
  clock.advance(Date.now());
  expect(Math.abs(clock.skewMs ?? 0)).toBeLessThan(1_000);
});
