import type { ModelHost } from '../model/model-host.ts';
import type { World } from '../world.ts';
import { commandAt, mishapAt } from './faults.ts';
import { remember, someMove } from './moving.ts';

const whole = { hears: true, isHeard: true };
const cut = { hears: false, isHeard: false };

/**
 * Stories of changes of owner; like those of stories.ts, with the faults still there in the end.
 */
export const moveStories = {
  moves: async (world: World) => {
    const { simulation } = world;
    await placed(world);
    const isCallsOnly = simulation.chance(0.35);
    for (let count = isCallsOnly ? 0 : simulation.between(1, 4); count > 0; count -= 1)
      mishapAt(world, simulation.between(0, 200_000));
    for (let index = 0; index < 4; index += 1)
      commandAt(
        world,
        index * simulation.between(200, 60_000),
        someMove(world),
        isCallsOnly ? 0.12 : 0.04,
      );
    await simulation.pass(500_000);
  },

  /**
   * The ledger is lost in the middle of moves, and the operator goes on with an older copy, as
   * `fleet restore` leaves one, or with an empty one.
   */
  adopt: async (world: World) => {
    const { simulation } = world;
    await placed(world);
    const isRestored = simulation.chance(0.6);
    const old = isRestored ? world.copyLedger('old') : await world.secondLedger();
    if (!isRestored) simulation.count('take-over');
    const commands = (): void => {
      for (let index = 0; index < 3; index += 1)
        commandAt(world, index * simulation.between(200, 60_000), someMove(world), 0.05);
    };
    commands();
    for (let index = simulation.between(0, 2); index > 0; index -= 1)
      mishapAt(world, simulation.between(0, 100_000));
    await simulation.pass(simulation.between(1_000, 200_000));
    const isLost = simulation.chance(0.7);
    if (isLost) world.killControllers();
    simulation.note(`--- the ledger is ${isLost ? 'lost' : 'copied'}`);
    world.ledgerPath = old;
    if (isRestored && simulation.chance(0.5)) await world.markRestored(old);
    commandAt(world, simulation.between(0, 1_000), { verb: 'adopt' }, 0.05);
    await simulation.pass(simulation.between(1_000, 100_000));
    commands();
    await simulation.pass(500_000);
    world.isLedgerOld = true;
  },

  /**
   * A host falls silent, by a cut or by its power, and at some time it has no power; the operator
   * says so again and again while that is true, and other
   * commands and sweeps go on. It boots again at any moment, also in the middle of its failover,
   * with or without a way to the operator.
   */
  failover: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    const offAtMs = simulation.between(0, simulation.pick([2_000, 1_500_000]));
    if (simulation.chance(0.5)) simulation.at(simulation.between(0, offAtMs), () => cutOff(lost));
    simulation.at(offAtMs, () => lost.crash());
    const fault = simulation.pick([0, 0.05, 0.12]);
    const saysSo = (delayMs: number): void =>
      simulation.at(delayMs, () => {
        if (!lost.isUp)
          commandAt(
            world,
            0,
            { verb: 'failover', host: lost.name, statement: 'powered-off' },
            fault,
          );
      });
    for (let times = simulation.between(1, 5); times > 0; times -= 1)
      saysSo(offAtMs + simulation.between(0, simulation.pick([5_000, 3_000_000])));
    for (let times = simulation.between(0, 6); times > 0; times -= 1)
      commandAt(world, simulation.between(0, 3_000_000), aroundFailover(world), fault);
    if (simulation.chance(0.4)) mishapAt(world, simulation.between(0, 3_000_000));
    simulation.at(
      offAtMs + simulation.between(1_000, simulation.pick([120_000, 3_600_000])),
      () => {
        lost.link = simulation.chance(0.5) ? whole : cut;
        lost.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
      },
    );
    await simulation.pass(5_500_000);
  },

  /**
   * A host burns down, at any moment of other commands, and the operator says so; those that are
   * left run everything.
   */
  'lost-host': async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    const goneAtMs = simulation.between(0, 120_000);
    simulation.at(goneAtMs, () => {
      lost.crash();
      world.gone.add(lost.name);
    });
    for (let count = simulation.between(0, 3); count > 0; count -= 1)
      commandAt(world, simulation.between(0, 200_000), someMove(world), 0.04);
    for (let count = simulation.between(1, 2); count > 0; count -= 1)
      commandAt(
        world,
        goneAtMs + simulation.between(100, 300_000),
        { verb: 'failover', host: lost.name, statement: 'destroyed' },
        simulation.pick([0, 0.12]),
      );
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, 200_000));
    await simulation.pass(700_000);
  },

  /**
   * A host that runs is cut off; its fence takes its power, by hand or from cron, and it stays off
   * for as long as the command said.
   */
  fenced: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    simulation.at(simulation.between(0, 20_000), () => cutOff(lost));
    const fault = simulation.pick([0, 0.05]);
    const fence = { verb: 'failover', host: lost.name, statement: 'fenced' } as const;
    if (simulation.chance(0.5)) commandAt(world, simulation.between(21_000, 200_000), fence, fault);
    for (let minute = 1; minute <= simulation.between(4, 7); minute += 1)
      commandAt(
        world,
        minute * 60_000 + simulation.between(0, 5_000),
        { verb: 'sweep', isAutomatic: true },
        fault,
      );
    if (simulation.chance(0.5))
      commandAt(world, simulation.between(0, 400_000), someMove(world), fault);
    await simulation.pass(600_000);
    // Longer than hold.after and the margin since anybody could have been in contact.
    await simulation.pass(1_500_000);
    lost.link = simulation.chance(0.5) ? whole : cut;
    lost.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
    await simulation.pass(60_000);
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

function cutOff(host: ModelHost): void {
  host.simulation.note(`${host.name} is cut off`);
  host.link = cut;
}

/** Everything runs and has something to remember. */
export async function placed(world: World): Promise<void> {
  await world.command({ verb: 'allocate' });
  await world.simulation.pass(world.simulation.between(1_000, 30_000));
  await remember(world);
}

/** And a sweep has kept a copy of it, because a host will be lost. */
export async function placedAndKept(world: World): Promise<void> {
  await placed(world);
  await world.tell({ verb: 'sweep' });
}

function aroundFailover(world: World) {
  const { simulation } = world;
  const verb = simulation.pick([
    'sweep',
    'sweep',
    'sweep',
    'allocate',
    'resume',
    'move',
    'stop',
    'start',
    'rebalance',
  ] as const);
  if (verb === 'sweep' || verb === 'allocate' || verb === 'resume' || verb === 'rebalance')
    return { verb };
  const account = simulation.pick(world.accounts);
  return verb === 'move'
    ? { verb, account, host: simulation.pick(world.hosts).name }
    : { verb, account };
}
