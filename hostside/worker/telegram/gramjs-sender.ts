import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TelegramClient } from 'telegram';
import { AuthKey } from 'telegram/crypto/AuthKey.js';
import { TypeNotFoundError } from 'telegram/errors/index.js';
import type { MessagePacker, PromisedNetSockets } from 'telegram/extensions/index.js';
import { Logger, type LogLevel } from 'telegram/extensions/Logger.js';
import { generateRandomLong, returnBigInt } from 'telegram/Helpers.js';
import { ConnectionTCPFull, MTProtoSender } from 'telegram/network/index.js';
import type { MTProtoState } from 'telegram/network/MTProtoState.js';
import type { RequestState } from 'telegram/network/RequestState.js';
import { LAYER } from 'telegram/tl/AllTLObjects.js';
import type { TLMessage } from 'telegram/tl/core/index.js';
import { Api } from 'telegram/tl/index.js';
import { answeredAtMs, messageIdAt, plainAnswer, plainQuestion } from '../../machine/plain-time.ts';
import { network, transport } from './gramjs-failure.ts';
import type { Line } from './line.ts';
import { StormGuard } from './storm-guard.ts';
import type { TelegramClock } from './telegram-clock.ts';
import type { TelegramCredentials, TelegramFailure } from './telegram-port.ts';

/** What the owner of a sender hears. */
export interface SenderEvents {
  /** One after the other, in the order in which Telegram told them. */
  readonly onUpdates: (updates: Api.TypeUpdates) => void;
  /** The connection can no longer be used. */
  readonly onFailure: (failure: TelegramFailure) => void;
  /** What the library meets outside of a request. */
  readonly onError: (error: unknown) => void;
  /**
   * Telegram has forgotten the session of this connection and begun another one: what it would have
   * told in between is lost.
   */
  readonly onNewSession: () => void;
  /** Telegram refuses what it is sent, again and again. */
  readonly onStorm: () => void;
  /** Telegram's time, told before the key is used. Throws when the key must not be used now. */
  readonly onTime: (telegramMs: number) => void;
  /** When Telegram said what has just come, at most once a second. */
  readonly onHeard: (telegramMs: number) => void;
}

/** What a sender is made with besides the credentials. */
export interface SenderParts {
  readonly line: Line;
  readonly clock: TelegramClock;
  readonly events: SenderEvents;
  /** Seconds after which Telegram closes the connection unless a ping comes. */
  readonly disconnectDelay: number;
}

/**
 * Not LogLevel.NONE: the enum is erased from a type-only import, and the library's own logger must
 * stay silent.
 */
const silent = new Logger('none' as LogLevel);
const port = 80;

/**
 * The library's protocol engine, without its client: that one adds loops, caches without bounds,
 * sleeping and reconnecting. One
 * connection over `line`, then it is thrown away.
 */
export class Sender extends MTProtoSender {
  readonly #line: Line;
  readonly #events: SenderEvents;
  readonly #disconnectDelay: number;
  readonly #clock: TelegramClock;
  readonly #refusals = new StormGuard();
  /** Message id: what was sent before it was refused already. */
  #refusedUpTo = 0n;
  #hasSession = false;

  private constructor(
    authKey: AuthKey,
    dcId: number,
    { line, clock, events, disconnectDelay }: SenderParts,
  ) {
    super(authKey, {
      ...{
        logger: silent,
        dcId,
        retries: 1,
        reconnectRetries: 0,
        delay: 1,
        autoReconnect: false,
        connectTimeout: null,
      },
      ...{ authKeyCallback: null, isMainSender: true, securityChecks: true },
      client: {
        _errorHandler: async (error: unknown) => events.onError(error),
      } as unknown as TelegramClient,
      updateCallback: (_client: unknown, update: unknown) => {
        // Besides updates the library announces the state of its connection here.
        if (typeof update === 'object' && update !== null && 'SUBCLASS_OF_ID' in update)
          events.onUpdates(update as Api.TypeUpdates);
      },
      _exportedSenderPromises: new Map(),
    });
    this.#line = line;
    this.#events = events;
    this.#clock = clock;
    this.#disconnectDelay = disconnectDelay;
    const inside = this as unknown as {
      readonly _sendQueue: MessagePacker;
      readonly _state: MTProtoState;
    };
    sendUnchained(inside._sendQueue);
    readPackets(inside._state, events);
    countByClock(inside._state, clock);
  }

