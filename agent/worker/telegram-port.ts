import type { Failure } from './classify-error.ts';

/** What a session string and {@link WorkerConfig} say about one account. `authKey` is the secret. */
export interface TelegramCredentials {
  readonly dcId: number;
  /** IP address of the data centre; no name, so nothing is ever looked up. */
  readonly address: string;
  /** 256 bytes. */
  readonly authKey: Buffer;
  readonly apiId: number;
  readonly apiHash: string;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
}

/** Who the session is, as Telegram answered. */
export interface TelegramSelf {
  /** Decimal text. */
  readonly userId: string;
  /** Round trip of the question, ms. */
  readonly latencyMs: number;
}

/** The end of a connection, or the refusal of one. `message` names the code only and holds no secret. */
export class TelegramFailure extends Error {
  override readonly name = 'TelegramFailure';
  readonly failure: Failure;

  constructor(failure: Failure, message: string) {
    super(message);
    this.failure = failure;
  }
}

/**
 * Telegram for one account. A second implementation must pass `test/worker/telegram-contract.ts`. The rule above all others: two
 * connections of one key are never open at once (EXCLUSIVITY row 18); whatever rejects or resolves here has closed before it does.
 */
export interface TelegramPort {
  /**
   * One try: opens the only connection and asks who we are. Rejects with TelegramFailure when that fails, takes longer than 30 s or
   * `signal` aborts; then the socket is closed already. Throws Error when a link of this port is still open. Never retries, never
   * sleeps, never connects to another address.
   */
  connect(signal: AbortSignal): Promise<TelegramLink>;
}

/** One connection, from online to its end. It never reconnects by itself. */
export interface TelegramLink {
  readonly self: TelegramSelf;
  /** Asks again who we are, at most 15 s. Rejects with TelegramFailure; the link then stays open unless `lost` says otherwise. */
  check(): Promise<TelegramSelf>;
  /**
   * Resolves when the connection has ended for any reason but `close`: closed by Telegram, silent for 40 s, or refused (401, 406).
   * The socket is closed by then. Never rejects.
   */
  readonly lost: Promise<TelegramFailure>;
  /**
   * Says goodbye and waits for Telegram's, at most `graceMs` (default 2 s), then resets: nothing that was queued leaves afterwards.
   * Resolves when the socket is closed; never rejects; safe to repeat.
   */
  close(graceMs?: number): Promise<void>;
}
