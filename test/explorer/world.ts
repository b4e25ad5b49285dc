import type { BootMark } from '../../hostside/claims/boot-marks.ts';
import type { StandingClaim } from '../../hostside/claims/decide.ts';
import type { ContactName } from '../../hostside/hold/heartbeat.ts';
import { instanceIdFrom, type MachineParts } from '../../hostside/machine/instance-id.ts';
import type { MachineRecord } from '../../hostside/machine/know-machine.ts';
import type {
  AnnouncementRecord,
  AuthorityRecord,
  BootVerdict,
  ContactRecord,
} from '../../hostside/protocol/host.ts';
import type { HostAct } from '../../hostside/protocol/host-acts.ts';
import type { Roster } from '../../hostside/protocol/roster.ts';
import type { MovePhase } from '../../src/ownership/phases.ts';

/**
 * A small world in which nothing is measured and everything is counted. Values are never changed in
 * place below the first level, so that a copy of the
 * first two levels is a copy of the world.
 */
export interface World {
  /** Those of the ledgers first, in their order; then copies. */
  readonly hosts: Host[];
  /** By name: which machine answers. */
  routes: readonly number[];
  /** The first one is the operator's; others belong to somebody else, or are copies. */
  readonly ledgers: Ledger[];
  /** The operator's last serial, kept outside the ledger. */
  serialKept: number;
  /** How far the operator's clock is ahead, in steps of time. */
  clock: number;
  /** The same as the last run has kept it, outside the ledger; null: there was none. */
  clockKept: number | null;
  /** A backup of the operator's ledger. */
  backup: Ledger | null;
  /** By account: its session is in use outside the fleet. */
  readonly outside: boolean[];
  /** A command that stands still between two of its effects: a closed lid, a prompt. */
  paused: PausedCommand | null;
  /** Requests that are under way for long. */
  readonly late: LateRequest[];
  /** How many more rare things may happen on this path. */
  faultsLeft: number;
  /** For names that are used once. */
  names: number;
}

/** Age of a stamp: how often `hold.after` has passed since then; 2: twice, or more. */
export type Age = 0 | 1 | 2;

export interface Host {
  /** `gone`: it will never boot again. `asleep`: paused, with its memory. */
  power: 'on' | 'off' | 'asleep' | 'gone';
  /** The way from the operator. */
  isLinked: boolean;
  bootId: string;
  verdict: BootVerdict | null;
  disk: Disk;
  /** Of this boot. */
  instanceId: string;
  /**
   * By which the machine is known; null: nobody copies machines here, and each has its name's id.
   */
  readonly parts: MachineParts | null;
  /** It runs programs of the release before. */
  isOld: boolean;
  /** Of a copy: its original. */
  readonly copyOf: number | null;
  /** What the disk was when somebody took a snapshot. */
  snapshot: Disk | null;
  /** By account: its worker runs. */
  readonly running: boolean[];
  /** By account: what this boot has last written of its claim, in memory. */
  readonly marks: (BootMark | null)[];
  /** By account: how long Telegram may still count a connection of a worker that is dead, ms. */
  readonly linger: number[];
}

export interface Staged {
  readonly epoch: number;
  readonly moveId: string;
}

/** As far as boots and later contacts look at it. */
export interface Contact
  extends Pick<
    ContactRecord,
    'bootId' | 'authorityId' | 'serial' | 'revision' | 'claims' | 'isWhole'
  > {
  readonly age: Age;
  /** Of the release before: it lists no claims, and counts for all of them there. */
  readonly isFormer?: true;
}

/** Age of an announcement, which serves for longer than two steps; 3: its end is over. */
export type AnnouncedAge = Age | 3;

/** A reboot that was announced; `age`: at first that of the contact of the same request. */
export interface Announcement extends Omit<AnnouncementRecord, 'untilMs'> {
  readonly age: AnnouncedAge;
}

/** Everything durable; each write of the helper gives a new one. */
export interface Disk {
  readonly claims: readonly StandingClaim[];
  readonly staged: readonly (readonly Staged[])[];
  readonly enabled: readonly boolean[];
  readonly authority: AuthorityRecord | null;
  readonly contact: Contact | null;
  readonly announcement: Announcement | null;
  /**
   * The contact that the last heartbeat knew. That one is always young enough, and lies outside of
   * fleet's folders.
   */
  readonly beatKnew: ContactName | null;
  /** The machine in which it was last used. */
  readonly machine: MachineRecord | null;
}

export interface LateRequest {
  readonly host: number;
  readonly bootId: string;
  readonly request: ModelRequest;
}

