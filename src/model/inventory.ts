import type { AlertPolicy } from './alert-policy.ts';
import type { LedgerPlace, PostgresSettings } from './ledger-place.ts';
import type { AccountName, HostName } from './names.ts';
import type { SecretReference } from './secret-reference.ts';
import type { SessionStringFormat } from './session.ts';

/**
 * A place on earth, degrees: latitude -90..90, longitude -180..180. `name` is what the operator
 * wrote.
 */
export interface Location {
  readonly name: string;
  readonly latitude: number;
  readonly longitude: number;
  /** ISO 3166-1 alpha-2 country, upper case, where known. */
  readonly country: string | null;
}

export type Strategy = 'load' | 'even' | 'location' | 'affinity' | 'isolation';

/** Weights of the load score. Each 0-1; they are used as given and should sum to 1. */
export interface ScoreWeights {
  readonly cpu: number;
  readonly memory: number;
  readonly slots: number;
  readonly disk: number;
}

export interface PlacementPolicy {
  readonly strategy: Strategy;
  /**
   * Strategy for accounts that carry a label `key=value` (or `key`), first match in inventory order
   * wins.
   */
  readonly strategyByLabel: readonly { readonly label: string; readonly strategy: Strategy }[];
  readonly weights: ScoreWeights;
  /** Points of load score, 0-100: a rebalance acts when the spread exceeds it. */
  readonly threshold: number;
  /** Voluntary moves per rebalance at most. */
  readonly maxMigrations: number;
  /** Share of a host's memory that accounts and the system may use together, 0-1. */
  readonly memoryLimitRatio: number;
  /** A sample older than this is refreshed before a decision. */
  readonly sampleMaxAgeMs: number;
  /** A voluntary move of an account is followed by at least this rest. */
  readonly cooldownMs: number;
}

/** systemd limits of one account's unit. */
export interface AccountLimits {
  /** Bytes; becomes MemoryMax. */
  readonly memoryMaxBytes: number;
  /**
   * Bytes; becomes MemoryHigh; what placement reserves when nothing is measured is
   * `memoryReserveBytes`.
   */
  readonly memoryHighBytes: number;
  /** Bytes that placement reserves for an account whose use is not measured yet. */
  readonly memoryReserveBytes: number;
  /** Cores; becomes CPUQuota (0.5 = 50 %). */
  readonly cpuMaxCores: number;
  /** Cores that placement reserves for an account whose use is not measured yet. */
  readonly cpuReserveCores: number;
  /** Processes and threads; becomes TasksMax. */
  readonly tasksMax: number;
  /** Bytes in files of its own; past it bin/fleet-quota ends the account. */
  readonly diskMaxBytes: number;
  /** Files and directories; past it, too. */
  readonly filesMax: number;
  /** Lines an hour of one priority that the journal keeps; becomes LogRateLimitBurst. */
  readonly logMax: number;
}

/**
 * What carries SSH: the library inside fleet, the system's OpenSSH, or OpenSSH only where the ssh
 * config asks for what the library cannot do.
 */
export type SshTransport = 'ssh2' | 'openssh' | 'auto';

/** How to reach a host. Absent values come from `~/.ssh/config`, then from OpenSSH's defaults. */
export interface SshSettings {
  readonly address: string | null;
  readonly user: string | null;
  readonly port: number | null;
  readonly identityFiles: readonly string[];
  /** `SHA256:...` fingerprints that are accepted without known_hosts. */
  readonly hostKeys: readonly string[];
  readonly password: SecretReference | null;
  readonly passphrase: SecretReference | null;
  readonly sudoPassword: SecretReference | null;
  /** `narrow`: after `fleet init` sudo lets `user` do nothing but the acts of bin/fleet-sudo. */
  readonly sudo: 'full' | 'narrow';
  /**
   * Who logs in for the commands that need all rights of root (`allRightsCommands`); null: `user`.
   */
  readonly initUser: string | null;
  readonly transport: SshTransport;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
}

