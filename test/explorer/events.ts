import { beat, boot, Helper, losePower, putBack } from './host.ts';
import type { Rules } from './rules.ts';
import { CommandRunner, type Emit, type Faults, isReachable, passLinger } from './run-command.ts';
import {
  type Age,
  type AnnouncedAge,
  addCopy,
  type Command,
  type Contact,
  copyLedger,
  copyWorld,
  type Disk,
  type Host,
  type HostRow,
  type Ledger,
  machineAt,
  shiftLedger,
  type World,
  type WorldSize,
} from './world.ts';

/** What may happen in a small world. */
export interface Scope {
  readonly name: string;
  readonly size: WorldSize;
  readonly verbs: readonly Command['verb'][];
  readonly faults: Faults;
  /** Rare things on one path: faults of commands, rollbacks, restored ledgers. */
  readonly rareThings: number;
  readonly hosts: {
    /** Hosts lose power and boot. */
    readonly power: boolean;
    /** The way from the operator is cut and mended. */
    readonly links: boolean;
    readonly sleep: boolean;
    readonly rollback: boolean;
    /** Fleet's folders are put back while the host runs. */
    readonly putBack: boolean;
    readonly burn: boolean;
  };
  readonly restoresLedger: boolean;
  /**
   * Hosts run the release before, with an account online, are upgraded, and their programs put
   * back.
   */
  readonly upgrades: boolean;
  /** Somebody copies a machine, and the copy boots, under its original's name or under none. */
  readonly copies: boolean;
  /** The operator's clock is set forward, and back. */
  readonly clock: boolean;
  /** Telegram counts connections of dead workers for as long as it was asked to. */
  readonly lingers: boolean;
}

/** Every event that is possible in `world`, with the worlds that come of it. */
export function happen(rules: Rules, scope: Scope, world: World, emitFound: Emit): void {
  const emit: Emit = (found, words) => {
    for (const host of found.hosts) beat(rules, host);
    emitFound(found, words);
  };
  for (const index of world.hosts.keys()) hostEvents(rules, scope, world, index, emit);
  timePasses(rules, world, emit);
  if (scope.copies) copyEvents(world, emit);
  if (scope.clock) clockEvents(world, emit);
  if (scope.lingers && world.hosts.some(({ linger }) => linger.some((left) => left > 0)))
    change(world, 'a minute and a half passes', emit, (next) => passLinger(next, 90_000));
  ledgerEvents(scope, world, emit);
  for (const [at, { host, bootId, request }] of world.late.entries())
    if (world.hosts[machineAt(world, host)]?.bootId === bootId && isReachable(world, host))
      change(world, `the late request reaches ${host}`, emit, (next) => {
        next.late.splice(at, 1);
        new Helper(rules, next, machineAt(next, host)).run(request);
      });
  commands(rules, scope, world, emit);
}

function change(world: World, words: string, emit: Emit, act: (next: World) => void): void {
  const next = copyWorld(world);
  act(next);
  emit(next, words);
}

const rare = (world: World, words: string, emit: Emit, act: (next: World) => void): void => {
  if (world.faultsLeft === 0) return;
  change(world, words, emit, (next) => {
    next.faultsLeft -= 1;
    act(next);
  });
};

function hostEvents(rules: Rules, scope: Scope, world: World, index: number, emit: Emit): void {
  const { power, isLinked, disk, snapshot, copyOf, isOld } = world.hosts[index] as Host;
  const may = scope.hosts;
  const name = copyOf === null ? `${index}` : `the copy of ${copyOf}`;
  const on = (next: World): Host => next.hosts[index] as Host;
  if (may.power && power === 'on')
    change(world, `${name} loses power`, emit, (next) => losePower(next, index));
  if (may.power && power === 'off')
    change(world, `${name} boots`, emit, (next) => boot(rules, next, index));
  if (may.links && copyOf === null && (isLinked || power !== 'gone'))
    change(world, `the way to ${index} is ${isLinked ? 'cut' : 'mended'}`, emit, (next) => {
      on(next).isLinked = !isLinked;
    });
  if (may.sleep && power === 'on')
    rare(world, `${index} is suspended`, emit, (next) => {
      on(next).power = 'asleep';
    });
  if (may.sleep && power === 'asleep')
    change(world, `${index} is resumed`, emit, (next) => {
      on(next).power = 'on';
    });
  if ((may.rollback || may.putBack) && snapshot === null && disk.authority !== null)
    change(world, `somebody takes a snapshot of the disk of ${index}`, emit, (next) => {
      on(next).snapshot = disk;
    });
  if (may.putBack && power === 'on' && snapshot !== null && isReachable(world, index))
    rare(world, `fleet's folders on ${index} are put back`, emit, (next) =>
      putBack(rules, next, index),
    );
  if (scope.upgrades && power === 'on' && !isOld)
    rare(world, `the programs of ${index} are put back`, emit, (next) => {
      on(next).isOld = true;
    });
  // A younger one is not found out: the host may be within hold.after of its contact.
  if (may.rollback && snapshot?.contact?.age && power === 'off')
    rare(world, `the disk of ${index} is rolled back`, emit, (next) => {
      on(next).disk = snapshot;
    });
  if (
    may.burn &&
    power !== 'gone' &&
    world.hosts.filter((host) => host.power !== 'gone').length > 1
  )
    change(world, `${index} burns down`, emit, (next) => {
      losePower(next, index);
      on(next).power = 'gone';
    });
}

