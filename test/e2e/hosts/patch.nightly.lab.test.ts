/**
 * Rolling maintenance: packages are upgraded host by host, hosts that need it reboot announced,
 * accounts stay online or move away as the operator says.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ctrlC } from '../../cli/screen/on-terminal.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { fleetOnTerminal } from '../fleet-on-terminal.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

let world: World;
let logins: Login[];
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2], state: 'forgotten' });
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'ben']);
  await must(world, 'allocate', '--all');
});
afterAll(() => world?.end());

/**
 * Version 1 of a package is installed; a source beside those of the host has version `to`, whose
 * installation does `what`.
 */
async function offerUpgrade(host: number, to: number, what: string): Promise<void> {
  const script = `set -e; rm -f /run/go-on /run/upgrading; rm -rf /srv/patch; mkdir -p /srv/patch; cd /srv/patch
make() { rm -rf p; mkdir -p p/DEBIAN
printf 'Package: fleet-patch-probe\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody <nobody@example.org>\\nDescription: probe\\n' "$1" > p/DEBIAN/control
printf '#!/bin/sh\\n%s\\n' "$2" > p/DEBIAN/postinst; chmod 755 p/DEBIAN/postinst; dpkg-deb --build p "probe_$1.deb" >/dev/null; }
make ${to - 1} true; dpkg -i probe_${to - 1}.deb >/dev/null; rm probe_${to - 1}.deb
make ${to} '${what}'
{ dpkg-deb -f probe_${to}.deb; printf 'Filename: ./probe_${to}.deb\\nSize: %s\\nSHA256: %s\\n' "$(stat -c %s probe_${to}.deb)" "$(sha256sum probe_${to}.deb | cut -d' ' -f1)"; } > Packages
echo 'deb [trusted=yes] file:/srv/patch ./' > /etc/apt/sources.list.d/probe.list; apt-get -q update >/dev/null`;
  const { code, stderr } = await world.lab.ssh(host, script);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}
const versionOn = async (host: number): Promise<string> =>
  (await world.lab.ssh(host, 'dpkg -s fleet-patch-probe | sed -n "s/^Version: //p"')).stdout.trim();
const bootOf = async (host: number): Promise<string> =>
  (await world.lab.ssh(host, 'cat /run/fleet-boot/identity.json')).stdout;

interface Patched {
  readonly hosts: readonly {
    readonly host: string;
    readonly state: string;
    readonly rebooted: boolean;
    readonly moved: readonly string[];
  }[];
}

test('rolling: accounts stay, only the host that needs it reboots, everybody is online afterwards', async () => {
  await offerUpgrade(1, 2, 'touch /run/reboot-required');
  await offerUpgrade(2, 2, 'true');
  const before = {
    placements: await listAccounts(world),
    boots: [await bootOf(1), await bootOf(2)],
  };
  const dry = await world.operator.json<{ plan: { hosts: { pending: string[] }[] } }>([
    'patch',
    '--rolling',
    '--dry-run',
  ]);
  for (const { pending } of dry.plan.hosts) expect(pending.join()).toMatch(/upgrade \d+ packages/);
  expect([await versionOn(1), await versionOn(2)]).toEqual(['1', '1']);
  const { hosts } = await world.operator.json<Patched>(['patch', '--rolling', '--reboot']);
  expect(hosts.map(({ host, state, rebooted }) => [host, state, rebooted])).toEqual([
    ['h1', 'patched', true],
    ['h2', 'patched', false],
  ]);
  expect([await versionOn(1), await versionOn(2)]).toEqual(['2', '2']);
  expect([(await bootOf(1)) === before.boots[0], (await bootOf(2)) === before.boots[1]]).toEqual([
    false,
    true,
  ]);
  expect((await listAccounts(world)).map(({ host, epoch }) => [host, epoch])).toEqual(
    before.placements.map(({ host, epoch }) => [host, epoch]),
  );
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  await expectExclusive(world, logins);
});

test('drained first: the accounts of the host move away, and it takes accounts again afterwards; a second patch has nothing to do', async () => {
  await offerUpgrade(2, 3, 'true');
  const { hosts } = await world.operator.json<Patched>(['patch', 'h2', '--drain']);
  expect(hosts).toMatchObject([{ host: 'h2', state: 'patched', rebooted: false }]);
  expect((await listAccounts(world)).map(({ host }) => host)).toEqual(['h1', 'h1']);
  const again = await world.operator.json<Patched>(['patch', 'h2']);
  expect(again.hosts).toMatchObject([{ host: 'h2', state: 'unchanged' }]);
  expect(await must(world, 'hosts', 'list')).not.toContain('cordoned');
  await expectExclusive(world, logins);
});

