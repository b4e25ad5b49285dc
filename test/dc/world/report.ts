import type { TransportKind } from '../wire/transport.ts';

/**
 * All times are milliseconds since 1970 by the data centre's real clock; everything here survives
 * JSON.
 */

/**
 * The far end of a connection. Behind the SOCKS front, `ip` is the SOCKS user name where that is an
 * address.
 */
export interface Peer {
  readonly ip: string;
  readonly port: number;
}

/** What `initConnection` and `invokeWithLayer` said. */
export interface InitParameters {
  readonly layer: number;
  readonly apiId: number;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly systemLangCode: string;
  readonly langPack: string;
  readonly langCode: string;
}

/**
 * `peer`: the client went; the others are the data centre's doing. `stop`: the data centre went
 * away.
 */
export type CloseReason =
  | 'peer'
  | 'fault'
  | 'disconnect-all'
  | 'duplicate'
  | 'silent'
  | 'ping-delay'
  | 'refused'
  | 'broken'
  | 'stop';

/**
 * A connection that proved to hold an authorization key (its first packet was decrypted and
 * verified).
 */
export interface ConnectionReport {
  /** Counts over the whole data centre, from 1, in the order of opening. */
  readonly id: number;
  readonly peer: Peer;
  /**
   * `address:port` that the client wanted to reach: SOCKS destination, otherwise the local end of
   * the socket.
   */
  readonly asked: string;
  readonly transport: TransportKind;
  readonly openedAt: number;
  readonly authorizedAt: number;
  readonly lastPacketAt: number;
  /** Null while it is open. */
  readonly closedAt: number | null;
  readonly closedBy: CloseReason | null;
  readonly packets: number;
  /** RPC requests: pings and acknowledgements do not count. */
  readonly requests: number;
  readonly firstRequest: { readonly method: string; readonly at: number } | null;
  /**
   * Null where the client did not introduce itself on this connection (GramJS does not after a
   * reconnect).
   */
  readonly init: InitParameters | null;
}

/**
 * Two authorized connections of one key were open at the same time, whatever they did: the "never
 * two" evidence.
 */
export interface Overlap {
  readonly olderId: number;
  readonly newerId: number;
  readonly olderPeer: Peer;
  readonly newerPeer: Peer;
  readonly startedAt: number;
  /** Null while both are open. */
  readonly endedAt: number | null;
  /**
   * False: the older one never sent a packet after the newer one's first, as a socket does whose
   * owner died without a FIN.
   */
  readonly olderSpokeAfter: boolean;
}

/**
 * `other-address`: used from two addresses; `interleaved`: requests A, B, A over two connections of
 * one address.
 */
export type DuplicateRule = 'other-address' | 'interleaved';

/** A key destroyed by parallel use: every request answers 406 AUTH_KEY_DUPLICATED from then on. */
export interface Kill {
  readonly at: number;
  readonly keyId: string;
  readonly userId: string;
  readonly rule: DuplicateRule;
  readonly olderId: number;
  readonly newerId: number;
  readonly olderPeer: Peer;
  readonly newerPeer: Peer;
}

export type KeyStatus =
  | 'live'
  | 'duplicated'
  | 'unregistered'
  | 'revoked'
  | 'expired'
  | 'deactivated'
  | 'banned';

/** One login: an authorization key with its account. */
export interface AccountReport {
  readonly userId: string;
  readonly firstName: string;
  readonly isBot: boolean;
  readonly dcId: number;
  /** SHA-1 based id of the key, 16 hex digits; not secret. */
  readonly keyId: string;
  readonly status: KeyStatus;
  readonly connections: readonly ConnectionReport[];
  readonly liveNow: number;
  /** Most authorized connections ever open at once. 1 is what `fleet` promises. */
  readonly maxLive: number;
  readonly overlaps: readonly Overlap[];
}

/** A client broke the protocol, or the data centre could not do what it was asked. */
export interface Violation {
  readonly at: number;
  readonly kind:
    | 'framing'
    | 'crypto'
    | 'message'
    | 'schema'
    | 'second-key'
    | 'not-implemented'
    | 'internal';
  readonly connectionId: number;
  readonly peer: Peer;
  readonly detail: string;
}

/**
 * A connection turned away: no such key (-404), a key of another data centre (-404), or a key
 * exchange, which is not offered.
 */
export interface Refusal {
  readonly at: number;
  readonly kind: 'unknown-key' | 'wrong-dc' | 'key-exchange';
  readonly connectionId: number;
  readonly peer: Peer;
  readonly asked: string;
  /** Null for a key exchange. */
  readonly keyId: string | null;
}

export interface DataCentreReport {
  readonly startedAt: number;
  readonly reportedAt: number;
  /** All TCP connections, also those that never showed a key. */
  readonly connectionsOpened: number;
  readonly connectionsOpen: number;
  readonly accounts: readonly AccountReport[];
  readonly kills: readonly Kill[];
  readonly violations: readonly Violation[];
  readonly refusals: readonly Refusal[];
}
