/**
 * Verbs that speak with hosts, interrupted on a pseudo-terminal while a host keeps them waiting:
 * the first signal ends a look at once, and a change after the act that is under way, saying what
 * is open; the second ends both at once.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { loadInventory } from '../../../src/inventory/load-inventory.ts';
import { openLedger } from '../../../src/ledger/ledger.ts';
import {
  findAccount,
  setAccountState,
  setPlacement,
} from '../../../src/ledger/queries/accounts.ts';
import { ensureHosts, recordBootstrapped } from '../../../src/ledger/queries/hosts.ts';
import { advanceMove, findMove, insertMove } from '../../../src/ledger/queries/moves.ts';
import { savePlan } from '../../../src/workflows/moves/plan-file.ts';
import { fleetMark } from '../../../src/workflows/moves/plan-moves.ts';
import { tryCommand } from '../../lab/run-command.ts';
import { program } from '../fleet-command.ts';
import { ctrlC, type OnTerminal, startOnTerminal } from './on-terminal.ts';

vi.setConfig({ testTimeout: 150_000, hookTimeout: 150_000 });

const cursorShown = '\u001b[?25h';
const cursorHidden = '\u001b[?25l';

/** Every host: it accepts connections and says nothing, until it refuses them for good. */
const connections = new Set<Socket>();
let answered = 0;
let givesUp = false;
/** Nothing that is worth another try. */
const refuse = (socket: Socket): unknown => socket.end('SSH-1.5-old\r\n');
const mute = createServer((socket) => {
  answered += 1;
  socket.on('error', () => undefined).on('close', () => connections.delete(socket));
  connections.add(socket);
  if (givesUp) refuse(socket);
});
const giveUp = (): void => {
  givesUp = true;
  for (const socket of connections) refuse(socket);
};

let seed: string;

const env = (home: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  HOME: home,
  TERM: 'xterm-256color',
  API_HASH: 'x'.repeat(32),
});

const sessionText = (): string =>
  `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), randomBytes(256)]).toString('base64')}`;

/** Three run on h1: dora's move to h2 is open, and a plan to move anna there is saved. */
beforeAll(async () => {
  mute.listen(0, '0.0.0.0');
  await once(mute, 'listening');
  const { port } = mute.address() as { port: number };
  seed = await mkdtemp(join(tmpdir(), 'fleet-interrupted-'));
  const inventory = join(seed, 'inventory.yaml');
  await writeFile(
    inventory,
    `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
ssh: { user: somebody, port: ${port}, connect_timeout: 2m }
hosts: { h1: { address: 127.0.0.1 }, h2: { address: 127.0.0.2 } }
`,
  );
  const names = ['anna', 'ben', 'dora'];
  for (const name of names) await writeFile(join(seed, `${name}.txt`), sessionText());
  for (const words of [
    ['vault', 'create-key'],
    ['accounts', 'import', ...names.map((name) => `${name}.txt`), '--yes'],
  ])
    expect(await tryCommand([program, ...words], { cwd: seed, env: env(seed) })).toMatchObject({
      code: 0,
    });
  const { db, authorityId, close } = await openLedger(join(seed, 'fleet.db'));
  await ensureHosts(db, ['h1', 'h2']);
  for (const host of ['h1', 'h2'])
    await recordBootstrapped(db, host, 1, { release: 'x', holdAfterMs: 1_000 });
  for (const account of names) {
    await setPlacement(db, { account, host: 'h1', epoch: 1, move_id: `of ${account}`, since: 1 });
    await setAccountState(db, account, 'online', '', 1);
  }
  const keyOf = async (name: string): Promise<string> =>
    (await findAccount(db, name))?.key_id ?? '';
  const decision = {
    ...{ score: null, strategy: null, reason: 'the operator', fromEpoch: 1, idle: false },
    ...{ stateBefore: 'online' as const, reasonBefore: '' },
  };
  const at = Date.now();
  await insertMove(db, {
    ...{ id: 'open', account: 'dora', key_id: await keyOf('dora'), kind: 'manual', epoch: 2 },
    ...{ from_host: 'h1', to_host: 'h2', created_at: at },
    decision_json: JSON.stringify({ ...decision, isBack: false, releasedTo: null }),
  });
  const opened = await findMove(db, 'open');
  if (opened === undefined) throw new Error('the move is missing');
  await advanceMove(db, opened, 'staged', at);
  const loaded = await loadInventory(inventory);
  const { reason, ...about } = decision;
  const planned = {
    ...{ account: 'anna', keyId: await keyOf('anna'), from: 'h1', to: 'h2' },
    ...{ kind: 'manual' as const, reason, ...about, details: {} },
  };
  await savePlan(
    join(seed, 'plan.json'),
    {
      ...{
        format: 1,
        verb: 'move',
        fleet: 'shop',
        authorityId,
        madeAt: new Date(at).toISOString(),
      },
      ...{ mark: await fleetMark(db, loaded), summary: 'one move', lowerBound: 1 },
      ...{ spreadBefore: null, spreadAfter: null, moves: [planned], staying: [], cordon: null },
      input: null,
    },
    db,
  );
  await close();
});
afterAll(async () => {
  for (const socket of connections) socket.destroy();
  mute.close();
  if (seed !== undefined) await rm(seed, { recursive: true, force: true });
});

