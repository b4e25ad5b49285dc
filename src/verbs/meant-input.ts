/**
 * Words of an input that name accounts and hosts: what people call accounts, and patterns, become
 * names.
 */
import { accountMeant, accountsCalled, type CalledAccount } from '../model/called.ts';
import { FleetError } from '../model/errors.ts';
import { isAccountName } from '../model/names.ts';
import type { Field, Fields, InputOf } from './input.ts';
import {
  type Inventoried,
  readKnownAccounts,
  readKnownHosts,
  readNamedAccounts,
} from './known-names.ts';
import type { Verb } from './verb.ts';

type Input = InputOf<Fields>;

/** Names in an error, at most. */
const mostNames = 20;

const wordsOf = (input: Input, key: string): readonly string[] => {
  const value: unknown = Reflect.get(input, key);
  return value === undefined ? [] : [value].flat().map(String);
};

/**
 * A pattern that matches nothing is a mistake, so that a command for nobody does not look like
 * success.
 */
const matchesNothing = (pattern: string, what: 'account' | 'host'): FleetError =>
  new FleetError('usage', `no ${what} matches "${pattern}"`, {
    hint:
      `fleet ${what}s list shows their names; put a pattern in quotes, so that the shell ` +
      'leaves it alone',
  });

/**
 * What one word of the field stands for: one name, or all that a pattern matches. Errors: `usage`.
 */
type Meaning = (word: string) => Promise<readonly string[]>;

/** `named`: those that patterns are about. */
function accountMeaning(known: readonly CalledAccount[], named: readonly string[]): Meaning {
  return async (word) => {
    const { isNamePattern, namesMatching } = await import('../inventory/name-pattern.ts');
    if (isAccountName(word) || !isNamePattern(word) || accountsCalled(known, word).length > 0)
      return [accountMeant(known, word)];
    const found = namesMatching(word, named);
    if (found.length === 0) throw matchesNothing(word, 'account');
    return found;
  };
}

function hostMeaning(known: readonly string[]): Meaning {
  return async (word) => {
    const { isNamePattern, namesMatching } = await import('../inventory/name-pattern.ts');
    if (!isNamePattern(word)) return [word];
    const found = namesMatching(word, known);
    if (found.length === 0) throw matchesNothing(word, 'host');
    return found;
  };
}

/** Null: every word is what it says. */
async function meaningOf(
  { of, among, isExact }: Field,
  words: readonly string[],
  desk: Inventoried,
): Promise<Meaning | null> {
  if (of === 'account') {
    if (words.every(isAccountName)) return null;
    const known = await readKnownAccounts(desk);
    return accountMeaning(
      known,
      among === 'inventory' ? await readNamedAccounts(desk) : known.map(({ name }) => name),
    );
  }
  const { isNamePattern } = await import('../inventory/name-pattern.ts');
  if (of === 'host' && isExact !== true && words.some(isNamePattern))
    return hostMeaning(await readKnownHosts(desk));
  return null;
}

/** Errors: `usage`, with every word that means nothing at once. */
async function namesOf(words: readonly string[], meaning: Meaning): Promise<readonly string[]> {
  const outcomes = await Promise.allSettled(words.map(meaning));
  const names = outcomes.flatMap((outcome) =>
    outcome.status === 'fulfilled' ? outcome.value : [],
  );
  const mistakes = outcomes.flatMap((outcome): unknown[] =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  );
  const [first] = mistakes;
  if (first === undefined) return [...new Set(names)];
  if (mistakes.length === 1 || !(first instanceof FleetError)) throw first;
  const problems = mistakes.map((each) => (each instanceof Error ? each.message : String(each)));
  throw new FleetError('usage', `${mistakes.length} words name nobody`, {
    hint: first.hint,
    problems,
  });
}

function theOnly(names: readonly string[], word: string, { of }: Field, verb: string): string {
  const [name = '', ...more] = names;
  if (more.length === 0) return name;
  throw new FleetError(
    'usage',
    `"${word}" matches ${names.length} ${of}s; fleet ${verb} takes one`,
    {
      hint: 'Name one of them, or write a pattern that only one matches.',
      problems:
        names.length > mostNames
          ? [...names.slice(0, mostNames), `and ${names.length - mostNames} more`]
          : names,
    },
  );
}

/**
 * The input with names in the place of what people call accounts, and of patterns over accounts or
 * hosts. A pattern for accounts never means a host, nor the other
 * way round. The inventory and the ledger are read only where a word is no name. Errors: `usage`,
 * for words that mean nothing, or several where one is wanted; those
 * of the inventory and the ledger.
 */
export async function meantInput(
  verb: Pick<Verb, 'name' | 'input'>,
  input: Input,
  desk: Inventoried,
): Promise<Input> {
  const meant: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(verb.input)) {
    const words = wordsOf(input, key);
    const meaning = await meaningOf(field, words, desk);
    if (meaning === null) continue;
    const names = await namesOf(words, meaning);
    meant[key] = field.isMany === true ? names : theOnly(names, words[0] ?? '', field, verb.name);
  }
  return { ...input, ...meant };
}
