import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../src/cli/built-program.ts';
import { type Lab, startLab } from '../test/lab/lab.ts';
import { runCommand } from '../test/lab/run-command.ts';
import { type Cost, measured, type Run, type RunOptions } from './measure.ts';
import { installPeers, type PeerHost, type PeerSettings } from './peers.ts';

export const packageDirectory = fileURLToPath(new URL('..', import.meta.url));

/** A lab with an operator beside it, who has the published fleet and its peers. */
export interface LabFleet {
  readonly lab: Lab;
  readonly settings: PeerSettings;
  /** Measures a program inside the lab's network. */
  inside(argv: readonly string[], options?: RunOptions): Promise<Run>;
  /** Measures `fleet ARGS`, of what `npm run build` made, started as `bin/fleet` starts it. */
  fleet(args: readonly string[], options?: RunOptions): Promise<Run>;
  /** CPU that the hosts took for `act`, seconds, all together, without what they take anyway. */
  hostCpuS(indexes: readonly number[], act: () => Promise<Cost>): Promise<number>;
  end(): Promise<void>;
}

/**
 * `withPeers`: the other tools as well, which {@link LabFleet.inside} measures. `hasEquipment`: see
 * `LabOptions`.
 */
export async function startLabFleet(
  hosts: number,
  inventory: (lab: Lab) => string,
  {
    withPeers = true,
    hasEquipment = false,
  }: { readonly withPeers?: boolean; readonly hasEquipment?: boolean } = {},
): Promise<LabFleet> {
  if (withPeers) await installPeers();
  await runCommand([process.execPath, join(packageDirectory, 'scripts', 'build.ts')], {
    cwd: packageDirectory,
  });
  const lab = await startLab({ hosts, raiseInotify: true, hasEquipment, say: console.log });
  const directory = await mkdtemp(join(tmpdir(), 'fleet-bench-operator-'));
  await writeFile(join(directory, 'inventory.yaml'), inventory(lab));
  // A key and a list of hosts of its own: programs of the bench never see those of this machine.
  await copyFile(lab.keyFile, join(directory, 'key'));
  const settings = {
    directory,
    keyFile: join(directory, 'key'),
    knownHostsFile: lab.knownHostsFile,
  };
  const env = {
    HOME: directory,
    SSH_AUTH_SOCK: '',
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`,
  };
  const inside: LabFleet['inside'] = (argv, options = {}) =>
    measured(lab.insideArgv(argv), { cwd: directory, ...options, env: { ...env, ...options.env } });
  const usedS = async (indexes: readonly number[]): Promise<number> => {
    const used = await Promise.all(indexes.map((index) => readCpuS(lab, index)));
    return used.reduce((sum, one) => sum + one, 0);
  };
  return {
    lab,
    settings,
    inside,
    fleet: (args, options) =>
      inside(
        [process.execPath, ...nodeFlags, join(packageDirectory, 'dist', 'cli.cjs'), ...args],
        options,
      ),
    async hostCpuS(indexes, act) {
      const idleFrom = await usedS(indexes);
      await new Promise((done) => setTimeout(done, 3000));
      const from = await usedS(indexes);
      const began = performance.now();
      await act();
      // What ends a session on a host goes on for a moment.
      await new Promise((done) => setTimeout(done, 300));
      const seconds = (performance.now() - began) / 1000;
      return (await usedS(indexes)) - from - ((from - idleFrom) / 3) * seconds;
    },
    async end() {
      await lab.down();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** From the host's control group, which holds all of its processes. */
async function readCpuS(lab: Lab, index: number): Promise<number> {
  const group = `fleet-labs/${lab.name}/h${index}`;
  const old = await readFile(`/sys/fs/cgroup/cpuacct/${group}/cpuacct.usage`, 'utf8').catch(
    () => null,
  );
  if (old !== null) return Number(old) / 1e9;
  const stat = await readFile(`/sys/fs/cgroup/${group}/cpu.stat`, 'utf8');
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1]) / 1e6;
}

export const peerHosts = (lab: Lab, count: number): PeerHost[] =>
  lab.hosts.slice(0, count).map(({ name, address }) => ({ name, address }));
