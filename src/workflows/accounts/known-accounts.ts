import { asKnown } from '../../facts/known-state.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';

/**
 * Every account of the ledger, for people: of hosts that do not answer the state is `unknown`, with
 * what was reported last.
 */
export async function listKnownAccounts(db: LedgerDb): Promise<PlacedAccount[]> {
  const [accounts, hosts] = await Promise.all([listAccounts(db), listHosts(db)]);
  const health = new Map(hosts.map((row) => [row.name, row]));
  return accounts.map((account) =>
    asKnown(account, account.host === null ? undefined : health.get(account.host)),
  );
}
