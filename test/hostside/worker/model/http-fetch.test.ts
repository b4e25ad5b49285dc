import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, globalAgent, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { httpFetch } from '../../../../hostside/worker/model/http-fetch.ts';

let directory: string;
let key: string;
let cert: string;
let server: Server;
let address: string;
/** Credentials that reached the server. */
let seen: (string | undefined)[];
let answerWith: { status: number; headers: Record<string, string> };

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'fleet-tls-'));
  const files = ['-keyout', join(directory, 'key.pem'), '-out', join(directory, 'cert.pem')];
  const about = ['-subj', '/CN=model', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...files, ...about], {
    stdio: 'pipe',
  });
  [key, cert] = ['key.pem', 'cert.pem'].map((name) =>
    readFileSync(join(directory, name), 'utf8'),
  ) as [string, string];
});

afterAll(() => rmSync(directory, { recursive: true }));

beforeEach(async () => {
  seen = [];
  answerWith = { status: 200, headers: { 'content-type': 'application/json' } };
  server = createServer({ key, cert }, (request, response) => {
    seen.push(request.headers.authorization);
    response.writeHead(answerWith.status, answerWith.headers).end('{"said":"yes"}');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  address = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});

afterEach(() => {
  delete globalAgent.options.ca;
  server.closeAllConnections();
  server.close();
});

const ask = () =>
  httpFetch(address, { method: 'post', headers: { authorization: 'Bearer s3cret' }, body: '{}' });

test('over TLS, of an authority that is trusted: the answer', async () => {
  globalAgent.options.ca = cert;
  const answer = await ask();
  expect([answer.status, await answer.json()]).toEqual([200, { said: 'yes' }]);
  expect(seen).toEqual(['Bearer s3cret']);
});

test('a certificate that nobody vouches for: no answer, and the key has not gone out', async () => {
  await expect(ask()).rejects.toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  expect(seen).toEqual([]);
});

test('a certificate of another host: the same', async () => {
  globalAgent.options.ca = cert;
  address = address.replace('127.0.0.1', 'localhost');
  await expect(ask()).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  expect(seen).toEqual([]);
});

test('a redirect is an answer like others: the key goes nowhere else', async () => {
  globalAgent.options.ca = cert;
  answerWith = { status: 307, headers: { location: `${address}/elsewhere` } };
  expect((await ask()).status).toBe(307);
  expect(seen).toEqual(['Bearer s3cret']);
});
