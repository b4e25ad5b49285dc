import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { labsWithGroups } from './cgroups.ts';
import { connectLab } from './lab.ts';
import { labFiles } from './layout.ts';
import { sweepStaleLabs } from './stale-labs.ts';

const program = `
  import { startLab } from ${JSON.stringify(fileURLToPath(new URL('./lab.ts', import.meta.url)))};
  await startLab({ hosts: 1, name: process.argv[1] });
  console.log('up');
  setInterval(() => {}, 60_000);
`;

const users: ChildProcess[] = [];
afterEach(() => {
  for (const user of users.splice(0)) user.kill('SIGKILL');
});

/** Another process that has a lab of its own; resolves when the lab is up. */
async function userOfLab(name: string): Promise<ChildProcess> {
  const user = spawn(process.execPath, ['--input-type=module', '-e', program, name], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  users.push(user);
  const complaints: string[] = [];
  user.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    user.stdout?.once('data', () => resolve());
    user.on('exit', () => reject(new Error(complaints.join(''))));
  });
  return user;
}

/**
 * Processes, but for the user, whose command line names the lab or that stand in one of its control
 * groups.
 */
function processesOf(name: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && !users.some((user) => user.pid === pid))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return (
          command.includes(name) ||
          readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(`/fleet-labs/${name}/`)
        );
      } catch {
        return false;
      }
    });
}

function processOf(name: string, part: string): number {
  const pid = processesOf(name).find((candidate) => {
    const words = readFileSync(`/proc/${candidate}/cmdline`, 'utf8').split('\0');
    return words[1]?.endsWith(part);
  });
  if (pid === undefined) throw new Error(`no ${part} of ${name}`);
  return pid;
}

function tracesOf(name: string): string[] {
  const mounts = readFileSync('/proc/1/mounts', 'utf8').split('\n');
  return [
    ...processesOf(name).map((pid) => `process ${pid}`),
    ...mounts.filter((line) => line.includes(name)),
    ...labsWithGroups().filter((lab) => lab === name),
    ...(existsSync(labFiles(name).directory) ? ['folder'] : []),
  ];
}

const victims = [
  ['user', (_name: string, user: ChildProcess) => user.pid ?? 0],
  ['supervisor', (name: string) => processOf(name, 'supervisor.ts')],
] as const;

test.each(victims)(
  'nothing is left of a lab whose %s was killed, and other labs go on',
  async (who, victimOf) => {
    const around = await connectLab();
    const name = `killed-${who}-${process.pid}`;
    const user = await userOfLab(name);
    const other = await connectLab(name);
    expect(tracesOf(name).length).toBeGreaterThan(5);
    // same address, another network: each lab's own host answers with its own key
    expect(other.hosts[0]?.address).toBe(around.hosts[0]?.address);
    expect((await other.ssh(1, 'cat /etc/machine-id')).stdout).not.toBe(
      (await around.ssh(1, 'cat /etc/machine-id')).stdout,
    );
    process.kill(victimOf(name, user), 'SIGKILL');
    await expect.poll(() => tracesOf(name), { timeout: 60_000 }).toEqual([]);
    expect((await around.ssh(1, 'true')).code).toBe(0);
  },
);

test('a killed keeper takes all processes along; the next lab sweeps the rest', async () => {
  const name = `killed-keeper-${process.pid}`;
  const user = await userOfLab(name);
  process.kill(processOf(name, 'keeper.ts'), 'SIGKILL');
  user.kill('SIGKILL');
  await expect.poll(() => processesOf(name), { timeout: 60_000 }).toEqual([]);
  await sweepStaleLabs();
  expect(tracesOf(name)).toEqual([]);
});

test('down leaves nothing', async () => {
  const name = `ended-${process.pid}`;
  await userOfLab(name);
  const lab = await connectLab(name);
  await lab.down();
  await expect.poll(() => tracesOf(name), { timeout: 60_000 }).toEqual([]);
});
