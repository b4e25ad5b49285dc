/**
 * Processes that run verbs for the server: a look that computes, or a process that dies, keeps
 * nobody else waiting.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { Problem, problemFacts, refusal } from './problem.ts';
import type { FromRunner, RunAnswer, RunRequest, ToRunner } from './runs/protocol.ts';

export interface RunPoolOptions {
  /** What `fleet` itself was started from. */
  readonly program: string;
  readonly inventory: string;
  /** Looks at the same time. */
  readonly looks: number;
  /** A look that takes longer is ended, ms. */
  readonly lookLimitMs: number;
  readonly log: (text: string) => void;
}

export interface ActSteps {
  readonly progress: (text: string) => void;
  /** It is about to act: what goes wrong here keeps it from acting. */
  readonly ready: () => Promise<void>;
}

export interface RunPool {
  /** Errors: {@link Problem}. */
  look(request: RunRequest): Promise<RunAnswer>;
  /** A process of its own, which is never killed. Errors: {@link Problem}; {@link Vanished}. */
  act(request: RunRequest, steps: ActSteps): Promise<RunAnswer>;
  /** Acts end between two of their steps. Resolves when no process is left. */
  close(): Promise<void>;
}

/** The process ended without a word: what it did is not known here. */
export class Vanished extends Error {
  override readonly name = 'Vanished';
}

/** One that is idle so long ends, ms; and one that has run so many verbs. */
const idleMs = 30_000;
const mostRuns = 200;
/** Looks that wait, at most. */
const longestQueue = 200;

interface Runner {
  readonly child: ChildProcess;
  runs: number;
  idle: NodeJS.Timeout | null;
}

const tell = (child: ChildProcess, message: ToRunner): void => {
  // One that is gone says so by its end.
  if (child.connected) child.send(message, () => undefined);
};

/** What one process says while it runs a verb, until it has an answer. */
function converse(
  { child }: Runner,
  { inventory, log }: Pick<RunPoolOptions, 'inventory' | 'log'>,
  request: RunRequest,
  steps: ActSteps,
): Promise<RunAnswer> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      child.off('message', hear).off('exit', vanish).off('error', vanish);
      finish();
    };
    const hear = (message: unknown): void => {
      const said = message as FromRunner;
      if (said.kind === 'progress') steps.progress(said.text);
      else if (said.kind === 'done') end(() => resolve(said.answer));
      else if (said.kind === 'failed') {
        if (said.log !== null) log(said.log);
        end(() => reject(new Problem(said.problem)));
      } else
        steps.ready().then(
          () => tell(child, { kind: 'go' }),
          () => tell(child, { kind: 'stop' }),
        );
    };
    const vanish = (): void => end(() => reject(new Vanished('the process is gone')));
    child.on('message', hear).once('exit', vanish).once('error', vanish);
    tell(child, { kind: 'run', inventory, request });
  });
}

class Pool implements RunPool {
  readonly #options: RunPoolOptions;
  readonly #all = new Set<ChildProcess>();
  /** Processes that look and have nothing to do. */
  readonly #idle: Runner[] = [];
  /** Looks that wait for one. */
  readonly #waiting: ((runner: Runner) => void)[] = [];
  #busy = 0;
  #isClosed = false;

  constructor(options: RunPoolOptions) {
    this.#options = options;
  }

  async look(request: RunRequest): Promise<RunAnswer> {
    if (this.#isClosed) throw closing();
    const spare = this.#idle.pop();
    if (spare !== undefined || this.#busy < this.#options.looks) {
      this.#busy += 1;
      return this.#lookOn(spare ?? this.#start(), request);
    }
    if (this.#waiting.length >= longestQueue) throw tooMany();
    const runner = await new Promise<Runner>((resolve) => void this.#waiting.push(resolve));
    return this.#lookOn(runner, request);
  }

  async act(request: RunRequest, steps: ActSteps): Promise<RunAnswer> {
    if (this.#isClosed) throw closing();
    // One that is warm begins at once; it looks no more.
    const spare = this.#idle.pop();
    if (spare?.idle != null) clearTimeout(spare.idle);
    const runner = spare ?? this.#start();
    try {
      return await converse(runner, this.#options, request, steps);
    } finally {
      if (runner.child.connected) runner.child.disconnect();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { child } of this.#idle) if (child.connected) child.disconnect();
    const gone = [...this.#all].map((child) => {
      tell(child, { kind: 'stop' });
      return new Promise((resolve) => child.once('exit', resolve));
    });
    await Promise.all(gone);
  }

  #start(): Runner {
    const child = fork(this.#options.program, ['__runner'], {
      // Without the large young generation of a command that ends at once.
      ...{ execArgv: [], serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    });
    this.#all.add(child);
    child.once('exit', () => void this.#all.delete(child));
    child.on('error', ({ message }) => {
      if (child.pid === undefined) this.#all.delete(child);
      this.#options.log(`a process for a verb: ${message}`);
    });
    return { child, runs: 0, idle: null };
  }

  async #lookOn(runner: Runner, request: RunRequest): Promise<RunAnswer> {
    const { lookLimitMs } = this.#options;
    if (runner.idle !== null) clearTimeout(runner.idle);
    runner.runs += 1;
    const limit = setTimeout(() => runner.child.kill('SIGKILL'), lookLimitMs);
    const steps = { progress: () => undefined, ready: neverActs };
    let isGone = false;
    try {
      return await converse(runner, this.#options, request, steps);
    } catch (error) {
      if (!(error instanceof Vanished)) throw error;
      isGone = true;
      throw this.#isClosed ? closing() : tooLong(lookLimitMs);
    } finally {
      clearTimeout(limit);
      this.#rest(runner, isGone);
    }
  }

  /** The process takes the next look, or waits for one. */
  #rest(runner: Runner, isGone: boolean): void {
    const isSpent = isGone || runner.runs >= mostRuns || this.#isClosed;
    if (isSpent && runner.child.connected) runner.child.disconnect();
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(isSpent ? this.#start() : runner);
      return;
    }
    this.#busy -= 1;
    if (isSpent) return;
    runner.idle = setTimeout(() => {
      this.#idle.splice(this.#idle.indexOf(runner), 1);
      runner.child.disconnect();
    }, idleMs);
    runner.idle.unref();
    this.#idle.push(runner);
  }
}

export const openRunPool = (options: RunPoolOptions): RunPool => new Pool(options);

const tooMany = (): Problem =>
  refusal(503, 'busy', 'Too many looks are waiting.', 'Try again later.', { 'retry-after': '5' });

const tooLong = (ms: number): Problem =>
  new Problem(
    problemFacts(
      504,
      'command-timeout',
      `No answer within ${Math.round(ms / 1000)} s.`,
      'Ask for fewer hosts by limit, or use the command line.',
    ),
  );

const neverActs = (): Promise<never> => Promise.reject(new Error('a look does not act'));

const closing = (): Problem =>
  refusal(503, 'busy', 'The server is being stopped.', 'Send it again when it is back.', {
    'retry-after': '10',
  });
