import { setImmediate as turn } from 'node:timers/promises';
import { workerExit } from '../../protocol/worker.ts';
import type { Failure } from '../telegram/classify-error.ts';
import {
  HeldFailure,
  TelegramFailure,
  type TelegramLink,
  type TelegramPort,
} from '../telegram/telegram-port.ts';
import {
  enter,
  type Lifecycle,
  type LifecycleEvent,
  type LifecycleRules,
  type NextAct,
  startLifecycle,
  step,
} from './lifecycle.ts';

/**
 * Who uses the connection while it is open. Owns none: what it was lent is taken back before it is
 * closed.
 */
export interface LinkUser {
  /**
   * The connection is open. `flooded`: Telegram asks for a pause of so many seconds. Must not
   * throw.
   */
  attach(link: TelegramLink, flooded: (seconds: number) => void): void;
  /** It is over, or about to be closed: nothing more is asked of it. Safe to repeat. */
  detach(): void;
}

/** What running an account needs of the world. */
export interface AccountWorld {
  readonly telegram: TelegramPort;
  readonly user: LinkUser;
  /** The gate's judgement before every connection; null: go on. */
  readonly recheck: () => string | null;
  /** Called with every new state, before anything that follows from it. */
  readonly publish: (
    lifecycle: Lifecycle,
    event: LifecycleEvent['event'] | 'start' | 'stop',
  ) => void;
  readonly rules: LifecycleRules;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** 0-1. */
  readonly random: () => number;
  readonly memoryBytes: () => number;
}

/** How it ended. `refusal`: the gate's, when that was the reason. */
export interface AccountEnd {
  readonly exitCode: number;
  readonly refusal: string | null;
  /** Telegram counts no connection of this run any more. */
  readonly isConfirmed: boolean;
}

/** Longest pause of one timer; Node's own limit is 24.8 days and a longer one fires at once. */
const longestPauseMs = 86_400_000;

/**
 * Runs one account until `stop` aborts or a final end. One act at a time: nothing connects before
 * what was open is closed, which the
 * port promises. Returns with every connection closed; never rejects.
 */
export const runAccount = (world: AccountWorld, stop: AbortSignal): Promise<AccountEnd> =>
  new AccountRun(world, stop).run();

class AccountRun {
  readonly #world: AccountWorld;
  readonly #stop: AbortSignal;
  #lifecycle: Lifecycle;
  #link: TelegramLink | null = null;
  /** Why the open connection ended; null while it stands. */
  #lost: Failure | null = null;
  /**
   * Seconds of a pause that Telegram asked the user of the connection for; null: none since the
   * last look.
   */
  #flooded: number | null = null;
  /** Ends the pause at hand. */
  #wake: () => void = () => {};

