import { randomBytes, randomInt } from 'node:crypto';
import type { Account, Login, PersonSpec, World } from '../world/world.ts';
import { Password } from './password.ts';

/** A telephone number of somebody who may log in. */
export interface PhoneSpec extends PersonSpec {
  /** Digits only. */
  readonly phone: string;
  /** Where the account lives, 1-5. Default 2. */
  readonly dcId?: number;
  /** Two-step password. Default: none. */
  readonly password?: string;
  readonly hint?: string;
  readonly isNumberBanned?: boolean;
}

/** The token of a bot. */
export interface BotSpec extends PersonSpec {
  readonly token: string;
  readonly dcId?: number;
}

export interface Identity {
  readonly account: Account;
  readonly dcId: number;
  readonly password: Password | null;
  readonly isNumberBanned: boolean;
}

interface SentCode {
  readonly code: string;
  readonly hash: string;
  readonly sentCount: number;
  isExpired: boolean;
}

interface LoginToken {
  readonly login: Login;
  readonly expiresS: number;
  accepted: Identity | null;
}

const DEFAULT_DC = 2;

/**
 * Who may log in, which codes were sent and which QR codes are shown. What the people do with them
 * (read, scan, let expire) is done here, too.
 */
export class LoginDesk {
  readonly #world: World;
  readonly #phones = new Map<string, Identity>();
  readonly #bots = new Map<string, Identity>();
  readonly #codes = new Map<string, SentCode>();
  readonly #tokens = new Map<string, LoginToken>();
  /** Seconds for which a QR code may be scanned. */
  tokenLifeS = 30;
  /** Told when a token was scanned. */
  onScanned: (login: Login) => void = () => {};

  constructor(world: World) {
    this.#world = world;
  }

  addPhone({ phone, dcId, password, hint, isNumberBanned, ...person }: PhoneSpec): void {
    const identity = {
      account: this.#world.addPerson(person),
      dcId: dcId ?? DEFAULT_DC,
      isNumberBanned: isNumberBanned ?? false,
    };
    this.#phones.set(phone, {
      ...identity,
      password: password === undefined ? null : new Password(password, hint ?? ''),
    });
  }

  addBot({ token, dcId, ...person }: BotSpec): void {
    const account = this.#world.addPerson({ ...person, isBot: true });
    this.#bots.set(token, {
      account,
      dcId: dcId ?? DEFAULT_DC,
      password: null,
      isNumberBanned: false,
    });
  }

  phone(phone: string): Identity | null {
    return this.#phones.get(phone) ?? null;
  }

  bot(token: string): Identity | null {
    return this.#bots.get(token) ?? null;
  }

  identityOf(account: Account): Identity | null {
    return [...this.#phones.values()].find((identity) => identity.account === account) ?? null;
  }

  /** Another code for the number; the one before is over. */
  sendCode(phone: string): { readonly hash: string; readonly sentCount: number } {
    const sentCount = (this.#codes.get(phone)?.sentCount ?? 0) + 1;
    const sent = {
      code: String(randomInt(100_000)).padStart(5, '0'),
      hash: randomBytes(9).toString('hex'),
      sentCount,
      isExpired: false,
    };
    this.#codes.set(phone, sent);
    return sent;
  }

  /** What the owner of the number reads; null: nothing was sent, or it was used up. */
  codeFor(phone: string): string | null {
    return this.#codes.get(phone)?.code ?? null;
  }

  expireCode(phone: string): void {
    const sent = this.#codes.get(phone);
    if (sent !== undefined) sent.isExpired = true;
  }

  judgeCode(phone: string, hash: string, code: string): 'right' | 'wrong' | 'expired' {
    const sent = this.#codes.get(phone);
    if (sent === undefined || sent.hash !== hash || sent.isExpired) return 'expired';
    return sent.code === code ? 'right' : 'wrong';
  }

  cancelCode(phone: string): void {
    this.#codes.delete(phone);
  }

  newToken(login: Login, nowS: number): { readonly token: Buffer; readonly expiresS: number } {
    const token = randomBytes(24);
    const expiresS = nowS + this.tokenLifeS;
    this.#tokens.set(token.toString('hex'), { login, expiresS, accepted: null });
    return { token, expiresS };
  }

  /** The token of this key that somebody has scanned; null: none. */
  scannedOf(login: Login): { readonly token: Buffer; readonly identity: Identity } | null {
    for (const [token, { login: owner, accepted }] of this.#tokens)
      if (owner === login && accepted !== null)
        return { token: Buffer.from(token, 'hex'), identity: accepted };
    return null;
  }

  /** Who accepted it; null: nobody did, or there is no such token. */
  acceptedBy(token: Uint8Array): Identity | null {
    return this.#tokens.get(Buffer.from(token).toString('hex'))?.accepted ?? null;
  }

  forgetToken(token: Uint8Array): void {
    this.#tokens.delete(Buffer.from(token).toString('hex'));
  }

  /**
   * The owner of a number scans `tg://login?token=...`. Throws RangeError where that is not to be
   * had, or over. `nowS`: by the data centre's clock.
   */
  scan(url: string, phone: string, nowS: number): void {
    const text = /^tg:\/\/login\?token=([A-Za-z0-9_-]+)$/.exec(url)?.[1] ?? '';
    const token = this.#tokens.get(Buffer.from(text, 'base64url').toString('hex'));
    const identity = this.phone(phone);
    if (token === undefined || identity === null)
      throw new RangeError(`nothing to scan: ${url === '' ? 'no code' : 'unknown code or number'}`);
    if (token.expiresS < nowS) throw new RangeError('the QR code has expired');
    token.accepted = identity;
    this.onScanned(token.login);
  }
}
