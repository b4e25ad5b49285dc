import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { inotifyLimit, labAvailability, missingInotifyInstances } from './availability.ts';
import { type ControlClient, connectControl } from './control.ts';
import { type LabFiles, labFiles, labGateway, maxHosts } from './layout.ts';
import type { Cut } from './network/network.ts';
import { isRunning } from './processes.ts';
import { type CommandOptions, type CommandResult, tryCommand } from './run-command.ts';
import { sweepStaleLabs } from './stale-labs.ts';
import { type Suite, suiteOfRun } from './suites.ts';
import { type DiskContent, ensureGoldenTree } from './tree/golden-tree.ts';

export interface LabHost {
  /** h1, h2, ... */
  readonly name: string;
  /** IPv4, reachable only inside the lab's network. */
  readonly address: string;
  /** `ssh-ed25519 AAAA...`. */
  readonly hostKey: string;
  /** A line for known_hosts. */
  readonly hostKeyLine: string;
  /** `SHA256:...`, as ssh-keygen prints it. */
  readonly fingerprint: string;
}

export interface SshOptions extends CommandOptions {
  /** root by default. `ubuntu` has sudo without a password. */
  readonly user?: 'root' | 'ubuntu';
}

/**
 * A running lab. Hosts are counted from 1. Every act returns when its effect is there: `start`,
 * `reboot` and `wipe` when the host takes logins. Acts on one
 * host are queued, acts on several go side by side. All reject with what went wrong, also when the
 * lab ended meanwhile.
 */
