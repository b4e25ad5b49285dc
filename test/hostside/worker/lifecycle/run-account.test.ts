import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Lifecycle, lifecycleRules } from '../../../../hostside/worker/lifecycle/lifecycle.ts';
import { type AccountEnd, runAccount } from '../../../../hostside/worker/lifecycle/run-account.ts';
import { gramJsTelegram } from '../../../../hostside/worker/telegram/gramjs-client.ts';
import type { TelegramLink } from '../../../../hostside/worker/telegram/telegram-port.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';
import { credentialsOf, dialTo } from '../telegram/telegram-contract.ts';

/** The real rules in milliseconds instead of seconds. */
const rules = {
  ...lifecycleRules,
  ...{
    healthIntervalMs: 100,
    firstRetryMs: 20,
    retryMs: 40,
    backoffMs: 60,
    maxBackoffMs: 200,
    keyUnknownRetryMs: 20,
  },
};
const timing = {
  connectLimitMs: 3000,
  checkLimitMs: 300,
  keepAliveMs: 200,
  pingLimitMs: 300,
  lingerMs: 400,
};

let dc: DataCentre;
let login: LoginCredentials;
let stop: AbortController;
let seen: Lifecycle[];
let refusal: string | null;
let rechecks: number;
let run: Promise<AccountEnd>;
/** What the user of the connection was lent; null: it was taken back. */
let lent: { readonly link: TelegramLink; readonly flooded: (seconds: number) => void } | null;

beforeEach(async () => {
  dc = await startDataCentre();
  login = dc.addAccount({ userId: '777', firstName: 'Ann' });
  stop = new AbortController();
  seen = [];
  refusal = null;
  rechecks = 0;
  lent = null;
});
afterEach(async () => {
  stop.abort();
  await run;
  expect(account().maxLive).toBeLessThanOrEqual(1);
  expect(dc.report().kills).toEqual([]);
  expect(dc.report().violations).toEqual([]);
  expect(account().liveNow).toBe(0);
  await dc.stop();
});

const account = () => {
  const [found] = dc.report().accounts;
  if (found === undefined) throw new Error('the data centre lost its account');
  return found;
};

const start = (): void => {
  run = runAccount(
    {
      telegram: gramJsTelegram(credentialsOf(login), { dial: dialTo(dc), timing }),
      user: {
        attach: (link, flooded) => {
          lent = { link, flooded };
        },
        detach: () => {
          if (lent !== null) expect(account().liveNow).toBeLessThanOrEqual(1);
          lent = null;
        },
      },
      recheck: () => {
        rechecks += 1;
        return refusal;
      },
      publish: (lifecycle) => seen.push(lifecycle),
      ...{ rules, now: Date.now, random: Math.random, memoryBytes: () => 0 },
    },
    stop.signal,
  );
};

/** Waits until the account is in this state. */
const reach = (state: Lifecycle['state']) =>
  expect.poll(() => seen.at(-1)?.state, { timeout: 8000, interval: 5 }).toBe(state);
const states = (): string[] =>
  seen.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]);

test('thirty forced disconnects: always back, never two connections, the claim judged before each', async () => {
  start();
  for (let round = 1; round <= 30; round += 1) {
    await expect.poll(() => account().liveNow, { timeout: 5000, interval: 5 }).toBe(1);
    await reach('online');
    dc.disconnectAll();
    await expect
      .poll(() => account().connections.length, { timeout: 5000, interval: 5 })
      .toBe(round + 1);
  }
  await reach('online');
  expect(account().connections).toHaveLength(31);
  // Before the pause and after it.
  expect(rechecks).toBe(62);
  expect(seen.at(-1)?.counters).toMatchObject({ connects: 31, lost_connections: 30 });
});

test('Telegram away at the start: offline with a reason, then online', async () => {
  await dc.suspend();
  start();
  await reach('offline');
  expect(seen.at(-1)?.reason).toContain('ECONNREFUSED');
  await dc.resume();
  await reach('online');
  expect(states()).toEqual(['starting', 'offline', 'online']);
});