  /**
   * Connects and introduces us. Rejects as the library does; limit it in time, since it may wait
   * for ever.
   */
  static async open(credentials: TelegramCredentials, parts: SenderParts): Promise<Sender> {
    const authKey = new AuthKey();
    await authKey.setKey(credentials.authKey);
    const sender = new Sender(authKey, credentials.dcId, parts);
    await sender.#introduce(credentials);
    return sender;
  }

  /** Asks Telegram to close this connection unless another ping comes within the delay. */
  async ping(): Promise<void> {
    await this.ask(
      new Api.PingDelayDisconnect({
        pingId: generateRandomLong(),
        disconnectDelay: this.#disconnectDelay,
      }),
    );
  }

  /** Telegram's answer. Never retried; settles never when the connection ends before. */
  async ask<A, R>(request: Api.Request<A, R>): Promise<R> {
    return (await this.send(request as unknown as Api.AnyRequest)) as R;
  }

  /**
   * An error is told to who asked. The library throws it as well, and all that follows in the same
   * packet would be lost.
   */
  override _handleRPCResult(message: TLMessage): void {
    try {
      super._handleRPCResult(message);
    } catch (error) {
      // An answer that cannot be read takes nothing along that was told by Telegram itself.
      if (!isUnreadable(error)) this.#events.onError(error);
    }
  }

  override _handleBadServerSalt(message: TLMessage): Promise<void> {
    return this.#answer(message, () => super._handleBadServerSalt(message));
  }

  override _handleBadNotification(message: TLMessage): Promise<void> {
    return this.#answer(message, () => super._handleBadNotification(message));
  }

