import type { BadMessageCode } from './wire/message-ids.ts';
import { type Message, packContainer } from './wire/messages.ts';

/**
 * One thing that the server says. `isContent`: to be acknowledged; `isAnswer`: caused by a request
 * of the client.
 */
export interface Outgoing {
  readonly body: Buffer;
  readonly isContent: boolean;
  readonly isAnswer: boolean;
}

/** What a session needs of the connection that it currently lives on. */
export interface SessionCarrier {
  readonly isOpen: boolean;
  /** Encrypts and sends one message or container. */
  carry(sessionId: bigint, message: Message): void;
  /** A fresh server message id. */
  nextMessageId(isAnswer: boolean): bigint;
}

const REMEMBERED_IDS = 4096;
/** Clients refuse more than 1020. */
const MAX_IN_CONTAINER = 100;

/**
 * An MTProto session: what a client keeps over reconnects (GramJS starts a new one each time).
 * Bound to the latest connection that
 * used it; what is queued while that one is closed waits for the next.
 */
export class Session {
  readonly id: bigint;
  #carrier: SessionCarrier;
  #outbox: Outgoing[] = [];
  #flushScheduled = false;
  #contentSent = 0;
  readonly #receivedIds = new Set<bigint>();

  constructor(id: bigint, carrier: SessionCarrier) {
    this.id = id;
    this.#carrier = carrier;
  }

  get isOnline(): boolean {
    return this.#carrier.isOpen;
  }

  bindTo(carrier: SessionCarrier): void {
    this.#carrier = carrier;
  }

  isCarriedBy(carrier: SessionCarrier): boolean {
    return this.#carrier === carrier;
  }

  /**
   * Notes a client's message id; 19 when the session saw it before (the last 4096 are remembered).
   */
  noteReceived(messageId: bigint): (BadMessageCode & 19) | null {
    if (this.#receivedIds.has(messageId)) return 19;
    this.#receivedIds.add(messageId);
    const [oldest] = this.#receivedIds;
    if (this.#receivedIds.size > REMEMBERED_IDS && oldest !== undefined)
      this.#receivedIds.delete(oldest);
    return null;
  }

  hasReceived(messageId: bigint): boolean {
    return this.#receivedIds.has(messageId);
  }

  /** Sends soon: what is queued in one turn of the event loop leaves as one container. */
  queue(outgoing: Outgoing): void {
    this.#outbox.push(outgoing);
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(() => this.flush());
  }

  /** Sends what is queued now, if the connection is open. */
  flush(): void {
    this.#flushScheduled = false;
    if (this.#outbox.length === 0 || !this.#carrier.isOpen) return;
    for (let from = 0; from < this.#outbox.length; from += MAX_IN_CONTAINER)
      this.#send(this.#outbox.slice(from, from + MAX_IN_CONTAINER));
    this.#outbox = [];
  }

  #send(items: readonly Outgoing[]): void {
    const messages = items.map((item) => this.#number(item));
    const [only] = messages;
    if (messages.length === 1 && only !== undefined) this.#carrier.carry(this.id, only);
    else this.#carrier.carry(this.id, this.#container(messages, items));
  }

  #container(messages: readonly Message[], items: readonly Outgoing[]): Message {
    const isAnswer = items.some((item) => item.isAnswer);
    return this.#number({ body: packContainer(messages), isContent: false, isAnswer });
  }

  #number({ body, isContent, isAnswer }: Outgoing): Message {
    const sequence = 2 * this.#contentSent + (isContent ? 1 : 0);
    if (isContent) this.#contentSent += 1;
    return { messageId: this.#carrier.nextMessageId(isAnswer), sequence, body };
  }
}
