import { appendFile, cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Login } from '../../e2e/operator.ts';
import {
  expectExclusive,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../../e2e/world.ts';
import { type CommandResult, tryCommand } from '../../lab/run-command.ts';
import { packageDirectory } from './init-fixture.ts';

let world: World;
let logins: Login[];
const versions: string[] = [];

beforeAll(async () => {
  world = await makeWorld({ hosts: [1], state: 'forgotten' });
  await prepareFleet(world);
  // The names of bundled modules hold their path: only versions that are made alike can be the
  // same.
  const unchanged = await runVersion(await makeVersion('sampler', ''), 'init', '--yes');
  expect(unchanged).toMatchObject({ code: 0 });
  await onHost('rm -f /opt/fleet/previous');
  logins = await importNew(world, ['anna', 'ben']);
  await must(world, 'allocate', '--all');
});
afterAll(async () => {
  await world?.end();
  for (const directory of versions) await rm(directory, { recursive: true, force: true });
});

const onHost = async (command: string): Promise<string> =>
  (await world.lab.ssh(1, command)).stdout.trim();
const current = (): Promise<string> => onHost('basename $(readlink /opt/fleet/current)');
const mainPids = async (): Promise<string[]> =>
  Promise.all(
    logins.map(({ keyId }) => onHost(`systemctl show -p MainPID --value fleet-account@${keyId}`)),
  );
const workerReleases = (): Promise<string> =>
  onHost(
    "pgrep -af lib/worker.cjs | grep -o 'releases/[0-9a-f]*/lib/worker' | sort -u | cut -d/ -f2",
  );

/** Another version of fleet: this one with `line` more in a program for hosts. */
async function makeVersion(program: string, line: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-version-'));
  versions.push(directory);
  for (const name of ['src', 'hostside', 'templates', 'package.json', 'package-lock.json']) {
    await cp(join(packageDirectory, name), join(directory, name), { recursive: true });
  }
  await symlink(join(packageDirectory, 'node_modules'), join(directory, 'node_modules'));
  await appendFile(join(directory, 'hostside', program, 'main.ts'), `\n${line}\n`);
  return directory;
}

const runVersion = (directory: string, ...args: string[]): Promise<CommandResult> =>
  tryCommand([process.execPath, join(directory, 'src', 'cli', 'main.ts'), ...args], {
    cwd: world.operator.directory,
    env: world.operator.env,
    timeoutMs: 300_000,
  });

interface Event {
  readonly kind: string;
  readonly account: string | null;
}

describe('an upgrade of a host with accounts', () => {
  let first: string;
  let second: string;
  let workerVersion: string;

  test('there is nothing to go back to on a host that has had one release', async () => {
    first = await current();
    const { code, stderr } = await world.operator.fleet(['init', '--rollback']);
    expect(code).toBe(3);
    expect(stderr).toContain(`there is no release before ${first}`);
    expect(await current()).toBe(first);
  });

  test('accounts keep their very process when another part of the release changed', async () => {
    const before = await mainPids();
    const result = await runVersion(
      await makeVersion('sampler', 'process.env.FLEET_REHEARSAL ??= "agent";'),
      'init',
      '--yes',
    );
    expect(result).toMatchObject({ code: 0 });
    expect(result.stdout).not.toContain('estart');
    second = await current();
    expect(second).not.toBe(first);
    expect(await mainPids()).toEqual(before);
  });

  test('accounts whose worker changed go on until the operator agrees', async () => {
    const before = await mainPids();
    workerVersion = await makeVersion('worker', 'process.env.FLEET_REHEARSAL ??= "worker";');
    const { code, stdout } = await runVersion(workerVersion, 'init');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `still run a worker of an earlier release[^]*anna on h1: release ${first}[^]*ben ` +
          `on h1: release ${first}`,
      ),
    );
    expect(await mainPids()).toEqual(before);
    expect(await current()).not.toBe(second);
  });

  test('then they are restarted, one after the other, and never beside themselves', async () => {
    const before = await mainPids();
    const result = await runVersion(workerVersion, 'init', '--yes');
    expect(result).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Restarted with the new release: anna, ben') as unknown,
    });
    const after = await mainPids();
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    expect(await workerReleases()).toBe(await current());
    expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
    const { events } = await world.operator.json<{ events: Event[] }>(['events']);
    const restarts = events
      .filter(({ kind }) => kind.startsWith('account-restart'))
      .map(({ kind, account }) => `${kind} ${account}`);
    expect(restarts.toReversed()).toEqual([
      'account-restarting anna',
      'account-restarted anna',
      'account-restarting ben',
      'account-restarted ben',
    ]);
    await expectExclusive(world, logins);
    const again = await runVersion(workerVersion, 'init', '--yes');
    expect(again.stdout).not.toContain('estart');
  });

  test('the way back brings the former release with its units; a second time there is nothing to do', async () => {
    await onHost('echo "# changed" >>/etc/systemd/system/fleet-agent.service');
    const { code, stdout, stderr } = await world.operator.fleet(['init', '--rollback', '--yes']);
    expect(code, `${stdout}${stderr}`).toBe(0);
    expect(await current()).toBe(second);
    expect(
      await onHost(
        'tail -n 1 /etc/systemd/system/fleet-agent.service; systemctl is-active fleet-agent',
      ),
    ).toBe('WantedBy=multi-user.target\nactive');
    expect(await workerReleases()).toBe(second);
    const pids = await mainPids();
    const { hosts } = await world.operator.json<{
      hosts: { state: string; facts: { release: string } }[];
    }>(['init', '--rollback']);
    expect(hosts.map(({ state, facts }) => [state, facts.release])).toEqual([['ready', second]]);
    expect(await mainPids()).toEqual(pids);
    await expectExclusive(world, logins);
  });

  test('a host that owns accounts is not uninstalled; after they are gone, their tombstones stay', async () => {
    const refused = await world.operator.fleet(['uninstall', 'h1', '--yes']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('h1: anna, ben');
    await must(world, 'accounts', 'remove', 'anna');
    await must(world, 'accounts', 'remove', 'ben');
    expect(await listAccounts(world)).toEqual([]);
    expect(await must(world, 'uninstall', 'h1')).toContain('2 tombstones of accounts stay');
    expect(
      await onHost(
        'ls /var/lib/fleet; ls -I machine.json /var/lib/fleet/claims | wc -l; ls -d ' +
          '/opt/fleet 2>/dev/null',
      ),
    ).toBe('authority.json\nclaims\ninit\n2');
    await must(world, 'init');
    await must(world, 'uninstall', 'h1', '--forget-claims');
    expect(await onHost('ls -d /var/lib/fleet /opt/fleet /etc/fleet /run/fleet* 2>/dev/null')).toBe(
      '',
    );
  });
});