  /** The first is this connection's own. */
  override async _handleNewSessionCreated(message: TLMessage): Promise<void> {
    await super._handleNewSessionCreated(message);
    if (this.#hasSession) this.#events.onNewSession();
    this.#hasSession = true;
  }

  /**
   * What Telegram refuses is sent again, but not as fast as it can be refused, and not for ever.
   * What else it says is heard meanwhile. Messages that were on their way when
   * another one was refused are part of the same refusal.
   */
  async #answer({ obj }: TLMessage, act: () => Promise<void>): Promise<void> {
    if (obj.errorCode !== idTooHigh && BigInt(obj.badMsgId.toString()) <= this.#refusedUpTo)
      return act();
    this.#refusedUpTo = messageIdAt(this.#clock.nowMs());
    const pauseMs = this.#refusals.pauseMs(performance.now());
    if (pauseMs === null) return this.#events.onStorm();
    if (pauseMs === 0) return act();
    void sleep(pauseMs).then(() => (this.#line.isOver ? undefined : act()));
  }

  /** One message that cannot be read must not take those behind it along. */
  override async _handleContainer(message: TLMessage): Promise<void> {
    for (const inner of message.obj.messages) {
      try {
        await this._processMessage(inner);
      } catch (error) {
        this.#events.onError(error);
      }
    }
  }

  /** There is no second connection: who owns the line hears of its end. */
  override reconnect(): void {
    this.isReconnecting = true;
    void this.#line.reset('the client library gave the connection up');
  }

  async #introduce({ address, dcId, apiId, ...self }: TelegramCredentials): Promise<void> {
    const connection = new (connectionOver(this.#events))({
      ...{ ip: address, port, dcId, loggers: silent, testServers: false },
      socket: socketOver(this.#line) as unknown as typeof PromisedNetSockets,
    });
    const isConnected = await this.connect(connection, false);
    if (!isConnected) throw new Error('no connection');
    const { deviceModel, systemVersion, appVersion, langCode } = self;
    const query = new Api.InitConnection({
      ...{
        apiId,
        deviceModel,
        systemVersion,
        appVersion,
        langCode,
        langPack: '',
        systemLangCode: langCode,
      },
      query: new Api.help.GetConfig(),
    });
    // Both leave in one packet, the first that shows the key: from then on Telegram knows how long
    // to keep a connection that falls silent.
    this.ping().catch(() => {});
    await this.ask(new Api.InvokeWithLayer({ layer: LAYER, query }));
  }
}

/**
 * The library makes every send wait for the one before (`invokeAfterMsg`), so that one that fails
 * takes the others along.
 */
const sendUnchained = (queue: MessagePacker): void => {
  const append = queue.append.bind(queue);
  queue.append = (state?: RequestState, ...rest) => {
    append(state, ...rest);
    if (state !== undefined) state.after = undefined;
  };
};

const tellTimeEveryMs = 1_000;
/** So far ahead of Telegram's time a message may be. */
const toleratedMs = 30_000;
/** Code of `bad_msg_notification` after which ids begin again lower. */
const idTooHigh = 17;

/** What the library cannot read and is no container it drops without a word. */
const readPackets = (state: MTProtoState, { onError, onHeard }: SenderEvents): void => {
  const decrypt = state.decryptMessageData.bind(state);
  let toldAtMs = Number.NEGATIVE_INFINITY;
  state.decryptMessageData = async (packet) => {
    try {
      const message = await decrypt(packet);
      if (performance.now() - toldAtMs >= tellTimeEveryMs) {
        toldAtMs = performance.now();
        onHeard(answeredAtMs(BigInt(message.msgId.toString())));
      }
      return message;
    } catch (error) {
      if (isUnreadable(error)) onError(error);
      throw error;
    }
  };
};

/** True for a packet that held something unknown to the library: all that was in it is lost. */
export const isUnreadable = (error: unknown): boolean => error instanceof TypeNotFoundError;

/** Message ids follow Telegram's clock, whatever this machine's says. */
const countByClock = (state: MTProtoState, clock: TelegramClock): void => {
  let last = 0n;
  state._getNewMsgId = () => {
    const timed = messageIdAt(clock.nowMs());
    last = timed > last ? timed : last + 4n;
    return returnBigInt(last.toString());
  };
  state.updateTimeOffset = (messageId) => {
    const telegramMs = answeredAtMs(BigInt(messageId.toString()));
    clock.advance(telegramMs);
    // Back only when Telegram was set back by more than it tolerates: ids have to grow.
    if (clock.nowMs() - telegramMs > toleratedMs) {
      clock.set(telegramMs);
      last = 0n;
    }
    return 0;
  };
};

/**
 * A 4-byte packet is a transport error, after which the library waits for ever. Before anything
 * that shows the key, Telegram is asked for its time without
 * the key (`req_pq_multi`, the first question of a key exchange that is never finished).
 */
const connectionOver = ({ onFailure, onTime }: SenderEvents): typeof ConnectionTCPFull =>
  class extends ConnectionTCPFull {
    override async connect(): Promise<void> {
      await super.connect();
      const nonce = randomBytes(16);
      await this.send(plainQuestion(nonce, Date.now()));
      const telegramMs = plainAnswer(await this.recv(), nonce);
      if (telegramMs === null) throw network('Telegram did not tell its time');
      onTime(telegramMs);
    }

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

/** A connection for questions without a key. */
export const plainConnection = (line: Line, address: string, dcId: number): ConnectionTCPFull =>
  new ConnectionTCPFull({
    ...{ ip: address, port, dcId, loggers: silent, testServers: false },
    socket: socketOver(line) as unknown as typeof PromisedNetSockets,
  });

/**
 * The class that the library takes for a socket; every instance is the same line, and the line
 * opens once.
 */
const socketOver = (line: Line) =>
  class {
    readonly connect = (to: number, address: string): Promise<void> => line.open(address, to);
    readonly readExactly = (length: number): Promise<Buffer> => line.readExactly(length);
    readonly write = (data: Uint8Array): void => line.write(data);
    readonly close = (): Promise<void> => line.reset('closed by the client library');
  };
