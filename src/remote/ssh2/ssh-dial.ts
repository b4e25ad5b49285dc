import { connect, type Socket } from 'node:net';
import type { SshTarget } from '../config/ssh-target.ts';
import { interruptedFailure } from '../session/ssh-errors.ts';

/**
 * Time for one of several addresses of a name before the next is tried too, ms. Node's 250 ms gives
 * up on distant servers.
 */
const ADDRESS_ATTEMPT_MS = 3_000;

/**
 * Opens a TCP connection within `connectTimeoutMs`, name resolution included. Rejects with Node's
 * own error (code `ETIMEDOUT` when the
 * time is over). The socket always keeps an error listener: a reset may arrive when nobody else
 * listens.
 */
export function dial(target: SshTarget, signal: AbortSignal | undefined): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: target.address,
      port: target.port,
      family: target.family,
      ...(target.bindAddress === null ? {} : { localAddress: target.bindAddress }),
      noDelay: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_ATTEMPT_MS,
    });
    const fail = (error: Error): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(interruptedFailure(target.host));
    const timer = setTimeout(
      () => fail(Object.assign(new Error('connect timed out'), { code: 'ETIMEDOUT' })),
      target.connectTimeoutMs,
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.on('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      writeWhole(socket);
      resolve(socket);
    });
  });
}

/**
 * ssh2 writes each packet in three pieces. What is written in one turn leaves as one: a third of
 * the calls, and the host wakes once for each packet.
 */
function writeWhole(socket: Socket): void {
  const write: (...call: Parameters<Socket['write']>) => boolean = socket.write.bind(socket);
  socket.write = ((...call: Parameters<Socket['write']>) => {
    if (socket.writableCorked === 0) {
      socket.cork();
      process.nextTick(() => socket.uncork());
    }
    return write(...call);
  }) as Socket['write'];
}
