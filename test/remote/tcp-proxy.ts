import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a port that can fail like a network. */
export interface TcpProxy {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** From now on nothing is passed on, and nobody is told. */
  stall(): void;
  /** Resets every connection. */
  reset(): void;
  /** Closes the next `count` connections as soon as they are made. */
  refuse(count: number): void;
  close(): Promise<void>;
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let stalled = false;
  let toRefuse = 0;
  let accepted = 0;
  const server = createServer((client) => {
    accepted += 1;
    client.on('error', () => {});
    if (toRefuse > 0) {
      toRefuse -= 1;
      sockets.add(client);
      client.on('close', () => sockets.delete(client));
      client.end('Not allowed at this time\r\n');
      return;
    }
    const upstream = connect(targetPort, '127.0.0.1');
    upstream.on('error', () => {});
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!stalled) to.write(chunk);
      });
      from.on('close', () => {
        sockets.delete(from);
        if (!stalled) to.destroy();
      });
    }
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const reset = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    accepted: () => accepted,
    stall: () => {
      stalled = true;
    },
    reset,
    refuse: (count) => {
      toRefuse = count;
    },
    close: async () => {
      reset();
      await new Promise((done) => server.close(done));
    },
  };
}
