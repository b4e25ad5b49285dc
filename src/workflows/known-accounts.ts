import { asKnown } from '../facts/known-state.ts';
import { listAccounts, type PlacedAccount } from '../ledger/accounts.ts';
import { listHosts } from '../ledger/hosts.ts';
import type { LedgerDb } from '../ledger/ledger.ts';

/** Every account of the ledger, for people: of hosts that do not answer the state is `unknown`, with what was reported last. */
export async function listKnownAccounts(db: LedgerDb): Promise<PlacedAccount[]> {
  const [accounts, hosts] = await Promise.all([listAccounts(db), listHosts(db)]);
  const health = new Map(hosts.map((row) => [row.name, row]));
  return accounts.map((account) => asKnown(account, account.host === null ? undefined : health.get(account.host)));
}