/**
 * Commands on the operator's machine that switch a host off and tell whether it is off. Arguments,
 * never a shell, in the operator's environment; `{host}` and `{address}` are replaced.
 */
export interface FencePolicy {
  readonly off: readonly string[];
  /** Exit code 0: the host has no power. Anything else: not yet. */
  readonly verify: readonly string[];
  /** How long `verify` may take to confirm, ms; also the limit of `off`. */
  readonly timeoutMs: number;
}

export interface HostSpec {
  readonly name: HostName;
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly zone: string | null;
  readonly location: Location | null;
  readonly ssh: SshSettings;
  /**
   * Name of a file in `profiles/` beside the inventory or in templates/profiles, without `.yaml`.
   */
  readonly profile: string;
  readonly maxAccounts: number;
  /** Operator's wish in the inventory; `fleet hosts cordon` sets the same in the ledger. */
  readonly cordoned: boolean;
  readonly limits: AccountLimits;
  /** IANA time zone that init sets, for example `Etc/UTC`. */
  readonly timeZone: string;
  /** null: nobody but the operator can say that it is off. */
  readonly fence: FencePolicy | null;
  /** Accept an operating system that is not supported (A2). */
  readonly allowUnsupportedOs: boolean;
}

/** Fixed per account for its whole life: a changing device is a risk sign to Telegram. */
export interface TelegramSettings {
  readonly apiId: SecretReference | number;
  readonly apiHash: SecretReference;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
}

/**
 * A program of the operator's own that runs an account behind the gate (docs/custom-workers.md).
 */
export interface CustomWorker {
  /**
   * Absolute path on the host, then arguments: words that no shell and no unit file takes for more
   * than text.
   */
  readonly command: readonly string[];
  /** What its session credential looks like. */
  readonly sessionFormat: SessionStringFormat;
  /**
   * How long Telegram may count a connection of it that ended without a word, ms: what its client
   * asks for by `ping_delay_disconnect`, and a margin.
   */
  readonly lingerMs: number;
}

/**
 * A group in an account's allow-list. `id`: decimal text in the marked form (`-100...` a
 * supergroup, `-...` a basic group).
 */
export interface ChatSpec {
  readonly id: string;
  /** What the operator calls it; null: no name. */
  readonly name: string | null;
}

/**
 * Answers at most in any 60 minutes; null: the operator has switched that limit off. What is absent
 * is not said.
 */
export interface AnswerLimitsSpec {
  readonly perAccount?: number | null;
  readonly perChat?: number | null;
  readonly perUser?: number | null;
  readonly ceiling?: number;
}

/** The model that answers where a script asks for one. */
export interface ModelSpec {
  /** OpenAI-compatible, without a trailing slash. */
  readonly baseUrl: string;
  readonly model: string;
  /** null: the server asks for none. */
  readonly apiKey: SecretReference | null;
  readonly timeoutMs: number;
  readonly retries: number;
  readonly concurrency: number;
  readonly temperature: number | null;
  readonly contextMessages: number;
  readonly contextTokens: number;
  readonly answerTokens: number;
  /** Per account and day (UTC); null: no limit. */
  readonly budgetTokens: number | null;
  readonly budgetMoney: number | null;
  /** Money per million tokens read and written. */
  readonly priceIn: number;
  readonly priceOut: number;
  readonly fallback: string | null;
  readonly isModerated: boolean;
}

export interface AccountSpec {
  readonly name: AccountName;
  readonly labels: Readonly<Record<string, string>>;
  /** Accounts of one group, script or owner are spread by the isolation strategy. */
  readonly group: string | null;
  readonly script: string | null;
  readonly owner: string | null;
  readonly location: Location | null;
  /** Countries, zones or host groups where it may run; empty: anywhere. */
  readonly allowedZones: readonly string[];
  readonly pinnedTo: HostName | null;
  readonly strategy: Strategy | null;
  /** Overrides of the host's limits for this account. */
  readonly limits: Partial<AccountLimits>;
  /** The groups in which it answers; empty: nowhere. */
  readonly chats: readonly ChatSpec[];
  readonly answerLimits: AnswerLimitsSpec;
  readonly telegram: TelegramSettings;
  /**
   * The part of `telegram` that its own entry says: it counts more than what came with its session.
   */
  readonly ownTelegram: Partial<TelegramSettings>;
  /** null: the bundled worker. */
  readonly worker: CustomWorker | null;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
}

