import type {
  Behaviour,
  ChatPolicy,
  ChatSharing,
  Conditions,
  Rule,
  Trigger,
} from '../protocol/behaviour.ts';
import type { ChatEvent, ChatMessage, ChatUser } from '../protocol/chat.ts';
import { clockIn, type OpenAt, openAt } from './hours.ts';
import { compilePattern, type PatternText, patternText } from './pattern.ts';
import type { Self } from './verdict.ts';
import { foldText, hasWord, isSingleWord, mentionedNames, wishWords, wordsOf } from './words.ts';

/** An event with what several checks want to know about its text, worked out once. */
export interface Heard {
  readonly event: ChatEvent;
  readonly self: Self;
  /** Folded text; empty for a join. */
  readonly text: string;
  /** Its words; made when they are first asked for. */
  readonly words: () => ReadonlySet<string>;
  /** The text as it was written, for patterns; taken apart when it is first asked for. */
  readonly letters: () => PatternText;
  /** Usernames mentioned in it, lower case. */
  readonly mentions: readonly string[];
  /** It replies to this account or mentions it. */
  readonly isAddressed: boolean;
}

const lazily = <Value>(make: () => Value): (() => Value) => {
  let made: { readonly value: Value } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

export const hear = (event: ChatEvent, self: Self): Heard => {
  const written = event.kind === 'joined' ? '' : event.text;
  const text = foldText(written);
  const mentions = written.includes('@') ? mentionedNames(written) : [];
  const isNamed = self.username !== null && mentions.includes(self.username.toLowerCase());
  return {
    event,
    self,
    text,
    words: lazily(() => wordsOf(text)),
    letters: lazily(() => patternText(written)),
    mentions,
    isAddressed: event.kind === 'message' && (event.isMention || event.isReplyToMe || isNamed),
  };
};

/** A rule, ready to be asked. */
export interface ReadyRule {
  readonly rule: Rule;
  readonly fits: (heard: Heard) => boolean;
  /** Whether all conditions but the probability hold. */
  readonly allows: (chatId: string, sender: ChatUser | null) => boolean;
}

/** How messages are shared out, ready. */
export interface ReadySharing {
  readonly slotMs: number;
  readonly keyIds: readonly string[];
  readonly colleagueNames: ReadonlySet<string>;
}

export interface ReadyChat {
  readonly policy: ChatPolicy;
  /** Colleagues whose answers count, of now and of before. */
  readonly colleagueIds: ReadonlySet<string>;
  readonly sharing: ReadySharing;
  readonly former: ReadySharing | null;
}

/** How a message of `sentAtMs` is shared out. */
export const sharingAt = (
  { policy, sharing, former }: ReadyChat,
  sentAtMs: number,
): ReadySharing => (former !== null && sentAtMs < (policy.former?.untilMs ?? 0) ? former : sharing);

/** A behaviour, ready for thousands of decisions: words folded, patterns and calendars made. */
export interface Conduct {
  readonly behaviour: Behaviour;
  readonly chats: ReadonlyMap<string, ReadyChat>;
  readonly chatIds: ReadonlySet<string>;
  readonly fleetIds: ReadonlySet<string>;
  readonly rules: readonly ReadyRule[];
  readonly openAt: OpenAt;
  /** Clock time where the script's hours are, else UTC. */
  readonly clock: (atMs: number) => string;
  readonly optOutWords: ReadonlySet<string>;
  readonly backWords: ReadonlySet<string>;
  readonly handoverWords: readonly string[];
}

const isMessage = (event: ChatEvent): event is ChatMessage => event.kind === 'message';

const commandTest = (name: string): ((heard: Heard) => boolean) => {
  const wanted = name.toLowerCase();
  return ({ text, self }) => {
    if (!text.startsWith('/')) return false;
    const [command = '', account] = (text.split(' ', 1)[0] ?? '').slice(1).split('@');
    return (
      command === wanted && (account === undefined || account === self.username?.toLowerCase())
    );
  };
};

const triggerTest = (trigger: Trigger): ((heard: Heard) => boolean) => {
  switch (trigger.kind) {
    case 'keyword': {
      const words = trigger.words.map(foldText);
      const [single, others] = [
        words.filter(isSingleWord),
        words.filter((word) => !isSingleWord(word)),
      ];
      return (heard) =>
        single.some((word) => heard.words().has(word)) ||
        others.some((word) => hasWord(heard.text, word));
    }
    case 'pattern': {
      const pattern = compilePattern(trigger.source);
      return (heard) => isMessage(heard.event) && pattern.matches(heard.letters());
    }
    case 'mention':
      return ({ event, isAddressed }) => isMessage(event) && isAddressed && !event.isReplyToMe;
    case 'reply':
      return ({ event }) => isMessage(event) && event.isReplyToMe;
    case 'joined':
      return ({ event }) => event.kind === 'joined';
    case 'command':
      return commandTest(trigger.name);
    case 'any':
      return ({ event }) => isMessage(event);
  }
};

const conditionTest = ({ chats, senders, languages }: Conditions): ReadyRule['allows'] => {
  const people = new Set(senders.map((sender) => sender.toLowerCase()));
  const tongues = new Set(languages.map((language) => language.toLowerCase()));
  return (chatId, sender) => {
    if (chats.length > 0 && !chats.includes(chatId)) return false;
    if (
      people.size > 0 &&
      !people.has(sender?.id ?? '') &&
      !people.has(sender?.username?.toLowerCase() ?? '')
    )
      return false;
    return (
      tongues.size === 0 || tongues.has((sender?.language ?? '').toLowerCase().split('-')[0] ?? '')
    );
  };
};

const readySharing = ({ slotMs, colleagues }: ChatSharing): ReadySharing => ({
  slotMs,
  keyIds: colleagues.map(({ keyId }) => keyId),
  colleagueNames: new Set(colleagues.flatMap(({ username }) => username?.toLowerCase() ?? [])),
});

const readyChat = (policy: ChatPolicy): ReadyChat => ({
  policy,
  colleagueIds: new Set(
    [...policy.colleagues, ...(policy.former?.colleagues ?? [])].flatMap(
      ({ userId }) => userId ?? [],
    ),
  ),
  sharing: readySharing(policy),
  former: policy.former === undefined ? null : readySharing(policy.former),
});

/**
 * Makes `behaviour` ready. Once per behaviour; it was checked by the operator's side. Throws for a
 * pattern or a time zone that cannot be.
 */
export const prepare = (behaviour: Behaviour): Conduct => {
  const { script } = behaviour;
  const chats = new Map(behaviour.chats.map((policy) => [policy.id, readyChat(policy)]));
  return {
    behaviour,
    chats,
    chatIds: new Set(chats.keys()),
    fleetIds: new Set(behaviour.fleetUserIds),
    rules: (script?.rules ?? []).map((rule) => ({
      rule,
      fits: triggerTest(rule.trigger),
      allows: conditionTest(rule.conditions),
    })),
    openAt: script?.hours ? openAt(script.hours) : () => 'open',
    clock: clockIn(script?.hours?.timeZone ?? 'UTC'),
    optOutWords: wishWords(script?.optOut.words ?? []),
    backWords: wishWords(script?.optOut.backWords ?? []),
    handoverWords: (script?.handover?.words ?? []).map(foldText),
  };
};
