import type { ChatEvent } from '../../protocol/chat.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import { classifyRefusal } from '../telegram/classify-error.ts';
import {
  type MissedEvents,
  type MissedLimits,
  TelegramFailure,
  type TelegramLink,
} from '../telegram/telegram-port.ts';
import type { Standing } from './standing.ts';
import type { Tally } from './tally.ts';

export interface CatchUpWorld {
  readonly tally: Tally;
  readonly say: (level: LogLevel, text: string) => void;
  /** Allowed groups. */
  readonly chatIds: () => Iterable<string>;
  /** Highest id that was read of a group, 0: none ever. */
  readonly lastReadId: (chatId: string) => number;
  readonly limits: () => MissedLimits;
  readonly hear: (event: ChatEvent) => void;
  /** Told of lists of groups, and of groups that Telegram does not let the account read. */
  readonly standing: Pick<Standing, 'listed' | 'member'>;
  /** 0-1. */
  readonly random: () => number;
}

/** So far behind the last read message a gap may lie. */
const overlap = 50;
/** The same group again: not before this, then after twice as long each time, ms. */
const againMs = { first: 2_000, most: 60_000 };
/** After so long without a gap the pauses are short again, ms. */
const calmMs = 120_000;
const failedAgainMs = 30_000;
/**
 * A group that Telegram told nothing of is looked at so often, ms: not every loss shows in its
 * counters.
 */
const lookEveryMs = 45_000;

/** What is known of one group. */
interface Place {
  /** Everything up to this id was heard or read. */
  completeUpTo: number;
  /**
   * The newest message that a look has shown and a reading has covered: one that nobody can hear is
   * not looked for again and again.
   */
  coveredUpTo: number;
  pauseMs: number;
  readAtMs: number;
}

/**
 * Reads what the account has not heard: after a connection came about, after each gap, and where a
 * look every {@link lookEveryMs} shows something new. One request at a time and
 * no group too often, whatever Telegram says; its pauses are kept and then it goes on.
 */
export class CatchUp {
  readonly #world: CatchUpWorld;
  readonly #places = new Map<string, Place>();
  /** Group -> not before this moment, on the clock of `performance.now()`. */
  readonly #wanted = new Map<string, number>();
  #link: TelegramLink | null = null;
  #timer: NodeJS.Timeout | null = null;
  #looking: NodeJS.Timeout | null = null;
  #isReading = false;
  /** Telegram asks for a pause in such requests. */
  #heldUntilMs = 0;

  constructor(world: CatchUpWorld) {
    this.#world = world;
  }

