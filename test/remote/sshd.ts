import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostSpec, SshSettings } from '../../src/model/inventory.ts';
import type { HostName } from '../../src/model/names.ts';
import type { SecretReference } from '../../src/model/secret-reference.ts';
import {
  createSshContext,
  type SshContext,
  type SshContextOptions,
} from '../../src/remote/config/ssh-context.ts';

const SSHD = '/usr/sbin/sshd';
/** Why tests against a real sshd cannot run here; null when they can. */
export const missingSshd: string | null = existsSync(SSHD)
  ? null
  : `${SSHD} is missing: install openssh-server (its service need not run)`;

/**
 * A throw-away sshd on 127.0.0.1 that knows one user, the current one, and one key. Everything is
 * below `directory`.
 */
export interface TestSshd {
  readonly directory: string;
  readonly port: number;
  readonly user: string;
  readonly userKey: string;
  readonly hostKey: string;
  /** Processes that serve connections: children of the listener. */
  sessions(): number[];
  /** What it has logged so far. */
  log(): string;
  /** Host name, `address` and port may be those of a proxy in front. */
  spec(
    overrides?: Partial<SshSettings> & { readonly name?: string },
  ): Pick<HostSpec, 'name' | 'ssh'>;
  /** A context whose known_hosts trusts this sshd under every port in `ports`. */
  context(
    options?: Partial<SshContextOptions> & { readonly ports?: readonly number[] },
  ): Promise<SshContext>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

export function makeKey(path: string, type = 'ed25519', passphrase = ''): void {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-f', path, '-C', 'fleet-test']);
}

/** Starts sshd with extra config lines. Keys: `user_key` is let in, `host_key` is the server's. */
export async function startSshd(extraConfig: readonly string[] = []): Promise<TestSshd> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-sshd-'));
  const inside = (name: string) => join(directory, name);
  makeKey(inside('host_key'));
  makeKey(inside('user_key'));
  await writeFile(inside('authorized_keys'), await readFile(inside('user_key.pub')));
  const port = await freePort();
  const config = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `PidFile ${inside('sshd.pid')}`,
    `AuthorizedKeysFile ${inside('authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'PermitRootLogin yes',
    ...(extraConfig.some((line) => /Forwarding/.test(line))
      ? []
      : ['AllowStreamLocalForwarding yes']),
    // By default sshd drops logins by chance while ten others are not over, as on a busy machine.
    ...(extraConfig.some((line) => /^MaxStartups/.test(line)) ? [] : ['MaxStartups 1000']),
    ...(extraConfig.some((line) => /^PerSource/.test(line)) ? [] : withoutPenalties()),
    // The start files of whoever runs the tests stay out of them.
    `SetEnv HOME=${directory}`,
    ...(extraConfig.some((line) => line.startsWith('HostKey '))
      ? []
      : [`HostKey ${inside('host_key')}`]),
    ...extraConfig.map((line) => line.replaceAll('%DIR%', directory)),
  ];
  await writeFile(inside('sshd_config'), `${config.join('\n')}\n`);
  // Where root runs it, sshd wants this empty folder, which otherwise its service would make.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const sshd = spawn(SSHD, ['-D', '-e', '-f', inside('sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  sshd.stderr?.on('data', (chunk) => {
    log += chunk;
  });
  await untilListening(port, sshd, () => log);
  return describe(directory, port, sshd, () => log);
}

/** Since OpenSSH 9.8 whoever leaves without a login again and again is shut out for a while. */
function withoutPenalties(): readonly string[] {
  const { stderr } = spawnSync('ssh', ['-V'], { encoding: 'utf8' });
  const [, major = '0', minor = '0'] = /^OpenSSH_(\d+)\.(\d+)/.exec(stderr) ?? [];
  return Number(major) * 100 + Number(minor) >= 908 ? ['PerSourcePenalties no'] : [];
}

function describe(
  directory: string,
  port: number,
  sshd: ChildProcess,
  log: () => string,
): TestSshd {
  const inside = (name: string) => join(directory, name);
  return {
    directory,
    port,
    user: userInfo().username,
    userKey: inside('user_key'),
    hostKey: inside('host_key'),
    sessions: () => childrenOf(sshd.pid ?? 0),
    log,
    spec: ({ name = 'host-1', ...overrides } = {}) => ({
      name: name as HostName,
      ssh: { ...settings(port, inside('user_key')), ...overrides },
    }),
    async context({ ports = [port], ...options } = {}) {
      const knownHosts = inside(`known_hosts_${Math.random().toString(36).slice(2)}`);
      const [type, key] = (await readFile(inside('host_key.pub'), 'utf8')).split(' ');
      await writeFile(
        knownHosts,
        ports.map((one) => `[127.0.0.1]:${one} ${type} ${key}\n`).join(''),
      );
      return createSshContext({ ...surroundings(directory, knownHosts), ...options });
    },
    async stop() {
      for (const pid of sshd.pid === undefined ? [] : childrenOf(sshd.pid)) killQuietly(pid);
      sshd.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Nightly the same suites run over the system's OpenSSH. */
export const testTransport = (): 'ssh2' | 'openssh' =>
  process.env.FLEET_TEST_TRANSPORT === 'openssh' ? 'openssh' : 'ssh2';

function settings(port: number, key: string): SshSettings {
  return {
    address: '127.0.0.1',
    user: null,
    port,
    identityFiles: [key],
    hostKeys: [],
    password: null,
    passphrase: null,
    sudoPassword: null,
    sudo: 'full',
    initUser: null,
    transport: testTransport(),
    connectTimeoutMs: 5_000,
    commandTimeoutMs: 10_000,
  };
}

/** The machine's own keys, agent and config stay out of the tests. */
export function surroundings(homeDirectory: string, knownHosts: string): SshContextOptions {
  return {
    homeDirectory,
    localUser: userInfo().username,
    agentSocket: null,
    knownHosts,
    configFiles: [join(homeDirectory, '.ssh', 'config')],
    readSecret: async (reference: SecretReference) => reference.target,
  };
}

export function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}

function childrenOf(pid: number): number[] {
  // ps ends with 1 when there is nothing to list.
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number);
}

async function untilListening(port: number, sshd: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (sshd.exitCode !== null) throw new Error(`sshd ended at once: ${log()}`);
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (open) return;
    await sleep(50);
  }
  throw new Error(`sshd does not listen: ${log()}`);
}
