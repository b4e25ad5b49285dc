import type { Socket } from 'node:net';
import { type AgreedKey, KeyExchange } from './auth/key-exchange.ts';
import { type Context, type DataCentreEvent, serverNow } from './context.ts';
import { receiveEnvelope } from './incoming.ts';
import type { Session, SessionCarrier } from './session.ts';
import { CryptoError, openEnvelope, sealEnvelope } from './wire/crypto.ts';
import { FramingError } from './wire/framing.ts';
import type { Message } from './wire/messages.ts';
import { nonceOfQuestion, openPlain, questionAnswer, sealPlain } from './wire/plain.ts';
import { Transport } from './wire/transport.ts';
import {
  type ConnectionRecord,
  type Duplicate,
  judgePacket,
  noteAuthorized,
  noteClosed,
  notePacket,
} from './world/key-use.ts';
import type { CloseReason, Peer, Refusal, Violation } from './world/report.ts';
import type { Login } from './world/world.ts';

/** Where a connection comes from and where its client wanted to go. */
export interface Origin {
  readonly id: number;
  readonly peer: Peer;
  /** `address:port`. */
  readonly asked: string;
  readonly openedAt: number;
}

const NO_SUCH_KEY = -404;
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * One TCP connection: bytes to verified messages and back. Nothing that a client sends makes it
 * throw.
 */
export class Connection implements SessionCarrier {
  readonly origin: Origin;
  /** Null until the first packet was verified. */
  record: ConnectionRecord | null = null;
  readonly #context: Context;
  readonly #socket: Socket;
  readonly #transport = new Transport();
  readonly #idleTimer: NodeJS.Timeout;
  #pingDelayTimer: NodeJS.Timeout | undefined;
  #login: Login | null = null;
  #exchange: KeyExchange | null = null;
  #isOpen = true;
  #endReason: CloseReason | null = null;