const older = (age: Age): Age => Math.min(2, age + 1) as Age;
const olderContact = (contact: Contact | null): Contact | null =>
  contact === null ? null : { ...contact, age: older(contact.age) };
const olderAnnouncement = (age: AnnouncedAge): AnnouncedAge => Math.min(3, age + 1) as AnnouncedAge;
const olderDisk = (disk: Disk): Disk => ({
  ...disk,
  contact: olderContact(disk.contact),
  announcement:
    disk.announcement === null
      ? null
      : { ...disk.announcement, age: olderAnnouncement(disk.announcement.age) },
});

/** What is as old as it can be, and does not look it, looks older all the same. */
const olderIntent = ({ intent, intentAhead }: HostRow): Pick<HostRow, 'intent' | 'intentAhead'> => {
  if (intent === null) return { intent, intentAhead };
  return {
    intent: older(intent),
    intentAhead: intent === 2 && intentAhead < 0 ? intentAhead + 1 : intentAhead,
  };
};

/** Its end and the margin behind it are over after four steps. */
const olderAnnounced = (age: AnnouncedAge | null): AnnouncedAge | null =>
  age === null || age === 3 ? null : olderAnnouncement(age);

export const olderLedger = (ledger: Ledger): Ledger => ({
  ...ledger,
  hosts: ledger.hosts.map((row) => ({
    ...row,
    ...olderIntent(row),
    announced: olderAnnounced(row.announced),
  })),
});

/** A little more than `hold.after`: no request is under way for so long. */
export function timePasses(rules: Rules, world: World, emit: Emit): void {
  change(world, 'hold.after passes', emit, (next) => {
    for (const host of next.hosts) {
      const isSame = host.snapshot === host.disk;
      host.disk = olderDisk(host.disk);
      host.snapshot = isSame ? host.disk : host.snapshot && olderDisk(host.snapshot);
      beat(rules, host);
    }
    for (const [at, ledger] of next.ledgers.entries()) next.ledgers[at] = olderLedger(ledger);
    if (next.backup !== null) next.backup = olderLedger(next.backup);
    next.late.length = 0;
    passLinger(next, Number.POSITIVE_INFINITY);
  });
}

/** One copy, of a host that was in contact. */
function copyEvents(world: World, emit: Emit): void {
  for (const [index, { copyOf, disk }] of world.hosts.entries()) {
    const copy = world.hosts.length - 1;
    if (copyOf !== null)
      change(
        world,
        `the address of ${copyOf} leads to ` +
          `${machineAt(world, copyOf) === copy ? copyOf : 'its copy'}`,
        emit,
        (next) => {
          const to = machineAt(world, copyOf) === copy ? copyOf : copy;
          next.routes = next.routes.map((at, name) => (name === copyOf ? to : at));
        },
      );
    else if (copy < world.routes.length && disk.contact !== null)
      change(world, `somebody copies the machine ${index}`, emit, (next) => addCopy(next, index));
  }
}

/** As far as the clock was ever set, contacts of before look older by it, or younger. */
function clockEvents(world: World, emit: Emit): void {
  for (const by of [2, -1])
    rare(
      world,
      `the operator's clock is set ${by > 0 ? 'forward by twice' : 'back by'} hold.after`,
      emit,
      (next) => {
        next.clock += by;
        for (const [at, ledger] of next.ledgers.entries())
          next.ledgers[at] = shiftLedger(ledger, by);
        if (next.backup !== null) next.backup = shiftLedger(next.backup, by);
      },
    );
}

