/**
 * Why an act failed, as a closed list. Callers branch on the code, never on the text.
 *
 * `usage`/`inventory`/`session-file` are the operator's input; `ssh-*`, `host-*` concern one host;
 * `claim-*`,
 * `authority-*` protect exclusivity and are never retried blindly; `ledger-*`, `vault-*` concern
 * the operator's own files;
 * `channel` is one that takes alerts;
 * `this-machine` is what the operator's own operating system refused.
 */
export type FleetErrorCode =
  | 'usage'
  | 'inventory'
  | 'secret'
  | 'session-file'
  | 'vault'
  | 'vault-key'
  | 'ledger-locked'
  | 'ledger-readonly'
  | 'ledger-corrupt'
  | 'ledger-newer'
  | 'ledger-stale'
  | 'ledger-moved'
  | 'ledger-unreachable'
  | 'ledger-denied'
  | 'ledger-unsupported'
  | 'lock-held'
  | 'ssh-config'
  | 'ssh-resolve'
  | 'ssh-connect'
  | 'ssh-timeout'
  | 'ssh-refused'
  | 'ssh-host-key'
  | 'ssh-auth'
  | 'ssh-lost'
  | 'command-timeout'
  | 'command-failed'
  | 'transfer'
  | 'sudo'
  | 'host-unsupported'
  | 'host-space'
  | 'host-not-ready'
  | 'host-foreign'
  | 'host-step'
  | 'agent-unreachable'
  | 'agent-reply'
  | 'claim-refused'
  | 'authority-refused'
  | 'survey-incomplete'
  | 'fence'
  | 'placement'
  | 'plan-stale'
  | 'canary'
  | 'account-offline'
  | 'channel'
  | 'in-doubt'
  | 'this-machine'
  | 'interrupted'
  | 'bug';

/**
 * Extra facts of a {@link FleetError}. `host` and `account` are names as the operator wrote them.
 */
export interface FleetErrorDetails {
  readonly hint: string;
  readonly host?: string;
  readonly account?: string;
  /**
   * One line per separate mistake where there are several (inventory, session files, host-by-host
   * refusals).
   */
  readonly problems?: readonly string[];
  readonly cause?: unknown;
}

/** Characters of a text at most: it may repeat what the other side said. */
const textLimit = 4_000;
const bounded = (text: string): string =>
  text.length > textLimit ? `${text.slice(0, textLimit)} ...` : text;

/**
 * The only error that crosses a room's border. `message` says what failed and where, `hint` what to
 * do next; the cause is
 * attached and never repeated in the message. Never contains a secret.
 */
export class FleetError extends Error {
  override readonly name = 'FleetError';
  readonly code: FleetErrorCode;
  readonly hint: string;
  readonly host: string | undefined;
  readonly account: string | undefined;
  readonly problems: readonly string[];

  constructor(code: FleetErrorCode, message: string, details: FleetErrorDetails) {
    super(bounded(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = bounded(details.hint);
    this.host = details.host;
    this.account = details.account;
    this.problems = (details.problems ?? []).map(bounded);
  }
}

const unreachableCodes: readonly FleetErrorCode[] = [
  'ssh-resolve',
  'ssh-connect',
  'ssh-timeout',
  'ssh-lost',
  'command-timeout',
];

/**
 * No connection came through, or it fell silent. A host that refuses a connection in words, a login
 * or a command is there.
 */
export const isUnreachable = ({ code }: FleetError): boolean => unreachableCodes.includes(code);
