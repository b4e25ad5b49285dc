import '../telegram/gramjs-numbers.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from 'telegram/tl/index.js';
import { messageIdAt } from '../../machine/plain-time.ts';
import { bundledLingerMs, disconnectDelaySeconds } from '../../protocol/linger.ts';
import { asFailure, network } from '../telegram/gramjs-failure.ts';
import { plainConnection, Sender } from '../telegram/gramjs-sender.ts';
import { type Dial, Line } from '../telegram/line.ts';
import { TelegramClock } from '../telegram/telegram-clock.ts';
import type { TelegramCredentials, TelegramFailure } from '../telegram/telegram-port.ts';
import { exchangeKey } from './exchange-key.ts';
import type { PublicKey } from './public-keys.ts';

const openLimitMs = 30_000;
const askLimitMs = 30_000;
const pingEveryMs = 8_000;
const closeGraceMs = 2_000;
const plainHeaderBytes = 20;

/** What logins are made with besides what the operator says. */
export interface LoginNet {
  readonly publicKeys: ReadonlyMap<bigint, PublicKey>;
  /** For tests that bring their own data centre. */
  readonly dial?: Dial;
}

/**
 * A new key of one data centre, over a connection of its own that ends with it. Rejects with
 * TelegramFailure.
 */
export const makeKey = async (
  net: LoginNet,
  address: string,
  dataCentre: number,
): Promise<Buffer> => {
  const line = new Line(net.dial);
  const connection = plainConnection(line, address, dataCentre);
  const ask = async (content: Buffer): Promise<Buffer> => {
    const header = Buffer.alloc(plainHeaderBytes);
    header.writeBigInt64LE(messageIdAt(Date.now()), 8);
    header.writeInt32LE(content.length, 16);
    await connection.send(Buffer.concat([header, content]));
    const packet: Buffer = await connection.recv();
    if (packet.length < plainHeaderBytes || packet.readBigInt64LE(0) !== 0n)
      throw new Error('Telegram did not answer the key exchange');
    return packet.subarray(plainHeaderBytes, plainHeaderBytes + packet.readInt32LE(16));
  };
  try {
    const work = connection.connect().then(() => exchangeKey(ask, dataCentre, net.publicKeys));
    return await within(work, line, openLimitMs, 'the key exchange');
  } catch (error) {
    throw error instanceof Error && error.constructor === Error
      ? network(`the key exchange failed: ${error.message}`)
      : asFailure(error);
  } finally {
    await line.reset('the key exchange is over');
    void connection.disconnect().catch(() => {});
  }
};

/** One connection that shows one key, made once and never again. */
export class LoginLink {
  readonly #line: Line;
  readonly #sender: Sender;
  readonly #pings: NodeJS.Timeout;
  /** Somebody has scanned the QR code. */
  #scanned: () => void;
  #isConfirmed = false;
  /** Telegram's time, ms since the epoch. */
  readonly nowMs: () => number;

  private constructor(
    line: Line,
    sender: Sender,
    clock: TelegramClock,
    scanned: { tell: () => void },
  ) {
    this.nowMs = clock.nowMs;
    this.#line = line;
    this.#sender = sender;
    this.#scanned = () => {};
    scanned.tell = () => this.#scanned();
    this.#pings = setInterval(
      () => void sender.ping().catch(() => line.reset('a ping failed')),
      pingEveryMs,
    );
    void line.ended.then(({ isConfirmed }) => {
      this.#isConfirmed = isConfirmed;
      clearInterval(this.#pings);
    });
  }

  /** Rejects with TelegramFailure after the connection is closed. */
  static async open(credentials: TelegramCredentials, net: LoginNet): Promise<LoginLink> {
    const line = new Line(net.dial, disconnectDelaySeconds * 1_000);
    const clock = new TelegramClock();
    const scanned = { tell: (): void => {} };
    let cause: TelegramFailure | null = null;
    const fail = (failure: TelegramFailure): void => {
      cause ??= failure;
      void line.reset(failure.message);
    };
    const opening = Sender.open(credentials, {
      ...{ line, clock, disconnectDelay: disconnectDelaySeconds },
      events: {
        onUpdates: (updates) => {
          if (updates instanceof Api.UpdateShort && updates.update instanceof Api.UpdateLoginToken)
            scanned.tell();
        },
        onFailure: fail,
        onError: () => {},
        onNewSession: () => {},
        onStorm: () => fail(network('Telegram refuses what it is sent')),
        onTime: (telegramMs) => clock.set(telegramMs),
        onHeard: (telegramMs) => clock.advance(telegramMs),
      },
    });
    try {
      return new LoginLink(
        line,
        await within(opening, line, openLimitMs, 'connecting'),
        clock,
        scanned,
      );
    } catch (error) {
      await line.reset('no connection');
      throw cause ?? asFailure(error);
    }
  }

  /** Telegram's answer. Rejects with what the library throws, or a TelegramFailure. */
  ask<A, R>(request: Api.Request<A, R>): Promise<R> {
    return within(this.#sender.ask(request), this.#line, askLimitMs, 'an answer');
  }

  /**
   * Resolves when somebody has scanned the code, when the line ends or nobody waits for it any
   * more, or after `ms`.
   */
  async scannedWithin(ms: number, over: Promise<void>): Promise<void> {
    const timer = new AbortController();
    const scanned = new Promise<void>((resolve) => {
      this.#scanned = resolve;
    });
    await Promise.race([
      scanned,
      over,
      this.#line.ended,
      sleep(ms, undefined, { signal: timer.signal }).catch(() => {}),
    ]);
    timer.abort();
  }

  /**
   * Gives how long Telegram may count the connection from now on, ms: 0 when it has confirmed its
   * end.
   */
  async close(): Promise<number> {
    await this.#line.close('the login is over', closeGraceMs);
    void this.#sender.disconnect().catch(() => {});
    return this.#isConfirmed ? 0 : bundledLingerMs;
  }
}

/** The library waits for ever, also for the answer over a line that has ended. */
const within = async <T>(
  work: Promise<T>,
  line: Line,
  limitMs: number,
  what: string,
): Promise<T> => {
  const timer = new AbortController();
  const late = sleep(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw network(`no answer to ${what} within ${limitMs / 1000} s`);
  });
  const over = line.ended.then(({ reason }) => {
    throw network(reason);
  });
  for (const each of [late, over, work]) each.catch(() => {});
  try {
    return await Promise.race([work, late, over]);
  } finally {
    timer.abort();
  }
};
