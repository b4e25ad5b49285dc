import { createHash } from 'node:crypto';
import {
  type LoginAnswer,
  type LoginEnd,
  type LoginKey,
  type LoginRequest,
  type LoginWord,
  loginLineBytes,
  talkLimitMs,
} from '../../../hostside/protocol/login.ts';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { parseLoginWord } from '../../facts/login-words.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { FleetContext } from '../context.ts';

/**
 * Whoever proves that the account is theirs. Rejects with FleetError (`interrupted`) when they do
 * not answer, or `over` says that nobody waits for it any more.
 */
export interface LoginPrompts {
  text(
    question: Extract<LoginWord, { readonly ask: 'phone' | 'password' | 'token' }>,
    over: AbortSignal,
  ): Promise<string>;
  code(
    question: Extract<LoginWord, { readonly ask: 'code' }>,
    over: AbortSignal,
  ): Promise<{ readonly text: string } | { readonly resend: true }>;
  show(qr: Extract<LoginWord, { readonly show: 'qr' }>): void;
}

export interface TalkSides {
  readonly prompts: LoginPrompts;
  /** Durable when it resolves: only then is the key used. */
  readonly keep: (key: LoginKey) => Promise<void>;
}

const exitBusy = 75;
const exitNotReady = 120;

/**
 * The host's name for the login of an account: its own file and unit names have no account's name
 * in them.
 */
export const loginIdOf = (account: string): string =>
  createHash('sha256').update(`fleet login ${account}`).digest('hex').slice(0, 16);

/** Runs the login program on the host; a host of a release before has none. */
export const loginCommand = (id: string): string =>
  `[ -e ${hostPaths.current}/lib/login.cjs ] || exit ${exitNotReady}; exec ` +
  `${hostPaths.current}/bin/fleet-host login ${id}`;

/** Standard input that is written to as the talk goes on. */
class Line implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #isOver = false;
  #wake: () => void = () => undefined;

  say(value: LoginRequest | LoginAnswer): void {
    this.#waiting.push(Buffer.from(`${JSON.stringify(value)}\n`));
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#isOver) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/**
 * One talk with the login program of a host (hostside/protocol/login.ts): secrets go over standard
 * input and come over standard output of one command, and
 * nowhere else. Errors: those of the Remote, of `sides`, `host-not-ready`, `in-doubt` (another talk
 * about the account), `agent-reply`.
 */
export async function talkLogin(
  context: Pick<FleetContext, 'remoteFor' | 'signal'>,
  host: HostSpec,
  request: LoginRequest,
  sides: TalkSides,
): Promise<LoginEnd> {
  const line = new Line();
  let end: LoginEnd | null = null;
  let fault: { readonly error: unknown } | null = null;
  let turn: Promise<void> = Promise.resolve();
  const over = new AbortController();
  const stop = (error: unknown): void => {
    // Of a question that nobody waits for any more.
    if (end === null) fault ??= { error };
    // The program sees that nobody answers any more, and closes its connection in order.
    line.end();
  };
  const hear = (text: string): void => {
    try {
      const word = parseLoginWord(host.name, text);
      if (!('end' in word)) turn = turn.then(() => answer(word)).catch(stop);
      else {
        end ??= word;
        over.abort();
      }
    } catch (error) {
      stop(error);
    }
  };
  const answer = async (word: Exclude<LoginWord, LoginEnd>): Promise<void> => {
    if (fault !== null || over.signal.aborted) return;
    const said = await answerTo(word, sides, over.signal);
    if (said !== null) line.say(said);
  };
  // Also while nothing is asked, as under a QR code.
  const interrupt = (): void =>
    stop(
      new FleetError('interrupted', `the login of ${request.account} was interrupted`, {
        account: request.account,
        hint:
          'run it again: it goes on where it was; or give it up: fleet accounts login ' +
          `${request.account} --cancel`,
      }),
    );
  context.signal.addEventListener('abort', interrupt, { once: true });
  if (context.signal.aborted) interrupt();
  line.say(request);
  const id = loginIdOf(request.account);
  const result = await context
    .remoteFor(host)
    .run({
      command: loginCommand(id),
      stdin: line,
      asRoot: true,
      narrow: ['login', id],
      timeoutMs: talkLimitMs + 60_000,
      replyLimit: { bytes: 64 * loginLineBytes, lineBytes: loginLineBytes },
      onLine: hear,
    })
    .finally(() => {
      line.end();
      over.abort();
      context.signal.removeEventListener('abort', interrupt);
    });
  await turn;
  const failed = fault as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
  if (end !== null) return end;
  throw noEnd(host.name, request.account, result.exitCode, result.stderr);
}

async function answerTo(
  word: Exclude<LoginWord, LoginEnd>,
  { prompts, keep }: TalkSides,
  over: AbortSignal,
): Promise<LoginAnswer | null> {
  if ('show' in word) {
    prompts.show(word);
    return null;
  }
  switch (word.ask) {
    case 'keep':
      await keep(word.key);
      return { kept: true };
    case 'code':
      return prompts.code(word, over);
    default:
      return { text: await prompts.text(word, over) };
  }
}

function noEnd(
  host: string,
  account: string,
  exitCode: number | null,
  stderr: Uint8Array,
): FleetError {
  if (exitCode === exitBusy) {
    return new FleetError('in-doubt', `another login of ${account} is under way on ${host}`, {
      ...{ host, account },
      hint:
        `let it end; without its operator it ends by itself within ${talkLimitMs / 60_000} ` +
        'minutes',
    });
  }
  if (exitCode === exitNotReady || exitCode === 2 || exitCode === 126 || exitCode === 127) {
    return new FleetError('host-not-ready', `${host} has no program for logins`, {
      host,
      account,
      hint: `run: fleet init --limit ${host}`,
    });
  }
  const said = new TextDecoder().decode(stderr).trim().split('\n').at(-1) ?? '';
  return new FleetError(
    'agent-reply',
    `${host}: the login program ended without a word${said === '' ? '' : `: ${said}`}`,
    {
      ...{ host, account },
      hint:
        'run the same command again; it goes on with the login. See also: journalctl -u ' +
        `'fleet-login@*' on ${host}`,
    },
  );
}
