import type { ConnectionReport, DuplicateRule, Overlap } from './report.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The living form of {@link ConnectionReport}: its connection updates it in place. */
export type ConnectionRecord = Mutable<ConnectionReport>;

/**
 * The history of one key: all its authorized connections in order of authorization, and what they
 * did at the same time.
 */
export interface KeyUse {
  readonly connections: ConnectionRecord[];
  readonly overlaps: Mutable<Overlap>[];
  maxLive: number;
  /** Connection that sent the last RPC request; null before the first. */
  lastRequesterId: number | null;
}

/** Parallel use that destroys a key. */
export interface Duplicate {
  readonly rule: DuplicateRule;
  readonly older: ConnectionRecord;
  readonly newer: ConnectionRecord;
}

export function newKeyUse(): KeyUse {
  return { connections: [], overlaps: [], maxLive: 0, lastRequesterId: null };
}

/** Enters a connection whose first packet was just verified. Counts it against those still open. */
export function noteAuthorized(use: KeyUse, record: ConnectionRecord): void {
  const open = use.connections.filter((other) => other.closedAt === null);
  for (const older of open) {
    use.overlaps.push({
      olderId: older.id,
      newerId: record.id,
      olderPeer: older.peer,
      newerPeer: record.peer,
      startedAt: record.authorizedAt,
      endedAt: null,
      olderSpokeAfter: false,
    });
  }
  use.connections.push(record);
  use.maxLive = Math.max(use.maxLive, open.length + 1);
}

/** Any packet, also a ping or an acknowledgement. `now` in ms. */
export function notePacket(use: KeyUse, record: ConnectionRecord, now: number): void {
  record.packets += 1;
  record.lastPacketAt = now;
  for (const overlap of use.overlaps) {
    if (overlap.olderId === record.id && overlap.endedAt === null) overlap.olderSpokeAfter = true;
  }
}

/**
 * Does this packet prove use from two addresses? Yes when another connection of the key from
 * another address is open, or was
 * closed less than `dupWindowMs` ago. To be asked at every verified packet.
 */
export function judgePacket(
  use: KeyUse,
  record: ConnectionRecord,
  now: number,
  dupWindowMs: number,
): Duplicate | null {
  const parallel = use.connections.find(
    (other) =>
      other.peer.ip !== record.peer.ip &&
      (other.closedAt === null || now - other.closedAt < dupWindowMs),
  );
  return parallel === undefined ? null : inOrder('other-address', parallel, record);
}

/**
 * Does this request prove parallel use of two connections, from whatever address? Yes when this
 * connection requested before and
 * another one did so since (A, B, A): both were in use at once. A plain reconnect (A, then only B)
 * is no duplicate. Notes the request.
 */
export function judgeRequest(use: KeyUse, record: ConnectionRecord): Duplicate | null {
  const lastId = use.lastRequesterId;
  const between =
    lastId === record.id ? undefined : use.connections.find((other) => other.id === lastId);
  const isBack = record.requests > 0 && between !== undefined;
  record.requests += 1;
  use.lastRequesterId = record.id;
  return isBack ? inOrder('interleaved', between, record) : null;
}

/** Enters the end of a connection. Safe to repeat: the first reason stays. */
export function noteClosed(
  use: KeyUse,
  record: ConnectionRecord,
  now: number,
  reason: ConnectionRecord['closedBy'],
): void {
  if (record.closedAt !== null) return;
  record.closedAt = now;
  record.closedBy = reason;
  for (const overlap of use.overlaps) {
    const isPart = overlap.olderId === record.id || overlap.newerId === record.id;
    if (isPart && overlap.endedAt === null) overlap.endedAt = now;
  }
}

function inOrder(rule: DuplicateRule, one: ConnectionRecord, other: ConnectionRecord): Duplicate {
  return one.id < other.id
    ? { rule, older: one, newer: other }
    : { rule, older: other, newer: one };
}
