import './gramjs-numbers.ts';
import { Api } from 'telegram/tl/index.js';
import type { ChatEvent, OutgoingMessage } from '../../protocol/chat.ts';
import { bundledLingerMs, disconnectDelaySeconds } from '../../protocol/linger.ts';
import { endsAccount } from './classify-error.ts';
import { GramJsChats } from './gramjs-chats.ts';
import { asFailure, network, refused } from './gramjs-failure.ts';
import { isUnreadable, Sender, type SenderEvents } from './gramjs-sender.ts';
import { type Dial, Line } from './line.ts';
import { TelegramClock } from './telegram-clock.ts';
import {
  type ChatListener,
  type GroupList,
  HeldFailure,
  type MissedEvents,
  type MissedLimits,
  type SentMessage,
  type TelegramCredentials,
  TelegramFailure,
  type TelegramLink,
  type TelegramPort,
  type TelegramSelf,
} from './telegram-port.ts';

/** Limits of the adapter, ms. Shorter ones are for tests. */
export interface GramJsTiming {
  readonly connectLimitMs: number;
  /** Within that: until Telegram has told its time. */
  readonly openLimitMs: number;
  readonly checkLimitMs: number;
  /** Between two pings. */
  readonly keepAliveMs: number;
  readonly pingLimitMs: number;
  /** For every request about chats. */
  readonly requestLimitMs: number;
  /** How long Telegram may count a connection that ended without its word. */
  readonly lingerMs: number;
  /**
   * Seconds after which Telegram is asked to drop a connection without pings. Nothing is sent over
   * one that was silent for so long, either.
   */
  readonly disconnectDelay: number;
}

const timing: GramJsTiming = {
  ...{
    connectLimitMs: 30_000,
    openLimitMs: 8_000,
    checkLimitMs: 15_000,
    keepAliveMs: 8_000,
    pingLimitMs: 12_000,
    requestLimitMs: 15_000,
  },
  ...{ lingerMs: bundledLingerMs, disconnectDelay: disconnectDelaySeconds },
};

const closeGraceMs = 2_000;

/** What a port of this kind is made with besides the credentials. */
export interface GramJsOptions {
  /** For tests that bring their own data centre. */
  readonly dial?: Dial;
  readonly timing?: Partial<GramJsTiming>;
  readonly clock?: TelegramClock;
  /**
   * Judges Telegram's time (ms since the epoch) before the key is shown and then once a second at
   * most; null: go on, otherwise the account is held and why.
   */
  readonly judgeTime?: (telegramMs: number) => string | null;
}

/**
 * The given package `telegram` (GramJS), which is archived, behind the port. One {@link Sender}
 * makes one connection and is thrown
 * away with it; the library's own client (reconnecting without back-off, close before connect or
 * initConnection) is not used.
 */
export const gramJsTelegram = (
  credentials: TelegramCredentials,
  options: GramJsOptions = {},
): TelegramPort => {
  let current: GramJsLink | null = null;
  const limits = { ...timing, ...options.timing };
  const surroundings: Surroundings = {
    clock: options.clock ?? new TelegramClock(),
    judgeTime: options.judgeTime ?? (() => null),
  };
  return {
    connect: async (signal) => {
      if (current !== null && !current.isClosed)
        throw new Error('a connection of this session is still open');
      const link = new GramJsLink(
        credentials,
        new Line(options.dial, limits.disconnectDelay * 1_000),
        limits,
        surroundings,
      );
      current = link;
      await link.start(signal);
      return link;
    },
    lingerLeftMs: () => current?.lingerLeftMs ?? 0,
  };
};

type Surroundings = Required<Pick<GramJsOptions, 'clock' | 'judgeTime'>>;

class GramJsLink implements TelegramLink {
  self: TelegramSelf = { userId: '', username: null, latencyMs: 0 };
  readonly lost: Promise<TelegramFailure>;
  readonly #credentials: TelegramCredentials;
  readonly #line: Line;
  readonly #timing: GramJsTiming;
  readonly #chats: GramJsChats;
  #sender: Sender | null = null;
  #keepAlive: NodeJS.Timeout | undefined;
  /** Told when the line ends. */
  readonly #waiting = new Set<(failure: TelegramFailure) => void>();
  readonly #surroundings: Surroundings;
  #isPinging = false;
  #isClosing = false;
  #isKeyUsed = false;
  #isConfirmed = false;
  #cause: TelegramFailure | null = null;
  #lose: (failure: TelegramFailure) => void = () => {};

