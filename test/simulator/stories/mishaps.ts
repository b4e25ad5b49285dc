import { readAnnouncement } from '../../../hostside/machine/boot.ts';
import type { FaultKind } from '../kinds.ts';
import type { ModelHost } from '../model/model-host.ts';
import type { Chance } from '../simulation.ts';
import type { World } from '../world.ts';

type Mishap = (world: World, host: ModelHost, chance: Chance) => void;

const whole = { hears: true, isHeard: true };
const minute = 60_000;
const hour = 60 * minute;

/** A machine of which was said meanwhile that it will never boot again does not. */
export function bootLater(world: World, host: ModelHost, chance: Chance, delayMs: number): void {
  const [sshMs, holdMs] = [chance.between(100, 3_000), chance.between(100, 3_000)];
  world.later(delayMs, () => {
    if (!world.gone.has(host.name)) host.boot(sshMs, holdMs);
  });
}

export function cutLink(world: World, host: ModelHost, chance: Chance): void {
  host.link = chance.pick([
    { hears: false, isHeard: false },
    { hears: true, isHeard: false },
    { hears: false, isHeard: true },
  ]);
  world.simulation.note(`${host.name} link ${JSON.stringify(host.link)}`);
  world.later(chance.between(500, 200_000), () => {
    host.link = whole;
  });
}

const someKey = (world: World, chance: Chance): string =>
  world.keyIdOf(chance.pick(world.accounts));

