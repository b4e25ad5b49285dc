/**
 * Two operators at once on one host whose link is slow: the first ends as if it were alone, the
 * second is told who is there and finds nothing left to do.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  type InitMaterials,
  loadInitMaterials,
} from '../../../src/workflows/init/init-materials.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { packageDirectory } from './init-fixture.ts';
import { initOnHost, labHost } from './init-on-host.ts';

const index = 1;
const kilobits = 6000;
let lab: Lab;
let materials: InitMaterials;
beforeAll(async () => {
  lab = await connectLab();
  materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['account-host'],
    runtimeMirror: null,
  });
  await lab.wipe(index, 'equipped');
});
afterAll(async () => {
  await lab.rate(index, 0);
  await lab.wipe(index);
});

it('a slow link never makes an init look dead', { timeout: 900_000 }, async () => {
  const caller = (by: string) => ({ caller: { act: 'init', by, ledger: null } });
  await lab.rate(index, kilobits);
  const first = initOnHost(
    lab,
    labHost(lab, index, 'account-host'),
    materials,
    caller('anna@laptop'),
  );
  await expect
    .poll(async () => (await lab.ssh(index, 'cat /run/lock/fleet-init.lock')).stdout, {
      timeout: 120_000,
    })
    .toContain('anna@laptop');
  // Longer than the runtime's first bytes take.
  await sleep(6_000);
  const second = await initOnHost(
    lab,
    labHost(lab, index, 'account-host'),
    materials,
    caller('cron@desk'),
  );
  const one = await first;
  expect([one.error, one.state]).toEqual([null, 'changed']);
  expect([second.error, second.state]).toEqual([null, 'ready']);
  expect(second.notes.join('\n')).toMatch(
    /waits up to 600 s for fleet init of anna@laptop \(from 10\.77\.0\.1, since /,
  );
});
