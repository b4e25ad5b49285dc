import { createHash, randomBytes } from 'node:crypto';
import { type Identity, LoginDesk } from '../auth/login-desk.ts';
import { Chats } from '../chats/chats.ts';
import { type Feed, newFeed } from '../chats/feed.ts';
import type { Session } from '../session.ts';
import { authKeyId } from '../wire/crypto.ts';
import { FaultList } from './faults.ts';
import { type Duplicate, type KeyUse, newKeyUse } from './key-use.ts';
import type { AccountReport, KeyStatus, Kill, Refusal, Violation } from './report.ts';

/** A Telegram user known to the data centre. */
export interface Account {
  readonly userId: bigint;
  readonly firstName: string;
  /** Without `@`. */
  readonly username: string | null;
  readonly isBot: boolean;
  /** Language of the app, as `lang_code` tells. */
  readonly language: string | null;
  readonly accessHash: bigint;
  /** Private chats and basic groups. */
  readonly feed: Feed;
  /** None for people who only exist to talk. */
  readonly logins: Login[];
  /** Random ids of what was said, the newest 10,000. */
  readonly randomIds: Set<bigint>;
}

/** One authorization key: a login of one account. */
export interface Login {
  readonly authKey: Buffer;
  readonly keyId: string;
  /** {@link nobody} for a key that is not logged in. */
  account: Account;
  /** Whose password is waited for; null: nobody's. */
  waitingFor: Identity | null;
  /** The data centre that the key belongs to, 1-5. */
  readonly dcId: number;
  status: KeyStatus;
  /**
   * Layer declared by the last `invokeWithLayer`; it belongs to the key, not to the connection.
   * Null: never introduced itself.
   */
  layer: number | null;
  /** The salt in force first, then those still accepted. */
  salts: readonly bigint[];
  readonly sessions: Map<bigint, Session>;
  readonly use: KeyUse;
}

export interface PersonSpec {
  /** Up to 52 bits. */
  readonly userId: bigint | number | string;
  readonly firstName?: string;
  readonly username?: string;
  readonly isBot?: boolean;
  readonly language?: string;
}

export interface AccountSpec extends PersonSpec {
  /** 1-5, default 2. */
  readonly dcId?: number;
  /** Exactly 256 bytes. Default: derived from `seed`, otherwise random. */
  readonly authKey?: Uint8Array;
  /** Same seed, same key. */
  readonly seed?: string;
  /**
   * Layer that the key declared in an earlier life of the data centre: no `initConnection` is
   * needed then.
   */
  readonly layer?: number;
}

/** In place of an account where none is logged in. */
const nobody = (): Account => ({
  ...{ userId: 0n, firstName: '', username: null, isBot: false, language: null, accessHash: 0n },
  ...{ feed: newFeed(), logins: [], randomIds: new Set() },
});

/** Everything that outlives a connection. No I/O. */
export class World {
  readonly accounts = new Map<string, Account>();
  /** By key id. */
  readonly logins = new Map<string, Login>();
  readonly chats = new Chats(this);
  readonly desk = new LoginDesk(this);
  readonly faults = new FaultList();
  /** By user id: how many of the next pushes are never sent. */
  readonly lostUpdates = new Map<string, number>();
  readonly kills: Kill[] = [];
  readonly violations: Violation[] = [];
  readonly refusals: Refusal[] = [];

  /**
   * Adds a login; the account is made when its user id is new. Throws RangeError on a wrong or
   * already known key.
   */
  addLogin(spec: AccountSpec): Login {
    const authKey = keyOf(spec);
    const dcId = spec.dcId ?? 2;
    if (authKey.length !== 256)
      throw new RangeError(`an authorization key has 256 bytes, not ${authKey.length}`);
    if (!Number.isInteger(dcId) || dcId < 1 || dcId > 5)
      throw new RangeError(`there is no data centre ${dcId}`);
    const login = this.addKey(authKey, dcId, randomSalt());
    login.layer = spec.layer ?? null;
    this.signIn(login, this.addPerson(spec));
    return login;
  }

