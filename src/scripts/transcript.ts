import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { ChatEvent, ChatUser } from '../../hostside/protocol/chat.ts';
import { problemsOfIssues, rejected } from '../inventory/rules/problems.ts';
import { parseYamlDocument } from '../inventory/rules/yaml-document.ts';
import {
  duration,
  flag,
  listOf,
  mapping,
  matching,
  whole,
} from '../inventory/schema/schema-leaves.ts';

const name = () => matching(/^[^\0\n]{1,64}$/, 'the name of a person or an account');

const message = mapping({
  from: name().optional(),
  joins: listOf(name()).min(1, { error: 'a list with at least one name' }).optional(),
  text: matching(/^[^\0]{0,10000}$/, 'text').optional(),
  id: whole(1, 2_000_000_000).optional(),
  at: z.iso.datetime({ offset: true, error: 'a time such as "2026-11-25T12:00:00Z"' }).optional(),
  after: duration('0s', '30d').optional(),
  reply_to: whole(1, 2_000_000_000).optional(),
  language: matching(/^[A-Za-z-]{2,16}$/, 'a language such as en').optional(),
  bot: flag().optional(),
  edit: flag().optional(),
  media: flag().optional(),
});

const transcriptSchema = mapping({
  chat: z
    .int({ error: 'the id of a group such as -1001234567890' })
    .max(-1, { error: 'the id of a group such as -1001234567890' })
    .optional(),
  group: matching(/^.{1,128}$/, 'the title of the group').optional(),
  messages: listOf(message)
    .min(1, { error: 'a list with at least one message' })
    .max(20_000, { error: 'a list of at most 20000 messages' }),
});

type MessageYaml = z.output<typeof message>;

/**
 * A talk in one group. Events are as nobody in particular sees them: who is meant by a mention or a
 * reply is for each account to say.
 */
export interface Transcript {
  readonly chatId: string;
  readonly groupTitle: string | null;
  readonly events: readonly ChatEvent[];
}

/** A user id for a name: the same in every transcript. */
export const idOfName = (who: string): string =>
  String(
    1_000_000_000 + (createHash('sha256').update(who).digest().readUInt32BE() % 1_000_000_000),
  );

/** Decides whether a name is an account's, and which. */
export type AccountOfName = (who: string) => ChatUser | null;

const firstMoment = Date.UTC(2026, 0, 7, 12);
const pauseMs = 10_000;

const eventsOf = (
  messages: readonly MessageYaml[],
  chatId: string,
  accountOf: AccountOfName,
): readonly ChatEvent[] => {
  let atMs = firstMoment - pauseMs;
  let lastId = 0;
  const person = (who: string, { bot, language }: MessageYaml): ChatUser =>
    accountOf(who) ?? {
      id: idOfName(who),
      isBot: bot ?? false,
      firstName: who,
      username: /^[a-z]\w{3,31}$/i.test(who) ? who : null,
      language: language ?? null,
    };
  return messages.map((each): ChatEvent => {
    atMs = each.at === undefined ? atMs + (each.after ?? pauseMs) : Date.parse(each.at);
    // Ids in between are left for the answers.
    const messageId = each.id ?? (Math.floor(lastId / 100) + 1) * 100;
    lastId = Math.max(lastId, messageId);
    const at = { chatId, messageId, sentAtMs: Math.floor(atMs / 1_000) * 1_000 };
    if (each.joins !== undefined)
      return { kind: 'joined', ...at, users: each.joins.map((who) => person(who, each)) };
    return {
      kind: 'message',
      ...at,
      sender: each.from === undefined ? null : person(each.from, each),
      text: each.text ?? '',
      replyTo: each.reply_to ?? null,
      isReplyToMe: false,
      isMention: false,
      hasMedia: each.media ?? false,
      isOwn: false,
      isEdit: each.edit ?? false,
    };
  });
};

/**
 * One message a line (JSON) as a list of messages (YAML), line by line, so that mistakes keep their
 * line.
 */
const asYaml = (text: string): string =>
  /^\s*\{/.test(text)
    ? `messages:\n${text
        .split('\n')
        .map((line) => (line.trim() === '' ? '' : ` - ${line.trim()}`))
        .join('\n')}`
    : text;

/**
 * A transcript in YAML (`chat`, `group`, `messages`), or JSON lines with one message each. Throws
 * `inventory` with every mistake and its line; lines of JSON count from 1 all the same.
 */
export const parseTranscript = (
  text: string,
  path: string,
  accountOf: AccountOfName,
): Transcript => {
  const yaml = asYaml(text);
  const document = parseYamlDocument(yaml);
  const parsed = transcriptSchema.safeParse(document.value ?? {});
  const problems = [
    ...document.problems,
    ...(document.value === undefined
      ? []
      : problemsOfIssues(parsed.error?.issues ?? [], document, transcriptSchema)),
  ];
  const shift = yaml === text ? 0 : 1;
  if (problems.length > 0 || !parsed.success)
    throw rejected(
      problems.map((problem) => ({
        ...problem,
        position: { ...problem.position, line: Math.max(1, problem.position.line - shift) },
      })),
      path,
      'Correct them; docs/scripts.md describes transcripts.',
    );
  const { chat, group, messages } = parsed.data;
  const chatId = String(chat ?? -1_001_234_567_890);
  return { chatId, groupTitle: group ?? null, events: eventsOf(messages, chatId, accountOf) };
};
