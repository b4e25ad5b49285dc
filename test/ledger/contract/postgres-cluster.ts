import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  globSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { PostgresPlace } from '../../../src/model/ledger-place.ts';

/** Debian's packages put each version into a folder of its own, and none of them on the path. */
function programOf(name: string): string {
  const found = globSync(`/usr/lib/postgresql/*/bin/${name}`).sort().at(-1);
  if (found === undefined) throw new Error(`${name} is missing: sh scripts/setup.sh`);
  return found;
}

/** PostgreSQL does not run as root: as root, Debian's own user for it takes its place. */
function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

export interface Cluster {
  /** Folder of its socket. */
  readonly folder: string;
  readonly port: number;
  /** A new and empty database. */
  database(name: string): Promise<PostgresPlace>;
  /** As superuser. */
  run(database: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]>;
  /** Ends it at once, as a power cut does; `start` goes on from what was committed. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Starts it anew as a standby without a primary, which only reads; false: as itself again. */
  standBy(isStandby: boolean): Promise<void>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** Lines of postgresql.conf. */
  readonly settings?: readonly string[];
  /** TCP on 127.0.0.1 as well, on this port. */
  readonly port?: number;
  /** Lines of pg_hba.conf in place of trust for everybody on the socket. */
  readonly access?: readonly string[];
  /** Files that its data folder gets, by name, readable for it alone. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A PostgreSQL of its own in a temporary folder, on a unix socket; its owner is `fleet`. */
export async function startCluster({
  settings = [],
  port = 5432,
  access = ['local all all trust'],
  files = {},
}: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-pg-'));
  const [data, owner] = [join(folder, 'data'), unprivileged()];
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(folder, owner.uid, owner.gid);
  chmodSync(folder, 0o755);
  const make = ['-D', data, '-U', 'fleet', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'];
  execFileSync(programOf('initdb'), [...make, '--no-sync', '--no-instructions'], {
    ...owner,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  writeFileSync(join(data, 'pg_hba.conf'), `${access.join('\n')}\n`);
  const lines = [
    `unix_socket_directories = '${folder}'`,
    `port = ${port}`,
    ...(port === 5432 ? ["listen_addresses = ''"] : ["listen_addresses = '127.0.0.1'"]),
    ...['shared_buffers = 16MB', 'max_connections = 40', 'fsync = off', 'autovacuum = off'],
    ...settings,
  ];
  writeFileSync(join(data, 'postgresql.auto.conf'), `${lines.join('\n')}\n`);
  for (const [name, from] of Object.entries(files)) {
    copyFileSync(from, join(data, name));
    chmodSync(join(data, name), 0o600);
    if (owner.uid !== undefined && owner.gid !== undefined)
      chownSync(join(data, name), owner.uid, owner.gid);
  }
  let process: ChildProcess | null = null;
  const ended = (child: ChildProcess): Promise<void> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((resolve) => child.once('exit', () => resolve()));
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = process;
    process = null;
    if (child === null) return;
    child.kill(signal);
    await ended(child);
  };
  const place = (database: string): PostgresPlace => ({
    ...{ kind: 'postgres', host: folder, port, user: 'fleet', database },
    ...{ password: null, caPath: null, isPlain: true },
  });
  const run: Cluster['run'] = async (database, ...statements) => {
    const client = new pg.Client({ host: folder, port, user: 'fleet', database });
    client.on('error', () => undefined);
    await client.connect();
    try {
      let rows: Record<string, unknown>[] = [];
      for (const statement of statements) ({ rows } = await client.query(statement));
      return rows;
    } finally {
      await client.end();
    }
  };
  const launch = (): { readonly child: ChildProcess; readonly said: () => string } => {
    const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
    const child = spawn(programOf('postgres'), ['-D', data], { ...owner, stdio });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += String(chunk);
    });
    process = child;
    return { child, said: () => text };
  };
  const start = async (): Promise<void> => {
    const deadline = Date.now() + 60_000;
    for (let { child, said } = launch(); ; ) {
      const isThere = await run('postgres', 'select 1').then(
        () => true,
        () => false,
      );
      if (isThere) return;
      if (Date.now() > deadline) throw new Error(`PostgreSQL did not start: ${said()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
      // After a kill, the last one's processes may not have ended yet.
      if (child.exitCode !== null) {
        if (!/shared memory|lock file/.test(said()))
          throw new Error(`PostgreSQL did not start: ${said()}`);
        ({ child, said } = launch());
      }
    }
  };
  await start().catch(async (error: unknown) => {
    await end('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
    throw error;
  });
  return {
    folder,
    port,
    database: async (name) => {
      await run('postgres', `CREATE DATABASE ${name} TEMPLATE template0`);
      return place(name);
    },
    run,
    // Its processes see that their postmaster is gone, and end.
    kill: () => end('SIGKILL'),
    start,
    standBy: async (isStandby) => {
      await end('SIGINT');
      if (isStandby) writeFileSync(join(data, 'standby.signal'), '');
      else rmSync(join(data, 'standby.signal'), { force: true });
      await start();
    },
    stop: async () => {
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
