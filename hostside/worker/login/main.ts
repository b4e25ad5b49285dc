import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseJson } from '../../machine/json-shape.ts';
import {
  answerLimitMs,
  type LoginAnswer,
  type LoginEnd,
  type LoginWord,
  readyLine,
  talkLimitMs,
} from '../../protocol/login.ts';
import { hostPaths } from '../../protocol/paths.ts';
import { type LoginDialogue, logIn } from './log-in.ts';
import { LoginOver } from './login-errors.ts';
import { parseLoginAnswer, parseLoginRequest } from './parse-login.ts';
import { publicKeys } from './public-keys.ts';

/** The operator's lines, one after the other; null when they end, or none comes in time. */
class Lines {
  isOver = false;
  #end: () => void = () => {};
  readonly over = new Promise<void>((resolve) => {
    this.#end = resolve;
  });
  readonly #waiting: string[] = [];
  #wake: (() => void) | null = null;

  constructor() {
    const lines = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on('line', (line) => {
      this.#waiting.push(line);
      this.#wake?.();
    });
    lines.on('close', () => {
      this.isOver = true;
      this.#end();
      this.#wake?.();
    });
  }

  async next(): Promise<string | null> {
    const endMs = performance.now() + answerLimitMs;
    while (this.#waiting.length === 0 && !this.isOver && performance.now() < endMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, endMs - performance.now());
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#waiting.shift() ?? null;
  }
}

const say = (word: LoginWord): void => void process.stdout.write(`${JSON.stringify(word)}\n`);

const dialogueOver = (lines: Lines): LoginDialogue => {
  const ask = async (word: LoginWord): Promise<LoginAnswer> => {
    say(word);
    const line = await lines.next();
    const answer = line === null ? null : parseLoginAnswer(parseJson(line));
    if (answer === null) throw new LoginOver('silent', 'there was no answer');
    return answer;
  };
  return {
    keep: async (key) => {
      if (!('kept' in (await ask({ ask: 'keep', key }))))
        throw new LoginOver('silent', 'the key was not kept');
    },
    text: async (question) => {
      const answer = await ask(question);
      if ('text' in answer) return answer.text;
      throw new LoginOver('silent', 'there was no answer');
    },
    code: async (question) => {
      const answer = await ask(question);
      if ('kept' in answer) throw new LoginOver('silent', 'there was no answer');
      return answer;
    },
    show: say,
    isOver: () => lines.isOver,
    over: lines.over,
  };
};

const failed = (message: string): LoginEnd => ({
  end: 'failed',
  why: 'request',
  message,
  seconds: null,
  lingerMs: 0,
});

/** '' where the host has none of its own. */
const ownKeys = (): string => {
  try {
    return readFileSync(process.env.FLEET_TELEGRAM_KEYS ?? hostPaths.telegramKeys, 'utf8');
  } catch {
    return '';
  }
};

const main = async (): Promise<LoginEnd> => {
  const lines = new Lines();
  process.stdout.write(`${readyLine}\n`);
  const first = await lines.next();
  const parsed = parseLoginRequest(first === null ? undefined : parseJson(first));
  if ('fault' in parsed) return failed(`the request is not readable: ${parsed.fault}`);
  return logIn(parsed.request, dialogueOver(lines), { publicKeys: publicKeys(ownKeys()) });
};

/** Its text may be anything that a library had in hand. */
const describe = (error: unknown): string => (error instanceof Error ? error.name : typeof error);

setTimeout(() => process.exit(1), talkLimitMs).unref();
// The client library may leave promises behind that reject after its connection is gone.
process.on('unhandledRejection', () => {});
// Nobody listens any more: the connection has to end all the same.
process.stdout.on('error', () => {});

main()
  .catch((error: unknown) => failed(`the login program failed: ${describe(error)}`))
  .then((end) => {
    process.stdout.write(`${JSON.stringify(end)}\n`, () => process.exit(0));
  });