/** What may happen to a host, or to the operator's machine, at any moment of any story. */
export const mishaps = {
  'power-loss': (world, host, chance) => {
    host.crash();
    bootLater(world, host, chance, chance.between(2_000, chance.pick([30_000, 1_200_000])));
  },
  'cut-link': cutLink,
  'step-clock': ({ simulation }, host, chance) => {
    host.clockOffsetMs += chance.between(-300_000, 300_000);
    host.isClockSynchronized = chance.chance(0.5);
    simulation.note(`${host.name} clock ${host.clockOffsetMs}`);
  },
  'far-clock': (world, host, chance) => {
    const { simulation } = world;
    const byMs = chance.between(10 * minute, 48 * hour) * chance.pick([1, -1]);
    host.clockOffsetMs += byMs;
    host.isClockSynchronized = false;
    simulation.note(`${host.name} clock is wrong by ${byMs} ms`);
    const isByBoot = chance.chance(0.5);
    world.later(chance.between(5_000, 10 * minute), () => {
      if (isByBoot) host.crash();
      host.clockOffsetMs -= byMs;
      host.isClockSynchronized = true;
      simulation.note(`${host.name} clock is right`);
      if (isByBoot) bootLater(world, host, chance, chance.between(2_000, 3 * minute));
    });
  },
  'operator-clock': (world, _, chance) => {
    world.stepOperatorClock(chance.between(-2 * hour, 2 * hour));
    world.later(chance.between(5_000, 20 * minute), () =>
      world.stepOperatorClock(-world.operatorClockMs),
    );
  },
  'spoiled-disk': (world, host, chance) => {
    const { simulation } = world;
    host.disk = chance.pick(['full', 'broken'] as const);
    simulation.note(`${host.name} disk ${host.disk}`);
    world.later(chance.between(500, 60_000), () => {
      host.disk = 'good';
    });
  },
  'crashed-worker': (world, host, chance) =>
    host.units.crash(someKey(world, chance), chance.chance(0.3)),
  'dropped-connection': ({ dataCentre }, _, chance) => dataCentre.dropOne(chance),
  /**
   * A helper that hangs in the kernel with its locks: acts on the account, or a new serial, have to
   * wait or are refused.
   */
  'held-lock': (world, host, chance) => {
    if (!host.isUp) return;
    const stuck = host.spawn('a helper that hangs');
    const lock = chance.chance(0.5) ? `${someKey(world, chance)}.act` : 'authority.act';
    if (!host.takeLock(stuck, `${host.places.locks}/${lock}`, true)) return;
    world.simulation.note(`${host.name} ${lock} is held`);
    host.after(chance.between(1_000, 150_000), () => host.end(stuck));
  },
  /** Accounts run on, claims are obeyed; only nobody reports. */
  'stopped-agent': (world, host, chance) => {
    const { simulation } = world;
    host.isAgentUp = false;
    simulation.note(`${host.name} agent is stopped`);
    world.later(chance.between(1_000, 300_000), () => {
      host.isAgentUp = true;
    });
  },
  'dead-way': (world, host, chance) => {
    host.breakWay();
    world.later(chance.between(1_000, 5 * minute), () => host.mendWay());
  },
  suspend: (world, host, chance) => standStill(world, host, chance, 'suspend'),
  pause: (world, host, chance) => standStill(world, host, chance, 'pause'),
  'reboot-again': (world, host, chance) => {
    let atMs = 0;
    for (let times = chance.between(2, 3); times > 0; times -= 1) {
      const isOrderly = chance.chance(0.5);
      world.later(atMs, () => (isOrderly ? host.shutDown() : host.crash()));
      atMs += chance.between(2_000, 40_000);
      bootLater(world, host, chance, atMs);
      atMs += chance.between(2_000, chance.pick([60_000, 8 * minute]));
    }
  },
  'container-boot': (_, host, chance) =>
    host.restartContainer(chance.between(100, 3_000), chance.between(100, 3_000)),
  'young-rollback': (world, host, chance) => {
    const disk = world.snapshotDisk(host);
    world.later(chance.between(2 * minute, 9 * minute), () => {
      host.crash();
      world.restoreDisk(host, disk);
      bootLater(world, host, chance, chance.between(2_000, 60_000));
    });
  },
  'same-identity': (world, host, chance) => {
    // A copy that was made between the announcement of a reboot and that reboot is the machine that
    // was announced: no software can tell them apart.
    if (readAnnouncement(host.places)?.usedBy === null) return;
    const copy = world.clone(host, 'everything');
    world.later(chance.between(2 * minute, 9 * minute), () => copy.boot());
    world.later(chance.between(12 * minute, 30 * minute), () => copy.crash());
  },
  /** At any moment, also right after the copy was made. */
  'same-ids': (world, host, chance) => {
    const copy = world.clone(host, 'ids');
    world.later(chance.between(1_000, 9 * minute), () => copy.boot());
    world.later(chance.between(12 * minute, 30 * minute), () => copy.crash());
  },
  'wrong-machine': (world, host, chance) => {
    const copy = world.clone(host, chance.pick(['system', 'ids'] as const));
    copy.link = whole;
    world.later(chance.between(1_000, 3 * minute), () => {
      copy.boot();
      world.leadsTo.set(host.name, copy);
      world.simulation.note(`the address of ${host.name} leads to ${copy.name}`);
    });
    world.later(chance.between(5 * minute, 20 * minute), () => {
      copy.crash();
      world.leadsTo.delete(host.name);
    });
  },
  'new-hardware': (world, host, chance) => {
    host.crash();
    const what = chance.pick(['card', 'firmware', 'cloud', 'all'] as const);
    world.simulation.note(`${host.name} has new hardware (${what})`);
    const serial = String(chance.between(10, 99));
    if (what === 'card' || what === 'all') host.macs = [`02:00:00:00:00:${serial}`];
    if (what === 'firmware' || what === 'all')
      host.dmiUuid = `4c4c4544-0000-4000-8000-0000000000${serial}`;
    if (what === 'cloud' || what === 'all') host.identify(`machine-${serial}`);
    bootLater(world, host, chance, chance.between(2_000, 60_000));
  },
  /** Nothing by which it would be another machine. */
  'less-hardware': (world, host, chance) => {
    host.crash();
    const added = `02:00:00:00:01:${chance.between(10, 99)}`;
    host.macs = chance.chance(0.5) ? [...host.macs, added] : [added, ...host.macs];
    if (chance.chance(0.5)) host.identify(null);
    bootLater(world, host, chance, chance.between(2_000, 30_000));
  },
  'changed-settings': ({ simulation }, host, chance) => {
    const holdAfterMs = chance.pick([minute, 2 * hour, 24 * hour]);
    simulation.note(`${host.name} hold.after is ${holdAfterMs} ms`);
    host.configure({ holdAfterMs });
  },
  'frozen-unit': (world, host, chance) => {
    const keyId = someKey(world, chance);
    world.simulation.note(`${host.name} ${keyId.slice(0, 4)} is frozen`);
    host.units.freeze(keyId);
    host.after(chance.between(1_000, 10 * minute), () => host.units.thaw(keyId));
  },
  'drop-in': (world, host, chance) => {
    const keyId = someKey(world, chance);
    host.units.dropIns.add(keyId);
    world.later(chance.between(1_000, 10 * minute), () => void host.units.dropIns.delete(keyId));
  },
  'removed-files': ({ simulation }, host) => {
    simulation.note(`${host.name} fleet's files are removed`);
    host.removeFiles();
  },
  'lost-commit': (world) => world.losePowerOfOperator(),
  'lost-vault-write': (world) => {
    world.simulation.note("the operator's machine loses its power, and the vault its last write");
    world.killControllers();
    const account = world.vault.loseLastWrite();
    // Only its host has what a sweep had copied: what is lost with that host nobody has.
    if (account !== null) world.remembering.delete(account);
  },
  'stalled-helper': (_, host, chance) => {
    host.stallMs = chance.between(30_000, 15 * minute);
  },
} as const satisfies Partial<Readonly<Record<FaultKind, Mishap>>>;

function standStill(world: World, host: ModelHost, chance: Chance, how: 'suspend' | 'pause'): void {
  // A worker of another kind that does not ask before it connects can be kept by no software.
  if (host.luck.isCustomWorker) return;
  host.standStill(how);
  const forMs = chance.pick([
    chance.between(2_000, minute),
    chance.between(minute, 15 * minute),
    chance.between(hour, 3 * hour),
  ]);
  world.later(forMs, () => host.goOn());
}
