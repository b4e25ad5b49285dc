/**
 * A fleet whose hosts keep every command waiting: they accept connections and say nothing. Verbs
 * are interrupted on a pseudo-terminal beside it.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, vi } from 'vitest';
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
export const giveUp = (): void => {
  givesUp = true;
  for (const socket of connections) refuse(socket);
};

let seed: string;

export const env = (home: string): Record<string, string> => ({
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
export async function startWaiting(words: readonly string[]): Promise<Started> {
  givesUp = false;
  const before = answered;
  const started = await start(words);
  for (const deadline = Date.now() + 60_000; answered === before; await sleep(20))
    if (Date.now() > deadline)
      throw new Error(`it asked no host; it shows:\n${started.run.shown()}`);
  return started;
}

export async function expectEnded({ run }: Started): Promise<void> {
  expect([await run.ends(), run.shown()]).toEqual([
    130,
    expect.stringContaining('stopping after the acts that are under way'),
  ]);
  expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
    run.shown().lastIndexOf(cursorHidden),
  );
  expect(run.shown()).not.toContain('bug in fleet');
}

/** It ends by the signal while it connects, says what is open, and leaves no file behind. */
export async function expectEndedAtOnce(
  line: string,
  name: NodeJS.Signals,
  said: RegExp,
): Promise<void> {
  const started = await startWaiting(line.split(' '));
  started.signal(name);
  await expectEnded(started);
  expect(started.run.shown()).toMatch(said);
  expect(await readdir(started.path)).not.toContain('out.session');
}

/** `fleet serve` on a socket, once it listens. */
export async function startServing(): Promise<Started> {
  const started = await start(['serve', '--socket', 'api.sock']);
  await started.run.shows('listening');
  return started;
}
