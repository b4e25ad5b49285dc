import { type HostPrograms, programsBefore } from '../model/host-programs.ts';
import type { ModelHost } from '../model/model-host.ts';
import type { World } from '../world.ts';
import { commandAt, mishapAt, plainMishaps, someVerb } from './faults.ts';
import { bootLater } from './mishaps.ts';
import { remember, someMove } from './moving.ts';

const minute = 60_000;
const hour = 60 * minute;

/** Longer than `hold.after`, and the margin, since anybody could have been in contact. */
const untilBelieved = 21 * minute;

/** Stories of hosts that run the release before this one, and get this one. */
export const upgradeStories = {
  /**
   * Accounts are online on hosts of the release before, which an operator of that release has
   * placed. Then the operator's program is today's, and hosts are
   * upgraded at any moment, killed in the middle, put back, upgraded again, while commands go on,
   * hosts boot, and some are failed over and return.
   */
  upgrades: async (world: World) => {
    const { simulation } = world;
    const before = await programsBefore();
    await placedBefore(world, before);
    const fault = simulation.pick([0, 0.05, 0.15]);
    for (const host of world.hosts) {
      upgradeAt(world, host, simulation.between(0, hour), fault);
      if (simulation.chance(0.5))
        putBackAt(world, host, before, simulation.between(0, hour), fault);
      for (let boots = simulation.between(0, 2); boots > 0; boots -= 1)
        bootAt(world, host, simulation.between(0, hour));
    }
    for (let times = simulation.between(1, 6); times > 0; times -= 1)
      commandAt(world, simulation.between(0, hour), someUpgradeVerb(world), fault);
    for (let times = simulation.between(0, 2); times > 0; times -= 1)
      mishapAt(world, simulation.between(0, hour), plainMishaps);
    if (simulation.chance(0.4))
      loseAt(world, simulation.pick(world.hosts), simulation.between(0, 20 * minute), fault);
    await simulation.pass(simulation.between(hour, 2 * hour));
    if (simulation.chance(0.3))
      for (const host of world.hosts) upgradeAt(world, host, simulation.between(0, 5 * minute), 0);
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(6 * minute, 10 * minute));
    await simulation.pass(simulation.between(minute, hour));
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

/**
 * Everything runs, on hosts of which at least one has the release before, and its operator has kept
 * what the accounts remember.
 */
export async function placedBefore(
  world: World,
  before: HostPrograms,
  hosts: readonly ModelHost[] = someHosts(world),
): Promise<void> {
  const { simulation } = world;
  for (const host of hosts) host.installBefore(before);
  await simulation.pass(5_000);
  await world.command({ verb: 'allocate' }, { isBefore: true });
  await simulation.pass(simulation.between(1_000, 30_000));
  await remember(world);
  await world.command({ verb: 'sweep' }, { isBefore: true });
}

function someHosts({ simulation, hosts }: World): readonly ModelHost[] {
  const [first] = hosts;
  const chosen = hosts.filter(() => simulation.chance(0.8));
  return chosen.length > 0 || first === undefined ? chosen : [first];
}

function upgradeAt(world: World, host: ModelHost, delayMs: number, fault: number): void {
  const { simulation } = world;
  simulation.at(delayMs, () => {
    if (!host.hasProgramsBefore()) return;
    simulation.count('upgrade');
    commandAt(world, 0, { verb: 'init', host: host.name }, fault);
  });
}

/** `fleet init --rollback`, of a host that was upgraded. */
function putBackAt(
  world: World,
  host: ModelHost,
  programs: HostPrograms,
  delayMs: number,
  fault: number,
): void {
  const { simulation } = world;
  simulation.at(delayMs, () => {
    if (host.programs.isBefore || host.isWayDead || host.standstill !== null) return;
    simulation.count('programs-put-back');
    commandAt(world, 0, { verb: 'init', host: host.name, programs }, fault);
    upgradeAt(world, host, simulation.between(1_000, hour), fault);
  });
}

function bootAt(world: World, host: ModelHost, delayMs: number): void {
  const chance = world.simulation.branch(world.simulation.nameOf('boot'));
  world.later(delayMs, () => {
    if (chance.chance(0.5)) host.shutDown();
    else host.crash();
  });
  bootLater(
    world,
    host,
    chance,
    delayMs + chance.between(2_000, chance.pick([minute, 20 * minute])),
  );
}

/** It is off, it is said to be off once that can be believed, and it boots again. */
function loseAt(world: World, host: ModelHost, delayMs: number, fault: number): void {
  const { simulation } = world;
  world.later(delayMs, () => host.crash());
  const statedMs = delayMs + untilBelieved + simulation.between(0, 10 * minute);
  simulation.at(statedMs, () => {
    if (!host.isUp)
      commandAt(world, 0, { verb: 'failover', host: host.name, statement: 'powered-off' }, fault);
  });
  for (let boots = simulation.between(1, 2); boots > 0; boots -= 1)
    bootLater(
      world,
      host,
      simulation.branch(simulation.nameOf('boot')),
      statedMs + simulation.between(1_000, 40 * minute),
    );
}

function someUpgradeVerb(world: World) {
  const { simulation } = world;
  return simulation.pick([
    { verb: 'sweep' },
    { verb: 'sweep' },
    { verb: 'reboot', hosts: [simulation.pick(world.hosts).name] },
    someMove(world),
    someMove(world),
    someVerb(world),
  ] as const);
}
