import type { CalledAccount } from '../../model/called.ts';

/** Of this process's ledger, by name. */
let displayNames: ReadonlyMap<string, string> = new Map();

/** What people call the accounts stands beside their names from here on, on every screen. */
export function showDisplayNames(accounts: readonly CalledAccount[]): void {
  displayNames = new Map(
    accounts.flatMap(({ name, displayName }) =>
      displayName === null ? [] : [[name, displayName] as const],
    ),
  );
}

/**
 * The account's name, with what people call it where that is something else: `account-1f2e3d4c
 * (小王)`.
 */
export function called(name: string): string {
  const displayName = displayNames.get(name);
  return displayName === undefined ? name : `${name} (${displayName})`;
}