export interface Lab {
  readonly name: string;
  /** Current facts; after a {@link Lab.wipe} that host's key is another. */
  readonly hosts: readonly LabHost[];
  /**
   * Address of the lab's own end: what listens there (or on 0.0.0.0, for Telegram's ranges too)
   * inside the network is reached by hosts.
   */
  readonly gateway: string;
  /** Private key for root and ubuntu on every host. */
  readonly keyFile: string;
  /** Keys of all hosts, kept current. */
  readonly knownHostsFile: string;
  /** Runs a local program inside the lab's network; files and processes are the machine's own. */
  exec(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** The argv that {@link Lab.exec} runs, for who needs to spawn it otherwise. */
  insideArgv(argv: readonly string[]): readonly string[];
  /**
   * The OpenSSH client's argv for a command on a host (an interactive shell without one); to be run
   * inside.
   */
  shellArgv(index: number, command?: string, user?: 'root' | 'ubuntu'): readonly string[];
  /**
   * Runs a shell command on a host through the OpenSSH client, host key verified. Code 255 when
   * there is no connection (3 s).
   */
  ssh(index: number, command: string, options?: SshOptions): Promise<CommandResult>;
  /** Power loss: silence for peers. Safe to repeat. */
  kill(index: number): Promise<void>;
  /** All processes die at once while the network works: peers see their connections closed. */
  crash(index: number): Promise<void>;
  /** Powers on a host that was killed, crashed or has powered itself off; its disk is as it was. */
  start(index: number): Promise<void>;
  /** Whether the host has power: false after `kill`, `crash` or its own power-off. */
  isOn(index: number): Promise<boolean>;
  /** Orderly, from inside. */
  reboot(index: number): Promise<void>;
  /**
   * How long the firmware of the host takes at each of its own reboots, ms; 0 by default. Logins
   * and silence are what others see.
   */
  firmware(index: number, ms: number): Promise<void>;
  /**
   * New disk, machine id and host key under the old name and address. `equipped` needs {@link
   * LabOptions.hasEquipment}; another suite than the lab's needs its
   * tree (`ensureGoldenTree`), and lasts until the next wipe.
   */
  wipe(index: number, content?: DiskContent, suite?: Suite): Promise<void>;
  cut(index: number, how?: Cut): Promise<void>;
  /** Takes back every cut. */
  heal(index: number): Promise<void>;
  /** Fills the host's disk but for so many KiB (0 by default). */
  fill(index: number, leaveKb?: number): Promise<void>;
  unfill(index: number): Promise<void>;
  /** Limits what reaches the host, in kbit/s; 0 ends it. */
  rate(index: number, kilobits: number): Promise<void>;
  /**
   * Makes every round trip to the host so many milliseconds long (whole ones); 0 ends it. A boot
   * does not.
   */
  slow(index: number, ms: number): Promise<void>;
  /** Ends the lab and waits until nothing of it is left. */
  down(): Promise<void>;
}

export interface LabOptions {
  /** 1 to 200; about 17 fit under Debian's inotify limit. */
  readonly hosts: number;
  /** What its hosts are made of; by default what `FLEET_LAB_SUITE` says, and else Debian 12. */
  readonly suite?: Suite;
  /** Name of the lab on this machine; a random one by default. */
  readonly name?: string;
  /** Size of each host's disk on top of the golden tree, in memory. 1536 by default. */
  readonly diskMb?: number;
  /**
   * Raises fs.inotify.max_user_instances of the machine when the hosts need more; the higher limit
   * stays. `FLEET_LAB_RAISE_INOTIFY=1` does so, too.
   */
  readonly raiseInotify?: boolean;
  /**
   * Hosts may be wiped to disks that have the packages of an account host; half a minute more the
   * first time on a machine.
   */
  readonly hasEquipment?: boolean;
  /** The lab outlives this process and ends with `down` only. */
  readonly detached?: boolean;
  /** Is told about what takes long. */
  readonly say?: (line: string) => void;
}

const hostsSchema = z.array(
  z.object({ name: z.string(), address: z.string(), hostKey: z.string() }),
);
const endTimeoutMs = 30_000;
/** Where {@link connectLab} finds the name of the lab that a test run has started. */
export const labVariable = 'FLEET_LAB';

function toHost(raw: { name: string; address: string; hostKey: string }): LabHost {
  const digest = createHash('sha256')
    .update(Buffer.from(raw.hostKey.split(' ')[1] ?? '', 'base64'))
    .digest('base64');
  return {
    ...raw,
    hostKeyLine: `${raw.address} ${raw.hostKey}`,
    fingerprint: `SHA256:${digest.replace(/=+$/, '')}`,
  };
}

/**
 * Starts a lab and waits until all its hosts take logins: 1-3 s, and about a minute more the first
 * time on a machine. Unless detached it ends with this
 * process, however that ends. Rejects with a reason and a remedy where a lab cannot run.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const able = await labAvailability();
  if (!able.ok) throw new Error(able.reason);
  if (!(options.hosts >= 1 && options.hosts <= maxHosts))
    throw new Error(`a lab has 1 to ${maxHosts} hosts, not ${options.hosts}`);
  await makeInotifyRoom(
    options.hosts,
    options.raiseInotify ?? process.env.FLEET_LAB_RAISE_INOTIFY === '1',
  );
  await sweepStaleLabs();
  const suite = options.suite ?? suiteOfRun();
  await ensureGoldenTree(
    suite,
    options.hasEquipment ? 'equipped' : 'bare',
    options.say ?? (() => {}),
  );
  const name = options.name ?? `lab-${process.pid}-${randomBytes(3).toString('hex')}`;
  await startKeeper(name, suite, options);
  return connectLab(name);
}

async function makeInotifyRoom(hosts: number, raise: boolean): Promise<void> {
  const missing = missingInotifyInstances(hosts);
  if (missing <= 0) return;
  const limit = Number(await readFile(inotifyLimit, 'utf8')) + missing;
  if (!raise)
    throw new Error(
      `${hosts} more hosts need fs.inotify.max_user_instances=${limit} on this machine: ` +
        'fewer hosts, end other labs, or FLEET_LAB_RAISE_INOTIFY=1',
    );
  await writeFile(inotifyLimit, String(limit));
}

function startKeeper(name: string, suite: Suite, options: LabOptions): Promise<void> {
  const detached = options.detached ?? false;
  const program = fileURLToPath(new URL('./keeper.ts', import.meta.url));
  const args = [
    program,
    name,
    suite,
    String(options.hosts),
    String(options.diskMb ?? 1536),
    detached ? 'detached' : 'attached',
  ];
  // its stdin is the thread that the lab hangs on: the kernel cuts it when this process ends
  const keeper = spawn(process.execPath, args, {
    detached: true,
    stdio: [detached ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const complaints: string[] = [];
  keeper.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk.toString()));
  return new Promise((resolve, reject) => {
    keeper.on('error', reject);
    keeper.on('exit', () =>
      reject(new Error(`the lab did not come up: ${complaints.join('').trim()}`)),
    );
    keeper.stdout?.once('data', () => {
      keeper.unref();
      for (const stream of keeper.stdio)
        if (stream && 'unref' in stream) (stream.unref as () => void)();
      resolve();
    });
  });
}

/**
 * The lab of that name, or the one of the surrounding test run (`FLEET_LAB`). Closing is not
 * needed; only `down` ends the lab.
 */
export async function connectLab(name = process.env[labVariable] ?? ''): Promise<Lab> {
  if (name === '')
    throw new Error('no lab around this process: run it by `npm test`, or name a lab that is up');
  const files = labFiles(name);
  const control = await connectControl(files.controlSocket).catch(() => {
    throw new Error(`the lab "${name}" is not up`);
  });
  const insidePid = await insidePidOf(files);
  const hosts = hostsSchema.parse(await control.call('describe')).map(toHost);
  return makeLab(name, files, control, insidePid, hosts);
}

/** The keeper writes it right after the control socket answers for the first time. */
async function insidePidOf(files: LabFiles): Promise<string> {
  for (let tries = 0; tries < 100; tries += 1) {
    const pid = await readFile(files.insidePid, 'utf8').catch(() => '');
    if (pid !== '') return pid;
    await sleep(20);
  }
  throw new Error('the lab is not up');
}

function makeLab(
  name: string,
  files: LabFiles,
  control: ControlClient,
  insidePid: string,
  hosts: LabHost[],
): Lab {
  const act = async (what: string, index: number, ...details: readonly unknown[]) =>
    control.call(what, [index, ...details]);
  const insideArgv = (argv: readonly string[]) => [
    'nsenter',
    `--net=/proc/${insidePid}/ns/net`,
    '--',
    ...argv,
  ];
  const shellArgv: Lab['shellArgv'] = (index, command = '', user = 'root') =>
    sshArgv(files, hosts[index - 1], command, user);
  const exec = (argv: readonly string[], options?: CommandOptions) =>
    tryCommand(insideArgv(argv), options);
  return {
    name,
    hosts,
    gateway: labGateway,
    keyFile: files.key,
    knownHostsFile: files.knownHosts,
    exec,
    insideArgv,
    shellArgv,
    ssh: (index, command, options = {}) => exec(shellArgv(index, command, options.user), options),
    kill: async (index) => void (await act('kill', index)),
    crash: async (index) => void (await act('crash', index)),
    start: async (index) => void (await act('start', index)),
    isOn: async (index) => z.boolean().parse(await act('isOn', index)),
    reboot: async (index) => void (await act('reboot', index)),
    firmware: async (index, ms) => void (await act('firmware', index, ms)),
    wipe: async (index, content = 'bare', suite) => {
      hosts[index - 1] = toHost(
        hostsSchema.element.parse(await act('wipe', index, content, suite)),
      );
    },
    cut: async (index, how = 'drop') => void (await act('cut', index, how)),
    heal: async (index) => void (await act('heal', index)),
    fill: async (index, leaveKb = 0) => void (await act('fill', index, leaveKb)),
    unfill: async (index) => void (await act('unfill', index)),
    rate: async (index, kilobits) => void (await act('rate', index, kilobits)),
    slow: async (index, ms) => void (await act('slow', index, ms)),
    down: () => endLab(files, control),
  };
}

function sshArgv(
  files: LabFiles,
  host: LabHost | undefined,
  command: string,
  user: string,
): string[] {
  if (!host) throw new Error('the lab has no such host');
  const settings = {
    UserKnownHostsFile: files.knownHosts,
    StrictHostKeyChecking: 'yes',
    IdentitiesOnly: 'yes',
    BatchMode: 'yes',
    ConnectTimeout: '3',
    ServerAliveInterval: '3',
    LogLevel: 'ERROR',
    // the default exchange costs eight times the processor time, and the hosts share this machine's
    KexAlgorithms: 'curve25519-sha256',
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  return [
    'ssh',
    '-F',
    'none',
    '-i',
    files.key,
    ...flags,
    `${user}@${host.address}`,
    ...(command === '' ? [] : [command]),
  ];
}

async function endLab(files: LabFiles, control: ControlClient): Promise<void> {
  const owner = (await readFile(files.owner, 'utf8').catch(() => '')).trim();
  await control.call('down').catch(() => {});
  control.close();
  const deadline = Date.now() + endTimeoutMs;
  while (owner !== '' && isRunning(owner)) {
    if (Date.now() > deadline) throw new Error(`the lab has not ended within ${endTimeoutMs} ms`);
    await sleep(20);
  }
}
