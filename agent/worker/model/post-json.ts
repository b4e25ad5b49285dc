import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { ModelFailure } from './model-port.ts';

/** More than any answer of a model, and little enough for an account's memory. */
const bodyLimitBytes = 4 * 1024 * 1024;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** As UTF-8. */
  readonly body: string;
}

/**
 * One POST on Node's own http: the built-in fetch, or anything that touches its classes, costs an account 8 MB more. Follows no redirect, so that the key goes
 * to nobody else. Rejects with ModelFailure: `network` where no answer began, `server` where one broke off, `aborted` after `signal`.
 */
export const postJson = (
  address: URL,
  headers: Readonly<Record<string, string>>,
  document: unknown,
  signal: AbortSignal,
): Promise<HttpAnswer> =>
  new Promise((resolve, reject) => {
    const fail = (error: Error, hasBegun: boolean): void => {
      if (signal.aborted) reject(new ModelFailure('aborted', 'no answer in time'));
      else if (hasBegun) reject(new ModelFailure('server', `the answer broke off (${nameOf(error)})`));
      else reject(new ModelFailure('network', `no connection (${nameOf(error)})`));
    };
    const take = (answer: IncomingMessage): void => {
      const parts: Buffer[] = [];
      let size = 0;
      answer.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > bodyLimitBytes) answer.destroy(new TooLong());
      });
      // A reset is told by the one or the other, or by both.
      for (const either of [call, answer]) either.on('error', (error) => fail(error, true));
      answer.on('end', () => {
        const body = Buffer.concat(parts).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body });
      });
    };
    const whole = { 'content-type': 'application/json', accept: 'application/json', 'user-agent': 'fleet', ...headers };
    const call = requestOf(address)(address, { method: 'POST', headers: whole, signal });
    const failBefore = (error: Error): void => fail(error, false);
    call.once('error', failBefore);
    call.once('response', (answer) => {
      call.off('error', failBefore);
      take(answer);
    });
    call.end(JSON.stringify(document));
  });

/** Of the two modules only the one that is needed: TLS takes 3 MB, and a model server beside the account speaks without. */
const requestOf = ({ protocol }: URL) =>
  protocol === 'https:' ? process.getBuiltinModule('node:https').request : process.getBuiltinModule('node:http').request;

class TooLong extends Error {
  readonly code = 'TOO_LONG';
}

/** `ECONNREFUSED` and the like; otherwise the class. */
const nameOf = (error: Error): string =>
  'code' in error && typeof error.code === 'string' && /^[A-Z_]+$/.test(error.code) ? error.code : error.constructor.name;
