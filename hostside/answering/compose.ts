import type { ChatUser } from '../protocol/chat.ts';

/** Telegram's limit for one message. */
export const longestMessage = 4_096;

/** The variables of a template, in the order of the documentation. */
export const templateVariables = ['first_name', 'username', 'group', 'time', 'account'] as const;

export type TemplateValues = Readonly<Record<(typeof templateVariables)[number], string>>;

/** Words behind `@` that call everybody, in the words of common clients and bots. */
const everybody =
  'everyone everybody all here channel group admin admins alle todos tous все всем tutti herkes'
    .split(' ')
    .join('|');
const massMention = new RegExp(`@(?=(?:${everybody})(?![\\p{L}\\p{N}_]))`, 'giu');
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
const unseen = /[\u0000-\u001f\u007f\u200b-\u200f\u202a-\u202e\u2060-\u2069]/gu;

/** Takes the `@` from words that would call everybody in a group. */
export const withoutMassMentions = (text: string): string => text.replace(massMention, '');

/**
 * A name that somebody chose for themselves: no mention, no link, no invisible characters, at most
 * 64 characters.
 */
export const safeName = (name: string): string =>
  plainName.test(name) ? name : calmName(name.slice(0, 256));

const plainName = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N} -]{0,62}[\p{L}\p{M}\p{N}])?$/u;

const calmName = (name: string): string =>
  name
    .replace(unseen, ' ')
    .replace(/@/g, '')
    .replace(/:\/\//g, ' ')
    .replace(/(?<=[\p{L}\p{N}])\.(?=\p{L})/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 64)
    .trim();

/**
 * `text` with its `{{variables}}` filled in. Unknown ones stay: scripts with them are refused
 * before.
 */
export const fillTemplate = (text: string, values: TemplateValues): string =>
  text.replace(/\{\{\s*([a-z_]+)\s*\}\}/g, (whole, name: string) => {
    const known = templateVariables.find((each) => each === name);
    return known === undefined ? whole : values[known];
  });

/** First names of at most three people, for a greeting: "Anna, Ben, Cleo". */
export const greetedNames = (people: readonly ChatUser[]): string =>
  people
    .slice(0, 3)
    .map(({ firstName, username }) => safeName(firstName) || safeName(username ?? ''))
    .filter((name) => name !== '')
    .join(', ');

/**
 * At most `limit` characters, cut at a word where there is one near, without half a character at
 * the end.
 */
export const cutText = (text: string, limit: number): string => {
  if (text.length <= limit) return text;
  const head = text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '');
  const space = head.search(/\s\S*$/u);
  return `${(space > limit * 0.8 ? head.slice(0, space) : head).trimEnd()}…`;
};

/**
 * What is sent: `text` with the disclosure behind it, together at most 4,096 characters; the
 * disclosure is never cut.
 */
export const withDisclosure = (text: string, disclosure: string | null): string =>
  disclosure === null
    ? cutText(text, longestMessage)
    : `${cutText(text, longestMessage - disclosure.length - 2)}\n\n${disclosure}`;
