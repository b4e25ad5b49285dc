/**
 * A host of the release before, which knew no limits of the disk, is upgraded while an account has
 * far more files than it may have from now on. It is not ended for
 * what it had: it is said, and it goes on, over its restart and over a reboot, until it takes more.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, listAccounts, must } from '../world.ts';
import { expectAllOnline, makeOldFleet, type UpgradeWorld } from './upgrade-world.ts';

let world: UpgradeWorld;
let place: string;
const run = async (command: string): Promise<string> =>
  (await world.lab.ssh(1, command, { timeoutMs: 120_000 })).stdout.trim();
const makeFiles = (name: string, count: number): Promise<string> =>
  run(
    `cd ${place} && seq ${count} | sed 's/^/${name}/' | xargs touch && chown --reference=. ` +
      `${name}1 && chown -R --reference=. .; ls | wc -l`,
  );

beforeAll(async () => {
  world = await makeOldFleet([1]);
  await expectAllOnline(world);
  const keyId = (await listAccounts(world)).find(({ name }) => name === 'anna-1')?.keyId;
  place = `/var/lib/private/fleet-accounts/${keyId}`;
  console.log(`${await makeFiles('cache', 21_000)} files in ${place}`);
});
afterAll(() => world?.end());

const said = async (): Promise<string[]> => {
  const { findings } = await world.operator.json<{ findings: { text: string }[] }>(['doctor']);
  return findings.map(({ text }) => text).filter((text) => text.includes('limits.'));
};
const watched = async (): Promise<void> => {
  // Two looks at least, of 2 s each on a machine with nothing else to do.
  await run('sleep 10');
  expect(await run('ls /run/fleet-boot/full 2>/dev/null || true')).toBe('');
  await expectAllOnline(world);
};

test('is not ended by the upgrade, nor by the restart that brings its limits; fleet doctor says what it has too much', async () => {
  console.log(await must(world, 'init'));
  await watched();
  console.log('after the upgrade:', await said());
  await must(world, 'accounts', 'restart', 'anna-1');
  await eventually(60_000, async () =>
    expect(await said()).toEqual([
      expect.stringMatching(
        /^anna-1 has had 2\d{4} files where it may have 20000 \(limits.files_max\) since/,
      ),
    ]),
  ).catch(async (failure: unknown) => {
    // A watch that says nothing has to show what it saw.
    const files = '/var/lib/fleet/init/quota/* /run/fleet-boot/over/* /run/fleet-boot/full/*';
    console.log(
      await run(`head -v -n 30 ${files} /etc/systemd/system/fleet-account@*.d/limits.conf
        ls -la --time-style=full-iso /var/lib/fleet/init/quota /etc/systemd/system/fleet-account@*.d
        date; systemctl status fleet-quota; journalctl -u fleet-quota -o cat | tail -30; true`),
    );
    throw failure;
  });
  await watched();
});

test('goes on after a reboot, and without what it has too much it is like any other', async () => {
  await world.lab.reboot(1);
  await expectAllOnline(world, 120_000);
  await watched();
  expect(await said()).toHaveLength(1);
});

test('is ended when it takes more than it had, and that is said', async () => {
  await makeFiles('more', 3_000);
  await eventually(60_000, async () =>
    expect(await run('cat /run/fleet-boot/full/* 2>/dev/null || true')).toContain(
      'limits.files_max',
    ),
  );
});
