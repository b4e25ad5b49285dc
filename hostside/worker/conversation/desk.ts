import type { Conduct } from '../../answering/conduct.ts';
import type { Memory } from '../../answering/memory.ts';
import type { ChatEvent } from '../../protocol/chat.ts';
import type { LogLevel } from '../lifecycle/journal.ts';
import type { ModelCaller } from '../model/model-caller.ts';
import type { TelegramLink } from '../telegram/telegram-port.ts';
import type { InTurn } from './in-turn.ts';

/** What an errand finds when it looks up: always as it is now. */
export interface Desk {
  readonly memory: Memory;
  readonly conduct: Conduct;
  readonly model: ModelCaller | null;
  /** null: there is no connection. */
  readonly link: TelegramLink | null;
  readonly inTurn: InTurn;
  /** The worker stops. */
  readonly stop: AbortSignal;
  /** Wall clock, ms. */
  readonly now: () => number;
  readonly say: (level: LogLevel, text: string) => void;
  /** The memory has changed. */
  readonly changed: (isGrave: boolean) => void;
  /** Telegram takes nothing in this chat now, but will. */
  readonly isHeld: (chatId: string) => boolean;
  /** Telegram asks for a pause in everything. */
  readonly flooded: (seconds: number) => void;
  /** Events that were read on the way; those that were heard before are known. */
  readonly heardMeanwhile: (events: readonly ChatEvent[]) => void;
}
