/**
 * Places of a host that are full while `fleet init` works there: it says which one, leaves nothing
 * half done, and the next one goes on.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeWorld, must, type World } from '../../e2e/world.ts';

let world: World;
beforeAll(async () => {
  world = await makeWorld({ hosts: [1], state: 'wiped' });
  await must(world, 'hosts', 'trust');
});
afterAll(() => world?.end());

const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await world.lab.ssh(1, command);
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
    command,
    code: 0,
    stderr: '',
  });
  return stdout.trim();
};

/** A file system of its own of so many MB, with what lies there. */
const makeSmall = (place: string, megabytes: number) =>
  onHost(
    `mkdir -p ${place} && cp -a ${place} /root/kept && mount -t tmpfs -o ` +
      `mode=755,size=${megabytes}m small ${place} && cp -a /root/kept/. ${place}/ && rm -r ` +
      '/root/kept',
  );

test.each([
  ['/opt', 20],
  ['/var/cache/apt/archives', 4],
])('%s with room for %i MB', { timeout: 400_000 }, async (place, megabytes) => {
  await makeSmall(place, megabytes);
  const full = await world.operator.fleet(['init', '--yes']);
  const said = `${full.stdout}${full.stderr}`;
  expect([place, full.code, said]).toEqual([
    place,
    3,
    expect.stringMatching(/No space left on device|no space|enough free space|MB are free/i),
  ]);
  expect(said).not.toContain('bug in fleet');
  expect(await onHost('dpkg --audit; ls -d /run/fleet-init.* 2>/dev/null; true')).toBe('');
  await onHost(`mount -o remount,size=1500m ${place}`);
});

test('with room again init makes it ready, and finds nothing to do afterwards', {
  timeout: 400_000,
}, async () => {
  await must(world, 'init');
  expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
  expect(await onHost('dpkg --audit; systemctl is-active fleet-agent')).toBe('active');
});
