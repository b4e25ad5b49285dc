import { createServer, type Server, type Socket } from 'node:net';
import { type ExchangeKey, newExchangeKey } from './auth/key-exchange.ts';
import type { LoginDesk } from './auth/login-desk.ts';
import { Conversation } from './chats/conversation.ts';
import { tellScanned } from './chats/push.ts';
import { Connection } from './connection.ts';
import { type Behaviour, type Context, type DataCentreEvent, serverNow } from './context.ts';
import { type SocksRequest, serveSocks } from './socks.ts';
import { type LayerText, loadSchemas } from './tl/schemas.ts';
import { ServerMessageIds } from './wire/message-ids.ts';
import type { Fault } from './world/faults.ts';
import type { CloseReason, DataCentreReport, KeyStatus } from './world/report.ts';
import { type AccountSpec, reportLogin, World } from './world/world.ts';

/** Where to listen. Port 0: any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** The addresses that Telegram's own data centres are known under; a lab routes them to itself. */
export const TELEGRAM_ADDRESSES: Readonly<Record<string, string>> = {
  '1': '149.154.175.53',
  '2': '149.154.167.51',
  '3': '149.154.175.100',
  '4': '149.154.167.91',
  '5': '91.108.56.130',
};
const LOCAL_ADDRESSES: Readonly<Record<string, string>> = {
  '1': '127.0.0.1',
  '2': '127.0.0.1',
  '3': '127.0.0.1',
  '4': '127.0.0.1',
  '5': '127.0.0.1',
};

export interface DataCentreOptions {
  /**
   * Listeners for clients that reach the data centre by network. Default: one on 127.0.0.1, any
   * port.
   */
  readonly listen?: readonly ListenAddress[];
  /**
   * SOCKS5 fronts: whatever destination is asked, the data centre answers. Default: one on
   * 127.0.0.1, any port.
   */
  readonly socks?: readonly ListenAddress[];
  /**
   * Also parallel use: another address within this time (ms) after the connection from the first
   * was closed. Default 0.
   */
  readonly dupWindowMs?: number;
  /**
   * A connection whose client is silent is live for as long as the client asked
   * (`ping_delay_disconnect`); one that never asked is live for so
   * long (ms) after its last packet. How long Telegram keeps it is not known. Default 300 s.
   */
  readonly idleTimeoutMs?: number;
  /** Answers longer than this are sent gzip-packed. Default 256: the configuration always is. */
  readonly gzipAboveBytes?: number;
  /**
   * The data centre's clock runs ahead by so much (ms), to test clients with a wrong clock. Default
   * 0.
   */
  readonly clockSkewMs?: number;
  /**
   * Address per data centre id in `help.getConfig`. Where all differ, a key of another data centre
   * is refused there. Default: 127.0.0.1 for all.
   */
  readonly dcAddresses?: Readonly<Record<string, string>>;
  /** Ports per data centre in `help.getConfig`. Default 80 and 443. */
  readonly dcPorts?: readonly number[];
  /**
   * Offers key exchanges, so that new logins can be made. Takes a second to start. Default: false.
   */
  readonly offersKeys?: boolean;
  /** Schemas for clients of other layers than GramJS' 198. */
  readonly layers?: readonly LayerText[];
  /** Told about everything that happens. Default: nobody is. */
  readonly onEvent?: (event: DataCentreEvent) => void;
}

/** The credential of a login in the test data centre. */
export interface LoginCredentials {
  readonly userId: string;
  readonly dcId: number;
  /** 256 bytes. */
  readonly authKey: Buffer;
  /** 16 hex digits; names the key in reports. */
  readonly keyId: string;
}

/** How {@link DataCentre.revoke} ends a login. */
export type RevokeKind = Extract<KeyStatus, 'revoked' | 'unregistered' | 'expired'>;

/**
 * A running data centre. Keys are given as 256 bytes or as key id; unknown ones throw RangeError.
 */
