import type { Command } from 'commander';
import type { LedgerDb } from '../ledger/ledger.ts';
import { accountMeant, type CalledAccount } from '../model/called.ts';
import { isAccountName } from '../model/names.ts';
import type { GlobalOptions } from './global-options.ts';
import { loadInventoryOf } from './open-context.ts';

/** Whether a command's argument or option is an account, by the word that help shows for it. */
const isAccountWord = (shown: string): boolean => /^(?:<|\[)?accounts?(?:\.\.\.)?(?:>|\])?$/.test(shown);

const isAccountOption = (flags: string): boolean => isAccountWord(/<.*>/.exec(flags)?.[0] ?? '');

type Inventoried = Pick<GlobalOptions, 'inventory'>;

/** What the ledger of this inventory says; null where there is no ledger yet. */
async function readLedger<T>(options: Inventoried, read: (db: LedgerDb) => Promise<T>): Promise<T | null> {
  const [{ existsSync }, { openLedger }] = await Promise.all([import('node:fs'), import('../ledger/ledger.ts')]);
  const { paths } = await loadInventoryOf(options);
  if (!existsSync(paths.ledger)) return null;
  const ledger = await openLedger(paths.ledger);
  try {
    return await read(ledger.db);
  } finally {
    await ledger.close();
  }
}

/** Every account that the ledger knows, by name. */
export async function readAccountNames(options: Inventoried): Promise<readonly string[]> {
  const { listAccounts } = await import('../ledger/accounts.ts');
  return (await readLedger(options, async (db) => (await listAccounts(db)).map(({ name }) => name))) ?? [];
}

/** The accounts that people call something. */
async function readCalled(options: Inventoried): Promise<readonly CalledAccount[]> {
  const { listDisplayNames } = await import('../ledger/accounts.ts');
  return (await readLedger(options, (db) => listDisplayNames(db))) ?? [];
}

interface Words<O> {
  readonly args: readonly string[];
  readonly options: O;
}

/**
 * Arguments and options that name accounts, with names in the place of what people call them. The ledger is read only where a word cannot be a name. Errors:
 * `usage`, when nobody is called so or several are; those of the inventory and the ledger.
 */
export async function withAccountNames<O extends Pick<GlobalOptions, 'inventory'>>(command: Command, words: Words<O>): Promise<Words<O>> {
  const { registeredArguments: declared } = command;
  const isAccount = (index: number): boolean => isAccountWord(declared[Math.min(index, declared.length - 1)]?.name() ?? '');
  const named = command.options.filter(({ flags }) => isAccountOption(flags)).map((option) => option.attributeName());
  const given = named.flatMap((name) => valuesOf(words.options, name));
  if ([...words.args.filter((_, index) => isAccount(index)), ...given].every(isAccountName)) return words;
  const known = await readCalled(words.options);
  const meant = (word: string): string => accountMeant(known, word);
  const changed = named.flatMap((name): (readonly [string, unknown])[] => {
    const value: unknown = Reflect.get(words.options, name);
    return value === undefined ? [] : [[name, Array.isArray(value) ? value.map(String).map(meant) : meant(String(value))]];
  });
  return {
    args: words.args.map((word, index) => (isAccount(index) ? meant(word) : word)),
    options: { ...words.options, ...Object.fromEntries(changed) },
  };
}

function valuesOf(options: object, name: string): string[] {
  const value: unknown = Reflect.get(options, name);
  return value === undefined ? [] : [value].flat().map(String);
}
