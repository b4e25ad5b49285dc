import type { Generated, Insertable, Selectable } from 'kysely';
import type { AccountState } from '../model/account-state.ts';
import type { MoveKind, MovePhase } from '../ownership/phases.ts';
import type { HostStatement } from '../ownership/safe-moment.ts';

/**
 * All times are milliseconds since the epoch; all `*_json` columns hold JSON text. No column ever
 * holds a secret.
 */
export interface LedgerSchema {
  meta: { key: string; value: string };
  hosts: HostsTable;
  forgotten_hosts: ForgottenHostsTable;
  accounts: AccountsTable;
  logins: LoginsTable;
  epochs: { key_id: string; epoch: number };
  placements: PlacementsTable;
  moves: MovesTable;
  history: HistoryTable;
  samples: SamplesTable;
  decision_inputs: { hash: string; at: number; content: Buffer };
  events: EventsTable;
  /** One hash per decision and event, each over the one before: src/ledger/history-chain.ts. */
  chain: { seq: Generated<number>; source: string; row: number; hash: string };
  canaries: CanariesTable;
  runs: RunsTable;
  lock: LockTable;
  alerts: { key: string; state: string; alert_json: string };
  alert_messages: AlertMessagesTable;
  alert_silences: AlertSilencesTable;
  alert_channels: AlertChannelsTable;
  api_tokens: ApiTokensTable;
  api_plans: ApiPlansTable;
  api_jobs: ApiJobsTable;
  api_answers: ApiAnswersTable;
}

interface HostsTable {
  name: string;
  /**
   * Machine that the ledger knows under this name; another instance must be surveyed before it is
   * trusted.
   */
  instance_id: string | null;
  arch: string | null;
  os: string | null;
  /** Release of the agent that `init` left behind; null: never bootstrapped. */
  release: string | null;
  bootstrapped_at: number | null;
  cordoned: number;
  cordon_reason: string | null;
  /**
   * Written before connecting with authority: the earliest safe moment of a failover counts from
   * here.
   */
  contact_intent_at: number | null;
  last_seen_at: number | null;
  /** Consecutive runs in which it did not answer. */
  failures: number;
  failure_reason: string | null;
  latency_ms: number | null;
  destroyed_at: number | null;
  /** First failed connection since the last that came through; null: it answers. */
  unreachable_since: number | null;
  /** As the last sweep announced it: healthy, suspect or down. */
  health: string;
  /**
   * The operator, or a fence that was verified, says that it is switched off since; cleared as soon
   * as it answers.
   */
  off_at: number | null;
  /** What `off_at` rests on; null beside one of an earlier release. */
  off_kind: HostStatement | null;
  /**
   * Until when a boot of it may start accounts unasked, by the contacts and announcements so far,
   * ms since the epoch; never falls. Null: by `contact_intent_at`.
   */
  may_boot_until: number | null;
  /** How often something with authority was about to be sent to it. */
  contacts: Generated<number>;
  /**
   * As `init` last wrote it there: how long after a contact it starts its accounts at a boot, ms.
   */
  hold_after_ms: number | null;
  /** Of the installed system, as `init` read it. */
  machine_id: string | null;
  /** The name that `init` last wrote to the host where it is another: it was renamed since. */
  told_name: string | null;
  /**
   * A reboot is announced until then: it is expected to be away. Null: none is, or the host is
   * back.
   */
  announced_until: number | null;
  /** The boot in which that was done. */
  announced_boot: string | null;
  /**
   * The highest serial of this ledger that the host has confirmed; null: none since the ledger
   * keeps it.
   */
  acknowledged_serial: number | null;
  /** When it was last found to know less than that, and what it knew; null: never. */
  fell_back_at: number | null;
  fell_back_to: number | null;
  /**
   * The first login that it refused since it last let fleet in; null: it accepts fleet's logins.
   */
  refused_since: number | null;
  /** The last one of them. */
  refused_at: number | null;
  /** How many they are. */
  refusals: Generated<number>;
  /** In which words: JSON of code, message and hint. */
  refusal: string | null;
}

/** What is kept of a host that was forgotten, so that one that comes back is what it was. */
interface ForgottenHostsTable
  extends Pick<
    HostsTable,
    | 'name'
    | 'instance_id'
    | 'off_at'
    | 'off_kind'
    | 'destroyed_at'
    | 'contact_intent_at'
    | 'may_boot_until'
    | 'hold_after_ms'
  > {
  at: number;
}

interface AccountsTable {
  name: string;
  key_id: string;
  user_id: string | null;
  data_centre: number;
  is_bot: number;
  source_format: string;
  vault_hash: string;
  imported_at: number;
  state: AccountState;
  state_reason: string;
  state_since: number;
  /** Operator's wish: 1 run, 0 stopped. */
  wanted: number;
  /**
   * The only host where it may be, by the operator's word; null: wherever the planner puts it. The
   * inventory's pin counts more.
   */
  pinned_to: string | null;
  /** By the operator: 1 it reads and says nothing. */
  paused: Generated<number>;
  /** The operator's choice in place of the inventory's script; null: the inventory's. */
  script: string | null;
  /** As Telegram told the worker, without `@`. */
  username: string | null;
  /** What people call the account, in any script; null: its name. */
  display_name: string | null;
  /** SHA-256 of the behaviour that its host was last given; null: none yet. */
  behaviour_hash: string | null;
}

/** A login that was begun. */
interface LoginsTable {
  account: string;
  /** Where it is made, and where the account is to run. */
  host: string;
  way: string;
  /** The account's key when it began; null: the account is a new one. */
  old_key_id: string | null;
  /** The key that lies among the vault's logins, logged in or not; null: none was made yet. */
  key_id: string | null;
  /**
   * `open`: the account has its old key, or none. `taken`: it has the new one, and is to be
   * started.
   */
  phase: 'open' | 'taken';
  started_at: number;
}

