import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { explainAccount } from '../../inventory/explain/account.ts';
import { explainFleet } from '../../inventory/explain/fleet.ts';
import { explainHost, type ReachedBy } from '../../inventory/explain/host.ts';
import type { Setting, Written } from '../../inventory/explain/setting.ts';
import { readSecret } from '../../inventory/read-secret.ts';
import { nearest } from '../../inventory/rules/nearest.ts';
import { parseYamlDocument } from '../../inventory/rules/yaml-document.ts';
import { accessTo, openLedger } from '../../ledger/ledger.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec, Inventory } from '../../model/inventory.ts';
import { type AccountName, isAccountName } from '../../model/names.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';

/** Settings in effect of one subject. */
export interface ShownConfig {
  readonly kind: 'fleet' | 'host' | 'account';
  readonly name: string;
  readonly settings: readonly Setting[];
  /** Why some of them cannot be told; null: all are here. */
  readonly missing: FleetError | null;
}

/** Accounts of the ledger; none where there is no ledger yet: nothing is made for a look. */
async function knownAccounts({
  ledger: place,
  path,
}: Inventory): Promise<readonly PlacedAccount[]> {
  if (place.kind === 'file' && !existsSync(place.path)) return [];
  const surroundings = { cwd: dirname(path), env: process.env };
  const ledger = await openLedger(accessTo(place, (each) => readSecret(each, surroundings)));
  try {
    return await listAccounts(ledger.db);
  } finally {
    await ledger.close();
  }
}

async function reach(host: HostSpec, ssh: SshContext): Promise<ReachedBy> {
  const target = await ssh.target(host);
  return {
    ...target,
    jumps: target.jumps.map(({ user, address, port }) => `${user}@${address}:${port}`),
  };
}

async function showHost(host: HostSpec, ssh: SshContext, written: Written): Promise<ShownConfig> {
  const shown = (reached: ReachedBy | null, missing: FleetError | null): ShownConfig => ({
    ...{ kind: 'host', name: host.name, missing, settings: explainHost(host, reached, written) },
  });
  try {
    return shown(await reach(host, ssh), null);
  } catch (error) {
    if (error instanceof FleetError) return shown(null, error);
    throw error;
  }
}

/**
 * What is in effect for the host or account `name`, both where both are called so; null: for the
 * whole fleet. Writes nothing and connects to nobody. Error `usage`:
 * nobody is called so. `text`: of the inventory.
 */
export async function showConfig(
  inventory: Inventory,
  text: string,
  path: string,
  name: string | null,
  ssh: SshContext,
): Promise<readonly ShownConfig[]> {
  const written: Written = { document: parseYamlDocument(text), path };
  if (name === null)
    return [
      {
        kind: 'fleet',
        name: inventory.fleet,
        settings: explainFleet(inventory, written),
        missing: null,
      },
    ];
  const host = inventory.hosts.find((each) => each.name === name);
  const accounts = await knownAccounts(inventory);
  const account = accounts.find((each) => each.name === name || each.display_name === name);
  const accountName = account?.name ?? name;
  const isAccount = account !== undefined || inventory.accounts.some((each) => each.name === name);
  if (host === undefined && !isAccount)
    throw unknownName(
      name,
      [...inventory.hosts, ...inventory.accounts, ...accounts].map((each) => each.name),
    );
  const shownHost = host === undefined ? [] : [await showHost(host, ssh, written)];
  if (!isAccount || !isAccountName(accountName)) return shownHost;
  const spec = accountSpecFor(inventory, accountName satisfies AccountName);
  const choice = { script: account?.script ?? null, pinnedTo: account?.pinned_to ?? null };
  return [
    ...shownHost,
    {
      kind: 'account',
      name: accountName,
      settings: explainAccount(spec, choice, written),
      missing: null,
    },
  ];
}

function unknownName(name: string, known: readonly string[]): FleetError {
  const near = nearest(name, known);
  return new FleetError('usage', `no host and no account is called ${name}`, {
    hint:
      near === null
        ? 'fleet hosts list and fleet accounts list show them; accounts that nobody named ' +
          'yet have account_defaults'
        : `Did you mean ${near}?`,
  });
}
