import { readdirSync } from 'node:fs';
import { mkdtemp, rm, utimes } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AptSource } from './apt-mirrors.ts';
import { serveAptProxy, upstreamOf } from './apt-proxy.ts';

const source = (uri: string): AptSource => ({ uri, suite: 'bookworm', components: ['main'] });

test.each<[string, string | undefined]>([
  ['http://plain.example/debian/dists/x', 'http://plain.example/debian/dists/x'],
  ['http://secure.example/debian/pool/a.deb', 'https://secure.example/debian/pool/a.deb'],
  ['http://plain.example/debian-security/x', undefined],
  ['http://plain.example/debian/../secret', undefined],
  ['http://plain.example/debian/x?y', undefined],
  ['http://plain.example:8080/debian/x', undefined],
  ['https://plain.example/debian/x', undefined],
  ['http://other.example/debian/x', undefined],
  ['/debian/x', undefined],
])('%s is asked of the mirror as %s', (requested, expected) => {
  expect(
    upstreamOf(requested, [
      source('http://plain.example/debian'),
      source('https://secure.example/debian/'),
    ]),
  ).toBe(expected);
});

let folder: string;
let mirror: Server;
let proxy: Server;
let mirrorUri: string;
let asked: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'apt-proxy-'));
  asked = [];
  mirror = createServer((incoming, response) => {
    asked.push(incoming.url ?? '');
    response
      .writeHead(incoming.url?.endsWith('absent') ? 404 : 200)
      .end(`content of ${incoming.url}`);
  });
  await new Promise<void>((resolve) => mirror.listen(0, '127.0.0.1', () => resolve()));
  mirrorUri = `http://127.0.0.1:${(mirror.address() as AddressInfo).port}/debian`;
  proxy = await serveAptProxy(join(folder, 'sock'), join(folder, 'cache'), [source(mirrorUri)]);
});

afterEach(async () => {
  proxy.close();
  mirror.close();
  await rm(folder, { recursive: true });
});

function get(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const asking = request(
      { socketPath: join(folder, 'sock'), path: url, headers: { connection: 'close' } },
      async (answer) => {
        let text = '';
        for await (const chunk of answer) text += String(chunk);
        resolve({ status: answer.statusCode, text });
      },
    );
    asking.on('error', reject).end();
  });
}

test('a package is fetched once, also when several hosts ask at once', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => get(`${mirrorUri}/pool/a.deb`)));
  answers.push(await get(`${mirrorUri}/pool/a.deb`));
  expect(new Set(answers.map(({ text }) => text))).toEqual(
    new Set(['content of /debian/pool/a.deb']),
  );
  expect(asked).toEqual(['/debian/pool/a.deb']);
});

test('an index is asked for again when it is old, and served as it is when the mirror is gone', async () => {
  const url = `${mirrorUri}/dists/bookworm/InRelease`;
  const age = async () => {
    for (const name of readdirSync(join(folder, 'cache')))
      await utimes(join(folder, 'cache', name), 0, 0);
  };
  await get(url);
  await get(url);
  expect(asked).toHaveLength(1);
  await age();
  await get(url);
  expect(asked).toHaveLength(2);
  await age();
  mirror.closeAllConnections();
  mirror.close();
  expect(await get(url)).toEqual({
    status: 200,
    text: 'content of /debian/dists/bookworm/InRelease',
  });
});

test('what the mirror does not have is 404 and not kept; what is no mirror is 403; a mirror that is gone is 502', async () => {
  expect((await get(`${mirrorUri}/absent`)).status).toBe(404);
  expect((await get('http://other.example/debian/x')).status).toBe(403);
  mirror.closeAllConnections();
  mirror.close();
  expect((await get(`${mirrorUri}/pool/new.deb`)).status).toBe(502);
  expect(readdirSync(join(folder, 'cache'))).toEqual([]);
});
