import type { Chance, Simulation } from '../simulation.ts';

interface Connection {
  readonly keyId: string;
  readonly from: string;
  /** Told when the data centre has destroyed the key, or closes the connection. */
  readonly onEnd: (reason: 'duplicated' | 'dropped') => void;
  readonly openedAtMs: number;
  /** When the last packet came in; null: packets come all the time. */
  silentSinceMs: number | null;
  /** After how long without a packet it is dropped, as its worker has asked for. */
  readonly dropAfterMs: number;
  /** Its owner is done with it; the data centre does not know. */
  isLeft: boolean;
}

/** How often a worker sends something at least: so much may have passed when it falls silent. */
const packetEveryMs = 8_000;
const stranger = 'a stranger';

/** How long a connection that was closed in order may still count. */
const closeLingerMs = 2_000;

/**
 * Telegram, as far as exclusivity goes: a key that is used over two connections at once is
 * destroyed, for ever. A connection counts until the data centre
 * knows that it has ended: a machine that loses its power or its way tells nothing, and its
 * connections linger for as long as their workers asked for.
 */
export class ModelDataCentre {
  readonly killedKeys = new Set<string>();
  /** Keys with which nobody is logged in: never, or no longer. */
  readonly loggedOut = new Set<string>();
  /**
   * Whose keys they are; an account that is used by two of them at once is a violation. Unknown
   * keys are nobody's.
   */
  readonly owners = new Map<string, string>();
  /** Hosts whose way to Telegram is blocked. */
  readonly unreachableFrom = new Set<string>();
  readonly #simulation: Simulation;
  readonly #chance: Chance;
  readonly #connections = new Map<string, Set<Connection>>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#chance = simulation.branch('data centre');
  }

  /** A connection, or that the key is dead. */
  connect(
    keyId: string,
    from: string,
    dropAfterMs: number,
    onEnd: Connection['onEnd'],
  ): Connection | 'duplicated' {
    if (this.killedKeys.has(keyId)) return 'duplicated';
    const openedAtMs = this.#simulation.nowMs;
    const connection: Connection = {
      keyId,
      from,
      onEnd,
      openedAtMs,
      silentSinceMs: null,
      dropAfterMs,
      isLeft: false,
    };
    this.#requireOneKey(keyId, from);
    const live = this.#live(keyId);
    live.add(connection);
    if (live.size === 1) return connection;
    this.killedKeys.add(keyId);
    const users = [...live].map((each) => (each.isLeft ? `${each.from} (lingers)` : each.from));
    this.#simulation.violate(`key ${keyId.slice(0, 4)} killed: ${users.join(' and ')}`);
    for (const each of live) if (!each.isLeft) each.onEnd('duplicated');
    live.clear();
    return 'duplicated';
  }

  /**
   * The login ends: who is connected hears of it, and so does everybody who connects from now on.
   */
  revoke(keyId: string): void {
    this.loggedOut.add(keyId);
    for (const connection of this.#live(keyId)) {
      this.#drop(connection);
      if (!connection.isLeft) connection.onEnd('dropped');
    }
  }

  #requireOneKey(keyId: string, from: string): void {
    const owner = this.owners.get(keyId);
    if (owner === undefined) return;
    const other = this.#all().find(
      (each) => !each.isLeft && each.keyId !== keyId && this.owners.get(each.keyId) === owner,
    );
    if (other !== undefined)
      this.#simulation.violate(`${owner} is used by two keys: ${other.from} and ${from}`);
  }

  /** Closed in order. Where the way is dead nothing of that arrives. */
  close(connection: Connection): void {
    if (connection.silentSinceMs !== null) {
      this.#linger(connection);
      return;
    }
    connection.isLeft = true;
    const lingerMs = this.#chance.between(0, closeLingerMs);
    if (lingerMs > 0) this.#simulation.count('close-linger');
    if (lingerMs === 0) this.#drop(connection);
    else this.#simulation.at(lingerMs, () => this.#drop(connection));
  }

  /** Closed, and Telegram has confirmed it. */
  end(connection: Connection): void {
    connection.isLeft = true;
    this.#drop(connection);
  }

  /** Its machine is gone. `sinceMs`: when its last packet came; default: shortly before now. */
  vanish(connection: Connection, sinceMs?: number): void {
    connection.silentSinceMs ??= sinceMs ?? this.lastPacketMs(connection);
    this.#linger(connection);
  }

  /** Its program is frozen: no packet is made. */
  freeze(connection: Connection): void {
    if (connection.silentSinceMs !== null) return;
    connection.silentSinceMs = this.lastPacketMs(connection);
    this.#dropWhenSilent(connection);
  }

  thaw(connection: Connection): void {
    connection.silentSinceMs = null;
  }

  /**
   * Nothing comes from a host any more, nor gets there: its machine stands still or its way is
   * dead.
   */
  silence(from: string): void {
    for (const connection of this.#all()) {
      if (connection.from !== from || connection.silentSinceMs !== null) continue;
      connection.silentSinceMs = this.lastPacketMs(connection);
      this.#dropWhenSilent(connection);
    }
  }

  /** Packets come and go again. */
  hear(from: string): void {
    for (const connection of this.#all())
      if (connection.from === from && !connection.isLeft) connection.silentSinceMs = null;
  }

  /** The data centre ends one of the connections, as it does now and then. */
  dropOne(chance: Chance): void {
    const all = this.#all().filter(
      ({ isLeft, silentSinceMs }) => !isLeft && silentSinceMs === null,
    );
    if (all.length === 0) return;
    const chosen = chance.pick(all);
    this.#drop(chosen);
    chosen.onEnd('dropped');
  }

  /** Somebody who has got the session uses it, until he leaves. */
  strange(keyId: string): void {
    const made = this.connect(keyId, stranger, 0, () => undefined);
    if (made !== 'duplicated') this.#simulation.note(`a stranger uses ${keyId.slice(0, 4)}`);
  }

  strangerLeaves(keyId: string): void {
    for (const each of this.#live(keyId)) if (each.from === stranger) this.#drop(each);
  }

  /** From where the key is in use now, by programs that still know of their connection. */
  usersOf(keyId: string): readonly string[] {
    return [...this.#live(keyId)]
      .filter(({ isLeft, from }) => !isLeft && from !== stranger)
      .map(({ from }) => from);
  }

  #linger(connection: Connection): void {
    connection.isLeft = true;
    this.#simulation.count('linger');
    this.#dropWhenSilent(connection);
  }

  #dropWhenSilent(connection: Connection): void {
    const sinceMs = connection.silentSinceMs ?? this.#simulation.nowMs;
    const leftMs = Math.max(0, sinceMs + connection.dropAfterMs - this.#simulation.nowMs);
    this.#simulation.at(leftMs, () => {
      if (connection.silentSinceMs !== sinceMs || !this.#live(connection.keyId).has(connection))
        return;
      this.#drop(connection);
      if (!connection.isLeft) connection.onEnd('dropped');
    });
  }

  /** Chosen anew at each call: when it was, of a connection that sends something now and then. */
  lastPacketMs({ openedAtMs }: Connection): number {
    const { nowMs } = this.#simulation;
    return Math.max(openedAtMs, nowMs - this.#chance.between(0, packetEveryMs));
  }

  #drop(connection: Connection): void {
    this.#live(connection.keyId).delete(connection);
  }

  #all(): Connection[] {
    return [...this.#connections.values()].flatMap((live) => [...live]);
  }

  #live(keyId: string): Set<Connection> {
    const live = this.#connections.get(keyId) ?? new Set();
    this.#connections.set(keyId, live);
    return live;
  }
}

export type DataCentreConnection = Connection;
