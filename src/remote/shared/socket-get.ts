import type { Duplex } from 'node:stream';
import { FleetError } from '../../model/errors.ts';
import type { SocketReply } from '../remote.ts';
import { GrowingBytes } from './command-output.ts';

/** Bytes of a reply's body at most, where the caller says nothing. */
const MAX_REPLY_BYTES = 16 * 1024 * 1024;
/** What HTTP puts around a body: status line, headers, the frame of each chunk. */
const FRAME_BYTES = 64 * 1024;

/**
 * One HTTP/1.1 GET over an open stream, which is used up. Rejects with `agent-unreachable` when no
 * whole reply arrives within
 * `timeoutMs`, and with `agent-reply` when it is not HTTP, or the body is longer than `maxBytes`,
 * or the stream than that and its frames
 * (interim answers, chunk extensions and trailers are no body).
 */
export async function getOverStream(
  host: string,
  stream: Duplex,
  urlPath: string,
  timeoutMs: number,
  maxBytes: number = MAX_REPLY_BYTES,
): Promise<SocketReply> {
  // Not by import(): that makes a list of all that node:http offers, and to name WebSocket alone
  // takes 40 ms.
  const { request } = process.getBuiltinModule('node:http');
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      act();
      stream.destroy();
    };
    const fail = (
      code: 'agent-unreachable' | 'agent-reply',
      what: string,
      cause?: unknown,
    ): void => {
      const hint = `look at the agent’s log: fleet exec ${host} -- journalctl -u fleet-agent -n 20`;
      // A stream that knows why says it itself.
      const failure =
        cause instanceof FleetError
          ? cause
          : new FleetError(code, `${host}: the agent ${what}`, { hint, host, cause });
      finish(() => reject(failure));
    };
    const timer = setTimeout(
      () => fail('agent-unreachable', `did not answer ${urlPath} within ${timeoutMs / 1000} s`),
      timeoutMs,
    );
    // It may have ended before anybody listened, and says nothing any more.
    if (stream.destroyed) return fail('agent-unreachable', 'closed the connection', stream.errored);
    stream.on('error', (cause) => fail('agent-unreachable', 'closed the connection', cause));
    const call = request(
      {
        createConnection: () => stream,
        host: 'agent',
        path: urlPath,
        headers: { connection: 'close' },
      },
      (reply) => {
        const body = new GrowingBytes();
        reply.on('data', (chunk: Uint8Array) => {
          if (body.length + chunk.length > maxBytes)
            fail('agent-reply', `sent more than ${maxBytes} bytes for ${urlPath}`);
          else body.append(chunk);
        });
        reply.on('error', (cause) => fail('agent-unreachable', 'broke off its answer', cause));
        reply.on('end', () =>
          finish(() => resolve({ status: reply.statusCode ?? 0, body: body.bytes() })),
        );
      },
    );
    let wireBytes = 0;
    // Listening earlier would let bytes pass before HTTP reads.
    call.once('socket', () => {
      stream.on('data', (chunk: Uint8Array) => {
        wireBytes += chunk.length;
        if (wireBytes > 2 * maxBytes + FRAME_BYTES)
          fail('agent-reply', `sent more than ${maxBytes} bytes and their frames for ${urlPath}`);
      });
    });
    call.on('error', (cause: NodeJS.ErrnoException) => {
      // HTTP parser errors have codes of their own family; everything else is the stream's end.
      if (cause.code?.startsWith('HPE_') === true)
        fail('agent-reply', `did not answer ${urlPath} in HTTP`, cause);
      else fail('agent-unreachable', 'closed the connection', cause);
    });
    call.end();
  });
}
