import { keyIds, type World } from './world.ts';

const rounds = 5;

/**
 * Ends all faults, gives late messages their time, then does what an operator does until nothing is left to be done: look, finish what stands open,
 * start what stands still. Checks that everything is as it should be.
 */
export async function settle(world: World): Promise<void> {
  world.killControllers();
  for (const host of world.hosts) {
    host.link = { hears: true, isHeard: true };
    host.disk = 'good';
    host.isClockSynchronized = true;
    host.luck = { ...host.luck, stopNeedsKill: () => false, stopLagMs: () => 0, afterStop: () => undefined };
    host.boot();
  }
  await world.simulation.pass(200_000);
  world.simulation.note('--- the faults are over');
  for (let round = 0; round < rounds; round += 1) {
    await world.command({ verb: 'status' });
    for (const account of (await world.read()).leaving) await world.command({ verb: 'remove', account });
    await world.command({ verb: 'resume' });
    await world.command({ verb: 'allocate' });
    const { accounts, openMoves } = await world.read();
    const idle = accounts.filter(({ host, state }) => host !== null && state !== 'online' && state !== 'removing');
    for (const { name } of idle) await world.command({ verb: 'start', account: name });
    if (openMoves.length === 0 && idle.length === 0 && isQuiet(world)) break;
    await world.simulation.pass(60_000);
  }
  await world.command({ verb: 'sweep' });
  await world.checkSettled();
}

/** Every unit of an account is either online or not there. */
const isQuiet = (world: World): boolean =>
  world.hosts.every((host) => Object.values(keyIds).every((keyId) => host.units.workerOf(keyId)?.isOnline() !== false));
