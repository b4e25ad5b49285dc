import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { bundledLingerMs, disconnectDelaySeconds } from '../../../../hostside/protocol/linger.ts';
import { gramJsTelegram } from '../../../../hostside/worker/telegram/gramjs-client.ts';
import { Line } from '../../../../hostside/worker/telegram/line.ts';
import { introduced, RawClient } from '../../../dc/clients/raw-client.ts';
import { type DeadPath, startDeadPath } from '../../../dc/dead-path.ts';
import {
  type DataCentre,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
} from '../../../dc/server.ts';
import { credentialsOf, dialTo } from '../telegram/telegram-contract.ts';

/** The real rules with one second in place of twenty. */
const timing = { keepAliveMs: 400, pingLimitMs: 500, disconnectDelay: 1, lingerMs: 1_500 };
const never = new AbortController().signal;

let dc: DataCentre;
let login: LoginCredentials;
let path: DeadPath;

beforeEach(async () => {
  dc = await startDataCentre();
  login = dc.addAccount({ userId: '42', firstName: 'Ann' });
  path = await startDeadPath(dc.addresses[0] as ListenAddress);
});
afterEach(async () => {
  path.stop();
  await dc.stop();
});

const portAt = (to: DataCentre | DeadPath, from?: string) => {
  const dial =
    'cut' in to ? dialTo({ addresses: [to.address] } as unknown as DataCentre) : dialTo(to, from);
  return gramJsTelegram(credentialsOf(login), { dial, timing });
};
const account = () => dc.report().accounts[0];

describe('what a worker leaves at Telegram (docs/exclusivity.md, row 38)', () => {
  test('the first packet that shows the key asks for the delay, before anything else', async () => {
    const events: string[] = [];
    await dc.stop();
    dc = await startDataCentre({
      onEvent: ({ event, detail }) => events.push(`${event} ${detail}`),
    });
    login = dc.addAccount({ userId: '42' });
    const link = await portAt(dc).connect(never);
    const asked = events.indexOf('request ping_delay_disconnect 1');
    expect(asked).toBeGreaterThan(0);
    expect(events.findIndex((line) => line.startsWith('request help.getConfig'))).toBeGreaterThan(
      asked,
    );
    await link.close();
  });

  test('after a path that died in silence the key is counted as in use; nobody uses it before that is over', async () => {
    const port = portAt(path);
    const link = await port.connect(never);
    path.cut();
    await link.close(100);
    expect(port.lingerLeftMs()).toBeGreaterThan(500);
    expect(account()?.liveNow).toBe(1);
    await sleep(port.lingerLeftMs() + 20);
    expect(port.lingerLeftMs()).toBe(0);
    const elsewhere = await portAt(dc, '127.0.0.2').connect(never);
    expect(dc.report().kills).toEqual([]);
    expect(account()).toMatchObject({ maxLive: 1, status: 'live' });
    await elsewhere.close();
  });

  test('the same without waiting kills the key: the data centre of tests is no kinder than Telegram may be', async () => {
    const link = await portAt(path).connect(never);
    path.cut();
    await link.close(100);
    await portAt(dc, '127.0.0.2')
      .connect(never)
      .catch(() => null);
    expect(dc.report().kills).toHaveLength(1);
  });

  test('who never asked is counted for longer', async () => {
    await dc.stop();
    dc = await startDataCentre({ idleTimeoutMs: 600 });
    login = dc.addAccount({ userId: '42', layer: 198 });
    const raw = await RawClient.online(dc.addresses[0] as ListenAddress, login.authKey);
    await raw.call(introduced({ _: 'users.getUsers', id: [{ _: 'inputUserSelf' }] }));
    await sleep(300);
    expect(account()?.liveNow).toBe(1);
    await expect.poll(() => account()?.liveNow, { timeout: 2000 }).toBe(0);
  });

  test('a close that Telegram confirms, and a connection that never showed the key, leave nothing', async () => {
    const port = portAt(dc);
    const link = await port.connect(never);
    await link.close();
    expect(port.lingerLeftMs()).toBe(0);
    dc.fault({ method: 'req_pq_multi', effect: { kind: 'silence' } });
    const silent = gramJsTelegram(credentialsOf(login), {
      dial: dialTo(dc),
      timing: { ...timing, connectLimitMs: 300 },
    });
    await expect(silent.connect(never)).rejects.toThrow(/within 0.3 s/);
    expect(silent.lingerLeftMs()).toBe(0);
    expect(account()?.connections).toHaveLength(1);
  });

  test('a refusal that Telegram answered is closed with its word', async () => {
    const port = portAt(dc);
    dc.revoke(login.authKey);
    await expect(port.connect(never)).rejects.toThrow(/SESSION_REVOKED/);
    expect(port.lingerLeftMs()).toBe(0);
  });

  test.each([
    ['by the clock that nobody sets', 0, 250],
    ['by the wall clock alone, which goes on while the machine sleeps', 60_000, 0],
  ])(
    'nothing is sent over a connection that was silent for too long, %s',
    async (_name, jumpMs, waitMs) => {
      const received: Buffer[] = [];
      const server = createServer((socket) =>
        socket.on('data', (chunk) => received.push(chunk)).on('error', () => {}),
      );
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const line = new Line(() => connect({ host: '127.0.0.1', port }), 200);
      await line.open('', 0);
      line.write(Buffer.from('a'));
      await sleep(waitMs);
      const now = Date.now();
      const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + jumpMs);
      expect(() => line.write(Buffer.from('b'))).toThrow('closed');
      clock.mockRestore();
      expect(await line.ended).toEqual({
        reason: 'the connection was silent for too long',
        isConfirmed: false,
      });
      expect(Buffer.concat(received).toString()).toBe('a');
      server.close();
    },
  );

  test('the figures belong together', () => {
    expect(bundledLingerMs).toBeGreaterThan(disconnectDelaySeconds * 1000);
  });
});
