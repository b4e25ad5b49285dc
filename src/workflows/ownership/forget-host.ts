import { recordEvent } from '../../ledger/queries/events.ts';
import { forgetHost, forgetHostOnPurpose, listHosts } from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { judgeIdentity } from '../../ownership/host-identity.ts';
import type { FleetContext } from '../context.ts';
import { accountsOn, refuseOpenMoves } from '../hosts/host-burden.ts';
import { listMachines } from '../hosts/host-identity.ts';
import { surveyHost } from './survey.ts';

/** Why a host may be forgotten. */
export type Farewell =
  /** Nothing was ever sent to it. */
  | 'never used'
  /** The operator's statement: it will never boot again. */
  | 'destroyed'
  /** The machine is a host under another name of the inventory, where it is asked. */
  | 'second name'
  /** The host has to confirm first that it owns nothing. */
  | 'ask';

/**
 * Nothing is changed yet. Errors: `usage` for an unknown host, `claim-refused` while it owns
 * accounts, a move is open, or nobody can say what it owns.
 */
export async function planForget(context: FleetContext, name: string): Promise<Farewell> {
  const { db } = context.ledger;
  const row = await findRow(context, name);
  await refuseOpenMoves(db, [name]);
  const accounts = await accountsOn(db, name);
  if (accounts.length > 0)
    throw new FleetError(
      'claim-refused',
      `${name} owns ${accounts.join(', ')}: it cannot be forgotten`,
      {
        host: name,
        hint:
          `it answers: fleet drain ${name}; it never will again: fleet failover ${name} ` +
          '--destroyed',
      },
    );
  if (row.destroyed_at !== null) return 'destroyed';
  if (row.contact_intent_at === null && row.bootstrapped_at === null) return 'never used';
  if (context.inventory.hosts.some((host) => host.name === name)) return 'ask';
  if ((await sameMachine(context, row)) !== null) return 'second name';
  throw new FleetError(
    'survey-incomplete',
    `${name} is not in the inventory, so it cannot say that it owns nothing`,
    {
      host: name,
      hint:
        'put it back into the inventory and run this again; if it will never boot again: ' +
        `fleet failover ${name} --destroyed`,
    },
  );
}

/** The host of the inventory that is the same machine, as it answered last; null: none. */
async function sameMachine(
  context: FleetContext,
  { name, instance_id }: HostRow,
): Promise<string | null> {
  const machines = (await listMachines(context)).filter(({ isListed }) => isListed);
  const fault = judgeIdentity({ name, instanceId: instance_id, machineId: null }, machines);
  return fault?.kind === 'duplicate' ? fault.other : null;
}

async function findRow({ ledger }: FleetContext, name: string): Promise<HostRow> {
  const row = (await listHosts(ledger.db)).find((host) => host.name === name);
  if (row !== undefined) return row;
  throw new FleetError('usage', `the ledger knows no host ${name}`, {
    hint: 'fleet hosts list shows the known ones',
  });
}

/**
 * The host says, to this run, that it owns nothing: no request of an earlier run can act there any
 * more. Errors: those of the Remote, `claim-refused`, `authority-refused`.
 */
export async function askFarewell(context: FleetContext, run: Run, name: string): Promise<void> {
  const host = context.inventory.hosts.find((each) => each.name === name);
  if (host === undefined)
    throw new FleetError('usage', `the inventory has no host ${name}`, {
      hint: 'put it back into the inventory',
    });
  const { survey, problem } = await surveyHost(context, run, host);
  if (problem !== null) throw problem;
  const owned = survey.accounts.filter(
    ({ claim, claimFault, processes }) =>
      claimFault !== null ||
      processes > 0 ||
      claim?.state === 'active' ||
      claim?.state === 'releasing',
  );
  if (owned.length === 0) return;
  throw new FleetError(
    'claim-refused',
    `${name} still owns ${owned.map(({ claim, keyId }) => claim?.account ?? keyId).join(', ')}`,
    {
      host: name,
      hint: 'fleet sweep says what to do about them; nothing was changed',
    },
  );
}

/**
 * Removes it from the ledger in one transaction that first checks that nothing has changed. The
 * epochs that fence it if it comes back are kept.
 */
export async function executeForget(
  context: FleetContext,
  name: string,
  farewell: Farewell,
): Promise<void> {
  const nowMs = context.now();
  await context.ledger.db.transaction().execute(async (transaction) => {
    const row = (await listHosts(transaction)).find((host) => host.name === name);
    if (row === undefined) return;
    // No record is kept of a second name: the machine is there under its own.
    if (farewell === 'second name') await forgetHost(transaction, name);
    else await forgetHostOnPurpose(transaction, row, nowMs);
    const left = row.destroyed_at === null ? 'owned-nothing' : 'destroyed';
    await recordEvent(transaction, {
      at: nowMs,
      kind: 'host-forgotten',
      host: name,
      because: farewell === 'second name' ? 'second-name' : left,
    });
  });
}
