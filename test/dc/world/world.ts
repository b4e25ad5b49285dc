import { createHash, randomBytes } from 'node:crypto';
import type { Session } from '../session.ts';
import { authKeyId } from '../wire/crypto.ts';
import { FaultList } from './faults.ts';
import { type Duplicate, type KeyUse, newKeyUse } from './key-use.ts';
import type { AccountReport, KeyStatus, Kill, Refusal, Violation } from './report.ts';

/** A Telegram user known to the data centre. */
export interface Account {
  readonly userId: bigint;
  readonly firstName: string;
  readonly isBot: boolean;
  readonly accessHash: bigint;
  /** Events of private chats and basic groups so far (`updates.State.pts`); starts at 1. */
  pts: number;
}

/** One authorization key: a login of one account. */
export interface Login {
  readonly authKey: Buffer;
  readonly keyId: string;
  readonly account: Account;
  /** The data centre that the key belongs to, 1-5. */
  readonly dcId: number;
  status: KeyStatus;
  /** Layer declared by the last `invokeWithLayer`; it belongs to the key, not to the connection. Null: never introduced itself. */
  layer: number | null;
  /** The salt in force first, then those still accepted. */
  salts: readonly bigint[];
  readonly sessions: Map<bigint, Session>;
  readonly use: KeyUse;
}

export interface AccountSpec {
  /** Up to 52 bits. */
  readonly userId: bigint | number | string;
  readonly firstName?: string;
  readonly isBot?: boolean;
  /** 1-5, default 2. */
  readonly dcId?: number;
  /** Exactly 256 bytes. Default: derived from `seed`, otherwise random. */
  readonly authKey?: Uint8Array;
  /** Same seed, same key. */
  readonly seed?: string;
  /** Layer that the key declared in an earlier life of the data centre: no `initConnection` is needed then. */
  readonly layer?: number;
}

/** Everything that outlives a connection. No I/O. */
export class World {
  readonly accounts = new Map<string, Account>();
  /** By key id. */
  readonly logins = new Map<string, Login>();
  readonly faults = new FaultList();
  readonly kills: Kill[] = [];
  readonly violations: Violation[] = [];
  readonly refusals: Refusal[] = [];

  /** Adds a login; the account is made when its user id is new. Throws RangeError on a wrong or already known key. */
  addLogin(spec: AccountSpec): Login {
    const authKey = keyOf(spec);
    const keyId = authKeyId(authKey);
    const dcId = spec.dcId ?? 2;
    if (authKey.length !== 256) throw new RangeError(`an authorization key has 256 bytes, not ${authKey.length}`);
    if (this.logins.has(keyId)) throw new RangeError(`key ${keyId} is already known`);
    if (!Number.isInteger(dcId) || dcId < 1 || dcId > 5) throw new RangeError(`there is no data centre ${dcId}`);
    const login: Login = {
      authKey,
      keyId,
      account: this.#accountOf(spec),
      dcId,
      status: 'live',
      layer: spec.layer ?? null,
      salts: [randomSalt()],
      sessions: new Map(),
      use: newKeyUse(),
    };
    this.logins.set(keyId, login);
    return login;
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

  #accountOf(spec: AccountSpec): Account {
    const userId = BigInt(spec.userId);
    const known = this.accounts.get(String(userId));
    if (known !== undefined) return known;
    const accessHash = createHash('sha256').update(`access ${userId}`).digest().readBigInt64LE();
    const account: Account = { userId, firstName: spec.firstName ?? `User ${userId}`, isBot: spec.isBot ?? false, accessHash, pts: 1 };
    this.accounts.set(String(userId), account);
    return account;
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
  return createHash('shake256', { outputLength: 256 }).update(`test data centre key ${spec.seed}`).digest();
}

function randomSalt(): bigint {
  return randomBytes(8).readBigInt64LE();
}
