import type { Simulation } from './simulation.ts';

interface Connection {
  readonly keyId: string;
  readonly from: string;
  /** Told when the data centre has destroyed the key, or closes the connection. */
  readonly onEnd: (reason: 'duplicated' | 'dropped') => void;
}

/** Telegram, as far as exclusivity goes: a key that is used over two connections at once is destroyed, for ever. */
export class ModelDataCentre {
  readonly killedKeys = new Set<string>();
  /** Hosts whose way to Telegram is blocked. */
  readonly unreachableFrom = new Set<string>();
  readonly #simulation: Simulation;
  readonly #connections = new Map<string, Set<Connection>>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** A connection, or that the key is dead. */
  connect(keyId: string, from: string, onEnd: Connection['onEnd']): Connection | 'duplicated' {
    if (this.killedKeys.has(keyId)) return 'duplicated';
    const connection: Connection = { keyId, from, onEnd };
    const live = this.#live(keyId);
    live.add(connection);
    if (live.size === 1) return connection;
    this.killedKeys.add(keyId);
    this.#simulation.violate(`key ${keyId.slice(0, 4)} killed: ${[...live].map((each) => each.from).join(' and ')}`);
    for (const each of live) each.onEnd('duplicated');
    live.clear();
    return 'duplicated';
  }

  close(connection: Connection): void {
    this.#live(connection.keyId).delete(connection);
  }

  /** The data centre ends one of the connections, as it does now and then. */
  dropOne(): void {
    const all = [...this.#connections.values()].flatMap((live) => [...live]);
    if (all.length === 0) return;
    const chosen = this.#simulation.pick(all);
    this.close(chosen);
    chosen.onEnd('dropped');
  }

  /** From where the key is in use now. */
  usersOf(keyId: string): readonly string[] {
    return [...this.#live(keyId)].map(({ from }) => from);
  }

  #live(keyId: string): Set<Connection> {
    const live = this.#connections.get(keyId) ?? new Set();
    this.#connections.set(keyId, live);
    return live;
  }
}

export type DataCentreConnection = Connection;
