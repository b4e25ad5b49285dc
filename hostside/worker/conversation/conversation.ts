import { type Conduct, prepare } from '../../answering/conduct.ts';
import { decide, resumePending } from '../../answering/decide.ts';
import { loosenings } from '../../answering/loosenings.ts';
import { chatMemory, type Memory, memoryBounds, prune } from '../../answering/memory.ts';
import type { AnswerPlan, Moment, Silence, Verdict } from '../../answering/verdict.ts';
import type { Behaviour, ModelSettings } from '../../protocol/behaviour.ts';
import type { ChatEvent } from '../../protocol/chat.ts';
import type { SilenceReason } from '../../protocol/silence.ts';
import { modelRefusedGauge } from '../../protocol/worker.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import type { LinkUser } from '../lifecycle/run-account.ts';
import { ModelCaller } from '../model/model-caller.ts';
import type { ModelClient } from '../model/model-port.ts';
import type { TelegramLink } from '../telegram/telegram-port.ts';
import { CatchUp } from './catch-up.ts';
import type { Desk } from './desk.ts';
import { Errand, type ErrandEnd } from './errand.ts';
import { InTurn } from './in-turn.ts';
import type { SilenceFile } from './recent-silences.ts';
import { Standing } from './standing.ts';
import type { StateFiles } from './state-files.ts';
import type { Tally } from './tally.ts';
import { TestMessages } from './test-message.ts';

export interface ConversationWorld {
  readonly keyId: string;
  readonly state: StateFiles;
  readonly tally: Tally;
  readonly silences: SilenceFile;
  readonly openModel: (settings: ModelSettings) => Promise<ModelClient>;
  readonly say: (level: LogLevel, text: string) => void;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** 0-1. */
  readonly random: () => number;
}

/** Answers on their way to Telegram at once, over all groups. */
const inFlight = 20;
/** Answers of one group that wait; the oldest gives way. As many as the memory keeps. */
const waitingLimit = memoryBounds.pending;
/**
 * Messages of a group that are caught up in any case, because people may have asked for silence in
 * them.
 */
const caughtUp = 1_000;
/** The same while they may still be answered. */
const caughtUpFresh = 5_000;

/** Reasons for which an event counts as not received: it was nothing new, or nothing of ours. */
const noReceipt: ReadonlySet<SilenceReason> = new Set([
  'private',
  'not-allowed-chat',
  'own',
  'edited',
  'duplicate',
]);
/** Reasons that nobody asks about. */
const unremarkable: ReadonlySet<SilenceReason> = new Set(['own', 'duplicate']);
/** After these the memory has something that must not be forgotten. */
const grave: ReadonlySet<SilenceReason> = new Set(['opt-out-now', 'opted-out']);

/**
 * What an account does with its connection: hears its groups, decides, answers. It owns no
 * connection, it is lent one: `attach` and `detach` come from who opens and
 * closes it, and nothing is sent over one that was taken back. What is to be said survives that.
 */
export class Conversation implements LinkUser {
  readonly #world: ConversationWorld;
  readonly #errands = new Map<string, Errand>();
  readonly #stop = new AbortController();
  readonly #inTurn = new InTurn(inFlight);
  readonly #titles = new Map<string, string>();
  readonly #tests: TestMessages;
  readonly #catchUp: CatchUp;
  readonly #standing: Standing;
  #conduct: Conduct | null = null;
  #model: ModelCaller | null = null;
  #modelSettings = '';
  #link: TelegramLink | null = null;
  #reportFlood: (seconds: number) => void = () => {};

  constructor(world: ConversationWorld) {
    this.#world = world;
    this.#tests = new TestMessages(world);
    this.#standing = new Standing({ ...world, chatIds: () => this.#conduct?.chatIds ?? [] });
    this.#catchUp = new CatchUp({
      ...{ tally: world.tally, say: world.say, random: world.random, standing: this.#standing },
      chatIds: () => this.#conduct?.chatIds ?? [],
      lastReadId: (chatId) => this.#memory.chats.get(chatId)?.lastReadId ?? 0,
      limits: () => ({
        least: caughtUp,
        most: caughtUpFresh,
        sinceMs: world.now() - (this.#conduct?.behaviour.script?.staleAfterMs ?? 0),
      }),
      hear: (event) => this.#hear(event, true),
    });
    this.#world.tally.set('paused', 0);
  }

