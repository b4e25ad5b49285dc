import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelSettings } from '../../protocol/behaviour.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import { afterFailure, type Breaker, closedBreaker, isOpen } from './breaker.ts';
import { budgetOf, costOf, type DayBudget, fitsBudget, spend, type TokenUse } from './budget.ts';
import {
  type Completion,
  isModelFailure,
  type ModelClient,
  ModelFailure,
  type Turn,
} from './model-port.ts';

/** Why there is no answer of the model: what is said instead is the caller's. */
export type ModelRefusal =
  | 'budget'
  | 'circuit-open'
  | 'busy'
  | 'failed'
  | 'refused'
  | 'moderated'
  | 'stopped';

export type ModelOutcome = { readonly text: string } | { readonly refusal: ModelRefusal };

export interface ModelWorld {
  /** Opened by the first call. */
  readonly open: () => Promise<ModelClient>;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** 0-1. */
  readonly random: () => number;
  readonly say: (level: LogLevel, text: string) => void;
  readonly count: (name: string, amount: number) => void;
  /** The server refuses for good what it is asked, or does not any more. */
  readonly unusable: (is: boolean) => void;
  readonly budget: { read(): DayBudget; write(budget: DayBudget): void };
}

/** A call that takes longer is always in the log. */
const slowMs = 1_000;
const sampledShare = 0.1;
const backoffMs = 250;
/**
 * Calls that wait for their turn; more are refused at once, because they would be too late anyway.
 */
const waitingLimit = 100;
/** What a turn costs besides its text. */
const tokensPerTurn = 8;

/**
 * Model answers within limits: so many at once, one time-out for everything a call needs, tries
 * again where that can help, leaves a server alone that
 * fails, and keeps the day's budget. Never rejects.
 */
export class ModelCaller {
  readonly #world: ModelWorld;
  readonly #settings: ModelSettings;
  #client: Promise<ModelClient> | null = null;
  #breaker: Breaker = closedBreaker;
  #running = 0;
  /** The server's last word was that it will not, for a reason that does not end by itself. */
  #isRefused = false;
  readonly #waiting: (() => void)[] = [];

  constructor(settings: ModelSettings, world: ModelWorld) {
    this.#settings = settings;
    this.#world = world;
    world.unusable(false);
  }