interface Started {
  readonly run: OnTerminal;
  readonly path: string;
  readonly signal: (name: NodeJS.Signals) => void;
}

/** Starts it in a folder of its own. */
async function start(words: readonly string[]): Promise<Started> {
  const path = await mkdtemp(join(tmpdir(), 'fleet-interrupted-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  await cp(seed, path, { recursive: true });
  const run = startOnTerminal(
    ['sh', '-c', 'echo "its pid is $$ here"; exec "$@"', 'sh', program, ...words],
    { cwd: path, env: env(path), columns: 120 },
  );
  const signal = (name: NodeJS.Signals): void => {
    const pid = Number(/its pid is (\d+) here/.exec(run.shown())?.[1]);
    if (name === 'SIGINT') run.type(ctrlC);
    else process.kill(pid, name);
  };
  return { run, path, signal };
}

/** Starts it, and waits until it waits for a host. */
async function startWaiting(words: readonly string[]): Promise<Started> {
  givesUp = false;
  const before = answered;
  const started = await start(words);
  for (const deadline = Date.now() + 60_000; answered === before; await sleep(20))
    if (Date.now() > deadline)
      throw new Error(`it asked no host; it shows:\n${started.run.shown()}`);
  return started;
}

async function expectEnded({ run }: Started): Promise<void> {
  expect([await run.ends(), run.shown()]).toEqual([
    130,
    expect.stringContaining('stopping after the acts that are under way'),
  ]);
  expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
    run.shown().lastIndexOf(cursorHidden),
  );
  expect(run.shown()).not.toContain('bug in fleet');
}

/** What each says is open, and how to go on. */
const atOnce: readonly (readonly [string, NodeJS.Signals, RegExp])[] = [
  ['accounts verify anna', 'SIGINT', /h1: interrupted/],
  ['why-silent anna', 'SIGTERM', /h1: interrupted/],
  ['apply plan.json --yes', 'SIGHUP', /nothing was changed/],
  ['accounts remove ben --yes', 'SIGINT', /ben: h1 → .*planned.*fleet accounts remove ben/s],
  [
    'accounts export anna --format telethon --output out.session --yes',
    'SIGTERM',
    /anna: h1 → .*planned.*fleet accounts (?:export|remove) anna/s,
  ],
  ['accounts stop anna ben --yes', 'SIGINT', /h1: interrupted before/],
  ['accounts start anna', 'SIGHUP', /h1: interrupted before/],
  ['accounts restart anna ben --yes', 'SIGTERM', /h1: interrupted before/],
  ['accounts pause anna --yes', 'SIGINT', /h1: interrupted before/],
  ['rankings', 'SIGHUP', /h1/],
];

test.each(atOnce)('%s: %s ends it while it connects', async (line, name, said) => {
  const started = await startWaiting(line.split(' '));
  started.signal(name);
  await expectEnded(started);
  expect(started.run.shown()).toMatch(said);
  expect(await readdir(started.path)).not.toContain('out.session');
});

test('resume: the first Ctrl-C waits for the act under way and says what is open', async () => {
  const started = await startWaiting(['resume']);
  started.signal('SIGINT');
  await started.run.shows('press Ctrl-C again');
  giveUp();
  await expectEnded(started);
  expect(started.run.shown()).toMatch(/dora: h1 → h2, staged.*carry on with: fleet resume/s);
});

test.each(['SIGINT', 'SIGHUP'] as const)('resume: the second %s ends it at once', async (name) => {
  const started = await startWaiting(['resume']);
  started.signal(name);
  await started.run.shows('press Ctrl-C again');
  started.signal(name);
  await expectEnded(started);
});

test('a command that waits for another one ends by Ctrl-C, and the other one goes on', async () => {
  const other = await startWaiting(['resume']);
  const waiting = startOnTerminal([program, 'accounts', 'stop', 'anna', '--yes', '--wait', '10m'], {
    cwd: other.path,
    env: env(other.path),
    columns: 120,
  });
  await waiting.shows('waiting for another command to end: fleet resume');
  waiting.type(ctrlC);
  expect(await waiting.ends()).toBe(130);
  other.signal('SIGINT');
  await other.run.shows('press Ctrl-C again');
  other.signal('SIGINT');
  await expectEnded(other);
});

test.each(['SIGINT', 'SIGHUP'] as const)('serve ends by %s with code 0', async (name) => {
  const started = await start(['serve', '--socket', 'api.sock']);
  await started.run.shows('listening');
  started.signal(name);
  expect(await started.run.ends()).toBe(0);
  expect(started.run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
    started.run.shown().lastIndexOf(cursorHidden),
  );
  expect(await readdir(started.path)).not.toContain('api.sock');
});