test('an outage while online: reconnecting, offline, online', async () => {
  start();
  await reach('online');
  await dc.suspend();
  await reach('offline');
  await dc.resume();
  await reach('online');
  expect(states()).toEqual(['starting', 'online', 'reconnecting', 'offline', 'online']);
});

test('a peer that falls silent is noticed, left for certain, and tried again', async () => {
  start();
  await reach('online');
  dc.fault({ method: '*', times: null, effect: { kind: 'silence' } });
  await reach('reconnecting');
  dc.clearFaults();
  await reach('online');
});

test('a flood wait in a health check holds the connection and asks nothing before its end', async () => {
  start();
  await reach('online');
  dc.fault({
    method: 'users.getUsers',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' },
  });
  await reach('flood-wait');
  const untilMs = seen.at(-1)?.untilMs ?? 0;
  const requestsBefore = account().connections[0]?.requests;
  await sleep(1000);
  expect(account().connections[0]?.requests).toBe(requestsBefore);
  await reach('online');
  expect(Date.now()).toBeGreaterThanOrEqual(untilMs);
  expect(account().connections).toHaveLength(1);
});

test('the connection is lent while it stands, and taken back before it is closed', async () => {
  start();
  await reach('online');
  const first = lent?.link;
  expect(first?.self.userId).toBe('777');
  dc.disconnectAll();
  await expect
    .poll(() => lent === null || lent.link !== first, { timeout: 5000, interval: 1 })
    .toBe(true);
  await expect.poll(() => lent?.link, { timeout: 5000 }).toBeDefined();
  expect(lent?.link).not.toBe(first);
  stop.abort();
  await run;
  expect(lent).toBeNull();
});

test('a pause that Telegram asks the user of the connection for is shown as such, and ends by itself', async () => {
  start();
  await reach('online');
  const checks = seen.at(-1)?.counters.health_checks ?? 0;
  lent?.flooded(1);
  await reach('flood-wait');
  expect(seen.at(-1)).toMatchObject({
    reason: expect.stringContaining('1 s'),
    counters: { failed_health_checks: 0, flood_waits: 1 },
  });
  expect(seen.at(-1)?.counters.health_checks).toBeGreaterThanOrEqual(checks);
  expect(lent).not.toBeNull();
  await reach('online');
  expect(account().connections).toHaveLength(1);
});

test('a flood wait at connecting: no second connection before its end', async () => {
  dc.fault({
    method: 'users.getUsers',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_1' },
  });
  start();
  await reach('flood-wait');
  await sleep(700);
  expect(account().connections).toHaveLength(1);
  await reach('online');
});

test('the claim is gone after a loss: no connection, and the exit code of the gate', async () => {
  start();
  await reach('online');
  refusal = 'the claim is releasing at epoch 3';
  dc.disconnectAll();
  expect(await run).toMatchObject({ exitCode: 77, refusal });
  expect(dc.report().connectionsOpened).toBe(1);
});

test('a key that Telegram does not know is tried three times', async () => {
  dc.forgetKey(login.authKey);
  const spare = dc.addAccount({ userId: '778' });
  expect(spare.userId).toBe('778');
  start();
  expect(await run).toMatchObject({ exitCode: 65, refusal: null });
  expect(dc.report().refusals).toHaveLength(3);
});

test('told to stop in every phase: closed for certain, and said so', async () => {
  start();
  await reach('online');
  stop.abort();
  expect(await run).toMatchObject({ exitCode: 0, refusal: null });
  expect(account().connections.at(-1)).toMatchObject({ closedBy: 'peer' });
  expect(states().slice(-2)).toEqual(['stopping', 'stopped']);

  stop = new AbortController();
  dc.fault({ method: 'help.getConfig', effect: { kind: 'silence' } });
  start();
  await expect.poll(() => account().liveNow).toBe(1);
  stop.abort();
  expect(await run).toMatchObject({ exitCode: 0, refusal: null });

  await dc.suspend();
  stop = new AbortController();
  start();
  await reach('offline');
  stop.abort();
  expect(await run).toMatchObject({ exitCode: 0, refusal: null });
});
