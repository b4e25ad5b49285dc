import type { SecretReference } from './secret-reference.ts';

export type Severity = 'warning' | 'critical';
export type Language = 'en' | 'zh';

/** What an alert is about. */
export type SubjectKind = 'fleet' | 'host' | 'account';

/**
 * What a sweep can measure, by name: whom it is about, and in what unit it is told (`yes`: 1 it is
 * so, 0 it is not). Rules of the inventory refer to these.
 */
export const measures = {
  'fleet-silent': { kind: 'fleet', unit: '%' },
  'host-down': { kind: 'host', unit: 'yes' },
  'host-held': { kind: 'host', unit: 'yes' },
  'host-cpu': { kind: 'host', unit: '%' },
  'host-memory': { kind: 'host', unit: '%' },
  'host-disk': { kind: 'host', unit: '%' },
  'host-clock': { kind: 'host', unit: 's' },
  'account-offline': { kind: 'account', unit: 'yes' },
  'account-ended': { kind: 'account', unit: 'yes' },
  'account-unplaced': { kind: 'account', unit: 'yes' },
  'account-frozen': { kind: 'account', unit: 'yes' },
  'account-closed-groups': { kind: 'account', unit: '' },
  'account-left-groups': { kind: 'account', unit: '' },
  'account-memory': { kind: 'account', unit: '%' },
  'account-memory-mb': { kind: 'account', unit: 'MB' },
  'account-restarts': { kind: 'account', unit: 'per hour' },
  'account-reply-time': { kind: 'account', unit: 's' },
  'account-flood-waits': { kind: 'account', unit: 'per hour' },
  'account-model-failures': { kind: 'account', unit: '%' },
  'account-model-unusable': { kind: 'account', unit: 'yes' },
} as const satisfies Record<string, { readonly kind: SubjectKind; readonly unit: string }>;

export type Measure = keyof typeof measures;

export const isMeasure = (name: string): name is Measure => Object.hasOwn(measures, name);

/** True while the measure is above a limit. */
export interface AlertRule {
  readonly name: string;
  readonly measure: Measure;
  /** In the measure's unit; null: there is no such level. */
  readonly warning: number | null;
  readonly critical: number | null;
  /** How long it must be true, ms. 0: at once. */
  readonly forMs: number;
  /**
   * The operator's own sentence and command in place of fleet's; `{subject}`, `{value}` and
   * `{limit}` are replaced.
   */
  readonly text: string | null;
  readonly remedy: string | null;
}

/** Something that happened and is told once. */
export interface NewsRule {
  readonly name: NewsName;
  readonly severity: Severity | 'info';
}

export type NewsName =
  | 'allocation-failed'
  | 'rebalanced'
  | 'failed-over'
  | 'ran-twice'
  | 'destroyed-host-answers'
  | 'clock-stepped';

/** A secret reference, or text that holds no secret. */
export type Address = SecretReference | string;

export interface WebhookChannel {
  readonly kind: 'webhook';
  readonly url: Address;
  /** `fleet`, `alertmanager`, or the name of a template. */
  readonly body: string;
  /** Value of the Authorization header. */
  readonly authorization: SecretReference | null;
  /** Key with which the template's service wants requests signed. */
  readonly signKey: SecretReference | null;
}

export interface TelegramChannel {
  readonly kind: 'telegram';
  readonly token: SecretReference;
  /** Id of the chat, or @name of a public one. */
  readonly chat: string;
  /** Of a Bot API server, without "/" at its end. */
  readonly server: string;
}

export interface MailChannel {
  readonly kind: 'mail';
  /** `smtp://HOST:PORT` (STARTTLS where offered) or `smtps://HOST:PORT`. */
  readonly server: string;
  readonly user: string | null;
  readonly password: SecretReference | null;
  readonly from: string;
  readonly to: readonly string[];
}

export interface CommandChannel {
  readonly kind: 'command';
  /** Program and arguments; no shell. The message is JSON on its standard input. */
  readonly argv: readonly string[];
}

export interface AlertmanagerChannel {
  readonly kind: 'alertmanager';
  /** Without "/" at its end. */
  readonly url: Address;
  readonly authorization: SecretReference | null;
}

export type ChannelSpec =
  | WebhookChannel
  | TelegramChannel
  | MailChannel
  | CommandChannel
  | AlertmanagerChannel;

/** What a fleet tells of itself, and to whom. */
export interface AlertPolicy {
  readonly language: Language;
  /**
   * Between two messages about an alert that goes on, ms; doubled each time up to a day. Critical
   * ones are told every hour at least.
   */
  readonly repeatMs: number;
  readonly rules: readonly AlertRule[];
  readonly news: readonly NewsRule[];
  readonly channels: Readonly<Record<string, ChannelSpec>>;
  /** Each message goes to every route: to the first of its channels that takes it. */
  readonly routes: readonly (readonly string[])[];
  /** Asked after each complete sweep; null: nobody. */
  readonly heartbeat: Address | null;
}
