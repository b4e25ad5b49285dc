import type { Verb } from '../controller.ts';
import type { World } from '../world.ts';
import { commandAt, mishapAt } from './faults.ts';
import { placedAndKept } from './move-stories.ts';
import { someMove } from './moving.ts';

const minute = 60_000;

/** Stories of sessions that end, and of owners who log in again while everything else goes on. */
export const loginStories = {
  logins: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const account = simulation.pick(world.accounts);
    const fault = simulation.pick([0, 0.05, 0.12]);
    const endsAtMs = simulation.between(0, minute);
    simulation.at(endsAtMs, () => endSession(world, account));
    commandAt(world, endsAtMs + simulation.between(1_000, minute), { verb: 'sweep' }, fault);
    for (let times = simulation.between(1, 4); times > 0; times -= 1)
      commandAt(
        world,
        endsAtMs + simulation.between(minute, 12 * minute),
        login(world, account),
        fault,
        undefined,
        simulation.chance(0.5),
      );
    for (let times = simulation.between(0, 4); times > 0; times -= 1)
      commandAt(
        world,
        simulation.between(0, 15 * minute),
        aroundLogin(world),
        fault,
        undefined,
        simulation.chance(0.5),
      );
    if (simulation.chance(0.15) && world.hosts.length > 2)
      burnAt(world, simulation.between(0, 12 * minute));
    for (let times = simulation.between(0, 2); times > 0; times -= 1)
      mishapAt(world, simulation.between(0, 10 * minute));
    await simulation.pass(20 * minute);
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

/**
 * Now and then Telegram knows it again later: who starts it then beside the new one uses the
 * account by two keys.
 */
function endSession(world: World, account: string): void {
  const { simulation, dataCentre } = world;
  const keyId = world.keyIdOf(account);
  simulation.count('ended-session');
  simulation.note(`Telegram ends the session of ${account}`);
  dataCentre.revoke(keyId);
  if (!simulation.chance(0.5)) return;
  world.later(simulation.between(30_000, 5 * minute), () => {
    simulation.count('revived-session');
    simulation.note(`the session ${keyId.slice(0, 4)} is good again`);
    dataCentre.loggedOut.delete(keyId);
  });
}

function login({ simulation, hosts }: World, account: string): Verb {
  const promptMs = simulation.pick([0, simulation.between(1_000, 5 * minute)]);
  const host = simulation.chance(0.2) ? { host: simulation.pick(hosts).name } : {};
  return { verb: 'login', account, promptMs, isCancelled: simulation.chance(0.1), ...host };
}

/** A host will never boot again, perhaps in the middle of a login there. */
function burnAt(world: World, delayMs: number): void {
  const { simulation } = world;
  const host = simulation.pick(world.hosts);
  world.later(delayMs, () => {
    host.crash();
    world.gone.add(host.name);
  });
  commandAt(
    world,
    delayMs + simulation.between(minute, 3 * minute),
    { verb: 'failover', host: host.name, statement: 'destroyed' },
    0.03,
  );
}

function aroundLogin(world: World): Verb {
  const { simulation } = world;
  const verb = simulation.pick(['sweep', 'sweep', 'adopt', 'move', 'move'] as const);
  return verb === 'move' ? someMove(world) : { verb };
}