export interface HoldPolicy {
  /** A host that boots longer than this after the operator's last contact holds its accounts. */
  readonly holdAfterMs: number;
  /** Also hold when the clock is not synchronised at boot. */
  readonly requireClockSync: boolean;
  /** Least time between any stop and the next start of an account, ms. */
  readonly settleMs: number;
  /** The same after an unclean end, ms. */
  readonly settleUncleanMs: number;
}

export interface SweepPolicy {
  /** A host that has not answered for this long is down; before that it is suspect. ms. */
  readonly downAfterMs: number;
  /** Measurements older than this are forgotten, ms. */
  readonly keepSamplesMs: number;
}

export interface FailoverPolicy {
  /** Hosts that may be down at once before automatic failover brakes itself. */
  readonly maxHosts: number;
  /**
   * Least time between the end of a machine and the start of its accounts elsewhere, ms: for this
   * long Telegram may still count its connections.
   */
  readonly settleMs: number;
}

/** How slowly the fleet follows what it measures, and what it never does by itself. */
export interface RebalancePolicy {
  /** Evaluations in a row over the threshold before a steady rebalance moves anything. */
  readonly patience: number;
  /** Nothing voluntary moves for this long after a steady rebalance, ms. */
  readonly restMs: number;
  /** A reading counts half after this time, ms. */
  readonly halfLifeMs: number;
  /** How long every host has to be measured before anything is decided from it, ms. */
  readonly measuredForMs: number;
  /**
   * An account changes its address voluntarily only while it has done so less often within seven
   * days.
   */
  readonly addressChangesPerWeek: number;
  /** Whether an account without zones of its own may be moved to another country. */
  readonly crossCountry: boolean;
}

/** Where the operator's own files are. Absolute paths. */
export interface OperatorPaths {
  /** Where backups go that name no other folder. */
  readonly backups: string;
  readonly vault: string;
  readonly knownHosts: string;
  /** Folder of the operator's scripts; fleet's own are looked for after it. */
  readonly scripts: string;
}

/** The whole inventory, validated, defaults applied, paths absolute. */
export interface Inventory {
  readonly fleet: string;
  /** Absolute path of the YAML file. */
  readonly path: string;
  readonly ledger: LedgerPlace;
  /** For every database that a ledger is in, or comes to. */
  readonly postgres: PostgresSettings;
  readonly paths: OperatorPaths;
  /** age identity (`AGE-SECRET-KEY-1...`) of the vault. */
  readonly vaultKey: SecretReference;
  /** Hosts worked on at the same time. */
  readonly concurrency: number;
  readonly placement: PlacementPolicy;
  readonly rebalance: RebalancePolicy;
  readonly failover: FailoverPolicy;
  readonly hold: HoldPolicy;
  readonly sweep: SweepPolicy;
  readonly model: ModelSpec | null;
  /** Length of a time slot where several accounts share a group, ms. */
  readonly answerSlotMs: number;
  /**
   * Addresses, ranges and names of machines that accounts may connect to, besides name servers;
   * null: all but metadata services and link-local addresses.
   */
  readonly egress: readonly string[] | null;
  /** Whom fleet tells what is wrong; null: nobody. */
  readonly alerts: AlertPolicy | null;
  readonly hosts: readonly HostSpec[];
  readonly accounts: readonly AccountSpec[];
  /** For accounts that are in the vault but not named in the inventory. */
  readonly accountDefaults: Omit<AccountSpec, 'name'>;
  /**
   * Registry or mirror from which a runtime for another architecture is fetched; null: npm's
   * configured registry.
   */
  readonly runtimeMirror: string | null;
  /** Settings that are unsafe as written and count as something else, one sentence each. */
  readonly raised: readonly string[];
}
