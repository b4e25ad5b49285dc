import { Api, TelegramClient } from 'telegram';
import { RPCError } from 'telegram/errors/index.js';
import type { PromisedNetSockets } from 'telegram/extensions/index.js';
import { Logger, type LogLevel } from 'telegram/extensions/Logger.js';
import { generateRandomLong } from 'telegram/Helpers.js';
import { ConnectionTCPFull } from 'telegram/network/index.js';
import { StringSession } from 'telegram/sessions/index.js';
import { formatSession } from './credentials.ts';
import { type Dial, Line } from './line.ts';
import { type TelegramCredentials, TelegramFailure, type TelegramLink, type TelegramPort, type TelegramSelf } from './telegram-port.ts';

/** Limits of the adapter, ms. Shorter ones are for tests. */
export interface GramJsTiming {
  readonly connectLimitMs: number;
  readonly checkLimitMs: number;
  /** Between two pings. */
  readonly keepAliveMs: number;
  readonly pingLimitMs: number;
}

const timing: GramJsTiming = { connectLimitMs: 30_000, checkLimitMs: 15_000, keepAliveMs: 25_000, pingLimitMs: 15_000 };

/** Seconds after which Telegram itself drops a connection whose client has fallen silent: three pings. */
const disconnectDelaySeconds = 75;
const closeGraceMs = 2_000;
/** Errors of the library may carry whole requests, so only their class is told. */
const nameOf = (error: unknown): string => (error instanceof Error ? error.constructor.name : typeof error);

/**
 * The given package `telegram` (GramJS), which is archived, behind the port. One client makes one connection and is thrown away with
 * it: the library's own reconnecting (no back-off, no close before connect, no initConnection) never comes to act, because
 * {@link Line} opens once only. `dial` is for tests that bring their own data centre.
 */
export const gramJsTelegram = (
  credentials: TelegramCredentials,
  options: { readonly dial?: Dial; readonly timing?: Partial<GramJsTiming> } = {},
): TelegramPort => {
  let current: GramJsLink | null = null;
  return {
    connect: async (signal) => {
      if (current !== null && !current.isClosed) throw new Error('a connection of this session is still open');
      const link = new GramJsLink(credentials, new Line(options.dial), { ...timing, ...options.timing });
      current = link;
      await link.start(signal);
      return link;
    },
  };
};

/** The library's client without its ping loop, which drops a connection whose pong takes more than 3 s. */
class QuietClient extends TelegramClient {
  constructor(...parameters: ConstructorParameters<typeof TelegramClient>) {
    super(...parameters);
    this._loopStarted = true;
    // Otherwise the session keeps a row for every user and chat of every update, for ever.
    this.session.processEntities = () => {};
  }
}

class GramJsLink implements TelegramLink {
  self: TelegramSelf = { userId: '', latencyMs: 0 };
  readonly lost: Promise<TelegramFailure>;
  readonly #line: Line;
  readonly #client: TelegramClient;
  readonly #timing: GramJsTiming;
  #keepAlive: NodeJS.Timeout | undefined;
  /** Told when the line ends. */
  readonly #waiting = new Set<(failure: TelegramFailure) => void>();
  #isClosing = false;
  #cause: TelegramFailure | null = null;
  #lose: (failure: TelegramFailure) => void = () => {};

  constructor(credentials: TelegramCredentials, line: Line, limits: GramJsTiming) {
    this.#line = line;
    this.#timing = limits;
    this.#client = newClient(credentials, line, (failure) => this.#fail(failure));
    this.#client.onError = async (error) => this.#libraryError(error);
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    void line.ended.then(({ reason }) => this.#ended(reason));
  }

  get isClosed(): boolean {
    return this.#line.isOver;
  }

  /** Rejects after the line is closed. */
  async start(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#fail(network('the worker was told to stop'));
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) stop();
      await this.#within(this.#introduce(), this.#timing.connectLimitMs, 'connecting');
    } catch (error) {
      await this.close(0);
      throw this.#cause ?? asFailure(error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    this.#keepAlive = setInterval(() => void this.#ping(), this.#timing.keepAliveMs);
  }

  async check(): Promise<TelegramSelf> {
    this.self = await this.#within(askSelf(this.#client), this.#timing.checkLimitMs, 'the health check');
    return this.self;
  }

  async close(graceMs = closeGraceMs): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#keepAlive);
    await (graceMs > 0 ? this.#line.close('closed by us', graceMs) : this.#line.reset('closed by us'));
    // Ends the library's loops; `disconnect` alone would leave one running. After the line, because it would reset it.
    await this.#client.destroy().catch(() => {});
  }

  /** `connect` is satisfied before anybody is logged in: only the answer to "who am I" makes an account online. */
  async #introduce(): Promise<void> {
    const isConnected = await this.#client.connect();
    if (!isConnected) throw network('no connection');
    this.self = await askSelf(this.#client);
  }

