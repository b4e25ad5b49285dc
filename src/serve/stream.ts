/** The history as it is written, for clients that listen (server-sent events). */
import type { ServerResponse } from 'node:http';
import type { LedgerDb } from '../ledger/ledger.ts';
import { lastRecord, type RecordRow, readRecords } from '../ledger/queries/serving.ts';
import type { ApiTokenRow } from '../ledger/schema.ts';
import { describedEvent, readEvent } from '../model/events/event.ts';
import { refusal } from './problem.ts';
import { stillHolds } from './tokens.ts';

export interface StreamOptions {
  readonly db: LedgerDb;
  /** Words that a token limited to these hosts must not see; null: there are none. */
  readonly hidden: (hosts: string | null) => Promise<(record: RecordRow) => boolean>;
  readonly log: (text: string) => void;
}

export interface Streams {
  /**
   * Sends what comes after the record `after`; null: what comes from now on. The answer is the
   * client's until it leaves, does not read, or its token ends. Errors: 503 `busy`.
   */
  add(to: ServerResponse, after: number | null, token: ApiTokenRow): Promise<void>;
  close(): void;
}

/** Between two looks at the ledger, ms; and between two signs of life where nothing happens. */
const lookEveryMs = 1_000;
const beatEveryMs = 15_000;
const pageRows = 500;
/** Bytes that a client may leave unread. */
const unreadLimit = 262_144;
const mostListeners = 200;

interface Listener {
  readonly to: ServerResponse;
  readonly token: Pick<ApiTokenRow, 'id' | 'hosts'>;
  last: number;
  saidMs: number;
}

/** An entry as clients see it: a decision with its reason, or an event with its values. Pure. */
function entryOf({ source, at, ...kept }: RecordRow): Readonly<Record<string, unknown>> {
  const facts = source === 'events' ? describedEvent(readEvent(kept)) : kept;
  const { kind, host, account, text } = facts;
  const data = 'data' in facts ? { data: facts.data } : {};
  return { at: new Date(at).toISOString(), kind, host, account, text, ...data };
}

const textOf = (row: RecordRow): string =>
  [
    `id: ${row.seq}`,
    `event: ${row.source === 'history' ? 'decision' : 'event'}`,
    `data: ${JSON.stringify(entryOf(row))}\n\n`,
  ].join('\n');

export function openStreams({ db, hidden, log }: StreamOptions): Streams {
  const listeners = new Set<Listener>();
  let timer: NodeJS.Timeout | null = null;
  let isLooking = false;

  const drop = (listener: Listener, why: string): void => {
    if (!listeners.delete(listener)) return;
    log(`events: a client is dropped: ${why}`);
    listener.to.destroy();
  };
  const say = (listener: Listener, text: string): void => {
    listener.saidMs = Date.now();
    if (listener.to.writableLength + text.length > unreadLimit) drop(listener, 'it does not read');
    else listener.to.write(text);
  };

  /**
   * What one listener has not seen, a page at a time: how much is in memory does not depend on how
   * far it is behind.
   */
  const feed = async (listener: Listener, rows: readonly RecordRow[]): Promise<void> => {
    const isHidden = await hidden(listener.token.hosts);
    const texts = rows.filter((row) => row.seq > listener.last && !isHidden(row)).map(textOf);
    listener.last = Math.max(listener.last, rows.at(-1)?.seq ?? 0);
    if (texts.length > 0) say(listener, texts.join(''));
    else if (Date.now() - listener.saidMs > beatEveryMs) say(listener, ': beat\n\n');
  };
  /** A token that was revoked or has expired hears nothing more. */
  const endOthers = async (): Promise<void> => {
    const ids = new Set([...listeners].map(({ token }) => token.id));
    for (const id of ids) {
      if (await stillHolds(db, id, Date.now())) continue;
      for (const listener of [...listeners])
        if (listener.token.id === id) drop(listener, 'its token has ended');
    }
  };
  const look = async (): Promise<void> => {
    await endOthers();
    // Those that are equally far share a page.
    const pages = new Map<number, RecordRow[]>();
    for (const listener of [...listeners]) {
      const rows = pages.get(listener.last) ?? (await readRecords(db, listener.last, pageRows));
      pages.set(listener.last, rows);
      await feed(listener, rows);
    }
  };
  const tick = (): void => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch((error: unknown) =>
        log(`events: ${error instanceof Error ? error.message : String(error)}`),
      )
      .finally(() => {
        isLooking = false;
      });
  };

  return {
    add: async (to, after, token) => {
      if (listeners.size >= mostListeners)
        throw refusal(503, 'busy', `${mostListeners} clients listen already.`, 'Try again later.', {
          'retry-after': '30',
        });
      const last = await lastRecord(db);
      // A ledger that was put back may be shorter than what the client has seen.
      const listener = {
        to,
        token: { id: token.id, hosts: token.hosts },
        last: after === null || after > last ? last : after,
        saidMs: Date.now(),
      };
      to.writeHead(200, {
        ...{ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' },
        ...{ 'x-accel-buffering': 'no', connection: 'keep-alive' },
      });
      // Its place, also for one that is cut off before anything has happened.
      to.write(`retry: 2000\nid: ${listener.last}\n: listening\n\n`);
      listeners.add(listener);
      to.once('close', () => void listeners.delete(listener));
      timer ??= setInterval(tick, lookEveryMs);
      timer.unref();
    },
    close: () => {
      if (timer !== null) clearInterval(timer);
      for (const { to } of listeners) to.end();
      listeners.clear();
    },
  };
}
