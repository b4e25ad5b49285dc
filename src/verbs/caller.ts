import { hostname, userInfo } from 'node:os';
import type { Ledger } from '../ledger/ledger.ts';
import type { Caller } from '../steps/program.ts';

/**
 * How hosts call this run: `act` is the command. A user without an entry in passwd is called by its
 * number.
 */
export const callerOf = (act: string, { authorityId }: Pick<Ledger, 'authorityId'>): Caller => ({
  act,
  by: `${userName()}@${hostname()}`,
  ledger: authorityId,
});

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}