  attach(link: TelegramLink, flooded: (seconds: number) => void): void {
    this.#link = link;
    this.#reportFlood = flooded;
    this.#catchUp.begin(link);
    const isLent = (): boolean => this.#link === link;
    link.listen({
      onEvent: (event) => void (isLent() && this.#hear(event, false)),
      onGap: (chatId) => void (isLent() && this.#catchUp.want(chatId)),
      onMembership: (chatId, membership) => this.#standing.member(chatId, membership),
    });
    void this.#learnGroups(link);
    this.#resume();
  }

  detach(): void {
    this.#link = null;
    this.#catchUp.end();
  }

  /**
   * Takes a behaviour up; what is under way is judged by the new one before it is sent. null:
   * nothing is answered.
   */
  configure(behaviour: Behaviour | null): void {
    const { say, tally } = this.#world;
    try {
      this.#conduct = behaviour === null ? null : prepare(behaviour);
    } catch (error) {
      // The text may be a pattern of the script, which is no secret of anybody's, but the message
      // is for another reader.
      say(
        'error',
        'the behaviour cannot be taken up ' +
          `(${error instanceof Error ? error.name : typeof error}): the one before stays`,
      );
      return;
    }
    tally.set('paused', behaviour?.isPaused ? 1 : 0);
    if (behaviour === null) return;
    this.#openModel(behaviour.model);
    const about =
      `${behaviour.script === null ? 'no script' : `script ${behaviour.script.name}`}, ` +
      `${behaviour.chats.length} chats`;
    say('info', `behaviour taken up: ${about}${behaviour.isPaused ? ', paused' : ''}`);
    for (const line of loosenings(behaviour)) say('warn', `by the operator's word: ${line}`);
    if (this.#link !== null) {
      void this.#learnGroups(this.#link);
      this.#resume();
    }
    const test = this.#tests.begin(behaviour.test);
    if (test !== null) this.#send(test);
  }

  /** Once a minute: forgets what no longer counts. */
  tidy(): void {
    if (this.#conduct === null) return;
    prune(this.#world.state.memory, this.#conduct.chatIds, this.#world.now());
    this.#standing.count();
  }

  /**
   * Nothing is sent any more; what was not said stays pending, for the next start here or
   * elsewhere.
   */
  end(): void {
    this.#stop.abort();
    this.detach();
  }

  get #memory(): Memory {
    return this.#world.state.memory;
  }

  /**
   * A message that brings out a fault of ours must not end the account: it stays unanswered, and
   * that is said.
   */
  #hear(event: ChatEvent, isKnown: boolean): void {
    try {
      this.#take(event, isKnown);
    } catch (error) {
      this.#failed(error);
    }
  }

  #take(event: ChatEvent, isKnown: boolean): void {
    const isNewChat = !this.#memory.chats.has(event.chatId);
    const verdict = this.#judge(event);
    const reason = verdict.kind === 'silence' ? verdict.reason : null;
    if (isKnown && reason !== null && noReceipt.has(reason)) return;
    if (reason === null || !noReceipt.has(reason)) this.#world.tally.add('received');
    this.#world.state.changed(verdict.kind === 'answer' || grave.has(verdict.reason));
    // From here on a process that is killed finds again what it had not answered.
    if (isNewChat && this.#memory.chats.has(event.chatId)) this.#world.state.persist();
    this.#follow(verdict, event);
  }

  #judge(event: ChatEvent): Verdict {
    if (this.#conduct === null)
      return { kind: 'silence', reason: 'no-script', rule: null, untilMs: null };
    return decide(this.#memory, this.#conduct, event, this.#moment(event.chatId));
  }

  #follow(verdict: Verdict, event: ChatEvent): void {
    if (verdict.kind === 'silence') this.#keepSilent(verdict, event);
    else if (!this.#errands.has(verdict.randomId)) this.#send(verdict);
  }

  #moment(chatId: string): Moment {
    const { userId = '', username = null } = this.#link?.self ?? {};
    const self = { keyId: this.#world.keyId, userId, username, firstName: '' };
    return { nowMs: this.#world.now(), self, groupTitle: this.#titles.get(chatId) ?? null };
  }

  #keepSilent(silence: Silence, event: ChatEvent): void {
    this.#world.tally.silence(silence.reason);
    if (unremarkable.has(silence.reason)) return;
    const userId =
      event.kind === 'message' ? (event.sender?.id ?? null) : (event.users[0]?.id ?? null);
    this.#world.silences.note(
      { atMs: this.#world.now(), chatId: event.chatId, messageId: event.messageId, userId },
      silence,
    );
  }

  #send(plan: AnswerPlan): void {
    this.#makeRoom(plan.chatId);
    const errand = new Errand(plan, this.#desk());
    this.#errands.set(plan.randomId, errand);
    const { link } = this.#desk();
    void errand.run().then(
      (end) => this.#ended(errand, end, link),
      (error: unknown) => {
        this.#errands.delete(plan.randomId);
        this.#failed(error);
      },
    );
  }

  #failed(error: unknown): void {
    this.#world.say(
      'error',
      `an answer failed (${error instanceof Error ? error.name : typeof error})`,
    );
    this.#world.tally.add('answers_failed');
  }

  #ended({ plan }: Errand, end: ErrandEnd, linkBefore: TelegramLink | null): void {
    const { tally, state } = this.#world;
    this.#errands.delete(plan.randomId);
    state.changed(true);
    this.#tests.ended(plan, end);
    this.#standing.ended(end);
    if (end.end === 'sent') tally.answered(end.totalMs, end.ownMs);
    if (end.end === 'silent') this.#keepSilent(end.silence, plan.event);
    // A hold of Telegram, or a connection that came back meanwhile: there may be another time for
    // it.
    if (
      end.end === 'suspended' &&
      this.#link !== null &&
      (this.#link !== linkBefore || this.#standing.isHeld(plan.chatId))
    )
      this.#resume();
  }

  /** The oldest answer of the group that waits is given up for the newest. */
  #makeRoom(chatId: string): void {
    const here = [...this.#errands.values()].filter(
      ({ plan, isDropped }) => plan.chatId === chatId && !isDropped,
    );
    if (here.length >= waitingLimit) here.find(({ isSending }) => !isSending)?.drop();
  }