  /** A key with which nobody is logged in. Throws RangeError when it is known. */
  addKey(authKey: Buffer, dcId: number, salt: bigint): Login {
    const keyId = authKeyId(authKey);
    if (this.logins.has(keyId)) throw new RangeError(`key ${keyId} is already known`);
    const login: Login = {
      ...{ authKey, keyId, account: nobody(), waitingFor: null, dcId, status: 'unregistered' },
      ...{ layer: null, salts: [salt], sessions: new Map(), use: newKeyUse() },
    };
    this.logins.set(keyId, login);
    return login;
  }

  signIn(login: Login, account: Account): void {
    login.account = account;
    login.waitingFor = null;
    login.status = 'live';
    account.logins.push(login);
  }

  /** By the client: the key stays, and nobody is logged in with it. */
  signOut(login: Login): void {
    const { logins } = login.account;
    logins.splice(0, logins.length, ...logins.filter((other) => other !== login));
    login.waitingFor = null;
    login.status = 'unregistered';
  }

  /** A user without a login; one who is known stays as they are. */
  addPerson(spec: PersonSpec): Account {
    const userId = BigInt(spec.userId);
    const known = this.accounts.get(String(userId));
    if (known !== undefined) return known;
    const accessHash = createHash('sha256').update(`access ${userId}`).digest().readBigInt64LE();
    const account: Account = {
      ...{
        userId,
        firstName: spec.firstName ?? `User ${userId}`,
        username: spec.username ?? null,
        isBot: spec.isBot ?? false,
      },
      ...{
        language: spec.language ?? null,
        accessHash,
        feed: newFeed(),
        logins: [],
        randomIds: new Set(),
      },
    };
    this.accounts.set(String(userId), account);
    return account;
  }

  /** Throws RangeError. */
  accountOf(userId: bigint | number | string): Account {
    const account = this.accounts.get(String(userId));
    if (account === undefined) throw new RangeError(`there is no user ${userId}`);
    return account;
  }

  /** Without `@`, in any case. */
  byUsername(username: string): Account | null {
    const wanted = username.toLowerCase();
    for (const account of this.accounts.values())
      if (account.username?.toLowerCase() === wanted) return account;
    return null;
  }

  /** By key or by its id. Throws RangeError when the data centre does not know it. */
  loginOf(key: Uint8Array | string): Login {
    const keyId = typeof key === 'string' ? key : authKeyId(key);
    const login = this.logins.get(keyId);
    if (login === undefined) throw new RangeError(`key ${keyId} is not known`);
    return login;
  }

  loginsOf(userId: bigint | number | string): Login[] {
    return [...this.logins.values()].filter((login) => login.account.userId === BigInt(userId));
  }

  /** Destroys a key for parallel use, once. */
  kill(login: Login, duplicate: Duplicate, at: number): void {
    login.status = 'duplicated';
    const { rule, older, newer } = duplicate;
    this.kills.push({
      at,
      keyId: login.keyId,
      userId: String(login.account.userId),
      rule,
      olderId: older.id,
      newerId: newer.id,
      olderPeer: older.peer,
      newerPeer: newer.peer,
    });
  }

  /** New salts for all; the old ones are refused from now on. */
  rotateSalts(): void {
    for (const login of this.logins.values()) login.salts = [randomSalt()];
  }

  /** The salts now valid and to come, at least `count`. */
  futureSalts(login: Login, count: number): readonly bigint[] {
    while (login.salts.length < count) login.salts = [...login.salts, randomSalt()];
    return login.salts;
  }
}

export function reportLogin(login: Login): AccountReport {
  const { account, use } = login;
  return {
    userId: String(account.userId),
    firstName: account.firstName,
    isBot: account.isBot,
    dcId: login.dcId,
    keyId: login.keyId,
    status: login.status,
    connections: structuredClone(use.connections),
    liveNow: use.connections.filter((record) => record.closedAt === null).length,
    maxLive: use.maxLive,
    overlaps: structuredClone(use.overlaps),
  };
}

function keyOf(spec: AccountSpec): Buffer {
  if (spec.authKey !== undefined) return Buffer.from(spec.authKey);
  if (spec.seed === undefined) return randomBytes(256);
  return createHash('shake256', { outputLength: 256 })
    .update(`test data centre key ${spec.seed}`)
    .digest();
}

function randomSalt(): bigint {
  return randomBytes(8).readBigInt64LE();
}