export interface Stamp {
  readonly id: string;
  readonly serial: number;
  readonly nonce: string;
  readonly takeOver?: boolean;
  readonly roster?: Roster;
}

export interface ModelRequest {
  readonly stamp: Stamp | null;
  readonly acts: readonly HostAct[];
}

export type LedgerState =
  | 'stored'
  | 'placed'
  | 'online'
  | 'held'
  | 'stopped'
  | 'offline'
  | 'removing'
  | 'detached';

export interface AccountRow {
  readonly host: number | null;
  readonly epoch: number | null;
  /** The move that granted it. */
  readonly moveId: string | null;
  readonly state: LedgerState;
  readonly wanted: boolean;
  /** Highest epoch that this ledger has used or seen for the key. */
  readonly highest: number;
}

export type Kind = 'initial' | 'manual' | 'failover';

export interface Move {
  readonly id: string;
  readonly account: number;
  readonly kind: Kind;
  readonly from: number | null;
  readonly to: number | 'detached';
  readonly epoch: number;
  readonly phase: MovePhase;
  /** Epoch that ends with the receipt. */
  readonly fromEpoch: number;
  /** Of a failover: the host that was lost. */
  readonly lost: number | null;
  readonly isBack: boolean;
  readonly releasedTo: number | null;
}

export type HostStatement = 'powered-off' | 'destroyed' | 'fenced';

export interface HostRow {
  /** The last intent to connect with authority. */
  readonly intent: Age | null;
  /** How much older the intent looks by the operator's clock than it is, in steps of time. */
  readonly intentAhead: number;
  /** The last announcement of a reboot; null: none, or its end lies far behind. */
  readonly announced: AnnouncedAge | null;
  readonly announcedAhead: number;
  /** Another one after each contact, and each time it answers. */
  readonly mark: string;
  /** What is said of it; null: it counts as a possible owner. */
  readonly off: HostStatement | null;
  readonly isDestroyed: boolean;
  /** The machine that accounts were given to; null: not known, or nobody copies machines here. */
  readonly instanceId: string | null;
}

export interface Ledger {
  readonly authorityId: string;
  lastSerial: number;
  isStale: boolean;
  /** It may have forgotten something. */
  isUnsure: boolean;
  /** Where each move was going, and its epoch, as far as that is above its account's owner. */
  begun: readonly Pick<Move, 'id' | 'account' | 'to' | 'epoch'>[];
  accounts: readonly AccountRow[];
  /** Open ones. */
  moves: readonly Move[];
  /** Detachments that are over. */
  receipts: readonly Move[];
  hosts: readonly HostRow[];
}

/**
 * The arguments of a command, and what its effects so far have given: enough to go on from there.
 */
export interface PausedCommand {
  readonly command: Command;
  readonly ledger: number;
  readonly log: readonly Given[];
  /** By host: the boot to which the command's connection leads. */
  readonly connections: readonly (string | null)[];
}

/** What an effect gave its command, or how it failed. */
export type Given = { readonly value: unknown } | { readonly fault: Fault };

/**
 * `unreachable`: no connection came about. `lost`: something was sent, and nothing came back.
 * `refused`: the command cannot go on. `old`: its programs are of an earlier fleet.
 */
export interface Fault {
  readonly kind: 'unreachable' | 'lost' | 'refused' | 'stale' | 'old';
  readonly text: string;
}

export type Command =
  | { readonly verb: 'allocate' | 'reboot' | 'init'; readonly host: number }
  | { readonly verb: 'sweep' | 'resume' | 'adopt' }
  | { readonly verb: 'move'; readonly account: number; readonly host: number }
  | { readonly verb: 'start' | 'export' | 'import'; readonly account: number }
  | {
      readonly verb: 'failover';
      readonly host: number;
      readonly statement: HostStatement;
      /** Where its accounts go. */
      readonly target: number;
    };

export const hostName = (index: number): string => `h#${index}`;
export const keyId = (account: number): string => `k#${account}`;
/** The machine that answers under a name. */
export const machineAt = ({ routes }: World, host: number): number => routes[host] ?? host;

/** What a copy shares with its original, but for the hardware addresses. */
const partsOf = (host: number, card: string): MachineParts => ({
  ...{
    cloudId: `i-${host}`,
    dmiUuid: `4c4c4544-0051-3610-8052-b4c04f4e343${host}`,
    machineId: `m-${host}`,
  },
  ...{ macs: [`52:54:00:00:0${host}:${card}`], isContainer: false },
});

