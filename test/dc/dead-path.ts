import { connect, createServer, type Socket } from 'node:net';
import type { ListenAddress } from './server.ts';

/**
 * A way to the data centre that can die without a word, as when a host loses its power or its
 * network: no FIN and no reset reaches the other end.
 */
export interface DeadPath {
  readonly address: ListenAddress;
  /**
   * From now on nothing passes, in both directions; what is connected stays so for the data centre.
   */
  cut(): void;
  /** New connections pass again; those that were cut stay dead. */
  mend(): void;
  /** Ends all, also for the data centre. */
  stop(): void;
}

/** `from`: the address that the data centre sees, one of 127.0.0.0/8. */
export async function startDeadPath(to: ListenAddress, from = '127.0.0.1'): Promise<DeadPath> {
  const pairs: [Socket, Socket][] = [];
  let isCut = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (isCut) return void near.on('error', () => {});
    const far = connect({ host: to.host, port: to.port, localAddress: from, allowHalfOpen: true });
    pairs.push([near, far]);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on('data', (chunk) => void other.write(chunk));
      one.on('end', () => void other.end());
      one.on('error', () => void (one.listenerCount('data') > 0 && other.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  return {
    address: {
      host: '127.0.0.1',
      port: typeof bound === 'object' && bound !== null ? bound.port : 0,
    },
    cut() {
      isCut = true;
      for (const socket of pairs.flat())
        socket.removeAllListeners('data').removeAllListeners('end').pause();
    },
    mend() {
      isCut = false;
    },
    stop() {
      for (const socket of pairs.flat()) socket.destroy();
      server.close();
    },
  };
}
