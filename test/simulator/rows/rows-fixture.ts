import { afterEach, expect } from 'vitest';
import '../borders.ts';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import { programsBefore } from '../model/host-programs.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
import { keyIds, World } from '../world.ts';

/**
 * What the schedules of rows 34 and later of docs/exclusivity.md have in common: hosts that come
 * back.
 */
export const a1 = keyIds.a1 ?? '';
export const allocate = { verb: 'allocate' } as const;
export const cut = { hears: false, isHeard: false };
export const whole = { hears: true, isHeard: true };

export let world: World;

afterEach(async () => {
  if (world === undefined) return;
  world.killControllers();
  await world.simulation.pass(0);
  await world.destroy();
});

/** Three accounts online, one per host: a1 on h1, a2 on h2, a3 on h3. */
export async function placed(): Promise<World> {
  world = await World.create(1);
  expect(await world.command(allocate)).toBeNull();
  expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], ['h2'], ['h3']]);
  return world;
}

/**
 * As {@link placed}, by an operator of the release before, on hosts of that release. `isSwept`:
 * that operator has seen the accounts online.
 */
export async function placedOnBefore(isSwept = true): Promise<World> {
  const before = await programsBefore();
  world = await World.create(1);
  for (const host of world.hosts) host.installBefore(before);
  await world.simulation.pass(5_000);
  expect(await world.command(allocate, { isBefore: true })).toBeNull();
  if (isSwept) await world.command({ verb: 'sweep' }, { isBefore: true });
  expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], ['h2'], ['h3']]);
  return world;
}

export const usersOf = (account: string): readonly string[] =>
  world.dataCentre.usersOf(keyIds[account] ?? '');
export const claimAt = (host: string, account = 'a1') =>
  readClaim(world.host(host).places, keyIds[account] ?? '').claim;
export const nothingWrong = (): void => expect(world.simulation.violations).toEqual([]);
export const failover = (host: string, statement: 'powered-off' | 'destroyed' | 'fenced') =>
  ({ verb: 'failover', host, statement }) as const;

/** Faults at calls to `host` that contain `act`. */
export const at =
  (act: string, host: string, fate: Partial<CallFate>) =>
  (call: RemoteCall): CallFate =>
    call.host === host && call.what.includes(act) ? { ...plainFate, ...fate } : plainFate;

/**
 * h1 is truly off and its account goes to another host; then h1 boots, and holds, as it should.
 * Gives the new owner.
 */
export async function failedOver(): Promise<string> {
  await placed();
  world.host('h1').crash();
  await world.simulation.pass(1_300_000);
  expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
  const [owner = ''] = usersOf('a1');
  expect(owner).not.toBe('h1');
  world.host('h1').boot();
  await world.simulation.pass(30_000);
  expect(usersOf('a1')).toEqual([owner]);
  return owner;
}

/** An ordinary reboot. */
export async function reboot(name: string): Promise<void> {
  world.host(name).crash();
  await world.simulation.pass(10_000);
  world.host(name).boot();
  await world.simulation.pass(60_000);
}