/**
 * Cloud id, DMI uuid and machine id are those of the original. It is off, and reached under no
 * name.
 */
export const addCopy = (world: World, host: number): void => {
  const original = world.hosts[host] as Host;
  const accounts = world.outside.length;
  const off = { power: 'off', isLinked: true, bootId: '', verdict: null, snapshot: null } as const;
  world.hosts.push({
    ...{ ...original, ...off, ...nothingRuns(accounts), parts: partsOf(host, '02'), copyOf: host },
  });
};

const nothingRuns = (accounts: number): Pick<Host, 'running' | 'marks' | 'linger'> => ({
  running: Array.from({ length: accounts }, () => false),
  marks: Array.from({ length: accounts }, () => null),
  linger: Array.from({ length: accounts }, () => 0),
});
export const hostIndex = (name: string): number => Number(name.slice(2));

export const copyLedger = (ledger: Ledger): Ledger => ({ ...ledger });

/** By the operator's clock everything in it took place so much earlier. */
export const shiftLedger = (ledger: Ledger, by: number): Ledger => ({
  ...ledger,
  hosts: ledger.hosts.map((row) => ({
    ...row,
    intentAhead: row.intentAhead + by,
    announcedAhead: row.announcedAhead + by,
  })),
});

export const copyWorld = (world: World): World => ({
  ...world,
  hosts: world.hosts.map((host) => ({
    ...host,
    running: [...host.running],
    marks: [...host.marks],
    linger: [...host.linger],
  })),
  ledgers: world.ledgers.map(copyLedger),
  outside: [...world.outside],
  late: [...world.late],
});

export const withItem = <T>(items: readonly T[], index: number, item: T): readonly T[] =>
  items.map((old, at) => (at === index ? item : old));

/** A name that nobody has used; sorted as they were made. */
export const newName = (world: World, prefix: string): string => {
  world.names += 1;
  return `${prefix}#${world.names}`;
};

const blankDisk = (accounts: number): Disk => ({
  claims: Array.from({ length: accounts }, () => ({ claim: null, fault: null })),
  staged: Array.from({ length: accounts }, () => []),
  enabled: Array.from({ length: accounts }, () => false),
  authority: null,
  contact: null,
  announcement: null,
  beatKnew: null,
  machine: null,
});

export const blankLedger = (authorityId: string, hosts: number, accounts: number): Ledger => ({
  ...{
    authorityId,
    lastSerial: 0,
    isStale: false,
    isUnsure: false,
    begun: [],
    moves: [],
    receipts: [],
  },
  accounts: Array.from({ length: accounts }, () => ({
    host: null,
    epoch: null,
    moveId: null,
    state: 'stored',
    wanted: true,
    highest: 0,
  })),
  hosts: Array.from({ length: hosts }, () => ({
    ...{
      intent: null,
      intentAhead: 0,
      announced: null,
      announcedAhead: 0,
      mark: '',
      off: null,
      isDestroyed: false,
      instanceId: null,
    },
  })),
});

export interface WorldSize {
  readonly hosts: number;
  readonly accounts: number;
  readonly ledgers: number;
}

const machineOf = (host: number, hasParts: boolean): Pick<Host, 'instanceId' | 'parts'> => {
  const parts = hasParts ? partsOf(host, '01') : null;
  return { parts, instanceId: parts === null ? `i#${host}` : instanceIdFrom(parts) };
};

/** Hosts are up and initialised, sessions are in the vault, nothing is placed. */
export const newWorld = (size: WorldSize, faults: number, hasParts = false): World => ({
  hosts: Array.from({ length: size.hosts }, (_, index) => ({
    ...{
      power: 'on',
      isLinked: true,
      bootId: `b#${index + 1}`,
      disk: blankDisk(size.accounts),
      snapshot: null,
    },
    verdict: {
      format: 1,
      bootId: `b#${index + 1}`,
      verdict: 'run',
      reasons: [],
      claims: [],
      decidedAt: '',
    },
    ...{ ...nothingRuns(size.accounts), ...machineOf(index, hasParts), copyOf: null, isOld: false },
  })),
  routes: Array.from({ length: size.hosts }, (_, index) => index),
  ledgers: Array.from({ length: size.ledgers }, (_, index) =>
    blankLedger(`l#${index}`, size.hosts, size.accounts),
  ),
  backup: null,
  serialKept: 0,
  clock: 0,
  clockKept: null,
  outside: Array.from({ length: size.accounts }, () => false),
  paused: null,
  late: [],
  faultsLeft: faults,
  names: size.hosts,
});
