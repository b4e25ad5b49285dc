/**
 * Why an account says nothing, as a closed list: the label of its counters and what `fleet
 * why-silent` explains. Reasons of the first part come from
 * hostside/answering in the order in which it asks; those of the second part from the worker, which
 * waits, calls and sends.
 */
export const silenceReasons = {
  paused: 'the operator has paused the account',
  private: 'a private chat: accounts answer in groups only',
  'not-allowed-chat': 'the chat is not in the allow-list (chats: of the account)',
  own: 'the account said it itself',
  edited: 'a changed version of an earlier message',
  duplicate: 'the message was read before',
  colleague: 'another account of the fleet said it',
  bot: 'a bot said it',
  anonymous: 'the group speaks as itself: nobody to answer',
  empty: 'there is no text in it',
  stale: 'it is older than the script answers (stale_after)',
  'opt-out-now': 'the sender asked for silence with this message, and no confirmation is due',
  'opted-out': 'the sender has asked for silence',
  'handed-over': 'a person has taken over this conversation',
  'no-script': 'the account has no script',
  'no-rule': 'no rule of the script fits',
  condition: 'a rule fits, but not its conditions (when)',
  probability: 'a rule fits, but the draw of its probability was lost',
  'silent-rule': 'the rule that fits asks for silence (silent: true)',
  hours: 'outside working hours',
  holiday: 'a holiday',
  ceiling: 'everything that the account may say in an hour is said (answer_limits.ceiling)',
  'limit-account': 'the limit per account and hour is reached (answer_limits.per_account)',
  'limit-chat': 'the limit per chat and hour is reached (answer_limits.per_chat)',
  'limit-user': 'the limit per person and hour is reached (answer_limits.per_user)',
  flood: 'Telegram asked for a pause that outlasts the time for this answer',
  'slow-mode': 'slow mode of the group outlasts the time for this answer',
  frozen: 'Telegram has frozen the account: its owner has to appeal in an official app',
  'write-forbidden': 'the account may not write in this group',
  'slot-over': 'the time slots of this account for the message are over',
  'colleague-answered': 'another account of the fleet has answered it',
  'queue-full': 'too many messages were waiting',
  'model-failed': 'the model did not answer, and there is no fallback text',
  'model-refused':
    "the model's server refuses the key, the model or the request, which does not end by " +
    'itself: fleet logs ACCOUNT --level warn says why',
  'model-budget': "the day's budget for the model is used up, and there is no fallback text",
  moderated: 'the moderation of the answer said no, and there is no fallback text',
  'send-failed': 'Telegram did not take the answer',
} as const;

export type SilenceReason = keyof typeof silenceReasons;

/** One message that was not answered. */
export interface RecentSilence {
  readonly atMs: number;
  readonly chatId: string;
  readonly messageId: number;
  /** Who said it; null: the group itself. */
  readonly userId: string | null;
  readonly reason: SilenceReason;
  readonly rule: string | null;
  /** When the reason ends by itself; null: nobody can tell. */
  readonly untilMs: number | null;
}

/** A group of the allow-list that the account is not in. */
export interface LeftGroup {
  readonly chatId: string;
  /**
   * Marked id of the supergroup that it was made into; null: the account was removed, has left or
   * was never in it.
   */
  readonly movedTo: string | null;
}

/** What became of the operator's test message `id`. */
export interface TestOutcome {
  readonly id: string;
  readonly isSent: boolean;
  /** Why not; empty when it was sent. */
  readonly reason: string;
}

/** `silences.json` in the worker's runtime directory: the newest 200, oldest first. */
export interface RecentSilences {
  readonly format: 1;
  readonly recent: readonly RecentSilence[];
  readonly test: TestOutcome | null;
  /** Absent: a worker of a release that does not tell. */
  readonly left?: readonly LeftGroup[];
}
