import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import '../borders.ts';
import { programsBefore } from '../model/host-programs.ts';
import type { ModelHost } from '../model/model-host.ts';
import { World } from '../world.ts';
import { allocate, usersOf, useWorld } from './rows-fixture.ts';

/** As {@link placed}, by an operator of the release before, on hosts of that release. `isSwept`: that operator has seen the accounts online. */
export async function placedOnBefore(isSwept = true): Promise<World> {
  const before = await programsBefore();
  const world = useWorld(await World.create(1));
  for (const host of world.hosts) host.installBefore(before);
  await world.simulation.pass(5_000);
  expect(await world.command(allocate, { isBefore: true })).toBeNull();
  if (isSwept) await world.command({ verb: 'sweep' }, { isBefore: true });
  expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], ['h2'], ['h3']]);
  return world;
}

/** Whether the unit of an account has a session to start with, and whether a boot starts it. */
export const waysToStart = ({ places, enabledLinks }: ModelHost, keyId: string): readonly [boolean, boolean] => [
  readdirSync(join(places.accounts, keyId)).includes('current'),
  readdirSync(enabledLinks).includes(keyId),
];