  constructor(context: Context, socket: Socket, origin: Origin) {
    this.#context = context;
    this.#socket = socket;
    this.origin = origin;
    this.#idleTimer = setTimeout(
      () => this.close('silent'),
      Math.min(context.behaviour.idleTimeoutMs, MAX_TIMER_MS),
    ).unref();
    context.connections.set(origin.id, this);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#closed('peer'));
    socket.on('close', () => this.#closed('peer'));
    // A reset is an ordinary end; 'close' follows.
    socket.on('error', () => this.#closed('peer'));
    this.note('opened', `${origin.peer.ip}:${origin.peer.port} -> ${origin.asked}`);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The key that this connection proved to hold. */
  get login(): Login | null {
    return this.#login;
  }

  /** Ends the connection at once; what was written before still goes out. Safe to repeat. */
  close(reason: CloseReason): void {
    if (!this.#isOpen) return;
    this.#closed(reason);
    this.#socket.destroySoon();
  }

  /** Ends the connection when the packet at hand is answered. */
  closeAfterPacket(reason: CloseReason): void {
    this.#endReason ??= reason;
  }

  /** A transport error (-404, -429, -444) in place of a packet, then the end. */
  refuse(code: number, reason: CloseReason): void {
    const frame = Buffer.alloc(4);
    frame.writeInt32LE(code);
    this.#write(frame);
    this.close(reason);
  }

  /** `ping_delay_disconnect`: the client asks to be cut off unless it pings again. */
  disconnectAfter(delayMs: number): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#pingDelayTimer);
    this.#pingDelayTimer = setTimeout(
      () => this.close('ping-delay'),
      Math.min(delayMs, MAX_TIMER_MS),
    ).unref();
  }

  nextMessageId(isAnswer: boolean): bigint {
    return this.#context.messageIds.next(serverNow(this.#context), isAnswer);
  }

  carry(sessionId: bigint, message: Message): void {
    const login = this.#login;
    if (login === null || !this.#isOpen) return;
    this.#write(
      sealEnvelope(login.authKey, 'server', { salt: login.salts[0] ?? 0n, sessionId, ...message }),
    );
  }

  /** Destroys the key: every other connection of it closes at once, this one after its answer. */
  killKey(login: Login, duplicate: Duplicate): void {
    this.#context.world.kill(login, duplicate, Date.now());
    const { older, newer, rule } = duplicate;
    this.note(
      'kill',
      `${rule}: #${older.id} ${older.peer.ip}:${older.peer.port} and #${newer.id} ` +
        `${newer.peer.ip}:${newer.peer.port}`,
    );
    for (const other of this.#context.connections.values()) {
      if (other !== this && other.login === login) other.close('duplicate');
    }
    this.closeAfterPacket('duplicate');
  }

  violation(kind: Violation['kind'], detail: string): void {
    this.#context.world.violations.push({
      at: Date.now(),
      kind,
      connectionId: this.origin.id,
      peer: this.origin.peer,
      detail,
    });
    this.note('violation', `${kind}: ${detail}`);
  }

  note(event: DataCentreEvent['event'], detail: string): void {
    this.#context.onEvent({ at: Date.now(), event, connectionId: this.origin.id, detail });
  }

  #receive(chunk: Buffer): void {
    try {
      for (const packet of this.#transport.feed(chunk)) {
        if (this.#isOpen) this.#packet(packet);
      }
    } catch (error) {
      this.violation(kindOf(error), error instanceof Error ? error.message : String(error));
      this.close('broken');
    }
  }

  #packet(packet: Buffer): void {
    const login = this.#loginOf(packet);
    if (login === null) return;
    const envelope = openEnvelope(login.authKey, 'client', packet);
    const record = this.record ?? this.#authorize(login);
    const now = Date.now();
    if (this.#pingDelayTimer === undefined) this.#idleTimer.refresh();
    notePacket(login.use, record, now);
    const duplicate =
      login.status === 'live'
        ? judgePacket(login.use, record, now, this.#context.behaviour.dupWindowMs)
        : null;
    if (duplicate !== null) this.killKey(login, duplicate);
    receiveEnvelope(this.#context, this, { login, record, envelope });
    // Answers are queued in microtasks: they leave first.
    if (this.#endReason !== null)
      setImmediate(() => this.#finish(login.sessions.get(envelope.sessionId)));
  }

  #finish(session: Session | undefined): void {
    session?.flush();
    this.close(this.#endReason ?? 'broken');
  }

  /**
   * The login whose key encrypted this packet; null where the connection was turned away instead.
   */
  #loginOf(packet: Buffer): Login | null {
    if (packet.length < 8) throw new CryptoError(`a packet of ${packet.length} bytes`);
    const keyId = packet.subarray(0, 8).toString('hex');
    const login = this.#context.world.logins.get(keyId);
    if (/^0+$/.test(keyId)) this.#plain(packet);
    else if (login === undefined) this.#turnAway('unknown-key', keyId);
    else if (this.#isOtherDc(login)) this.#turnAway('wrong-dc', keyId);
    else if (this.#login !== null && this.#login !== login) {
      this.violation('second-key', `key ${keyId} on a connection of key ${this.#login.keyId}`);
      this.close('broken');
    } else return login;
    return null;
  }

  /**
   * Tells the time without a key. A key exchange is offered beyond its first question only where
   * there is a key for it.
   */
  #plain(packet: Buffer): void {
    const nonce = nonceOfQuestion(packet);
    const { exchangeKey } = this.#context.behaviour;
    if (nonce !== null) {
      const exchange =
        exchangeKey === null ? null : new KeyExchange(exchangeKey, this.#context.schemas.protocol);
      this.#exchange = exchange;
      this.#afterFault(() =>
        exchange === null
          ? this.#write(questionAnswer(nonce, this.nextMessageId(true)))
          : this.#exchangeStep(exchange, packet),
      );
    } else if (this.#exchange !== null) this.#exchangeStep(this.#exchange, packet);
    else this.#turnAway('key-exchange', null);
  }

  #exchangeStep(exchange: KeyExchange, packet: Buffer): void {
    const { body, agreed } = exchange.answer(
      openPlain(packet),
      Math.floor(serverNow(this.#context) / 1000),
    );
    if (agreed !== null) this.#keep(agreed);
    this.#write(sealPlain(body, this.nextMessageId(true)));
  }

  /**
   * A key belongs to the data centre that was asked; where all have the same address, to the one
   * that the client named.
   */
  #keep({ authKey, dcId, salt }: AgreedKey): void {
    const known = this.#dcsAsked();
    const own = known.length === 1 ? Number(known[0]) : (dcId ?? 2);
    if (dcId !== null && dcId !== own)
      this.violation('crypto', `a key for data centre ${dcId} was made at ${own}`);
    this.#context.world.addKey(authKey, own, salt);
  }

  #afterFault(answer: () => void): void {
    const effect = this.#context.world.faults.take('req_pq_multi', '');
    if (effect === null || effect.kind === 'lose-answer') answer();
    else if (effect.kind === 'delay') setTimeout(answer, effect.ms).unref();
    else if (effect.kind === 'close') this.close('fault');
    else if (effect.kind === 'transport') this.refuse(effect.code, 'fault');
  }

  #isOtherDc(login: Login): boolean {
    const known = this.#dcsAsked();
    return known.length === 1 && known[0] !== String(login.dcId);
  }

  /** The data centres that are to be had at the address that the client wanted to reach. */
  #dcsAsked(): string[] {
    const address = this.origin.asked.slice(0, this.origin.asked.lastIndexOf(':'));
    return Object.entries(this.#context.behaviour.dcAddresses)
      .filter(([, known]) => known === address)
      .map(([id]) => id);
  }

  #turnAway(kind: Refusal['kind'], keyId: string | null): void {
    const { id, peer, asked } = this.origin;
    this.#context.world.refusals.push({
      at: Date.now(),
      kind,
      connectionId: id,
      peer,
      asked,
      keyId,
    });
    this.note('refusal', `${kind} ${keyId ?? ''}`);
    this.refuse(NO_SUCH_KEY, 'refused');
  }

  #authorize(login: Login): ConnectionRecord {
    const now = Date.now();
    const record: ConnectionRecord = {
      ...this.origin,
      transport: this.#transport.kind,
      authorizedAt: now,
      lastPacketAt: now,
      closedAt: null,
      closedBy: null,
      packets: 0,
      requests: 0,
      firstRequest: null,
      init: null,
    };
    this.record = record;
    this.#login = login;
    noteAuthorized(login.use, record);
    this.note(
      'authorized',
      `key ${login.keyId} of ${login.account.userId} over ${record.transport}`,
    );
    return record;
  }

  #write(packet: Buffer): void {
    if (this.#isOpen) this.#socket.write(this.#transport.wrap(packet));
  }

  #closed(reason: CloseReason): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#pingDelayTimer);
    this.#context.connections.delete(this.origin.id);
    if (this.#login !== null && this.record !== null)
      noteClosed(this.#login.use, this.record, Date.now(), reason);
    this.note('closed', reason);
  }
}

function kindOf(error: unknown): Violation['kind'] {
  if (error instanceof FramingError) return 'framing';
  return error instanceof CryptoError ? 'crypto' : 'internal';
}
