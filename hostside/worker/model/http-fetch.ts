import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { Headers, Response } from './light-fetch.ts';

/** More than any answer of a model, and little enough for an account's memory. */
const bodyLimitBytes = 4 * 1024 * 1024;

/** What of a request is looked at. */
export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Iterable<readonly [string, string]> | Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

/**
 * As much of `fetch` as a model's client needs, on Node's own http: the built-in one costs every
 * account that asks a model 10 MB more. Follows no redirect, so
 * that the key goes to nobody else. Rejects where no answer began; one that breaks off is a body
 * that cannot be read.
 */
export const httpFetch = (address: string | URL, init: HttpRequest = {}): Promise<Response> =>
  new Promise((resolve, reject) => {
    const url = new URL(address);
    const call = (url.protocol === 'https:' ? requestTls : requestPlain)(url, {
      method: (init.method ?? 'GET').toUpperCase(),
      headers: Object.fromEntries(new Headers(init.headers)),
      ...(init.signal ? { signal: init.signal } : {}),
    });
    call.once('error', reject);
    call.once('response', (answer) => {
      call.off('error', reject);
      const end = (content: Buffer | Error): void =>
        resolve(
          new Response(content, { status: answer.statusCode ?? 0, headers: headersOf(answer) }),
        );
      const parts: Buffer[] = [];
      let size = 0;
      answer.on('data', (part: Buffer) => {
        size += part.length;
        parts.push(part);
        if (size > bodyLimitBytes)
          answer.destroy(new Error(`the answer is longer than ${bodyLimitBytes} bytes`));
      });
      // A reset is told by the one or the other, or by both.
      for (const either of [call, answer]) either.on('error', end);
      answer.on('end', () => end(Buffer.concat(parts)));
    });
    call.end(typeof init.body === 'string' ? init.body : undefined);
  });

/** Names and values by turns, as they came. */
function headersOf({ rawHeaders: raw }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < raw.length; at += 2) headers.append(raw[at] ?? '', raw[at + 1] ?? '');
  return headers;
}
