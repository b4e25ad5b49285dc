import type { LeftGroup } from '../../protocol/silence.ts';
import { closedGroupsGauge, frozenGauge, leftGroupsGauge } from '../../protocol/worker.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import type { GroupList, Membership } from '../telegram/telegram-port.ts';
import type { ErrandEnd } from './errand.ts';
import type { SilenceFile } from './recent-silences.ts';
import type { StateFiles } from './state-files.ts';
import type { Tally } from './tally.ts';

interface StandingWorld {
  readonly state: StateFiles;
  readonly tally: Tally;
  readonly silences: SilenceFile;
  readonly say: (level: LogLevel, text: string) => void;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** The groups in which the account answers. */
  readonly chatIds: () => Iterable<string>;
}

/**
 * How the account stands with Telegram, by its last tries to write and by what Telegram tells of
 * its groups, as gauges: what keeps it from answering although it is online.
 */
export class Standing {
  readonly #world: StandingWorld;

  readonly #memberships = new Map<string, Membership>();
  #told = '';

  constructor(world: StandingWorld) {
    this.#world = world;
  }

  /**
   * What Telegram, or a request that it refused, tells of one group. Only those of the allow-list
   * are kept.
   */
  member(chatId: string, membership: Membership): void {
    if (![...this.#world.chatIds()].includes(chatId)) return;
    const before = this.#memberships.get(chatId)?.is ?? 'in';
    this.#memberships.set(chatId, membership);
    if (before !== membership.is) this.#tell(chatId, membership);
    this.count();
  }

  /** A list of groups: who is not in a whole one is in none of the others. */
  listed({ groups, isWhole }: GroupList): void {
    const listed = new Set(groups.map(({ chatId }) => chatId));
    for (const chatId of this.#world.chatIds()) {
      if (listed.has(chatId)) this.member(chatId, { is: 'in' });
      else if (isWhole && this.#memberships.get(chatId)?.is !== 'moved')
        this.member(chatId, { is: 'out' });
    }
  }

  #tell(chatId: string, membership: Membership): void {
    const { say } = this.#world;
    if (membership.is === 'moved')
      say(
        'warn',
        `chat ${chatId}: the group was made into the supergroup ${membership.to}: name ` +
          `that one in the account's chats`,
      );
    else if (membership.is === 'in')
      say('info', `chat ${chatId}: the account is in this group again`);
    else
      say(
        'warn',
        `chat ${chatId}: the account is not in this group: it hears and says nothing there`,
      );
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
    const left = [...chatIds()].flatMap((chatId): LeftGroup[] => {
      const membership = this.#memberships.get(chatId);
      if (membership === undefined || membership.is === 'in') return [];
      return [{ chatId, movedTo: membership.is === 'moved' ? membership.to : null }];
    });
    tally.set(leftGroupsGauge, left.length);
    const told = JSON.stringify(left);
    if (told === this.#told) return;
    this.#told = told;
    this.#world.silences.noteLeft(left);
  }
}