function ledgerEvents(scope: Scope, world: World, emit: Emit): void {
  const { backup } = world;
  if (!scope.restoresLedger) return;
  if (backup === null)
    change(world, 'the ledger is backed up', emit, (next) => {
      next.backup = copyLedger(next.ledgers[0] as Ledger);
    });
  else
    rare(world, 'the ledger is restored from its backup', emit, (next) => {
      next.ledgers[0] = { ...copyLedger(backup), isStale: true, isUnsure: true };
      next.paused = null;
    });
  if (backup !== null)
    rare(
      world,
      "somebody puts the ledger's backup in its place, and says nothing",
      emit,
      (next) => {
        next.ledgers[0] = copyLedger(backup);
        next.paused = null;
      },
    );
}

function commands(rules: Rules, scope: Scope, world: World, emit: Emit): void {
  const runner = (words: string) =>
    new CommandRunner(rules, scope.faults, isTwice, (next, more) => emit(next, `${words}${more}`));
  if (world.paused !== null) {
    const { paused } = world;
    const next = copyWorld(world);
    next.paused = null;
    runner(`${paused.command.verb} goes on`).run(next, paused);
  }
  for (const ledger of world.ledgers.keys())
    for (const command of commandsIn(scope.verbs, world, ledger)) {
      const connections = world.hosts.map(() => null);
      runner(wordsOf(command, ledger)).run(world, { command, ledger, log: [], connections });
    }
}

const wordsOf = (command: Command, ledger: number): string => {
  const { verb } = command;
  const words = [
    ledger === 0 ? '' : `ledger ${ledger}:`,
    verb,
    'account' in command ? `a${command.account}` : '',
  ];
  if (verb === 'failover')
    words.push(`${command.host} --${command.statement} (to ${command.target})`);
  else if ('host' in command) words.push(`to ${command.host}`);
  return words.filter((word) => word !== '').join(' ');
};

/** Commands that the operator may give; of statements about hosts only the true ones. */
export function commandsIn(verbs: readonly Command['verb'][], world: World, at: number): Command[] {
  const ledger = world.ledgers[at] as Ledger;
  const hosts = [...ledger.hosts.keys()];
  const all = new Set(verbs);
  const found: Command[] = [];
  const placeable = hosts.filter((host) => isReachable(world, host));
  const homeless = ledger.accounts.some(({ host, state }) => host === null && state === 'stored');
  if (all.has('allocate'))
    for (const host of homeless ? placeable : placeable.slice(0, 1))
      found.push({ verb: 'allocate', host });
  if (all.has('reboot')) for (const host of placeable) found.push({ verb: 'reboot', host });
  if (all.has('init'))
    for (const host of placeable)
      if (world.hosts[machineAt(world, host)]?.isOld) found.push({ verb: 'init', host });
  for (const verb of ['sweep', 'adopt'] as const) if (all.has(verb)) found.push({ verb });
  if (all.has('resume') && ledger.moves.length > 0) found.push({ verb: 'resume' });
  for (const [account, { host: owner, state }] of ledger.accounts.entries()) {
    if (all.has('move') && owner !== null)
      for (const host of placeable) if (host !== owner) found.push({ verb: 'move', account, host });
    if (all.has('start') && owner !== null) found.push({ verb: 'start', account });
    if (all.has('export') && state !== 'detached' && ledger.accounts[account]?.highest !== 0)
      found.push({ verb: 'export', account });
    if (all.has('import') && state === 'detached') found.push({ verb: 'import', account });
  }
  if (all.has('failover'))
    for (const host of hosts)
      for (const target of placeable)
        for (const statement of trueStatements(world, host))
          if (host !== target) found.push({ verb: 'failover', host, statement, target });
  return found;
}

function trueStatements(world: World, host: number): ('powered-off' | 'destroyed')[] {
  const { power } = world.hosts[host] as Host;
  if (power === 'gone') return ['destroyed'];
  return power === 'off' ? ['powered-off'] : [];
}

/**
 * Who may be heard by Telegram with the key of an account: live workers, connections that may still
 * linger, and a use outside the fleet.
 */
export function usersOf(world: World, account: number): number {
  const inside = world.hosts.filter(
    ({ power, running, linger }) =>
      (running[account] && power === 'on') || (linger[account] ?? 0) > 0,
  ).length;
  return inside + (world.outside[account] ? 1 : 0);
}

export const isTwice = (world: World): boolean =>
  world.outside.some((_, account) => usersOf(world, account) > 1);
