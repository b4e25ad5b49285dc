import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Behaviour } from '../../../../hostside/protocol/behaviour.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';
import { buildRelease, keyId, WorkerProcess, type WorkerSetup } from '../worker-process.ts';

/**
 * That nothing is missed in silence: the worker as a host runs it, while Telegram or the machine
 * does what is not expected.
 */
const [ann, bob] = ['7001', '8001'];

let release: string;
let dc: DataCentre;
let login: LoginCredentials;
let worker: WorkerProcess;
let chatId: string;

beforeAll(async () => {
  release = await buildRelease();
}, 60_000);
afterAll(() => rmSync(release, { recursive: true }));
beforeEach(async () => {
  dc = await startDataCentre();
  login = dc.addAccount({ userId: ann, firstName: 'Ann' });
  dc.people.addPerson({ userId: bob, firstName: 'Bob' });
  chatId = dc.people.addGroup({ kind: 'supergroup', title: 'Garden', members: [ann, bob] });
});
afterEach(async () => {
  await worker.end();
  worker.remove();
  expect(dc.report().violations).toEqual([]);
  expect(dc.report().accounts.find(({ userId }) => userId === ann)?.maxLive).toBeLessThanOrEqual(1);
  await dc.stop();
});

const behaviour = (): Behaviour => ({
  ...{ format: 1, account: 'anna', isPaused: false, fleetUserIds: [ann], model: null },
  limits: { perAccount: null, perChat: null, perUser: null, ceiling: 10_000 },
  chats: [
    {
      id: chatId,
      name: 'Garden',
      slotMs: 20_000,
      colleagues: [{ keyId, userId: ann, username: null }],
    },
  ],
  script: {
    ...{
      name: 'desk',
      hours: null,
      delay: { leastMs: 0, mostMs: 0, isTyping: false },
      disclosure: null,
      handover: null,
    },
    rules: [
      {
        ...{
          name: 'price',
          trigger: { kind: 'keyword', words: ['price'] },
          answer: { kind: 'text', texts: ['It is free.'] },
        },
        conditions: { chats: [], senders: [], languages: [], probability: 1 },
      },
    ],
    optOut: { words: ['stop'], backWords: ['start'], answer: null },
    ...{ answersBots: false, answersFleet: false, staleAfterMs: 300_000 },
  },
});

const start = async (setup: Partial<WorkerSetup> = {}): Promise<WorkerProcess> => {
  worker = new WorkerProcess({
    release,
    dc,
    login,
    behaviour: behaviour(),
    config: { healthIntervalMs: 60_000 },
    ...setup,
  });
  await worker.reaches('online', 15_000);
  return worker;
};
const ask = (times: number): number[] =>
  Array.from(
    { length: times },
    (_, index) =>
      dc.people.say({ chatId, from: bob, text: `What is the price of number ${index}?` }).ref,
  );
const answered = (): (number | null)[] =>
  dc.people.said({ userId: ann }).map(({ replyTo }) => replyTo);
const ordered = (refs: readonly (number | null)[]) =>
  refs.toSorted((a, b) => Number(a) - Number(b));
const eachOnce = (refs: readonly number[], limitMs = 40_000) =>
  expect.poll(() => ordered(answered()), { timeout: limitMs, interval: 50 }).toEqual(refs);
const counter = (name: string): number => worker.status?.counters[name] ?? 0;

test('killed within its first two seconds: every question is answered, each once', async () => {
  await start();
  const refs = ask(32);
  await expect.poll(() => answered().length, { timeout: 20_000, interval: 2 }).toBeGreaterThan(0);
  worker.signal('SIGKILL');
  await worker.exited;
  await start({ places: worker.places });
  await eachOnce(refs);
});

test('more than 200 questions while it was away, a pause that Telegram asks for, and one that cannot be read: all others are answered', async () => {
  await start();
  const first = ask(1);
  await eachOnce(first);
  await worker.end();
  const before = ask(150);
  dc.people.say({ chatId, from: bob, text: 'price', isUnreadable: true });
  const after = ask(150);
  dc.fault({
    method: 'messages.getHistory',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' },
  });
  await start({ places: worker.places });
  await eachOnce([...first, ...before, ...after], 60_000);
  await expect.poll(() => counter('unreadable_messages'), { timeout: 15_000 }).toBeGreaterThan(0);
  expect(counter('catch_up_waits')).toBeGreaterThan(0);
});

test('400 questions at once: answered, or counted as skipped with the reason', async () => {
  await start();
  const refs = ask(400);
  const skipped = () =>
    Object.entries(worker.status?.counters ?? {}).reduce(
      (sum, [name, count]) => sum + (name.startsWith('skipped_') ? count : 0),
      0,
    );
  const counted = () => [counter('received'), counter('answered') + skipped()];
  await expect.poll(counted, { timeout: 60_000, interval: 200 }).toEqual([400, 400]);
  expect(new Set(answered()).size).toBe(counter('answered'));
  expect(refs.length).toBe(400);
});

test.each([-400, 400])(
  'a clock that is %i s off: questions are fresh all the same, and it is said',
  async (seconds) => {
    dc.setClockSkew(seconds * 1_000);
    await start();
    await eachOnce(ask(3));
    await expect
      .poll(() => Math.abs(counter('clock_ahead_seconds') + seconds), { timeout: 15_000 })
      .toBeLessThan(3);
  },
);

test('the data centre is away for a while: online again within 10 s of its return, and what was said then is answered', async () => {
  await start();
  const first = ask(1);
  await eachOnce(first);
  await dc.suspend();
  await sleep(14_000);
  const missed = ask(2);
  await dc.resume();
  await worker.reaches('online', 10_000);
  await eachOnce([...first, ...missed]);
});

test('a key that is unknown for a moment is not lost for good', async () => {
  await start();
  const { keyId: known, authKey } = login;
  dc.forgetKey(known);
  await worker.reaches('reconnecting', 15_000);
  await sleep(5_000);
  dc.addAccount({ userId: ann, authKey, layer: 198 });
  await worker.reaches('online', 20_000);
});
