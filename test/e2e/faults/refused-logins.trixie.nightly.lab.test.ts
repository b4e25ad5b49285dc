/**
 * OpenSSH 9.8 and later takes no connections from an address for a while after refused logins
 * (PerSourcePenalties, on unless somebody says otherwise). The host is
 * there: fleet says so, waits, and moves nothing, though a fence is at hand. A wrong key counts 5
 * s, a user who does not exist 1 s, and from 15 s on nobody gets in.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FleetError, isUnreachable } from '../../../src/model/errors.ts';
import { remoteOn } from '../../remote/lab-remote.ts';
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
let logins: Login[];
const downAfterMs = 5_000;

beforeAll(async () => {
  world = await makeWorld({
    hosts: [1, 2],
    state: 'wiped',
    suite: 'trixie',
    accounts: 'sweep: { down_after: 5s }\n',
  });
  await prepareFleet(world);
  logins = await logIn(world.dc, `${world.operator.directory}/sessions`, ['anna']);
  await must(world, 'accounts', 'import', ...logins.map(({ path }) => path));
  await must(world, 'hosts', 'cordon', 'h2');
  await must(world, 'allocate', '--all');
  await must(world, 'hosts', 'uncordon', 'h2');
  const fence = new URL('../lab-fence.ts', import.meta.url).pathname;
  const words = (act: string) =>
    JSON.stringify([process.execPath, fence, world.lab.name, act, '{host}']);
  const inventory = join(world.operator.directory, 'inventory.yaml');
  const text = await readFile(inventory, 'utf8');
  await writeFile(
    inventory,
    text.replace(
      'defaults: { ',
      `defaults: { fence: { off: ${words('off')}, verify: ${words('is-off')} }, `,
    ),
  );
});
afterAll(() => world?.end());

/** What a login fails with; null: it works. A key that the host does not know: `isWrong`. */
async function failureOf(
  user: string,
  isWrong: boolean,
  connectTimeoutMs = 3_000,
): Promise<FleetError | null> {
  const own = isWrong ? { identityFiles: [join(world.operator.directory, 'wrong')] } : {};
  const remote = remoteOn(world.lab, 1, user, { connectTimeoutMs, ...own });
  try {
    await remote.run({ command: 'true' });
    return null;
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  } finally {
    await remote.close();
  }
}

/** Refused logins until the host takes no more connections; how many it took. */
async function lockOut(user: string, most: number): Promise<number> {
  for (let tries = 0; tries <= most; tries += 1) {
    const failure = await failureOf(user, true);
    if (failure?.code === 'ssh-refused') return tries;
    // A busy machine may be too slow for one; that is no refused login.
    expect(['ssh-auth', 'ssh-timeout']).toContain(failure?.code);
  }
  throw new Error(`${most} refused logins of ${user} have locked nobody out`);
}

const onHost = async (command: string): Promise<void> =>
  expect((await world.lab.ssh(1, command)).code).toBe(0);

interface Swept {
  readonly hosts: readonly {
    readonly host: string;
    readonly health: string;
    readonly code: string | null;
  }[];
}

test('a few refused logins lock the operator out; sweeps say so for as long as it lasts, nothing is switched off, nothing moves', async () => {
  await world.lab.exec([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-f',
    join(world.operator.directory, 'wrong'),
  ]);
  // Long enough for several sweeps.
  await onHost(
    'echo PerSourcePenalties authfail:30s >/etc/ssh/sshd_config.d/10-test.conf && ' +
      'systemctl restart ssh',
  );
  const tries = await lockOut('ubuntu', 10);
  console.log(`locked out after ${tries} logins with a wrong key`);
  const failure = await failureOf('ubuntu', false);
  if (failure === null) throw new Error('the address is not locked out');
  expect([failure.code, isUnreachable(failure)]).toEqual(['ssh-refused', false]);
  expect(failure.message).toContain('Not allowed at this time');
  expect(failure.hint).toContain('PerSourcePenalties');

  await world.operator.json<Swept>(['sweep', '--auto-failover']);
  await sleep(downAfterMs);
  const swept = await world.operator.json<Swept>(['sweep', '--auto-failover']);
  expect(swept.hosts.map(({ host, health, code }) => [host, health, code])).toEqual([
    ['h1', 'healthy', 'ssh-refused'],
    ['h2', 'healthy', null],
  ]);
  expect(await world.lab.isOn(1)).toBe(true);
  expect(await listAccounts(world)).toMatchObject([{ name: 'anna', host: 'h1' }]);
  for (const statement of ['--fence', '--destroyed']) {
    const refused = await world.operator.fleet(['failover', 'h1', statement, '--yes']);
    expect([statement, refused.code]).toEqual([statement, 3]);
    expect(refused.stderr).toMatch(
      /h1 is not switched off: .*takes no connections from this address now/,
    );
  }
  // Patient: it ends by itself.
  expect(await failureOf('ubuntu', false, 120_000)).toBeNull();
  expect(await liveStates(world)).toEqual({ anna: 'online' });
  await expectExclusive(world, logins);
});

test('as Debian ships it: a few logins with a wrong key are enough, and it passes by itself', async () => {
  await onHost('rm /etc/ssh/sshd_config.d/10-test.conf && systemctl restart ssh');
  console.log(
    `with Debian's settings: locked out after ${await lockOut('ubuntu', 40)} logins with a ` +
      'wrong key',
  );
  expect(await failureOf('ubuntu', false, 120_000)).toBeNull();
});