  async #ping(): Promise<void> {
    const request = new Api.PingDelayDisconnect({ pingId: generateRandomLong(), disconnectDelay: disconnectDelaySeconds });
    try {
      await this.#within(this.#client.invoke(request), this.#timing.pingLimitMs, 'a ping');
    } catch (error) {
      this.#fail(asFailure(error));
    }
  }

  /** Rejects after `limitMs`, or as soon as the line has ended: the library would wait for ever in both cases. */
  #within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        settle();
        reject(asFailure(error));
      };
      const timer = setTimeout(() => fail(network(`no answer to ${what} within ${limitMs / 1000} s`)), limitMs);
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

  /** What the library meets outside of a request. Only refusals matter: the rest shows on the line, or in the next ping. */
  #libraryError(error: unknown): void {
    if (error instanceof RPCError && (error.code === 401 || error.code === 406)) this.#fail(asFailure(error));
  }

  /** The first cause counts. Stops sending at once. */
  #fail(failure: TelegramFailure): void {
    this.#cause ??= failure;
    void this.#line.reset(failure.message);
  }

  #ended(reason: string): void {
    clearInterval(this.#keepAlive);
    void this.#client.destroy().catch(() => {});
    for (const fail of this.#waiting) fail(this.#cause ?? network(reason));
    if (!this.#isClosing) this.#lose(this.#cause ?? network(reason));
  }
}

const newClient = (credentials: TelegramCredentials, line: Line, onFailure: (failure: TelegramFailure) => void): TelegramClient =>
  new QuietClient(new StringSession(formatSession(credentials)), credentials.apiId, credentials.apiHash, {
    connection: connectionOver(onFailure),
    networkSocket: socketOver(line) as unknown as typeof PromisedNetSockets,
    deviceModel: credentials.deviceModel,
    systemVersion: credentials.systemVersion,
    appVersion: credentials.appVersion,
    langCode: credentials.langCode,
    systemLangCode: credentials.langCode,
    // Not LogLevel.NONE: the enum is erased from a type-only import, and the library's own logger must stay silent.
    baseLogger: new Logger('none' as LogLevel),
    // The library reads this name, although it documents another: without it no check is made at all.
    securityChecks: true,
    floodSleepThreshold: 0,
    connectionRetries: 1,
    reconnectRetries: 0,
    requestRetries: 1,
    retryDelay: 1,
  });

/** A 4-byte packet is a transport error, after which the library waits for ever. */
const connectionOver = (onFailure: (failure: TelegramFailure) => void): typeof ConnectionTCPFull =>
  class extends ConnectionTCPFull {
    override async _recv(): Promise<Buffer> {
      try {
        const packet: Buffer = await super._recv();
        if (packet.length === 4) onFailure(transport(packet.readInt32LE(0)));
        return packet;
      } catch (error) {
        // Telegram has been seen to send the code in place of the frame's length as well.
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (typeof code === 'number') onFailure(transport(code));
        throw error;
      }
    }
  };

/** The class that the library takes for a socket; every instance is the same line, and the line opens once. */
const socketOver = (line: Line) =>
  class {
    readonly connect = (port: number, address: string): Promise<void> => line.open(address, port);
    readonly readExactly = (length: number): Promise<Buffer> => line.readExactly(length);
    readonly write = (data: Uint8Array): void => line.write(data);
    readonly close = (): Promise<void> => line.reset('closed by the client library');
  };

const askSelf = async (client: TelegramClient): Promise<TelegramSelf> => {
  const askedAt = performance.now();
  const [self] = await client.invoke(new Api.users.GetUsers({ id: [new Api.InputUserSelf()] }));
  if (!(self instanceof Api.User)) throw network('Telegram did not say who we are');
  if (self.deleted) throw new TelegramFailure({ kind: 'deleted' }, 'the account is deleted');
  return { userId: self.id.toString(), latencyMs: Math.round(performance.now() - askedAt) };
};

const network = (reason: string): TelegramFailure => new TelegramFailure({ kind: 'network', reason }, reason);

const transport = (code: number): TelegramFailure =>
  new TelegramFailure({ kind: 'transport', code: Math.abs(code) }, `transport error ${Math.abs(code)}`);

const asFailure = (error: unknown): TelegramFailure => {
  if (error instanceof TelegramFailure) return error;
  if (!(error instanceof RPCError)) return network(`the client failed (${nameOf(error)})`);
  const code = error.code ?? 0;
  const name = error.errorMessage ?? 'UNKNOWN';
  const seconds = 'seconds' in error && typeof error.seconds === 'number' ? error.seconds : null;
  return new TelegramFailure({ kind: 'rpc', code, name, seconds }, `${code} ${name}`);
};