  /** Decides again what is pending and not under way. */
  #resume(): void {
    if (this.#conduct === null || this.#stop.signal.aborted) return;
    const pending = new Map(this.#memory.pending);
    const verdicts = resumePending(this.#memory, this.#conduct, (chatId) => this.#moment(chatId));
    for (const [index, [randomId, { event }]] of [...pending].entries()) {
      const verdict = verdicts[index];
      if (verdict !== undefined && !this.#errands.has(randomId)) this.#follow(verdict, event);
    }
  }

  /**
   * Titles for templates, and where groups begin that were never read. An account that answers
   * nowhere asks nothing.
   */
  async #learnGroups(link: TelegramLink): Promise<void> {
    const conduct = this.#conduct;
    if (conduct === null || conduct.chatIds.size === 0) return;
    const list = await link.groups().catch(() => null);
    if (this.#link !== link || list === null) return;
    this.#standing.listed(list);
    for (const { chatId, title, lastMessageId } of list.groups) {
      this.#titles.set(chatId, title);
      if (conduct.chatIds.has(chatId)) this.#beginAt(chatId, lastMessageId);
    }
  }

  /**
   * What was said before the account first came online is not for it; all that follows is, also
   * when this process ends now.
   */
  #beginAt(chatId: string, lastMessageId: number): void {
    if (lastMessageId === 0 || this.#memory.chats.has(chatId)) return;
    const chat = chatMemory(this.#memory, chatId);
    [chat.lastReadId, chat.seenFloor] = [lastMessageId, lastMessageId];
    this.#world.state.persist();
  }

  #openModel(settings: ModelSettings | null): void {
    const text = JSON.stringify(settings);
    if (text === this.#modelSettings) return;
    const { state, tally, openModel, say, now, random } = this.#world;
    this.#modelSettings = text;
    const budget = {
      read: () => state.notes.budget,
      write: (next: typeof state.notes.budget) => state.note({ budget: next }),
    };
    const count = (name: string, amount: number): void => tally.add(name, amount);
    const unusable = (is: boolean): void => tally.set(modelRefusedGauge, is ? 1 : 0);
    if (settings === null) unusable(false);
    this.#model =
      settings === null
        ? null
        : new ModelCaller(settings, {
            open: () => openModel(settings),
            now,
            random,
            say,
            count,
            unusable,
            budget,
          });
  }

  #desk(): Desk {
    const conversation = this;
    const { state, now, say } = this.#world;
    return {
      memory: this.#memory,
      get conduct() {
        return conversation.#conduct as Conduct;
      },
      get model() {
        return conversation.#model;
      },
      get link() {
        return conversation.#link;
      },
      inTurn: this.#inTurn,
      stop: this.#stop.signal,
      now,
      say,
      changed: (isGrave) => state.changed(isGrave),
      isHeld: (chatId) => this.#standing.isHeld(chatId),
      flooded: (seconds) => this.#reportFlood(seconds),
      heardMeanwhile: (events) => {
        for (const event of events) this.#hear(event, true);
      },
    };
  }
}