interface PlacementsTable {
  account: string;
  host: string;
  epoch: number;
  move_id: string;
  since: number;
}

interface MovesTable {
  id: string;
  account: string;
  key_id: string;
  kind: MoveKind;
  from_host: string | null;
  to_host: string;
  epoch: number;
  phase: MovePhase;
  /** The decision as data: what `fleet why` shows. */
  decision_json: string;
  /** Last failure; null while all went well. */
  problem: string | null;
  created_at: number;
  updated_at: number;
}

interface HistoryTable {
  id: Generated<number>;
  at: number;
  account: string;
  host: string;
  from_host: string | null;
  type: MoveKind;
  /** Load score of the host at the decision, before the account was added. */
  score: number | null;
  strategy: string | null;
  reason: string;
  move_id: string;
  decision_json: string;
}

interface SamplesTable {
  host: string;
  taken_at: number;
  sample_json: string;
}

interface EventsTable {
  id: Generated<number>;
  at: number;
  kind: string;
  host: string | null;
  account: string | null;
  text: string;
}

/** Scripts and their limits, or the program that runs accounts. */
export type CanaryKind = 'scripts' | 'workers';

/**
 * `begun`: those that try it are getting it. `watching`: they have it. `spreading`: the others are
 * getting it. `returning`: it is being put back.
 * `put-back` and `done` are the ends; what was put back is held back from then on.
 */
export type CanaryPhase = 'begun' | 'watching' | 'spreading' | 'returning' | 'put-back' | 'done';

interface CanariesTable {
  id: string;
  kind: CanaryKind;
  mark: string;
  phase: CanaryPhase;
  accounts_json: string;
  others_json: string;
  /** gzip of JSON: `[account, text][]`. */
  before: Buffer;
  watch_ms: number;
  max_errors: number;
  note: string;
  begun_at: number;
  changed_at: number;
}

interface RunsTable {
  serial: number;
  nonce: string;
  command: string;
  started_at: number;
}

interface LockTable {
  name: string;
  owner_host: string;
  owner_pid: number;
  token: string;
  expires_at: number;
}

/** A message about alerts, until a channel of its route has taken it and for a while afterwards. */
interface AlertMessagesTable {
  id: string;
  created_at: number;
  route_json: string;
  message_json: string;
  attempts: number;
  next_try_at: number;
  /** Why no channel took it at the last try. */
  problem: string | null;
  delivered_at: number | null;
  delivered_by: string | null;
}

interface AlertSilencesTable {
  id: Generated<number>;
  rule: string;
  subject: string;
  until: number;
  reason: string;
  by: string;
  created_at: number;
}

/** A channel that did not take the last thing that it was told. */
interface AlertChannelsTable {
  name: string;
  failed_at: number;
  failing_since: number;
  /** Without secrets. */
  problem: string;
  hint: string;
  /** It asked to be left alone until then; null: it did not. */
  rest_until: number | null;
}

/** What a client of `fleet serve` shows. */
interface ApiTokensTable {
  id: string;
  name: string;
  /** SHA-256 of the token, hex. */
  hash: string;
  /** look, plan or act. */
  scope: string;
  /** Pattern of the hosts that it is limited to; null: it is not. */
  hosts: string | null;
  created_at: number;
  created_by: string;
  expires_at: number | null;
  revoked_at: number | null;
  /** To the minute. */
  last_used_at: number | null;
}

/** A plan that a client was shown. */
interface ApiPlansTable {
  id: string;
  /** Whose client asked for it. */
  token: string;
  verb: string;
  /** As it was asked. */
  input_json: string;
  /** Of all that it rests on, and of what it does. */
  digest: string;
  made_at: number;
  expires_at: number;
  /** What carries it out; null: nothing yet. */
  job: string | null;
}

interface ApiJobsTable {
  id: string;
  token: string;
  verb: string;
  /** Who, and from where. */
  caller: string;
  state: 'running' | 'done' | 'failed' | 'unknown';
  /** The process of the server: host, number and beginning. */
  owner: string;
  begun_at: number;
  ended_at: number | null;
  /** Result or problem. */
  answer_json: string | null;
}

/** What was answered to a request with an idempotency key. */
interface ApiAnswersTable {
  token: string;
  key: string;
  /** SHA-256 of method, path and body. */
  digest: string;
  at: number;
  /** The job that it begins; null: it begins none. */
  job: string | null;
  /** Null: it was not answered yet. */
  status: number | null;
  answer_json: string | null;
}

export type HostRow = Selectable<HostsTable>;
export type ForgottenHostRow = Selectable<ForgottenHostsTable>;
export type LoginRow = Selectable<LoginsTable>;
export type AccountRow = Selectable<AccountsTable>;
export type PlacementRow = Selectable<PlacementsTable>;
export type CanaryRow = Selectable<CanariesTable>;
export type MoveRow = Selectable<MovesTable>;
export type HistoryRow = Selectable<HistoryTable>;
export type NewHistory = Insertable<HistoryTable>;
export type AlertMessageRow = Selectable<AlertMessagesTable>;
export type AlertChannelRow = Selectable<AlertChannelsTable>;
export type EventRow = Selectable<EventsTable>;
export type ApiTokenRow = Selectable<ApiTokensTable>;
export type ApiPlanRow = Selectable<ApiPlansTable>;
export type ApiJobRow = Selectable<ApiJobsTable>;
export type ApiAnswerRow = Selectable<ApiAnswersTable>;