  constructor(world: AccountWorld, stop: AbortSignal) {
    this.#world = world;
    this.#stop = stop;
    this.#lifecycle = startLifecycle(world.now());
    stop.addEventListener('abort', () => this.#wake(), { once: true });
  }

  async run(): Promise<AccountEnd> {
    const end = await this.#live();
    return { ...end, isConfirmed: this.#world.telegram.lingerLeftMs() === 0 };
  }

  async #live(): Promise<Omit<AccountEnd, 'isConfirmed'>> {
    const world = this.#world;
    let next: NextAct = { act: 'connect', afterMs: 0 };
    world.publish(this.#lifecycle, 'start');
    while (next.act !== 'end') {
      const isConnect = next.act === 'connect';
      if (isConnect) await this.#close();
      const early = isConnect ? world.recheck() : null;
      if (early !== null) return { exitCode: workerExit.gateRefused, refusal: early };
      await this.#pause(
        isConnect ? Math.max(next.afterMs, world.telegram.lingerLeftMs()) : next.afterMs,
      );
      if (this.#stop.aborted) return this.#stopped();
      const refusal = isConnect ? world.recheck() : null;
      if (refusal !== null) return { exitCode: workerExit.gateRefused, refusal };
      const event: LifecycleEvent | HeldFailure = await (isConnect
        ? this.#connect()
        : this.#check());
      if (this.#stop.aborted) return this.#stopped();
      if (event instanceof HeldFailure)
        return { exitCode: workerExit.gateRefused, refusal: event.message };
      const done = step(this.#lifecycle, event, world.rules, {
        nowMs: world.now(),
        random: world.random(),
      });
      this.#lifecycle = done.lifecycle;
      next = done.next;
      world.publish(done.lifecycle, event.event);
    }
    await this.#close();
    return { exitCode: next.exitCode, refusal: null };
  }

  async #connect(): Promise<LifecycleEvent | HeldFailure> {
    try {
      const link = await this.#world.telegram.connect(this.#stop);
      this.#link = link;
      void link.lost.then(({ failure }) => this.#noteLost(link, failure));
      this.#world.user.attach(link, (seconds) => this.#noteFlood(link, seconds));
      return { event: 'connected', self: link.self };
    } catch (error) {
      if (error instanceof HeldFailure) return error;
      return { event: 'connect-failed', failure: failureOf(error) };
    }
  }

  /**
   * A connection that ends while it is asked counts as lost, with the cause of its end, which is
   * told a moment later.
   */
  async #check(): Promise<LifecycleEvent> {
    let event: LifecycleEvent | null = null;
    const seconds = this.#flooded;
    this.#flooded = null;
    if (this.#lost === null && seconds !== null)
      return { event: 'flooded', failure: { kind: 'rpc', code: 420, name: 'FLOOD_WAIT', seconds } };
    if (this.#lost === null && this.#link !== null) {
      event = await Promise.race([checkLink(this.#link, this.#world.memoryBytes), this.#woken()]);
      await turn();
    }
    if (this.#lost === null && event !== null) return event;
    return {
      event: 'lost',
      failure: this.#lost ?? { kind: 'network', reason: 'there is no connection' },
    };
  }

  /** Resolves when the connection is lost or `stop` aborts. */
  #woken(): Promise<null> {
    return new Promise((resolve) => {
      this.#wake = () => resolve(null);
    });
  }

  #noteLost(link: TelegramLink, failure: Failure): void {
    if (this.#link !== link) return;
    this.#world.user.detach();
    this.#lost = failure;
    this.#wake();
  }

  #noteFlood(link: TelegramLink, seconds: number): void {
    if (this.#link !== link) return;
    this.#flooded = Math.max(this.#flooded ?? 0, seconds);
    this.#wake();
  }

  /** Waits; ends early when the connection is lost, Telegram asks for a pause or `stop` aborts. */
  async #pause(ms: number): Promise<void> {
    const isOver = (): boolean =>
      this.#lost !== null || this.#flooded !== null || this.#stop.aborted;
    for (let leftMs = ms; leftMs > 0 && !isOver(); leftMs -= longestPauseMs) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(leftMs, longestPauseMs));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #close(): Promise<void> {
    const link = this.#link;
    this.#world.user.detach();
    this.#link = null;
    this.#lost = null;
    this.#flooded = null;
    await link?.close();
  }

  async #stopped(): Promise<Omit<AccountEnd, 'isConfirmed'>> {
    const { publish, now } = this.#world;
    publish(enter(this.#lifecycle, 'stopping', 'told to stop', now()), 'stop');
    await this.#close();
    publish(enter(this.#lifecycle, 'stopped', 'disconnected from Telegram', now()), 'stop');
    return { exitCode: workerExit.clean, refusal: null };
  }
}

const checkLink = async (
  link: TelegramLink,
  memoryBytes: () => number,
): Promise<LifecycleEvent> => {
  try {
    return { event: 'checked', self: await link.check(), memoryBytes: memoryBytes() };
  } catch (error) {
    return { event: 'check-failed', failure: failureOf(error) };
  }
};

/**
 * Anything but a TelegramFailure is a fault of ours; its class is told and the account tries again.
 */
const failureOf = (error: unknown): Failure =>
  error instanceof TelegramFailure
    ? error.failure
    : {
        kind: 'network',
        reason: `the worker failed (${error instanceof Error ? error.name : typeof error})`,
      };
