import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Suite, suiteFacts } from '../lab/suites.ts';
import { findFaults } from './doctor.ts';
import { type Login, logIn } from './operator.ts';
import { eventually, expectExclusive, liveStates, makeWorld, must, prepareFleet, type World } from './world.ts';

/** A bare server of that suite from `init` to `uninstall`: at rest, an account online, no finding, nothing left. Declares the tests of a file. */
export function tellStory(suite: Suite): void {
  let world: World;
  let logins: readonly Login[];
  const { version, isSupported } = suiteFacts(suite);
  beforeAll(async () => {
    world = await makeWorld({ hosts: [1], state: 'wiped', suite, accounts: 'egress: { allow: [telegram] }\n' });
    if (isSupported) return;
    const inventory = join(world.operator.directory, 'inventory.yaml');
    const text = await readFile(inventory, 'utf8');
    await writeFile(inventory, text.replace('defaults: { ', 'defaults: { allow_unsupported_os: true, '));
  });
  afterAll(() => world?.end());

  const onHost = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await world.lab.ssh(1, command);
    expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({ command, code: 0, stderr: '' });
    return stdout.trim();
  };

  test('init makes it ready, and finds nothing to change afterwards', async () => {
    expect(await onHost('. /etc/os-release; echo $ID:$VERSION_ID')).toBe(`debian:${version}`);
    await prepareFleet(world);
    const again = await world.operator.json<{ hosts: { state: string; uploads: unknown[] }[] }>(['init']);
    expect(again.hosts.map(({ state, uploads }) => [state, uploads.length])).toEqual([['ready', 0]]);
    expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
    expect(await onHost('systemctl show -p NeedDaemonReload --value fleet-agent fleet-hold ssh | sort -u')).toBe('no');
  });

  test('an account is online there, and the doctor finds nothing', async () => {
    logins = await logIn(world.dc, `${world.operator.directory}/sessions`, ['anna']);
    await must(world, 'accounts', 'import', ...logins.map(({ path }) => path));
    await must(world, 'allocate', '--all');
    expect(await liveStates(world)).toEqual({ anna: 'online' });
    await expectExclusive(world, logins);
    await must(world, 'backup');
    const faults = (await findFaults(world.operator)).filter((fault) => isSupported || !fault.includes('is not a supported system'));
    expect(faults).toEqual([]);
  });

  test('it is online again after a restart of its unit, and after a reboot', async () => {
    const isBack = (): Promise<void> =>
      eventually(120_000, async () => {
        expect(await liveStates(world)).toEqual({ anna: 'online' });
        await expectExclusive(world, logins);
      });
    await onHost("systemctl restart 'fleet-account@*'");
    await isBack();
    await world.lab.reboot(1);
    await isBack();
  });

  test('uninstall leaves nothing of it', async () => {
    await must(world, 'accounts', 'remove', 'anna');
    await must(world, 'uninstall', 'h1', '--forget-claims');
    expect(await onHost('ls -d /opt/fleet /etc/fleet /var/lib/fleet* /etc/systemd/system/fleet* 2>/dev/null | wc -l')).toBe('0');
    expect(await onHost('systemctl is-system-running --wait; getent passwd _fleet | wc -l; true')).toBe('running\n0');
  });
}