  constructor(
    credentials: TelegramCredentials,
    line: Line,
    limits: GramJsTiming,
    surroundings: Surroundings,
  ) {
    this.#credentials = credentials;
    this.#surroundings = surroundings;
    this.#line = line;
    this.#timing = limits;
    this.#chats = new GramJsChats(
      (request, what) => this.#ask(request, limits.requestLimitMs, what),
      surroundings.clock.nowMs,
    );
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    void line.ended.then(({ reason, isConfirmed }) => {
      this.#isConfirmed = isConfirmed;
      this.#ended(reason);
    });
  }

  get isClosed(): boolean {
    return this.#line.isOver;
  }

  get lingerLeftMs(): number {
    if (!this.#isKeyUsed || this.#isConfirmed) return 0;
    return Math.max(0, this.#line.heardAtMs + this.#timing.lingerMs - performance.now());
  }

  /** Rejects after the line is closed. */
  async start(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#fail(network('the worker was told to stop'));
    const { openLimitMs } = this.#timing;
    const opening = setTimeout(() => {
      if (!this.#isKeyUsed)
        this.#fail(network(`no answer from Telegram within ${openLimitMs / 1000} s`));
    }, openLimitMs);
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) stop();
      await this.#within(this.#introduce(), this.#timing.connectLimitMs, 'connecting');
    } catch (error) {
      const cause = error instanceof HeldFailure ? error : (this.#cause ?? asFailure(error));
      await this.close(isAnswer(cause) ? closeGraceMs : 0);
      throw cause;
    } finally {
      clearTimeout(opening);
      signal.removeEventListener('abort', stop);
    }
    this.#keepAlive = setInterval(() => void this.#ping(), this.#timing.keepAliveMs);
    // Nobody waits for it: Telegram is known to tell nothing to a session that never asked, and
    // holes show from the first update on.
    const state = this.#ask<void, Api.updates.State>(
      new Api.updates.GetState(),
      this.#timing.requestLimitMs,
      'the state of updates',
    );
    state.then(({ pts }) => this.#chats.countFrom(pts)).catch(() => {});
  }

  async check(): Promise<TelegramSelf> {
    this.self = await this.#within(this.#askSelf(), this.#timing.checkLimitMs, 'the health check');
    return this.self;
  }

  listen(listener: ChatListener): void {
    this.#chats.listen(listener);
  }

  groups(): Promise<GroupList> {
    return this.#chats.groups();
  }

  send(message: OutgoingMessage): Promise<SentMessage> {
    return this.#chats.send(message);
  }

  typing(chatId: string): Promise<void> {
    return this.#chats.typing(chatId);
  }

  readAfter(chatId: string, afterMessageId: number, limit: number): Promise<readonly ChatEvent[]> {
    return this.#chats.readAfter(chatId, afterMessageId, limit);
  }

  readMissed(chatId: string, afterMessageId: number, limits: MissedLimits): Promise<MissedEvents> {
    return this.#chats.readMissed(chatId, afterMessageId, limits);
  }

  async close(graceMs = closeGraceMs): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#keepAlive);
    await (graceMs > 0
      ? this.#line.close('closed by us', graceMs)
      : this.#line.reset('closed by us'));
  }

  /**
   * A connection is satisfied before anybody is logged in: only the answer to "who am I" makes an
   * account online.
   */
  async #introduce(): Promise<void> {
    const events: SenderEvents = {
      onUpdates: (updates) => this.#chats.receive(updates),
      onFailure: (failure) => this.#fail(failure),
      // Refusals and losses matter: the rest shows on the line, or in the next ping.
      onError: (error) => {
        const known = asFailure(error);
        if (endsAccount(known.failure)) this.#fail(known);
        else if (isUnreadable(error)) this.#chats.miscounted();
      },
      onNewSession: () => this.#chats.miscounted(),
      onStorm: () => this.#fail(refused(500, 'MESSAGES_REFUSED')),
      onTime: (telegramMs) => this.#takeTime(telegramMs),
      onHeard: (telegramMs) => {
        this.#surroundings.clock.advance(telegramMs);
        if (this.#surroundings.judgeTime(telegramMs) !== null)
          this.#fail(network('this machine stood still'), true);
      },
    };
    const { clock } = this.#surroundings;
    const { disconnectDelay } = this.#timing;
    this.#sender = await Sender.open(this.#credentials, {
      line: this.#line,
      clock,
      disconnectDelay,
      events,
    });
    this.self = await this.#askSelf();
  }

  #takeTime(telegramMs: number): void {
    const { clock, judgeTime } = this.#surroundings;
    clock.set(telegramMs);
    const held = judgeTime(telegramMs);
    if (held !== null) throw new HeldFailure(held);
    this.#isKeyUsed = true;
  }

  async #askSelf(): Promise<TelegramSelf> {
    const askedAt = performance.now();
    const [self] = await this.#sent(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
    if (!(self instanceof Api.User)) throw network('Telegram did not say who we are');
    if (self.deleted) throw new TelegramFailure({ kind: 'deleted' }, 'the account is deleted');
    this.#chats.knowSelf(self);
    return {
      userId: self.id.toString(),
      username: self.username ?? null,
      latencyMs: Math.round(performance.now() - askedAt),
    };
  }

  #ask<A, R>(request: Api.Request<A, R>, limitMs: number, what: string): Promise<R> {
    return this.#within(this.#sent(request), limitMs, what);
  }

  async #sent<A, R>(request: Api.Request<A, R>): Promise<R> {
    if (this.#sender === null || this.#line.isOver)
      throw this.#cause ?? network('the connection is closed');
    try {
      return await this.#sender.ask(request);
    } catch (error) {
      const known = asFailure(error);
      // Telegram has forgotten the introduction, which only a new connection makes.
      if (known.failure.kind === 'rpc' && known.failure.name === 'CONNECTION_NOT_INITED')
        this.#fail(known);
      throw error;
    }
  }

  async #ping(): Promise<void> {
    if (this.#isPinging) return;
    this.#isPinging = true;
    try {
      await this.#within(
        this.#sender?.ping() ?? Promise.resolve(),
        this.#timing.pingLimitMs,
        'a ping',
      );
    } catch (error) {
      this.#fail(asFailure(error));
    }
    this.#isPinging = false;
  }

  /**
   * Rejects after `limitMs`, or as soon as the line has ended: the library would wait for ever in
   * both cases.
   */
  #within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        settle();
        reject(error instanceof HeldFailure ? error : asFailure(error));
      };
      const timer = setTimeout(
        () => fail(network(`no answer to ${what} within ${limitMs / 1000} s`)),
        limitMs,
      );
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(fail);
      };
      this.#waiting.add(fail);
      work.then((value) => {
        settle();
        resolve(value);
      }, fail);
    });
  }

  /**
   * The first cause counts. Stops sending at once. Who has answered is also asked to confirm the
   * end; who is silent is left without a word.
   */
  #fail(failure: TelegramFailure, isHeard = isAnswer(failure)): void {
    this.#cause ??= failure;
    if (isHeard) void this.#line.close(failure.message, closeGraceMs);
    else void this.#line.reset(failure.message);
  }

  #ended(reason: string): void {
    clearInterval(this.#keepAlive);
    this.#chats.close();
    // Ends the library's two loops.
    void this.#sender?.disconnect().catch(() => {});
    for (const fail of this.#waiting) fail(this.#cause ?? network(reason));
    if (!this.#isClosing) this.#lose(this.#cause ?? network(reason));
  }
}

/** Telegram has said something, so it can be asked to confirm the end of the connection. */
const isAnswer = (error: TelegramFailure | HeldFailure): boolean =>
  error instanceof TelegramFailure && error.failure.kind !== 'network';
