import { FleetError, type FleetErrorCode } from '../../../model/errors.ts';
import { visibleLine } from '../../../model/visible.ts';

/** What PostgreSQL, or the way to it, answered instead of a result. */
export class PostgresFailure extends Error {
  override readonly name = 'PostgresFailure';
  /** SQLSTATE, the operating system's or TLS's code, or one of {@link ownCodes}. */
  readonly code: string;

  constructor(code: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.code = code;
  }
}

/** For what has no code of its own. */
export const ownCodes = {
  /** The connection ended while a statement was under way, or before it. */
  lost: 'lost',
  /** The connection ended after the last word of a transaction: whether it counts is not known. */
  unknownEnd: 'unknown-end',
  /** The server offers no TLS. */
  noTls: 'no-tls',
  /** No answer within the limit. */
  silent: 'silent',
} as const;

interface Kind {
  readonly pattern: RegExp;
  readonly code: FleetErrorCode;
  readonly what: string;
  readonly hint: string;
}

const again = 'run this again: it goes on from what was recorded';

/** The first that fits. SQLSTATE classes: PostgreSQL's manual, appendix A. */
const kinds: readonly Kind[] = [
  {
    pattern: /^unknown-end$/,
    code: 'ledger-unreachable',
    what: 'the connection was lost before the server confirmed what it was to record',
    hint: `it may be recorded or not, and both are safe: ${again}`,
  },
  {
    pattern: /^(lost|silent|57P0[12]|25P03|08\w{3}|ECONNRESET|EPIPE)$/,
    code: 'ledger-unreachable',
    what: 'the connection was lost',
    hint: `is the server there again (pg_isready)? Then ${again}`,
  },
  {
    pattern: /^(57P03|53300|E(CONNREFUSED|TIMEDOUT|HOSTUNREACH|NETUNREACH|AI_AGAIN)|ENOENT)$/,
    code: 'ledger-unreachable',
    what: 'no connection to its server',
    hint: 'is it running, and does it listen there (pg_isready)? Nothing was changed',
  },
  {
    pattern: /^ENOTFOUND$/,
    code: 'ledger-unreachable',
    what: 'its server has no address',
    hint: 'check the name in the inventory (ledger:) and this machine’s name service',
  },
  {
    pattern: /^no-tls$/,
    code: 'ledger-denied',
    what: 'its server offers no TLS',
    hint: 'give it a certificate (ssl = on), or use its unix socket: postgres://USER@/DB?host=/FOLDER',
  },
  {
    pattern: /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO|HOSTNAME_)/,
    code: 'ledger-denied',
    what: 'the certificate of its server is not trusted',
    hint: 'name the file of who signed it (postgres: { ca: FILE }), and check the server’s name',
  },
  {
    pattern: /^(28\w{3}|3D000|3F000|42501)$/,
    code: 'ledger-denied',
    what: 'the server refuses',
    hint: 'check user, password (postgres: { password: ... }) and database: docs/ledger/postgres.md',
  },
  {
    pattern: /^(55P03|40P01|40001|57014)$/,
    code: 'ledger-locked',
    what: 'another process is writing to it',
    hint: 'wait for the other fleet command to end, then run this again',
  },
  {
    pattern: /^(53100|53200|53400)$/,
    code: 'ledger-readonly',
    what: 'its server has no room left',
    hint: 'free some space on the server, then run this again',
  },
  {
    // The second one is a standby's answer to a transaction that would write.
    pattern: /^(25006|0A000)$/,
    code: 'ledger-readonly',
    what: 'its server takes no changes',
    hint: 'is it a standby, or set to read-only? Name the primary server in the inventory (ledger:)',
  },
  {
    pattern: /^58\w{3}$/,
    code: 'ledger-readonly',
    what: 'its server cannot read or write its disk',
    hint: 'look at the server’s log and dmesg, then run this again',
  },
  {
    pattern: /^22\w{3}$/,
    code: 'ledger-corrupt',
    what: 'a value does not fit into it',
    hint: 'please report this; nothing was changed',
  },
  {
    pattern: /^(XX00[12]|42P01|42703|42883)$/,
    code: 'ledger-corrupt',
    what: 'is damaged or not a ledger',
    hint: 'keep it as it is, and name another database or bring back a backup: docs/ledger/postgres.md',
  },
];

/** What {@link PostgresFailure} means for the ledger at `place`; every other cause as it is. */
export function postgresError(place: string, cause: unknown): unknown {
  if (!(cause instanceof PostgresFailure)) return cause;
  const kind = kinds.find(({ pattern }) => pattern.test(cause.code));
  if (kind === undefined) return cause;
  const { code, what, hint } = kind;
  const said = visibleLine(cause.message).slice(0, 300);
  return new FleetError(code, `ledger ${place}: ${what} (${said})`, { hint, cause });
}
