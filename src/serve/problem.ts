/** What went wrong, as RFC 9457 says it (`application/problem+json`). Pure. */
import { FleetError, type FleetErrorCode } from '../model/errors.ts';

/** What only a server can refuse; everything else has the code of its {@link FleetError}. */
export type ServerCode =
  | 'token'
  | 'scope'
  | 'not-found'
  | 'method'
  | 'too-large'
  | 'media-type'
  | 'slow'
  | 'idempotency'
  | 'rate'
  | 'cursor'
  | 'busy';

export interface ProblemFacts {
  /** `urn:fleet:problem:CODE`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What failed, and where. */
  readonly detail: string;
  readonly code: ServerCode | FleetErrorCode;
  /** What to do next. */
  readonly hint: string;
  readonly host?: string;
  readonly account?: string;
  readonly problems?: readonly string[];
}

const statusByCode: Readonly<Partial<Record<FleetErrorCode, number>>> = {
  ...{ usage: 400, 'session-file': 400 },
  ...{ 'lock-held': 409, 'plan-stale': 409, placement: 409, 'in-doubt': 409, canary: 409 },
  ...{ 'claim-refused': 409, 'authority-refused': 409, 'survey-incomplete': 409 },
  ...{ 'account-offline': 409, 'ledger-stale': 409 },
  ...{ 'ledger-locked': 503, 'ledger-readonly': 503, 'ledger-corrupt': 503, 'ledger-newer': 503 },
  'ledger-moved': 503,
  ...{ interrupted: 503, 'ssh-timeout': 504, 'command-timeout': 504 },
  ...{ inventory: 500, secret: 500, vault: 500, 'vault-key': 500, 'ssh-config': 500 },
  ...{ 'this-machine': 500, bug: 500 },
};

/** What concerns a host is the fault of something behind the server. */
export const statusOf = (code: FleetErrorCode): number => statusByCode[code] ?? 502;

const titles: Readonly<Record<number, string>> = {
  ...{ 400: 'Bad request', 401: 'No valid token', 403: 'Not allowed', 404: 'Not found' },
  ...{ 405: 'Wrong method', 408: 'Too slow', 409: 'Conflict', 413: 'Too large' },
  ...{ 415: 'Wrong media type', 422: 'Key used for something else', 429: 'Too many requests' },
  ...{
    431: 'Too large',
    500: 'Server fault',
    502: 'A host failed',
    503: 'Not now',
    504: 'Too slow',
  },
};

export function problemFacts(
  status: number,
  code: ProblemFacts['code'],
  detail: string,
  hint: string,
): ProblemFacts {
  const title = titles[status] ?? 'Error';
  return { type: `urn:fleet:problem:${code}`, title, status, detail, code, hint };
}

/** Anything that is not a FleetError is a fault of ours, whose words stay in the log. */
export function problemOf(error: unknown): ProblemFacts {
  if (!(error instanceof FleetError))
    return problemFacts(500, 'bug', 'This is a bug in fleet.', 'The log of the server has more.');
  const { code, message, hint, host, account, problems } = error;
  return {
    ...problemFacts(statusOf(code), code, message, hint),
    ...(host === undefined ? {} : { host }),
    ...(account === undefined ? {} : { account }),
    ...(problems.length === 0 ? {} : { problems }),
  };
}

/** Thrown by routes; becomes the answer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly facts: ProblemFacts;
  readonly headers: Readonly<Record<string, string>>;

  constructor(facts: ProblemFacts, headers: Readonly<Record<string, string>> = {}) {
    super(facts.detail);
    this.facts = facts;
    this.headers = headers;
  }
}

/** Shorthand for what only a server refuses. */
export const refusal = (
  status: number,
  code: ServerCode | 'usage',
  detail: string,
  hint: string,
  headers: Readonly<Record<string, string>> = {},
): Problem => new Problem(problemFacts(status, code, detail, hint), headers);
