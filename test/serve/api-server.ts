/** A real `fleet serve` on a unix socket, with a real ledger, and a client of it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { program } from '../cli/fleet-command.ts';
import { tryCommand } from '../lab/run-command.ts';

/** Three hosts where nothing answers; whoever may see `open-*` must not see the others. */
export const inventory = `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
ssh: { port: 1, connect_timeout: 2s }
hosts:
  open-1: { address: 127.0.0.2 }
  open-2: { address: 127.0.0.3 }
  veiled-1: { address: 127.0.0.4 }
`;

const accounts = [
  { name: 'anna', host: 'open-1', displayName: 'Anna' },
  { name: 'bert', host: 'open-2', displayName: null },
  { name: 'zorro', host: 'veiled-1', displayName: 'Diego de la Vega' },
] as const;

/** Words that a token for `open-*` must never meet. */
export const veiled = /veiled|zorro|Diego|127\.0\.0\.4/;

/** Hosts, accounts on them, and a little history. */
export async function fillLedger(folder: string): Promise<void> {
  const ledger = await openLedger(join(folder, 'fleet.db'));
  const { db } = ledger;
  await ensureHosts(db, ['open-1', 'open-2', 'veiled-1']);
  for (const [index, { name, host, displayName }] of accounts.entries()) {
    const key_id = `${index}`.padStart(32, '0');
    await insertAccount(db, {
      ...{ name, key_id, user_id: null, data_centre: 2, is_bot: 0, source_format: 'telethon' },
      ...{ vault_hash: 'h', imported_at: 1, display_name: displayName },
    });
    const move_id = `m${index}`;
    await db
      .insertInto('placements')
      .values({ account: name, host, epoch: 1, move_id, since: 1 })
      .execute();
    await db
      .insertInto('history')
      .values({
        ...{ at: 1, account: name, host, from_host: null, type: 'initial', score: 1 },
        ...{ strategy: 'load', reason: `${host} is the best`, move_id, decision_json: '{}' },
      })
      .execute();
    await db
      .insertInto('events')
      .values({
        at: 2,
        kind: 'account-online',
        host,
        account: name,
        text: JSON.stringify({ reason: `online on ${host}` }),
      })
      .execute();
  }
  await ledger.close();
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Null where it is no JSON. */
  readonly body: Record<string, unknown>;
}

interface Asking {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on a connection of its own. */
export function askAt(
  socketPath: string,
  method: string,
  path: string,
  { token, body, headers = {} }: Asking = {},
): Promise<Answered> {
  const text =
    body === undefined
      ? ''
      : typeof body === 'string' || Buffer.isBuffer(body)
        ? body
        : JSON.stringify(body);
  const own = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    'content-length': String(Buffer.byteLength(text)),
  };
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, method, path, agent: false, headers: { ...own, ...headers } },
      (reply) => {
        const parts: Buffer[] = [];
        reply.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
        reply.on('end', () => {
          const all = Buffer.concat(parts).toString('utf8');
          const isJson = /json/.test(reply.headers['content-type'] ?? '');
          const read = (isJson ? JSON.parse(all) : null) as Answered['body'];
          resolve({ status: reply.statusCode ?? 0, headers: reply.headers, text: all, body: read });
        });
      },
    );
    sent.on('error', reject).end(text);
  });
}

export interface Server {
  readonly socket: string;
  readonly child: ChildProcess;
  /** What it has logged so far. */
  log(): string;
  /** As SIGTERM ends it: its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Listens when this resolves: at a socket in the folder, unless the options say `--listen`. */
export async function startServer(folder: string, ...options: readonly string[]): Promise<Server> {
  const socket = join(folder, 'api.sock');
  const env = {
    ...process.env,
    HOME: folder,
    FLEET_INVENTORY: join(folder, 'inventory.yaml'),
    API_HASH: 'x',
  };
  const place = options.includes('--listen') ? [] : ['--socket', socket];
  const child = spawn(program, ['serve', ...place, ...options], {
    ...{ cwd: folder, env, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  let log = '';
  const listens = new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (part: Buffer) => {
      log += part.toString('utf8');
      if (log.includes('listening at')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${log}`)));
  });
  await listens;
  return {
    ...{ socket, child, log: () => log },
    stop: (signal = 'SIGTERM') =>
      new Promise((resolve) => {
        if (child.exitCode !== null) resolve(child.exitCode);
        child.once('exit', resolve);
        child.kill(signal);
      }),
  };
}

/** A new token, as the operator gets it. */
export async function makeToken(
  folder: string,
  name: string,
  ...options: readonly string[]
): Promise<string> {
  const argv = [program, 'token', 'add', name, '--json', ...options];
  const { stdout, stderr } = await tryCommand(argv, { cwd: folder, env: { HOME: folder } });
  const { token } = JSON.parse(stdout) as { readonly token?: string };
  if (token === undefined) throw new Error(`no token: ${stdout}${stderr}`);
  return token;
}
