import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { classifyError } from '../../../../hostside/worker/telegram/classify-error.ts';
import type { Dial } from '../../../../hostside/worker/telegram/line.ts';
import {
  type ErrorMeaning,
  listedErrors,
} from '../../../../hostside/worker/telegram/telegram-errors.ts';
import {
  type TelegramCredentials,
  TelegramFailure,
  type TelegramLink,
  type TelegramPort,
} from '../../../../hostside/worker/telegram/telegram-port.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';

/** What an implementation is made with: the limits are shortened so that tests need not wait. */
export interface PortMaking {
  readonly credentials: TelegramCredentials;
  readonly dial: Dial;
  readonly connectLimitMs: number;
  readonly checkLimitMs: number;
  readonly keepAliveMs: number;
  readonly pingLimitMs: number;
  readonly requestLimitMs: number;
}

export const credentialsOf = (login: LoginCredentials): TelegramCredentials => ({
  dcId: login.dcId,
  address: '149.154.167.51',
  authKey: login.authKey,
  apiId: 4711,
  apiHash: 'api-hash-canary',
  deviceModel: 'Pinned Device',
  systemVersion: 'Pinned System',
  appVersion: '9.8.7',
  langCode: 'de',
});

/**
 * The way into a test data centre, whatever address is asked for. `clientIp`: what it sees, one of
 * 127.0.0.0/8.
 */
export const dialTo =
  (dc: DataCentre, clientIp = '127.0.0.1'): Dial =>
  () =>
    connect({ host: '127.0.0.1', port: dc.addresses[0]?.port ?? 0, localAddress: clientIp });

