import type { ActReply } from '../../../hostside/protocol/host-acts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import { judgeAll } from '../../ownership/host-identity.ts';
import type { FleetContext } from '../context.ts';
import { isLostReply, type MoveHosts, resultOf } from './move-hosts.ts';

/**
 * The machine that answers under the target's name is the one that the ledger has measured under it
 * (docs/exclusivity.md, rule R7); all that a command sends to a
 * host goes over one connection, so it stays that machine until the grant. `reply`: to a survey.
 * Errors: `host-foreign`; those of a refused survey.
 */
export async function refuseOtherMachine(
  { ledger }: Pick<FleetContext, 'ledger'>,
  move: MoveRow,
  reply: ActReply | undefined,
): Promise<void> {
  const { account, to_host: name } = move;
  const { survey } = resultOf(move, name, 'survey', reply, 'survey');
  const row = (await listHosts(ledger.db)).find((each) => each.name === name);
  const known = {
    name,
    instanceId: row?.instance_id ?? null,
    machineId: null,
    isListed: true,
    isOwner: true,
  };
  if (judgeAll([{ name, instanceId: survey.instanceId, machineId: null }], [known]).size === 0)
    return;
  const changed =
    survey.changed === undefined || survey.changed === '' ? '' : ` (${survey.changed})`;
  throw new FleetError(
    'host-foreign',
    `${account} is not given to ${name}: another machine answers there than the one that ` +
      `was measured${changed}`,
    {
      account,
      host: name,
      hint: 'fleet sweep looks again, and says what to do about it',
    },
  );
}

/**
 * Whether the new host holds the grant of this very move, although the journal does not have it
 * yet. A host that does not answer does not count as answering.
 */
export async function hasArrived(
  context: FleetContext,
  hosts: MoveHosts,
  move: MoveRow,
): Promise<boolean> {
  const replies = await hosts
    .ask(move, move.to_host, [{ act: 'survey' }])
    .catch((error: unknown) => {
      if (error instanceof FleetError && (isUnreachable(error) || isLostReply(error))) return [];
      throw error;
    });
  if (replies.length === 0) return false;
  await refuseOtherMachine(context, move, replies[0]);
  const { survey } = resultOf(move, move.to_host, 'survey', replies[0], 'survey');
  const found = survey.accounts.find(({ keyId }) => keyId === move.key_id);
  const { state, moveId, epoch, instanceId } = found?.claim ?? {};
  const isOfMove = moveId === move.id && epoch === move.epoch && instanceId === survey.instanceId;
  return found?.claimFault === null && state === 'active' && isOfMove;
}
