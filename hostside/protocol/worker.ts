/**
 * Worker contract, for the bundled worker and custom ones alike; docs/custom-workers.md tells it
 * whole. Environment: `FLEET_ACCOUNT` (name),
 * `FLEET_KEY_ID`, `FLEET_STATE_DIR`, `FLEET_RUNTIME_DIR` (status.json goes there), `FLEET_CONFIG`
 * (path of the config credential),
 * `CREDENTIALS_DIRECTORY` with `session` (a string session on one line: GramJS', or what a custom
 * worker's account asks for) and `config` (JSON,
 * {@link WorkerConfig}).
 */
export type WorkerState =
  | 'starting'
  | 'online'
  | 'reconnecting'
  | 'flood-wait'
  | 'offline' // cannot reach Telegram; keeps trying with back-off
  | 'needs-login' // 401: session revoked, expired or unregistered; never retried
  | 'duplicated' // 406 AUTH_KEY_DUPLICATED; never retried
  | 'banned' // the account or its number is banned or deactivated; never retried
  | 'misconfigured'
  | 'stopping'
  | 'stopped';

/**
 * Exit codes of a worker and of the gate in front of it. systemd does not restart on those marked
 * final.
 */
export const workerExit = {
  clean: 0,
  needsLogin: 65, // final
  duplicated: 66, // final
  banned: 67, // final
  misconfigured: 68, // final
  transient: 75,
  gateRefused: 77, // final until the operator's next act
} as const;

/** `status.json`, written atomically whenever it changes and at least every 60 s. */
export interface WorkerStatus {
  readonly format: 1;
  readonly state: WorkerState;
  /** ISO 8601: since when in this state. */
  readonly since: string;
  /** One line for the operator; empty when online. No secret. */
  readonly reason: string;
  readonly updatedAt: string;
  /** Decimal text: a Telegram user id, once known. */
  readonly userId: string | null;
  /** Without `@`; null: it has none. Absent: it was never online, or the worker does not tell. */
  readonly username?: string | null | undefined;
  /** End of a flood wait, ISO 8601. */
  readonly until: string | null;
  /** Round trip of the last health check, ms. */
  readonly latencyMs: number | null;
  readonly counters: Readonly<Record<string, number>>;
}

export interface WorkerConfig {
  readonly format: 1;
  readonly apiId: number;
  readonly apiHash: string;
  readonly deviceModel: string;
  readonly systemVersion: string;
  readonly appVersion: string;
  readonly langCode: string;
  readonly logLevel: 'error' | 'warn' | 'info' | 'debug';
  /** Health check period, ms; 60,000 unless a test shortens it. */
  readonly healthIntervalMs: number;
  /** The model's API key: a secret. Absent: no script asks a model, or its server wants none. */
  readonly modelKey?: string;
}

/**
 * Limits of the worker's reply time counters, ms: `reply_ms_LIMIT` counts replies above the limit
 * before it, `reply_ms_more` those above all.
 */
export const replyBucketsMs = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000] as const;

/**
 * A custom worker: its absolute path and arguments, separated by one blank each. Nothing that a
 * shell or a unit file would take for more than text.
 */
export const workerCommandPattern = /^\/[A-Za-z0-9._/+-]+(?: [A-Za-z0-9._/=:,@+-]+)*$/;

/** Gauge of a worker: 1 while Telegram has frozen its account, 0 once it has written again. */
export const frozenGauge = 'frozen';
/** Gauge of a worker: groups of its allow-list in which Telegram does not let it write. */
export const closedGroupsGauge = 'groups_closed';

/** Gauge of a worker: groups of its allow-list that the account is not in. */
export const leftGroupsGauge = 'groups_left';

/**
 * Gauge of a worker: 1 while the model's server refuses what does not pass by itself (key, model,
 * request), 0 once it has answered.
 */
export const modelRefusedGauge = 'model_unusable';

/**
 * Counter of a worker that knows Telegram's time: by how many seconds the host's clock is ahead of
 * it; negative: behind.
 */
export const clockAheadCounter = 'clock_ahead_seconds';

/**
 * Counter of a worker: time that it was not online between two times online, and before the first
 * one, ms. What still lasts is not in it.
 */
export const offlineMsCounter = 'offline_ms';