export interface DataCentre {
  /** Bound addresses, in the order of the options. */
  readonly addresses: readonly ListenAddress[];
  readonly socksAddresses: readonly ListenAddress[];
  readonly world: World;
  /** What people do in groups and in private. */
  readonly people: Conversation;
  /** Who may log in anew, and what they do with the codes that they are sent. */
  readonly desk: LoginDesk;
  /** Null: key exchanges are not offered. */
  readonly exchangeKey: ExchangeKey | null;
  /** The owner of a number scans a QR code: its address `tg://login?token=...`. */
  scan(url: string, phone: string): void;
  addAccount(spec: AccountSpec): LoginCredentials;
  /** Arranges something to go wrong. Faults act in the order in which they were added. */
  fault(fault: Fault): void;
  clearFaults(): void;
  /**
   * The login ends: 401 from its next request on. Default `revoked`. Connections stay open, as they
   * do at Telegram.
   */
  revoke(key: Uint8Array | string, kind?: RevokeKind): void;
  /**
   * The account is gone, all its logins with it: 401 USER_DEACTIVATED, or with `banned`
   * USER_DEACTIVATED_BAN.
   */
  deactivate(userId: bigint | number | string, status?: 'deactivated' | 'banned'): void;
  /** The key was never known: transport error -404 from now on. Its connections close. */
  forgetKey(key: Uint8Array | string): void;
  /**
   * From now on the data centre's clock is ahead of this machine's by so much (ms): as it is for a
   * machine that stood still.
   */
  setClockSkew(ms: number): void;
  /**
   * What the account's sessions were is forgotten, and with it what was to be told: the next
   * message of each begins it anew, with `new_session_created`.
   */
  forgetSessions(userId: bigint | number | string): void;
  /** Every client gets `bad_server_salt` at its next message. */
  rotateSalts(): void;
  /** Closes the connections of one account, or all; says how many. */
  disconnectAll(userId?: bigint | number | string): number;
  /** An outage: connections end, new ones are refused, everything is remembered. */
  suspend(): Promise<void>;
  /** The end of an outage, at the same addresses. */
  resume(): Promise<void>;
  report(): DataCentreReport;
  /** Ends everything at once. Safe to repeat. */
  stop(): Promise<void>;
}

/**
 * Starts a data centre in this process; resolves when all its listeners are bound. Rejects when an
 * address cannot be bound.
 */
export async function startDataCentre(options: DataCentreOptions = {}): Promise<DataCentre> {
  const context: Context = {
    world: new World(),
    schemas: loadSchemas(options.layers ?? []),
    behaviour: behaviourOf(options),
    messageIds: new ServerMessageIds(),
    connections: new Map(),
    onEvent: options.onEvent ?? (() => {}),
  };
  const front = new Front(context);
  const any = [{ host: '127.0.0.1', port: 0 }];
  try {
    const addresses = await front.open(options.listen ?? any, (socket) =>
      front.accept(socket, null),
    );
    const socksAddresses = await front.open(options.socks ?? any, (socket) =>
      serveSocks(socket, (request) => front.accept(socket, request)),
    );
    return dataCentreOf(context, front, addresses, socksAddresses);
  } catch (error) {
    await front.suspend();
    throw error;
  }
}

function behaviourOf(options: DataCentreOptions): Behaviour {
  return {
    dupWindowMs: options.dupWindowMs ?? 0,
    idleTimeoutMs: options.idleTimeoutMs ?? 300_000,
    gzipAboveBytes: options.gzipAboveBytes ?? 256,
    clockSkewMs: options.clockSkewMs ?? 0,
    dcAddresses: options.dcAddresses ?? LOCAL_ADDRESSES,
    dcPorts: options.dcPorts ?? [80, 443],
    exchangeKey: options.offersKeys === true ? newExchangeKey() : null,
  };
}

