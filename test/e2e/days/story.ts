import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Suite, suiteFacts } from '../../lab/suites.ts';
import { findFaults } from '../doctor.ts';
import { type Login, logIn } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

/** Its operator logs in as `ubuntu`, so that everything goes through the host's sudo. */
const index = 2;
const name = `h${index}`;

/**
 * A bare server of that suite from `init` to `uninstall`: at rest, an account online, no finding,
 * nothing left. Declares the tests of a file.
 * `programs`: what commands say there, so that the suite is what its name promises.
 */
export function tellStory(suite: Suite, programs: Readonly<Record<string, RegExp>> = {}): void {
  let world: World;
  let logins: readonly Login[];
  const { version, isSupported } = suiteFacts(suite);
  beforeAll(async () => {
    world = await makeWorld({
      hosts: [index],
      state: 'wiped',
      suite,
      accounts: 'egress: { allow: [telegram] }\n',
    });
  });
  afterAll(() => world?.end());

  const onHost = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await world.lab.ssh(index, command);
    expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
      command,
      code: 0,
      stderr: '',
    });
    return stdout.trim();
  };

  test('init makes it ready, and finds nothing to change afterwards', async () => {
    expect(await onHost('. /etc/os-release; echo $ID:$VERSION_ID')).toBe(`debian:${version}`);
    for (const [command, said] of Object.entries(programs))
      expect(await onHost(command)).toMatch(said);
    await prepareFleet(world);
    const again = await world.operator.json<{ hosts: { state: string; uploads: unknown[] }[] }>([
      'init',
    ]);
    expect(again.hosts.map(({ state, uploads }) => [state, uploads.length])).toEqual([
      ['ready', 0],
    ]);
    expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
    expect(
      await onHost(
        'systemctl show -p NeedDaemonReload --value fleet-agent fleet-hold ssh | sort -u',
      ),
    ).toBe('no');
  });

  test('an account is online there, and the doctor finds nothing', async () => {
    logins = await logIn(world.dc, `${world.operator.directory}/sessions`, ['anna']);
    await must(world, 'accounts', 'import', ...logins.map(({ path }) => path));
    await must(world, 'allocate', '--all');
    expect(await liveStates(world)).toEqual({ anna: 'online' });
    await expectExclusive(world, logins);
    await must(world, 'backup');
    const faults = (await findFaults(world.operator)).filter(
      (fault) => isSupported || !fault.includes('is not a supported system'),
    );
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
    await world.lab.reboot(index);
    await isBack();
  });

  test('uninstall leaves nothing of it', async () => {
    await must(world, 'accounts', 'remove', 'anna');
    await must(world, 'uninstall', name, '--forget-claims');
    expect(
      await onHost(
        'ls -d /opt/fleet /etc/fleet /var/lib/fleet* /etc/systemd/system/fleet* ' +
          '2>/dev/null | wc -l',
      ),
    ).toBe('0');
    expect(
      await onHost('systemctl is-system-running --wait; getent passwd _fleet | wc -l; true'),
    ).toBe('running\n0');
  });
}