/** What every implementation of the port must do, against the test data centre. */
export const telegramContract = (
  name: string,
  make: (making: PortMaking) => TelegramPort,
): void => {
  describe(`telegram port: ${name}`, { timeout: 8000 }, () => {
    let dc: DataCentre;
    let login: LoginCredentials;
    const links: TelegramLink[] = [];
    const limits = {
      connectLimitMs: 5000,
      checkLimitMs: 300,
      keepAliveMs: 200,
      pingLimitMs: 300,
      requestLimitMs: 1000,
    };
    const never = new AbortController().signal;

    beforeEach(async () => {
      dc = await startDataCentre();
      login = dc.addAccount({ userId: '7770001234567', firstName: 'Ann' });
    });
    afterEach(async () => {
      await Promise.all(links.splice(0).map((link) => link.close()));
      await dc.stop();
    });

    const port = (changes: Partial<PortMaking> = {}): TelegramPort =>
      make({ credentials: credentialsOf(login), dial: dialTo(dc), ...limits, ...changes });
    const open = async (from: TelegramPort = port()): Promise<TelegramLink> => {
      const link = await from.connect(never);
      links.push(link);
      return link;
    };
    const account = () => dc.report().accounts[0];
    const failureOfConnect = async (from: TelegramPort = port()) => {
      const error = await from.connect(never).catch((caught: unknown) => caught);
      // The promise of the port: closed before it rejects. The data centre may hear of it a moment
      // later.
      expect(error).toBeInstanceOf(TelegramFailure);
      await expect.poll(() => account()?.liveNow ?? 0).toBe(0);
      return (error as TelegramFailure).failure;
    };

    it('connects, says who we are and how we introduced ourselves, and closes', async () => {
      const link = await open();
      expect(link.self.userId).toBe('7770001234567');
      expect(link.self.latencyMs).toBeGreaterThanOrEqual(0);
      const [connection] = account()?.connections ?? [];
      expect(connection?.init).toMatchObject({
        ...{
          apiId: 4711,
          deviceModel: 'Pinned Device',
          systemVersion: 'Pinned System',
          appVersion: '9.8.7',
          langCode: 'de',
        },
        ...{ systemLangCode: 'de', langPack: '' },
      });
      expect((await link.check()).userId).toBe('7770001234567');
      await link.close();
      await link.close();
      // Telegram's FIN was waited for, so the data centre knows already.
      expect(account()?.liveNow).toBe(0);
      expect(account()?.connections[0]?.closedBy).toBe('peer');
      expect(dc.report().violations).toEqual([]);
    });

    it('refuses a second connection while one is open, and connects again after a close', async () => {
      const one = port();
      const first = await open(one);
      await expect(one.connect(never)).rejects.toThrow('still open');
      await first.close();
      await open(one);
      expect(account()?.maxLive).toBe(1);
      expect(account()?.connections).toHaveLength(2);
    });

    it('tells a loss after its socket is closed, and never connects by itself', async () => {
      const link = await open();
      dc.disconnectAll();
      const lost = await link.lost;
      expect(lost.failure).toMatchObject({ kind: 'network' });
      await sleep(1500);
      expect(account()?.connections).toHaveLength(1);
      expect(dc.report().connectionsOpened).toBe(1);
    });

    it('keeps the connection alive, and notices a peer that falls silent', async () => {
      const link = await open();
      await sleep(700);
      expect(account()?.connections[0]?.packets).toBeGreaterThanOrEqual(5);
      dc.fault({ method: '*', times: null, effect: { kind: 'silence' } });
      const lost = await link.lost;
      expect(lost.failure).toMatchObject({
        kind: 'network',
        reason: expect.stringContaining('ping'),
      });
      await expect.poll(() => account()?.liveNow).toBe(0);
    });

    it('limits a health check that nobody answers, and keeps the connection', async () => {
      const link = await open();
      dc.fault({ method: 'users.getUsers', effect: { kind: 'silence' } });
      const error = await link.check().catch((caught: unknown) => caught);
      expect((error as TelegramFailure).failure).toMatchObject({
        kind: 'network',
        reason: expect.stringContaining('health check'),
      });
      expect(account()?.liveNow).toBe(1);
      expect((await link.check()).userId).toBe('7770001234567');
    });

    it.each([
      ['revoked', { kind: 'rpc', code: 401, name: 'SESSION_REVOKED', seconds: null }],
      ['unregistered', { kind: 'rpc', code: 401, name: 'AUTH_KEY_UNREGISTERED', seconds: null }],
      ['expired', { kind: 'rpc', code: 401, name: 'SESSION_EXPIRED', seconds: null }],
    ] as const)('a login that is %s, at the start and while online', async (kind, failure) => {
      const link = await open();
      dc.revoke(login.authKey, kind);
      const error = await link.check().catch((caught: unknown) => caught);
      expect((error as TelegramFailure).failure).toEqual(failure);
      await link.close();
      expect(await failureOfConnect()).toEqual(failure);
    });

    it('a banned account', async () => {
      dc.deactivate(login.userId, 'banned');
      expect(await failureOfConnect()).toEqual({
        kind: 'rpc',
        code: 401,
        name: 'USER_DEACTIVATED_BAN',
        seconds: null,
      });
    });

    it('a key that was used twice: 406, while online and at the next start', async () => {
      const link = await open();
      const thief = await open(port({ dial: dialTo(dc, '127.0.0.2') })).catch(
        (caught: unknown) => caught,
      );
      expect(thief).toBeInstanceOf(TelegramFailure);
      await link.lost;
      expect(await failureOfConnect()).toEqual({
        kind: 'rpc',
        code: 406,
        name: 'AUTH_KEY_DUPLICATED',
        seconds: null,
      });
    });

    it('a flood wait, at the start and in a health check, which keeps the connection', async () => {
      const flood = { kind: 'rpc', code: 420, seconds: 17 };
      const arrange = () =>
        dc.fault({
          method: 'users.getUsers',
          effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_17' },
        });
      arrange();
      expect(await failureOfConnect()).toMatchObject(flood);
      const link = await open();
      arrange();
      const error = await link.check().catch((caught: unknown) => caught);
      expect((error as TelegramFailure).failure).toMatchObject(flood);
      expect(account()?.liveNow).toBe(1);
    });

    it('each error of the table that ends an account does, at the start', {
      timeout: 60_000,
    }, async () => {
      const final: readonly ErrorMeaning[] = [
        'duplicated',
        'needs-login',
        'key-unknown',
        'banned',
        'misconfigured',
      ];
      for (const [name, meaning] of listedErrors) {
        if (!final.includes(meaning)) continue;
        dc.fault({
          method: 'help.getConfig',
          effect: { kind: 'error', code: 400, message: name.replace(/_X$/, '_5') },
        });
        expect([name, classifyError(await failureOfConnect()).class]).toEqual([name, meaning]);
      }
    });

    it('an api id that Telegram refuses', async () => {
      dc.fault({
        method: 'help.getConfig',
        effect: { kind: 'error', code: 400, message: 'API_ID_INVALID' },
      });
      expect(await failureOfConnect()).toMatchObject({
        kind: 'rpc',
        code: 400,
        name: 'API_ID_INVALID',
      });
    });

    it('a session of another data centre: no connection to there, and no new key', async () => {
      dc.fault({
        method: 'users.getUsers',
        effect: { kind: 'error', code: 303, message: 'USER_MIGRATE_4' },
      });
      expect(await failureOfConnect()).toEqual({
        kind: 'rpc',
        code: 303,
        name: 'USER_MIGRATE_4',
        seconds: null,
      });
      await sleep(1300);
      expect(dc.report()).toMatchObject({ connectionsOpened: 1, refusals: [] });
    });

    it('a key that the data centre does not know, instead of waiting for ever', async () => {
      dc.forgetKey(login.authKey);
      expect(await failureOfConnect()).toEqual({ kind: 'transport', code: 404 });
    });

    it('a transport error in the middle', async () => {
      const link = await open();
      dc.fault({ method: 'users.getUsers', effect: { kind: 'transport', code: -429 } });
      await link.check().catch(() => {});
      expect((await link.lost).failure).toEqual({ kind: 'transport', code: 429 });
    });

    it('an internal error of Telegram is an answer, not an end', async () => {
      const link = await open();
      dc.fault({
        method: 'users.getUsers',
        effect: { kind: 'error', code: 500, message: 'INTERNAL' },
      });
      const error = await link.check().catch((caught: unknown) => caught);
      expect((error as TelegramFailure).failure).toMatchObject({
        kind: expect.stringMatching(/rpc|network/),
      });
      expect((await link.check()).userId).toBe('7770001234567');
    });

    it('an answer to connecting that never comes, and a stop in the middle of it', async () => {
      dc.fault({ method: 'help.getConfig', times: 2, effect: { kind: 'silence' } });
      expect(await failureOfConnect(port({ connectLimitMs: 400 }))).toMatchObject({
        kind: 'network',
      });
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 200);
      await expect(port().connect(stop.signal)).rejects.toBeInstanceOf(TelegramFailure);
      await expect.poll(() => account()?.liveNow).toBe(0);
    });

    it('nobody there', async () => {
      await dc.suspend();
      expect(await failureOfConnect()).toMatchObject({
        kind: 'network',
        reason: expect.stringContaining('ECONNREFUSED'),
      });
      await dc.resume();
      await open();
      expect(account()?.maxLive).toBe(1);
    });

    it('salts that change while online', async () => {
      const link = await open();
      dc.rotateSalts();
      expect((await link.check()).userId).toBe('7770001234567');
      expect(account()?.connections).toHaveLength(1);
    });
  });
};