function dataCentreOf(
  context: Context,
  front: Front,
  addresses: ListenAddress[],
  socksAddresses: ListenAddress[],
): DataCentre {
  const { world } = context;
  world.desk.onScanned = (login) => tellScanned(context, login);
  return {
    addresses,
    socksAddresses,
    world,
    people: new Conversation(context),
    desk: world.desk,
    exchangeKey: context.behaviour.exchangeKey,
    scan: (url, phone) => world.desk.scan(url, phone, Math.floor(serverNow(context) / 1000)),
    addAccount(spec) {
      const { authKey, keyId, dcId, account } = world.addLogin(spec);
      return { authKey, keyId, dcId, userId: String(account.userId) };
    },
    fault: (fault) => world.faults.add(fault),
    clearFaults: () => world.faults.clear(),
    revoke(key, kind = 'revoked') {
      world.loginOf(key).status = kind;
    },
    deactivate(userId, status = 'deactivated') {
      for (const login of world.loginsOf(userId)) login.status = status;
    },
    forgetKey: (key) => front.forgetKey(key),
    setClockSkew(ms) {
      context.behaviour.clockSkewMs = ms;
    },
    forgetSessions(userId) {
      for (const login of world.loginsOf(userId)) login.sessions.clear();
    },
    rotateSalts: () => world.rotateSalts(),
    disconnectAll: (userId) => front.disconnect('disconnect-all', userId),
    suspend: () => front.suspend(),
    resume: () => front.resume(),
    report: () => front.report(),
    stop: () => front.suspend(),
  };
}

interface Listener {
  readonly server: Server;
  readonly bound: ListenAddress;
}

/** The side towards the network: listeners and sockets. */
class Front {
  readonly #context: Context;
  readonly #startedAt = Date.now();
  readonly #listeners: Listener[] = [];
  /** Sockets still talking SOCKS have no connection yet. */
  readonly #sockets = new Set<Socket>();
  #opened = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  async open(
    wanted: readonly ListenAddress[],
    onSocket: (socket: Socket) => void,
  ): Promise<ListenAddress[]> {
    const bound: ListenAddress[] = [];
    for (const address of wanted) {
      const listener = await this.#listener(address, onSocket);
      this.#listeners.push(listener);
      bound.push(listener.bound);
    }
    return bound;
  }

  /** Takes a client's socket over; `request` is what it asked the SOCKS front. */
  accept(socket: Socket, request: SocksRequest | null): void {
    this.#opened += 1;
    const ip = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const local = `${(socket.localAddress ?? '').replace(/^::ffff:/, '')}:${socket.localPort}`;
    new Connection(this.#context, socket, {
      id: this.#opened,
      peer: { ip: request?.clientIp ?? ip, port: socket.remotePort ?? 0 },
      asked: request?.destination ?? local,
      openedAt: Date.now(),
    });
  }

  disconnect(reason: CloseReason, userId?: bigint | number | string): number {
    const chosen = [...this.#context.connections.values()].filter(
      (connection) => userId === undefined || connection.login?.account.userId === BigInt(userId),
    );
    for (const connection of chosen) connection.close(reason);
    return chosen.length;
  }

  forgetKey(key: Uint8Array | string): void {
    const login = this.#context.world.loginOf(key);
    this.#context.world.logins.delete(login.keyId);
    for (const connection of this.#context.connections.values()) {
      if (connection.login === login) connection.close('refused');
    }
  }

  async suspend(): Promise<void> {
    this.disconnect('stop');
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      this.#listeners.map(({ server }) => new Promise((resolve) => server.close(resolve))),
    );
  }

  async resume(): Promise<void> {
    await Promise.all(this.#listeners.map(({ server, bound }) => listen(server, bound)));
  }

  report(): DataCentreReport {
    const { world, connections } = this.#context;
    return {
      startedAt: this.#startedAt,
      reportedAt: Date.now(),
      connectionsOpened: this.#opened,
      connectionsOpen: connections.size,
      accounts: [...world.logins.values()].map(reportLogin),
      kills: [...world.kills],
      violations: [...world.violations],
      refusals: [...world.refusals],
    };
  }

  async #listener(wanted: ListenAddress, onSocket: (socket: Socket) => void): Promise<Listener> {
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      onSocket(socket);
    });
    await listen(server, wanted);
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : wanted.port;
    return { server, bound: { host: wanted.host, port } };
  }
}

function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
