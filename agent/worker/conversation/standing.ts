import { closedGroupsGauge, frozenGauge } from '../../protocol/worker.ts';
import type { ErrandEnd } from './errand.ts';
import type { StateFiles } from './state-files.ts';
import type { Tally } from './tally.ts';

interface StandingWorld {
  readonly state: StateFiles;
  readonly tally: Tally;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** The groups in which the account answers. */
  readonly chatIds: () => Iterable<string>;
}

/** How the account stands with Telegram by its last tries to write, as gauges: what keeps it from answering although it is online. */
export class Standing {
  readonly #world: StandingWorld;

  constructor(world: StandingWorld) {
    this.#world = world;
  }

  /** For every answer that has ended. */
  ended(end: ErrandEnd): void {
    const { tally } = this.#world;
    if (end.end === 'sent') tally.set(frozenGauge, 0);
    if (end.end === 'silent' && end.silence.reason === 'frozen') tally.set(frozenGauge, 1);
    this.count();
  }

  /** Telegram asks for a pause, of everything or of this chat. */
  isHeld(chatId: string): boolean {
    const { memory } = this.#world.state;
    const nowMs = this.#world.now();
    return memory.floodUntilMs > nowMs || (memory.chats.get(chatId)?.blockedUntilMs ?? 0) > nowMs;
  }

  count(): void {
    const { state, tally, now, chatIds } = this.#world;
    const isClosed = (chatId: string): boolean => {
      const chat = state.memory.chats.get(chatId);
      return chat?.blockedBy === 'write-forbidden' && chat.blockedUntilMs > now();
    };
    tally.set(closedGroupsGauge, [...chatIds()].filter(isClosed).length);
  }
}
