import { isIP } from 'node:net';
import { type DraftHost, type DraftOutcome, emptyHost } from './draft.ts';
import { hostNameFrom, isAddress, isUserName, portFrom } from './names.ts';
import { expandRanges } from './ranges.ts';

/** What a word of a list of servers may look like, for messages. */
export const addressForm = '[NAME=][USER@]ADDRESS[:PORT]';

interface Word {
  readonly name: string | null;
  readonly user: string | null;
  readonly address: string;
  readonly port: string | null;
}

/** Null: the word is none. */
function parts(text: string): Word | null {
  const found =
    /^(?:([^=@\s]+)=)?(?:([^@\s]+)@)?(?:\[([0-9A-Fa-f:.%]+)\]|([^@:[\]\s]+)|([0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*))(?::(\d+))?$/.exec(
      text,
    );
  if (found === null) return null;
  const [, name = null, user = null, bracketed, plain, six, port = null] = found;
  return { name, user, address: bracketed ?? plain ?? six ?? '', port };
}

/** What is wrong with a word; null: nothing. */
function mistakeIn(word: Word | null): string | null {
  if (word === null) return `is no server: write ${addressForm}, for example root@192.0.2.11`;
  if (!isAddress(word.address)) return 'has no host name or IP address';
  if (/^[\d.]+$/.test(word.address) && isIP(word.address) === 0)
    return 'has an IP address that does not exist';
  if (word.user !== null && !isUserName(word.user)) return 'has a user name that no system takes';
  if (word.port !== null && portFrom(word.port) === null)
    return 'has a port that is not between 1 and 65535';
  if (word.name !== null && hostNameFrom(word.name) !== word.name)
    return 'has a name with other characters than lower-case letters, digits, "-" and "."';
  return null;
}

/**
 * How hosts are called whose words have no name: a machine by the first part of its name, where no
 * other has the same; an IP address by its number in the list.
 */
function nameOf(word: Word, index: number, all: readonly Word[]): string {
  if (word.name !== null) return word.name;
  const { address } = word;
  if (isIP(address) !== 0 || address.includes(':')) return `h${index + 1}`;
  const label = (each: Word): string => each.address.split('.')[0] ?? each.address;
  const isAlone =
    all.filter((each) => each.name === null && label(each) === label(word)).length === 1;
  return hostNameFrom(isAlone ? label(word) : address) ?? `h${index + 1}`;
}

/**
 * Servers as an operator lists them: `[NAME=][USER@]ADDRESS[:PORT]`, with ranges such as
 * `web[01:10].example.com`.
 */
export function draftFromAddresses(words: readonly string[]): DraftOutcome {
  const expanded = words.map((text) => ({ text, names: expandRanges(text) }));
  const read = expanded.flatMap(({ text, names }) =>
    (names ?? []).map((name) => ({ text, word: parts(name) })),
  );
  const problems = [
    ...expanded
      .filter(({ names }) => names === null)
      .map(({ text }) => `${text}: has a range that is none: write web[01:10] or db-[a:f]`),
    ...read.flatMap(({ text, word }) => {
      const mistake = mistakeIn(word);
      return mistake === null ? [] : [`${text}: ${mistake}`];
    }),
  ];
  if (problems.length > 0) return { problems: [...new Set(problems)] };
  const good = read.flatMap(({ word }) => (word === null ? [] : [word]));
  const hosts = read.flatMap(({ text, word }, index): readonly DraftHost[] => {
    if (word === null) return [];
    const name = nameOf(word, index, good);
    const port = word.port === null ? null : portFrom(word.port);
    return [
      {
        ...emptyHost(name, text),
        address: word.address === name ? null : word.address,
        ...(word.user === null ? {} : { user: word.user }),
        ...(port === null ? {} : { port }),
      },
    ];
  });
  return { draft: { hosts, groups: [], strategy: null, notRead: [] } };
}
