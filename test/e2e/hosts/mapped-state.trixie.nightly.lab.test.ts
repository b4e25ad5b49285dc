/**
 * Row 51 of docs/exclusivity.md where it is real: on Debian 13 systemd maps state directories, so
 * that an account's files belong to nobody, as soon as /var/lib
 * is no overlay. What its user has left alive still keeps the account from being started elsewhere.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Login, logIn } from '../operator.ts';
import {
  expectExclusive,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let world: World;
let login: Login;
const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await world.lab.ssh(1, command);
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
    command,
    code: 0,
    stderr: '',
  });
  return stdout.trim();
};
const ownFileSystem = `set -e
mkdir /mnt/lib && mount -t tmpfs -o mode=755 lib /mnt/lib && cp -a /var/lib/. /mnt/lib/ && mount --bind /mnt/lib /var/lib`;
/**
 * A slow host: what starts with the agent is still on its way when that answers, and `init` waits
 * for it.
 */
const slowWatch = `set -e
mkdir -p /etc/systemd/system/fleet-quota.service.d
printf '[Service]\\nExecStartPre=/bin/sleep 15\\n' > /etc/systemd/system/fleet-quota.service.d/slow.conf`;

beforeAll(async () => {
  world = await makeWorld({
    hosts: [1, 2],
    state: 'wiped',
    suite: 'trixie',
    accounts: 'egress: { allow: [telegram] }\n',
  });
  await onHost(ownFileSystem);
  await onHost(slowWatch);
  await prepareFleet(world);
  const [one] = await logIn(world.dc, `${world.operator.directory}/sessions`, ['anna']);
  if (!one) throw new Error('no login');
  login = one;
  await must(world, 'accounts', 'import', login.path);
  await must(world, 'allocate', '--all');
  if ((await listAccounts(world))[0]?.host !== 'h1') await must(world, 'move', 'anna', 'h1');
});
afterAll(() => world?.end());

test('its state belongs to nobody, and the user of its unit is on record', async () => {
  const [account] = await listAccounts(world);
  const state = `/var/lib/private/fleet-accounts/${account?.keyId}`;
  expect(await onHost(`stat -c %u ${state}`)).toBe('65534');
  const user = await onHost(`systemctl show -P UID fleet-account@${account?.keyId}`);
  expect(Number(user)).toBeGreaterThan(61_183);
  expect(await onHost(`tail -n 1 /run/fleet-users/${account?.keyId}`)).toBe(user);
});

test('what its user has left alive keeps the account where it is; without it the account moves', async () => {
  const user = await onHost(`systemctl show -P UID 'fleet-account@*'`);
  await onHost(`systemd-run --quiet --unit=left setpriv --reuid ${user} --clear-groups sleep 600`);
  const refused = await world.operator.fleet(['move', 'anna', 'h2', '--yes']);
  expect(refused.code).not.toBe(0);
  expect(`${refused.stdout}${refused.stderr}`).toContain("of the account's user");
  expect((await listAccounts(world)).map(({ host }) => host)).not.toContain('h2');
  await onHost('systemctl stop left');
  await must(world, 'resume');
  if ((await listAccounts(world))[0]?.host !== 'h2') await must(world, 'move', 'anna', 'h2');
  expect(await liveStates(world)).toEqual({ anna: 'online' });
  await expectExclusive(world, [login]);
});
