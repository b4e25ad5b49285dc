/** The server at an address: with TLS for others, and without it for this machine alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get as getPlain, type IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommand } from '../lab/run-command.ts';
import { fillLedger, inventory, makeToken, type Server, startServer } from './api-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleet-api-'));
const servers: Server[] = [];
let token = '';

beforeAll(async () => {
  writeFileSync(join(folder, 'inventory.yaml'), inventory);
  await fillLedger(folder);
  token = await makeToken(folder, 'reader');
}, 60_000);
afterAll(async () => {
  for (const server of servers) await server.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Starts one, and says where it listens by its own words. */
async function startAt(...options: readonly string[]): Promise<string> {
  const server = await startServer(folder, ...options);
  servers.push(server);
  return /listening at (\S+)/.exec(server.log())?.[1] ?? '';
}

type Answer = (reply: IncomingMessage) => void;

const statusOf = (ask: (answer: Answer) => { on(name: 'error', fail: Answer): unknown }) =>
  new Promise<number | undefined>((resolve, reject) => {
    ask((reply) => {
      reply.resume();
      resolve(reply.statusCode);
    }).on('error', reject);
  });

test('at every address with TLS: who knows the certificate gets in, plain HTTP gets nothing', async () => {
  const [cert, key] = [join(folder, 'api.pem'), join(folder, 'api.key')];
  await runCommand([
    ...['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
    ...['-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost'],
    ...['-addext', 'subjectAltName=IP:127.0.0.1'],
  ]);
  const place = await startAt('--listen', '0.0.0.0:0', '--tls-cert', cert, '--tls-key', key);
  expect(place).toMatch(/^https:\/\/0\.0\.0\.0:\d+$/);
  const own = place.replace('0.0.0.0', '127.0.0.1');
  const headers = { authorization: `Bearer ${token}` };
  const ca = readFileSync(cert);
  const at = `${own}/v1/hosts/list`;
  expect(await statusOf((answer) => get(at, { ca, headers }, answer))).toBe(200);
  expect(await statusOf((answer) => get(at, { ca }, answer))).toBe(401);
  await expect(statusOf((answer) => get(at, { headers }, answer))).rejects.toThrow();
  await expect(
    statusOf((answer) => getPlain(at.replace('https', 'http'), { headers }, answer)),
  ).rejects.toThrow();
}, 60_000);

test('at an address of this machine without TLS', async () => {
  const place = await startAt('--listen', '127.0.0.1:0');
  expect(place).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await statusOf((answer) => getPlain(`${place}/health`, answer))).toBe(200);
}, 60_000);
