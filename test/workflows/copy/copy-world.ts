/** An operator's folder, and a real sshd as two hosts: one by each transport. */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cp } from '../../../src/verbs/hosts/cp.ts';
import type { Outcome } from '../../../src/verbs/outcome.ts';
import { runVerb } from '../../../src/verbs/run-verb.ts';
import { startSshd, type TestSshd } from '../../remote/sshd.ts';
import { bareDesk } from '../../verbs/bare-desk.ts';

export interface CopyWorld {
  readonly sshd: TestSshd;
  /** The operator's folder; `here` is below it. */
  readonly folder: string;
  readonly here: string;
  /** A folder of the hosts, which are this machine. */
  readonly there: string;
  /** Runs `fleet cp` in this process. */
  cp(paths: readonly string[], how?: CopyHow): Promise<Outcome>;
  close(): Promise<void>;
}

export interface CopyHow {
  readonly dryRun?: boolean;
  readonly maxSize?: string;
  readonly limit?: readonly string[];
  readonly signal?: AbortSignal;
}

/** `ports`: of further hosts, by name, such as a proxy in front of the sshd. */
export async function makeCopyWorld(
  ports: Readonly<Record<string, number>> = {},
  sshd?: TestSshd,
): Promise<CopyWorld> {
  const server = sshd ?? (await startSshd());
  const folder = await mkdtemp(join(tmpdir(), 'fleet-cp-'));
  const [here, there] = [join(folder, 'here'), join(folder, 'there')];
  for (const path of [here, there]) mkdirSync(path);
  const ssh = `user: ${server.user}, identity_files: [${server.userKey}]`;
  const further = Object.entries(ports).map(
    ([name, port]) =>
      `  ${name}: { address: 127.0.0.1, ssh: { ${ssh}, port: ${port}, command_timeout: 20s } }\n`,
  );
  const inventory = join(folder, 'inventory.yaml');
  writeFileSync(
    inventory,
    `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts:
  eu-1: { address: 127.0.0.1, ssh: { ${ssh}, port: ${server.port}, transport: ssh2 } }
  eu-2: { address: localhost, ssh: { ${ssh}, port: ${server.port}, transport: openssh } }
${further.join('')}`,
  );
  const [type, key] = readFileSync(`${server.hostKey}.pub`, 'utf8').split(' ');
  const all = [server.port, ...Object.values(ports)];
  const known = all.flatMap((port) =>
    ['127.0.0.1', 'localhost'].map((name) => `[${name}]:${port} ${type} ${key}\n`),
  );
  writeFileSync(join(folder, 'known_hosts'), known.join(''));
  return {
    ...{ sshd: server, folder, here, there },
    cp: (paths, { dryRun = false, maxSize = '1G', limit = [], signal } = {}) =>
      runVerb(
        cp,
        { paths, sudo: false, maxSize, dryRun, limit },
        { ...bareDesk({ inventory }), ...(signal === undefined ? {} : { signal }) },
      ),
    async close() {
      if (sshd === undefined) await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const sha = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
/** All that lies below a folder: path, type, mode and content. */
export function tree(folder: string): readonly string[] {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return found
    .map((path) => {
      const stats = lstatSync(join(folder, path));
      const mode = (stats.mode & 0o7777).toString(8);
      const content = stats.isFile() ? sha(readFileSync(join(folder, path))) : '';
      return `${path} ${stats.isDirectory() ? 'd' : 'f'} ${mode} ${content}`;
    })
    .sort();
}