test('only security: the package whose newer versions include a security update, also where a later one comes from elsewhere', async () => {
  // Version 4 is a security update, version 5 of the same package none; another package has a newer
  // version and no security update.
  const script = `set -e; rm -rf /srv/patch; mkdir -p /srv/patch/probe-security /srv/patch/probe-updates; cd /srv/patch
make() { rm -rf p; mkdir -p p/DEBIAN
printf 'Package: fleet-%s-probe\\nVersion: %s\\nArchitecture: all\\nMaintainer: nobody <nobody@example.org>\\nDescription: probe\\n' "$1" "$2" > p/DEBIAN/control
dpkg-deb --build p "$3" >/dev/null; }
list() { for f in "$1"/*.deb; do dpkg-deb -f "$f"; printf 'Filename: %s\\nSize: %s\\nSHA256: %s\\n\\n' "$f" "$(stat -c %s "$f")" "$(sha256sum "$f" | cut -d' ' -f1)"; done > "$1/Packages"; }
make patch 3 now.deb; make other 1 other.deb; dpkg -i now.deb other.deb >/dev/null; apt-mark -qq auto fleet-patch-probe
make patch 4 probe-security/a.deb; make patch 5 probe-updates/a.deb; make other 2 probe-updates/b.deb
list probe-security; list probe-updates
printf 'deb [trusted=yes] file:/srv/patch %s/\\n' probe-security probe-updates > /etc/apt/sources.list.d/probe.list; apt-get -q update >/dev/null`;
  const { code, stderr } = await world.lab.ssh(1, script);
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  const versions = async (): Promise<string> =>
    (
      await world.lab.ssh(
        1,
        'dpkg-query -W fleet-patch-probe fleet-other-probe; apt-mark showauto fleet-patch-probe',
      )
    ).stdout.trim();
  const { hosts } = await world.operator.json<Patched>(['patch', 'h1', '--security']);
  expect(hosts).toMatchObject([{ host: 'h1', state: 'patched' }]);
  expect(await versions()).toBe('fleet-other-probe\t1\nfleet-patch-probe\t5\nfleet-patch-probe');
  const again = await world.operator.json<Patched>(['patch', 'h1', '--security']);
  expect(again.hosts).toMatchObject([{ host: 'h1', state: 'unchanged' }]);
  await expectExclusive(world, logins);
});

const untilToldTo = 'touch /run/upgrading; while [ ! -e /run/go-on ]; do sleep 0.2; done';
const isUpgrading = () =>
  eventually(60_000, async () =>
    expect((await world.lab.ssh(1, 'ls /run/upgrading')).code).toBe(0),
  );
const packageState = async (): Promise<string> =>
  (await world.lab.ssh(1, 'dpkg -s fleet-patch-probe | grep ^Status:')).stdout.trim();

test('the first Ctrl-C lets apt end its work, and the next host is not begun', async () => {
  await offerUpgrade(1, 7, untilToldTo);
  const run = fleetOnTerminal(world.operator, ['patch', '--rolling', '--yes']);
  await isUpgrading();
  run.type(ctrlC);
  await run.shows('press Ctrl-C again');
  await world.lab.ssh(1, 'touch /run/go-on');
  expect(await run.ends()).toBe(130);
  expect(run.shown()).toMatch(/h2 +not-begun/);
  expect([await versionOn(1), await packageState()]).toEqual(['7', 'Status: install ok installed']);
  noteFaultPoint('Ctrl-C while packages are upgraded');
  await expectExclusive(world, logins);
});

test('the second Ctrl-C ends it at once, and apt is not cut off', async () => {
  await offerUpgrade(1, 8, untilToldTo);
  const run = fleetOnTerminal(world.operator, ['patch', 'h1', '--yes']);
  await isUpgrading();
  run.type(ctrlC);
  await run.shows('press Ctrl-C again');
  run.type(ctrlC);
  expect(await run.ends()).toBe(130);
  await world.lab.ssh(1, 'touch /run/go-on');
  await eventually(60_000, async () =>
    expect([await versionOn(1), await packageState()]).toEqual([
      '8',
      'Status: install ok installed',
    ]),
  );
  noteFaultPoint('two Ctrl-C while packages are upgraded');
  await must(world, 'patch', 'h1');
  await expectExclusive(world, logins);
});
