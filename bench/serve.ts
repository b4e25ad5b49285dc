/**
 * `fleet serve` with 10,000 hosts in ledger and inventory: `npm run bench:serve -- [HOSTS]`. First
 * 100 requests a second for 20 s (P99), then as many as one connection after another can (requests
 * a second), of `GET /v1/status` and `/v1/rankings`; memory of the server and of the processes that
 * run verbs for it. Promised: P99 <= 50 ms at 100 requests a second, server <= 120 MB.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import { openLedger } from '../src/ledger/ledger.ts';
import { ensureHosts } from '../src/ledger/queries/hosts.ts';
import { recordSample } from '../src/ledger/queries/records.ts';
import { hostReply } from '../test/facts/sample-reply.ts';

const count = Number(process.argv[2] ?? 10_000);
const program = join(import.meta.dirname, '..', 'bin', 'fleet');
const folder = mkdtempSync(join(tmpdir(), 'fleet-bench-serve-'));
const socket = join(folder, 'api.sock');
const names = Array.from({ length: count }, (_, index) => `h${index + 1}`);
const addressOf = (index: number): string =>
  `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

async function makeFleet(): Promise<void> {
  const hosts = names.map((name, index) => `  ${name}: { address: ${addressOf(index + 1)} }`);
  const head = [
    ...['version: 1', 'fleet: bench', 'vault: { key: file:vault.key }'],
    ...[
      'telegram: { api_id: 1, api_hash: env:HASH }',
      'placement: { sample_max_age: 1h }',
      'hosts:',
    ],
  ];
  writeFileSync(join(folder, 'inventory.yaml'), `${[...head, ...hosts].join('\n')}\n`);
  const ledger = await openLedger(join(folder, 'fleet.db'));
  await ensureHosts(ledger.db, names);
  await ledger.db.transaction().execute(async (db) => {
    await db.updateTable('hosts').set({ release: 'r1', bootstrapped_at: 1 }).execute();
    for (const name of names) {
      const { host } = hostReply();
      const sample = hostReply({ host: { ...host, name, instanceId: name }, accounts: [] });
      await recordSample(db, name, Date.now(), JSON.stringify(sample));
    }
  });
  await ledger.close();
}

/** MB that a process occupies, and at most did. */
function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1]) / 1024;
  return { now: Math.round(mb('VmRSS')), peak: Math.round(mb('VmHWM')) };
}

const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number);

type Load = Omit<autocannon.Options, 'url' | 'socketPath' | 'headers'>;

async function load(path: string, token: string, options: Load): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const { latency, requests, non2xx } = await autocannon({
    ...options,
    ...{ url: `http://fleet${path}`, socketPath: socket, headers },
  });
  const { p50, p99, max } = latency;
  const failed = non2xx === 0 ? '' : `, ${non2xx} refused`;
  return `${Math.round(requests.average)} requests/s, P50 ${p50} ms, P99 ${p99} ms, max ${max} ms${failed}`;
}

const env = { ...process.env, HOME: folder, FLEET_INVENTORY: join(folder, 'inventory.yaml') };
await makeFleet();
const made = execFileSync(program, ['token', 'add', 'bench', '--json'], { env, encoding: 'utf8' });
const { token } = JSON.parse(made) as { readonly token: string };
const server = spawn(program, ['serve', '--socket', socket, '--rate', '100000'], {
  ...{ env, stdio: ['ignore', 'ignore', 'pipe'] },
});
try {
  await new Promise<void>((resolve, reject) => {
    server.stderr.on('data', (part: Buffer) => {
      if (part.toString().includes('listening')) resolve();
    });
    server.once('exit', () => reject(new Error('the server ended')));
  });
  const pid = server.pid ?? 0;
  console.log(`${count} hosts; the server at rest: ${memoryOf(pid).now} MB`);
  for (const path of ['/v1/status', '/v1/rankings']) {
    const first = await load(path, token, { connections: 1, amount: 1, timeout: 60 });
    console.log(`${path}: the first ${first}`);
    const steady = { connections: 10, overallRate: 100, duration: 20, timeout: 60 };
    console.log(`${path}: at 100/s ${await load(path, token, steady)}`);
    const most = { connections: 10, duration: 10, timeout: 60 };
    console.log(`${path}: at most ${await load(path, token, most)}`);
    const own = memoryOf(pid);
    const others = childrenOf(pid).map(memoryOf);
    const their = others.map(({ now, peak }) => `${now} (peak ${peak})`).join(', ');
    console.log(`the server ${own.now} MB (peak ${own.peak}); processes of looks: ${their} MB`);
  }
} finally {
  server.kill('SIGTERM');
  await new Promise((resolve) => server.once('exit', resolve));
  rmSync(folder, { recursive: true, force: true });
}
