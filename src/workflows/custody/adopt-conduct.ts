import { accountSpecFor } from '../../inventory/account-spec.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import type { AdoptionPlan } from '../../ownership/adoption-plan.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import { listScripts } from '../../scripts/read-script.ts';
import { isAnsweringFleet, scriptFolders } from '../answers/answer-behaviour.ts';
import { readBehaviours } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';

/** What the operator once told an account, as its host still has it. */
export interface AdoptedConduct {
  readonly account: string;
  readonly isPaused: boolean;
  /** Null: the inventory's. */
  readonly script: string | null;
  /**
   * The script that the host has, where the operator's folders have none of that name: the
   * inventory's comes with the next push.
   */
  readonly missingScript: string | null;
}

/**
 * What hosts know of pauses and chosen scripts and this ledger does not, by name of the account:
 * the newer truth where the ledger is new or an old copy.
 * `hosts`: those that answered. One that cannot be read now teaches nothing: a pause there lasts
 * until the next push, which shows it.
 */
export async function readConduct(
  context: FleetContext,
  plan: AdoptionPlan,
  hosts: readonly HostSpec[],
): Promise<AdoptedConduct[]> {
  const { inventory, ledger } = context;
  if (!isAnsweringFleet(inventory)) return [];
  const owned = plan.accounts.filter(({ after }) => after !== null);
  const owners = hosts.filter(({ name }) => owned.some(({ after }) => after === name));
  const outcomes = await forEachHost(
    owners,
    inventory.concurrency,
    (host) => readBehaviours(context, host),
    context.signal,
  );
  const known = new Map((await listAccounts(ledger.db)).map((account) => [account.name, account]));
  const scripts = await listScripts(scriptFolders(inventory));
  return owned.flatMap(({ account, after }) => {
    const read = outcomes.find(({ host }) => host.name === after);
    const behaviour = read?.ok === true ? read.value.get(account) : undefined;
    if (behaviour === undefined) return [];
    const usual = accountSpecFor(inventory, account as AccountName).script;
    const name =
      behaviour.script === null || behaviour.script.name === usual ? null : behaviour.script.name;
    const isMissing = name !== null && !scripts.has(name);
    const row = known.get(account);
    const before = { isPaused: row?.paused === 1, script: row?.script ?? null };
    const now = { isPaused: behaviour.isPaused, script: isMissing ? before.script : name };
    if (now.isPaused === before.isPaused && now.script === before.script && !isMissing) return [];
    return [{ account, ...now, missingScript: isMissing ? name : null }];
  });
}
