/**
 * A verb of fleet as one object. The command line, cron and any other caller use the same one;
 * {@link file://./run-verb.ts} has the order of its acts.
 */
import type { Run, RunLock } from '../ledger/queries/runs.ts';
import type { FleetError } from '../model/errors.ts';
import type { Desk } from './desk.ts';
import type { Fields, InputOf } from './input.ts';
import type { OpenContext } from './open-context.ts';
import type { Json } from './outcome.ts';

/** The groups of `fleet --help`, in its order. */
export const verbGroups = {
  setup: 'Set up',
  accounts: 'Accounts',
  talk: 'What accounts say',
  hosts: 'Hosts',
  moves: 'Who runs where',
  looks: 'Look',
  alerts: 'Alerts',
  upkeep: 'Keep it running',
  ledger: 'Ledger and backup',
  about: 'About fleet',
} as const;

export type VerbGroup = keyof typeof verbGroups;

/** Files of this machine that verbs read or write; where each lies is said in help. */
export const verbFiles = {
  inventory: ['inventory.yaml', 'what should be (--inventory, FLEET_INVENTORY)'],
  ledger: ['fleet.db', 'the ledger, beside the inventory (ledger: in it)'],
  vault: ['vault/', 'sessions, encrypted (vault.path in the inventory)'],
  key: ['vault.key', 'what opens the vault (vault.key in the inventory)'],
  knownHosts: ['known_hosts', 'keys of hosts (ssh.known_hosts in the inventory)'],
  sshConfig: ['~/.ssh/config', 'addresses, ports, users and jumps, as ssh reads it'],
  scripts: ['scripts/*.yaml', 'what accounts say, beside the inventory'],
  profiles: ['profiles/*.yaml', 'what hosts get, beside the inventory'],
  backups: ['backups/', 'backups, beside the ledger'],
} as const satisfies Record<string, readonly [string, string]>;

/** What a verb changes at most. */
export type VerbEffects = 'nothing' | 'files' | 'ledger' | 'hosts';

export type VerbFile = keyof typeof verbFiles;

/** What everybody may know of a verb without running it. */
export interface VerbFacts<F extends Fields> {
  /** As it is typed: `allocate`, `hosts cordon`. */
  readonly name: string;
  readonly group: VerbGroup;
  /** Another word for its last one. */
  readonly alias?: string;
  /** What its parent's name alone means. */
  readonly isDefault?: boolean;
  /** It is about its caller's own terminal or shell: an API has no route to it. */
  readonly isLocal?: boolean;
  /** What it shows changes by itself: it takes `--watch`. */
  readonly isWatchable?: boolean;
  /** One sentence without a full stop. */
  readonly summary: string;
  readonly input: F;
  /** Words after `fleet`, and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  readonly files: readonly VerbFile[];
  /** What an exit code means here, where it says more than everywhere. */
  readonly exits?: Readonly<Partial<Record<3 | 4, string>>>;
  /** What it changes; default: a look nothing, a change the ledger, and hosts by its authority. */
  readonly effects?: VerbEffects;
  /** It logs in as `ssh.init_user`, for what an everyday login user may not do. */
  needsAllRights?(input: InputOf<F>): boolean;
  /** Errors: `usage`, for values that do not go together. Before anything is opened. */
  check?(input: InputOf<F>): void;
}

/** A verb that only looks. `R`: what it found. */
export interface Look<F extends Fields, R> extends VerbFacts<F> {
  readonly kind: 'look';
  look(context: OpenContext, input: InputOf<F>): Promise<R>;
  /** Where looks again and again share something, such as connections. */
  open?(
    context: OpenContext,
    input: InputOf<F>,
  ): Promise<{ look(): Promise<R>; close(): Promise<void> }>;
  toJson(found: R, input: InputOf<F>): Json;
  /** What failed for some hosts or accounts. */
  problems?(found: R): readonly FleetError[];
  /** Exit code, where problems alone do not say it. */
  exit?(found: R): number | undefined;
}

/**
 * A verb that changes the ledger, or hosts by their authority: alone on this ledger. `P`: what it
 * would do; `D`: what it did. With a field `dryRun` that is true it ends
 * after the plan.
 */
export interface Change<F extends Fields, P, D> extends VerbFacts<F> {
  readonly kind: 'change';
  /** It changes nothing that the ledger has, and may work beside others. */
  readonly isBesideOthers?: boolean;
  /**
   * It runs again and again by itself: where no person can be asked, a host that has refused the
   * login is left alone for a while.
   */
  readonly isForCron?: boolean;
  plan(context: OpenContext, input: InputOf<F>): Promise<P>;
  /** Nothing is to be done, or must not be: it ends as a dry run does. */
  isEmpty?(plan: P, input: InputOf<F>): boolean | Promise<boolean>;
  /** It ends after an empty plan, and not because of a dry run. */
  leave?(context: OpenContext, plan: P, input: InputOf<F>): Promise<void>;
  /** What the operator has to agree to; null: nothing. */
  question?(plan: P, input: InputOf<F>): string | null;
  /**
   * `begin` takes the run's serial: before the first connection with authority, and again after
   * others were at work. `aside`: while it waits for a person.
   */
  execute(
    context: OpenContext,
    begin: () => Promise<Run>,
    plan: P,
    input: InputOf<F>,
    aside: RunLock['aside'],
  ): Promise<D>;
  /** `done`: null after a dry run or an empty plan. */
  toJson(plan: P, done: D | null, input: InputOf<F>): Json;
  problems?(plan: P, done: D | null): readonly FleetError[];
  exit?(plan: P, done: D | null, input: InputOf<F>): number | undefined;
}

/** A verb that opens nothing beforehand: what it needs it opens itself. */
export interface Errand<F extends Fields, R> extends VerbFacts<F> {
  readonly kind: 'errand';
  /** Some of its acts are alone on the ledger, as a change is. */
  readonly isAloneAtTimes?: boolean;
  run(desk: Desk, input: InputOf<F>): Promise<R>;
  toJson(result: R, input: InputOf<F>): Json;
  problems?(result: R): readonly FleetError[];
  exit?(result: R): number | undefined;
}

// Members are written as methods, so that every verb is one of these.
export type Verb =
  | Look<Fields, unknown>
  | Change<Fields, unknown, unknown>
  | Errand<Fields, unknown>;

/** They give a verb its types, and nothing else. */
export const defineLook = <const F extends Fields, R>(
  look: Omit<Look<F, R>, 'kind'>,
): Look<F, R> => ({ ...look, kind: 'look' });
export const defineChange = <const F extends Fields, P, D>(
  change: Omit<Change<F, P, D>, 'kind'>,
): Change<F, P, D> => ({
  ...change,
  kind: 'change',
});
export const defineErrand = <const F extends Fields, R>(
  errand: Omit<Errand<F, R>, 'kind'>,
): Errand<F, R> => ({
  ...errand,
  kind: 'errand',
});
