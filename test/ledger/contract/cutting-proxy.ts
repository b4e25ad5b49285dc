import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresPlace } from '../../../src/model/ledger-place.ts';

export interface Cut {
  /** After so many statements the link is cut, once; 1: at the first. */
  readonly at: number;
  /** Whether the server still gets that statement: then only its answer is lost. */
  readonly isHeard: boolean;
}

export interface CuttingProxy {
  readonly place: PostgresPlace;
  /** Statements that have come by since the last {@link plan}. */
  statements(): number;
  plan(cut: Cut | null): void;
  /** What the server says is changed on its way to the client. */
  rewrite(change: ((text: string) => string) | null): void;
  close(): Promise<void>;
}

/** Ends of a statement in PostgreSQL's protocol: a query in one message, and Sync. */
const ends = new Set(['Q', 'S']);

/** A way to the server of `place` that can be cut at every statement. */
export async function cuttingProxy(place: PostgresPlace): Promise<CuttingProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-cut-'));
  let seen = 0;
  let cut: Cut | null = null;
  let change: ((text: string) => string) | null = null;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(join(place.host, `.s.PGSQL.${place.port}`));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    }
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
    upstream.on('data', (data) => {
      if (client.destroyed) return;
      client.write(change === null ? data : Buffer.from(change(data.toString('latin1')), 'latin1'));
    });
    let rest = Buffer.alloc(0);
    let isStarted = false;
    client.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        // The first message has a length and no type.
        const head = isStarted ? 1 : 0;
        if (rest.length < head + 4) return;
        const size = head + rest.readUInt32BE(head);
        if (rest.length < size) return;
        const message = rest.subarray(0, size);
        rest = rest.subarray(size);
        const isEnd = isStarted && ends.has(String.fromCharCode(message[0] ?? 0));
        isStarted = true;
        if (isEnd) seen += 1;
        const isCut = isEnd && cut !== null && seen >= cut.at;
        if (!isCut || cut?.isHeard === true) upstream.write(message);
        if (!isCut) continue;
        cut = null;
        client.destroy();
        return;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, '.s.PGSQL.6000'), resolve));
  return {
    place: { ...place, host: folder, port: 6000 },
    statements: () => seen,
    plan: (next) => {
      [seen, cut] = [0, next];
    },
    rewrite: (next) => {
      change = next;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
