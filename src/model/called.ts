import { FleetError } from './errors.ts';
import { isAccountName } from './names.ts';

/** An account and what people call it, in any script; null: by its name. */
export interface CalledAccount {
  readonly name: string;
  readonly displayName: string | null;
}

/**
 * How two spellings are compared: the same letters, whatever their case and however they are
 * composed.
 */
const spelling = (text: string): string =>
  text.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase();

/** Accounts that people call so, by name. Pure. */
export const accountsCalled = (accounts: readonly CalledAccount[], called: string): string[] =>
  accounts
    .filter(({ displayName }) => displayName !== null && spelling(displayName) === spelling(called))
    .map(({ name }) => name)
    .toSorted();

/**
 * The name of the account that the operator means by `word`. What has the form of a name is one and
 * nothing else, so that a command that is run twice never meets
 * another account than the first time. Errors: `usage`, when several are called so, or none is.
 * Pure.
 */
export function accountMeant(accounts: readonly CalledAccount[], word: string): string {
  if (isAccountName(word)) return word;
  const [name, ...more] = accountsCalled(accounts, word);
  if (name === undefined) {
    throw new FleetError('usage', `no account is called "${word}"`, {
      hint: 'fleet accounts list shows names, and what people call them',
    });
  }
  if (more.length === 0) return name;
  throw new FleetError('usage', `${more.length + 1} accounts are called "${word}"`, {
    hint: 'give the name of one of them',
    problems: [name, ...more],
  });
}