  /**
   * `stop` ends it early. The whole call, waiting and moderation included, takes `timeoutMs` at
   * most.
   */
  async ask(turns: readonly Turn[], stop: AbortSignal): Promise<ModelOutcome> {
    const { timeoutMs } = this.#settings;
    const most = mostUse(turns, this.#settings);
    if (isOpen(this.#breaker, this.#world.now()))
      return this.#refuse(this.#isRefused ? 'refused' : 'circuit-open');
    if (this.#waiting.length >= waitingLimit) return this.#refuse('busy');
    const endsAt = performance.now() + timeoutMs;
    const { signal, release } = endingSignal(stop, timeoutMs);
    try {
      if (!(await this.#turn(signal))) return this.#refuse(stop.aborted ? 'stopped' : 'busy');
      return await this.#answerInTurn(turns, most, { signal, stop, endsAt });
    } finally {
      release();
    }
  }

  async #answerInTurn(
    turns: readonly Turn[],
    most: TokenUse,
    time: CallTime,
  ): Promise<ModelOutcome> {
    try {
      if (!fitsBudget(this.#budget(), most, this.#settings)) return this.#refuse('budget');
      return await this.#answer(turns, most, time);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #answer(turns: readonly Turn[], most: TokenUse, time: CallTime): Promise<ModelOutcome> {
    const startedAt = performance.now();
    try {
      const { completion, tries } = await this.#complete(turns, most, time);
      this.#breaker = closedBreaker;
      this.#setRefused(false);
      this.#note(startedAt, completion, tries);
      const text = completion.isCutOff ? upToSentence(completion.text) : completion.text;
      const isAcceptable =
        !this.#settings.isModerated || (await (await this.#open()).isAcceptable(text, time.signal));
      return isAcceptable ? { text } : this.#refuse('moderated');
    } catch (error) {
      if (time.stop.aborted) return { refusal: 'stopped' };
      this.#world.count('model_failures', 1);
      this.#world.say(
        'warn',
        `model: ${isModelFailure(error) ? error.message : 'failed'} after ${since(startedAt)} ms`,
      );
      this.#setRefused(isModelFailure(error) && error.kind === 'refused');
      return this.#refuse(this.#isRefused ? 'refused' : 'failed');
    }
  }

  async #complete(
    turns: readonly Turn[],
    most: TokenUse,
    time: CallTime,
  ): Promise<{ completion: Completion; tries: number }> {
    const { model, answerTokens, temperature, retries } = this.#settings;
    for (let tries = 1; ; tries += 1) {
      // Reserved while nobody knows what it will cost, so that calls side by side cannot pass the
      // budget together.
      this.#spend(most);
      try {
        this.#world.count('model_calls', 1);
        const completion = await (await this.#open()).complete(
          { model, turns, answerTokens, temperature },
          time.signal,
        );
        this.#settle(most, completion.tokens ?? most);
        return { completion, tries };
      } catch (error) {
        const failure = isModelFailure(error)
          ? error
          : new ModelFailure('garbage', 'the client failed');
        // An answer that broke off or came too late was worked on and is paid for; one that was
        // refused was not.
        if (failure.kind !== 'server' && failure.kind !== 'aborted' && failure.kind !== 'garbage')
          this.#settle(most, { read: 0, written: 0 });
        const pauseMs = this.#pauseMs(failure, tries);
        const isWorthIt =
          tries <= retries && mayRepeat(failure) && pauseMs < time.endsAt - performance.now();
        if (!time.stop.aborted)
          this.#breaker = afterFailure(
            this.#breaker,
            this.#world.now(),
            isWorthIt ? 0 : (failure.retryAfterMs ?? 0),
          );
        if (!isWorthIt || !fitsBudget(this.#budget(), most, this.#settings)) throw failure;
        await sleep(pauseMs, undefined, { signal: time.signal }).catch(() =>
          Promise.reject(failure),
        );
        this.#world.count('model_retries', 1);
      }
    }
  }

  /**
   * What the server asks for, otherwise doubled with jitter, so that accounts that failed together
   * do not come back together.
   */
  #pauseMs({ retryAfterMs }: ModelFailure, tries: number): number {
    return retryAfterMs ?? backoffMs * 2 ** (tries - 1) * (0.5 + this.#world.random());
  }

  #open(): Promise<ModelClient> {
    this.#client ??= this.#world.open();
    return this.#client;
  }

  /** False when the signal came first. */
  #turn(signal: AbortSignal): Promise<boolean> {
    if (this.#running < this.#settings.concurrency) {
      this.#running += 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const go = (): void => {
        signal.removeEventListener('abort', giveUp);
        this.#running += 1;
        resolve(true);
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        resolve(false);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(go);
    });
  }

  #budget(): DayBudget {
    return budgetOf(this.#world.budget.read(), this.#world.now());
  }

  #spend(use: TokenUse): void {
    this.#world.budget.write(spend(this.#budget(), use, this.#settings));
  }

  #settle(reserved: TokenUse, used: TokenUse): void {
    this.#spend({ read: used.read - reserved.read, written: used.written - reserved.written });
    this.#world.count('model_tokens', used.read + used.written);
    this.#world.count('model_money', costOf(used, this.#settings));
  }

  /** Slow calls always, of the others one in ten. */
  #note(startedAt: number, { tokens }: Completion, tries: number): void {
    const tookMs = since(startedAt);
    const isSlow = tookMs > slowMs;
    if (!isSlow && this.#world.random() >= sampledShare) return;
    const cost = tokens === null ? 'tokens unknown' : `${tokens.read} + ${tokens.written} tokens`;
    this.#world.say(
      'info',
      `model: answered in ${tookMs} ms${isSlow ? ' (slow)' : ''}, ` +
        `${cost}${tries > 1 ? `, ${tries} tries` : ''}`,
    );
  }

  #setRefused(is: boolean): void {
    this.#isRefused = is;
    this.#world.unusable(is);
  }

  #refuse(refusal: ModelRefusal): ModelOutcome {
    this.#world.count(`model_refused_${refusal.replace('-', '_')}`, 1);
    return { refusal };
  }
}

interface CallTime {
  readonly signal: AbortSignal;
  readonly stop: AbortSignal;
  /** By `performance.now`. */
  readonly endsAt: number;
}

/**
 * Aborts with `stop`, or after `ms`. Nothing of it is left after `release`: a timer per call that
 * runs out by itself keeps all that the call knew.
 */
function endingSignal(
  stop: AbortSignal,
  ms: number,
): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const timer = setTimeout(abort, ms);
  stop.addEventListener('abort', abort, { once: true });
  if (stop.aborted) abort();
  const release = (): void => {
    clearTimeout(timer);
    stop.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, release };
}

const since = (startedAt: number): number => Math.round(performance.now() - startedAt);

/**
 * Asking again says nothing twice: nothing was sent to the group yet. What is wrong with the
 * request stays wrong.
 */
const mayRepeat = ({ kind }: ModelFailure): boolean =>
  kind === 'rate-limit' || kind === 'server' || kind === 'network';

/**
 * An estimate from above for the budget: text that is not Latin has fewer characters a token, so
 * two are counted.
 */
const mostUse = (turns: readonly Turn[], { answerTokens }: ModelSettings): TokenUse => {
  const read = turns.reduce(
    (sum, { content }) => sum + Math.ceil(content.length / 2) + tokensPerTurn,
    0,
  );
  return { read, written: answerTokens };
};

/** An answer that reached its limit ends with its last whole sentence, where it has one. */
const upToSentence = (text: string): string => {
  const end = Math.max(
    ...['. ', '! ', '? ', '.\n', '!\n', '?\n'].map((mark) => text.lastIndexOf(mark)),
  );
  return end > 0 ? text.slice(0, end + 1) : text;
};
