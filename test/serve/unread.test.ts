/** Answers whose clients have gone, or do not read: what is counted is counted back. */
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openUnread } from '../../src/serve/http/unread.ts';

const body = Buffer.from('x'.repeat(100));
const unread = openUnread({ bytes: 250, limitMs: 60_000 });
/** What Fastify's reply is to it. */
const replyOf = (raw: ServerResponse): FastifyReply =>
  ({ raw, send: (text: Buffer) => raw.end(text) }) as unknown as FastifyReply;

let asked = 0;
let left = 0;
const server = createServer((request, response) => {
  if (request.url === '/') return void unread.send(replyOf(response), body);
  asked += 1;
  // The look takes longer than its client waits.
  response.once('close', () => {
    unread.send(replyOf(response), body);
    left += 1;
  });
});
const at = (path: string): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const answer = async (): Promise<number> => {
  const [response] = (await once(get(at('/'), { agent: false }), 'response')) as [IncomingMessage];
  let length = 0;
  for await (const part of response) length += (part as Buffer).length;
  return length;
};

test('answers that are taken, and those whose client left before they came, cost nothing', async () => {
  for (let times = 0; times < 5; times += 1) expect(await answer()).toBe(body.length);
  for (let times = 1; times <= 5; times += 1) {
    const leaving = get(at('/slow'), { agent: false }).on('error', () => undefined);
    await expect.poll(() => asked, { timeout: 30_000 }).toBe(times);
    leaving.destroy();
    await expect.poll(() => left, { timeout: 30_000 }).toBe(times);
  }
  expect(await answer()).toBe(body.length);
});