  /** A connection came about: whatever happened before it was not heard. */
  begin(link: TelegramLink): void {
    this.end();
    this.#link = link;
    for (const chatId of this.#world.chatIds()) this.want(chatId);
    this.#lookLater();
  }

  /** The connection is gone. */
  end(): void {
    this.#link = null;
    for (const timer of [this.#timer, this.#looking]) if (timer !== null) clearTimeout(timer);
    this.#timer = null;
    this.#looking = null;
    this.#wanted.clear();
  }

  /**
   * Something of this group was not heard; null: nobody knows of which. Groups of which nothing was
   * ever read have nothing to be missed.
   */
  want(chatId: string | null): void {
    const { chatIds, lastReadId } = this.#world;
    for (const each of chatId === null ? chatIds() : [chatId]) {
      if (![...chatIds()].includes(each) || lastReadId(each) === 0) continue;
      const { readAtMs, pauseMs } = this.#place(each);
      if (!this.#wanted.has(each)) this.#wanted.set(each, readAtMs + pauseMs);
    }
    this.#schedule();
  }

  #place(chatId: string): Place {
    const known = this.#places.get(chatId);
    if (known !== undefined) return known;
    const fresh = {
      completeUpTo: this.#world.lastReadId(chatId),
      coveredUpTo: 0,
      pauseMs: 0,
      readAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#places.set(chatId, fresh);
    return fresh;
  }

  #schedule(): void {
    if (this.#isReading || this.#timer !== null || this.#wanted.size === 0 || this.#link === null)
      return;
    const dueAtMs = Math.max(Math.min(...this.#wanted.values()), this.#heldUntilMs);
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.#readNext();
      },
      Math.max(0, dueAtMs - performance.now()),
    );
  }

  async #readNext(): Promise<void> {
    const link = this.#link;
    const [next] = [...this.#wanted].sort(([, one], [, other]) => one - other);
    if (link === null || next === undefined) return;
    const [chatId] = next;
    this.#wanted.delete(chatId);
    this.#isReading = true;
    try {
      await this.#read(link, chatId);
    } catch (error) {
      if (this.#link === link) this.#failed(chatId, error);
    } finally {
      this.#isReading = false;
    }
    this.#schedule();
  }

  async #read(link: TelegramLink, chatId: string): Promise<void> {
    const { tally, limits, hear, lastReadId } = this.#world;
    const place = this.#place(chatId);
    const nowMs = performance.now();
    place.pauseMs =
      nowMs - place.readAtMs > calmMs
        ? againMs.first
        : Math.min(Math.max(place.pauseMs, againMs.first / 2) * 2, againMs.most);
    place.readAtMs = nowMs;
    const from = Math.max(
      0,
      Math.min(place.completeUpTo || lastReadId(chatId), lastReadId(chatId)) - overlap,
    );
    const missed = await link.readMissed(chatId, from, limits());
    if (this.#link !== link) return;
    for (const event of missed.events) hear(event);
    tally.add('catch_ups');
    this.#tellLeftOut(chatId, missed);
    place.completeUpTo = Math.max(place.completeUpTo, missed.newestId);
    place.coveredUpTo = Math.max(place.coveredUpTo, missed.newestId);
  }

  #tellLeftOut(chatId: string, { unreadable, isComplete }: MissedEvents): void {
    const { tally, say } = this.#world;
    if (unreadable > 0) {
      tally.add('unreadable_messages', unreadable);
      say(
        'warn',
        `chat ${chatId}: ${unreadable} messages cannot be read by this release and were left out`,
      );
    }
    if (isComplete) return;
    tally.add('catch_ups_cut');
    say(
      'warn',
      `chat ${chatId}: more was missed than is read afterwards; the oldest messages were left out`,
    );
  }

  #failed(chatId: string, error: unknown): void {
    const { say, tally } = this.#world;
    const failure = error instanceof TelegramFailure ? error.failure : null;
    const seconds = failure?.kind === 'rpc' ? failure.seconds : null;
    if (seconds !== null) {
      // For the whole account: the next group would hear the same.
      tally.add('catch_up_waits');
      this.#heldUntilMs = performance.now() + seconds * 1_000;
      this.#wanted.set(chatId, this.#heldUntilMs);
      return;
    }
    if (failure !== null && classifyRefusal(failure).refusal === 'forbidden')
      this.#world.standing.member(chatId, { is: 'out' });
    const why = error instanceof TelegramFailure ? error.message : 'the worker failed';
    say('warn', `chat ${chatId}: what was missed could not be read (${why})`);
    tally.add('catch_ups_failed');
    // A refusal will be the same again; the next look finds what there is to be read.
    if (failure === null || failure.kind === 'network')
      this.#wanted.set(chatId, performance.now() + failedAgainMs);
  }

  #lookLater(): void {
    const { random } = this.#world;
    this.#looking = setTimeout(() => void this.#look(), lookEveryMs * (0.75 + random() / 2));
  }

  async #look(): Promise<void> {
    const link = this.#link;
    const allowed = new Set(this.#world.chatIds());
    if (link === null) return;
    if (allowed.size > 0 && performance.now() >= this.#heldUntilMs) {
      const list = await link.groups().catch(() => null);
      if (this.#link !== link) return;
      if (list !== null) this.#world.standing.listed(list);
      for (const { chatId, lastMessageId } of list?.groups ?? []) {
        const place = allowed.has(chatId) ? this.#place(chatId) : null;
        const lastRead = this.#world.lastReadId(chatId);
        if (place === null || lastRead === 0) continue;
        if (lastMessageId > Math.max(lastRead, place.coveredUpTo)) this.want(chatId);
        else place.completeUpTo = Math.max(place.completeUpTo, Math.min(lastMessageId, lastRead));
      }
    }
    this.#lookLater();
  }
}
