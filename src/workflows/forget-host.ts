import { forgetHostOnPurpose, listHosts } from '../ledger/hosts.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import type { HostRow } from '../ledger/schema.ts';
import { FleetError } from '../model/errors.ts';
import type { FleetContext } from './context.ts';
import { accountsOn, refuseOpenMoves } from './host-burden.ts';
import { surveyHost } from './survey-hosts.ts';

/** Why a host may be forgotten. */
export type Farewell =
  /** Nothing was ever sent to it. */
  | 'never used'
  /** The operator's statement: it will never boot again. */
  | 'destroyed'
  /** It has to say first that it owns nothing. */
  | 'ask';

/** Nothing is changed yet. Errors: `usage` for an unknown host, `claim-refused` while it owns accounts, a move is open, or nobody can say what it owns. */
export async function planForget(context: FleetContext, name: string): Promise<Farewell> {
  const { db } = context.ledger;
  const row = await findRow(context, name);
  await refuseOpenMoves(db, [name]);
  const accounts = await accountsOn(db, name);
  if (accounts.length > 0)
    throw new FleetError('claim-refused', `${name} owns ${accounts.join(', ')}: it cannot be forgotten`, {
      host: name,
      hint: `it answers: fleet drain ${name}; it never will again: fleet failover ${name} --destroyed`,
    });
  if (row.destroyed_at !== null) return 'destroyed';
  if (row.contact_intent_at === null && row.bootstrapped_at === null) return 'never used';
  if (context.inventory.hosts.some((host) => host.name === name)) return 'ask';
  throw new FleetError('survey-incomplete', `${name} is not in the inventory, so it cannot say that it owns nothing`, {
    host: name,
    hint: `put it back into the inventory and run this again; if it will never boot again: fleet failover ${name} --destroyed`,
  });
}

async function findRow({ ledger }: FleetContext, name: string): Promise<HostRow> {
  const row = (await listHosts(ledger.db)).find((host) => host.name === name);
  if (row !== undefined) return row;
  throw new FleetError('usage', `the ledger knows no host ${name}`, { hint: 'fleet hosts list shows the known ones' });
}

/**
 * The host says, to this run, that it owns nothing: nothing that an earlier run sent can act there any more. Errors: those of the Remote, `claim-refused`,
 * `authority-refused`.
 */
export async function askFarewell(context: FleetContext, run: Run, name: string): Promise<void> {
  const host = context.inventory.hosts.find((each) => each.name === name);
  if (host === undefined) throw new FleetError('usage', `the inventory has no host ${name}`, { hint: 'put it back into the inventory' });
  const { survey, problem } = await surveyHost(context, run, host);
  if (problem !== null) throw problem;
  const owned = survey.accounts.filter(
    ({ claim, claimFault, processes }) => claimFault !== null || processes > 0 || claim?.state === 'active' || claim?.state === 'releasing',
  );
  if (owned.length === 0) return;
  throw new FleetError('claim-refused', `${name} still owns ${owned.map(({ claim, keyId }) => claim?.account ?? keyId).join(', ')}`, {
    host: name,
    hint: 'fleet sweep says what to do about them; nothing was changed',
  });
}

/** Out of the ledger, in one transaction that finds it as it was. What fences it when it comes back is kept. */
export async function executeForget(context: FleetContext, name: string): Promise<void> {
  const nowMs = context.now();
  await context.ledger.db.transaction().execute(async (transaction) => {
    const row = (await listHosts(transaction)).find((host) => host.name === name);
    if (row === undefined) return;
    await forgetHostOnPurpose(transaction, row, nowMs);
    const text = row.destroyed_at === null ? 'it owned nothing' : 'it is destroyed';
    await recordEvent(transaction, { at: nowMs, kind: 'host-forgotten', host: name, account: null, text });
  });
}
