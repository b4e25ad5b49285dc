import { createInterface, type Interface } from 'node:readline';
import type { LoginWord } from '../../../hostside/protocol/login.ts';
import { FleetError } from '../../model/errors.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import type { GivenAnswers } from '../../verbs/desk.ts';
import type { LoginPrompts } from '../../workflows/accounts/login-talk.ts';
import type { GlobalOptions } from '../global-options.ts';
import { formatQr, loginQuestion } from '../render/accounts/login.ts';
import { printErr } from '../terminal.ts';
import { ask, canAsk } from './confirm.ts';

type Options = Pick<GlobalOptions, 'json' | 'signal'>;

/** Lines of standard input, where nobody sits at a terminal. */
class InputLines {
  #input: Interface | null = null;
  #lines: AsyncIterator<string> | null = null;

  async next(what: string, over: AbortSignal): Promise<string> {
    this.#input ??= createInterface({ input: process.stdin });
    this.#lines ??= this.#input[Symbol.asyncIterator]();
    // Ends the lines, and with them the wait for one.
    over.addEventListener('abort', () => this.close(), { once: true });
    const { value, done } = await this.#lines.next();
    if (done !== true) return String(value).trim();
    throw new FleetError('usage', `standard input has no line for the ${what}`, {
      hint:
        'without a terminal each answer is one line of standard input: number, code, ' +
        'password, unless an option gives it',
    });
  }

  /** Otherwise an open pipe would keep this process alive. */
  close(): void {
    this.#input?.close();
    if (this.#input !== null) process.stdin.destroy();
  }
}

const names = {
  phone: 'telephone number',
  code: 'code',
  password: 'two-step password',
  token: 'bot token',
} as const;

/**
 * Asks on the terminal, else takes lines of standard input. Codes, passwords and tokens are never
 * shown.
 */
export function loginPrompts(
  given: GivenAnswers,
  options: Options,
  readSecret: (reference: SecretReference) => Promise<string>,
): LoginPrompts & { close(): void } {
  const lines = canAsk(options) ? null : new InputLines();
  const left = { ...given } as { -readonly [K in keyof GivenAnswers]: GivenAnswers[K] };
  const answer = (
    question: Extract<LoginWord, { readonly ask: 'phone' | 'code' | 'password' | 'token' }>,
    over: AbortSignal,
  ): Promise<string> => {
    const ends = AbortSignal.any([options.signal, over]);
    return lines === null
      ? ask(loginQuestion(question), ends, question.ask !== 'phone')
      : lines.next(names[question.ask], ends);
  };
  const once = async (kind: keyof GivenAnswers): Promise<string | null> => {
    const value = left[kind];
    left[kind] = null;
    return value === null || typeof value === 'string' ? value : (await readSecret(value)).trim();
  };
  return {
    close: () => lines?.close(),
    text: async (question, over) => {
      for (;;) {
        const text = (await once(question.ask)) ?? (await answer(question, over));
        if (text !== '') return text;
      }
    },
    code: async (question, over) => {
      for (;;) {
        const text = (await answer(question, over)).replace(/\s/g, '');
        if (text !== '') return { text };
        if (question.nextInS !== null) return { resend: true };
      }
    },
    show: ({ url, forS }) => {
      printErr(`\n${formatQr(url)}\n`);
      printErr('Scan it: Telegram on a phone, Settings, Devices, Link Desktop Device.');
      printErr(`It is good for ${forS} s; a new one follows. Ctrl-C ends it.`);
      if (lines !== null) printErr(url);
    },
  };
}
