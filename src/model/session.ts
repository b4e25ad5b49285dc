import type { KeyId } from './names.ts';

/** The formats that fleet writes. */
export type WrittenFormat =
  | 'pyrogram'
  | 'pyrogram-string'
  | 'telethon'
  | 'telethon-string'
  | 'gramjs-string'
  | 'mtcute-string';

/** The formats that fleet reads; `login`: none, it was made by `fleet accounts login`. */
export type SessionFormat = WrittenFormat | 'mtcute' | 'store-session' | 'tdata' | 'login';

/** The formats that are one line of text. */
export type SessionStringFormat = Extract<WrittenFormat, `${string}-string`>;

/**
 * Application and device that a session was made with, as far as a description beside it says so.
 * `apiHash` is a secret.
 */
export interface SessionDevice {
  readonly apiId?: number;
  readonly apiHash?: string;
  readonly deviceModel?: string;
  readonly systemVersion?: string;
  readonly appVersion?: string;
  readonly langCode?: string;
}

/**
 * What every session format boils down to. `authKey` is the credential: never log, never write
 * unencrypted.
 */
export interface Session {
  /** Production data centre, 1-5. */
  readonly dataCentre: number;
  /** Exactly 256 bytes. */
  readonly authKey: Uint8Array;
  /**
   * Telegram user id; null where the format does not carry it. Up to 52 bits used by Telegram, 64
   * in the formats.
   */
  readonly userId: bigint | null;
  readonly isBot: boolean;
  /** True for Telegram's test data centres: refused at import. */
  readonly testMode: boolean;
  readonly keyId: KeyId;
}
