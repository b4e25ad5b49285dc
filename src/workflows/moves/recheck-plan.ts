import { FleetError } from '../../model/errors.ts';
import type { AccountName, HostName } from '../../model/names.ts';
import type { FleetContext } from '../context.ts';
import type { MovePlan } from './plan-file.ts';
import { gather, placeOn } from './plan-moves.ts';

/**
 * Judges a saved plan by every hard rule and by what is measured now: each account, with all moves
 * of the plan done, has to be allowed where it goes. Errors:
 * `plan-stale`, one problem per move that is not.
 */
export async function recheckPlan(context: FleetContext, plan: MovePlan): Promise<void> {
  if (plan.moves.length === 0) return;
  const { view } = await gather(context);
  const goals = new Map(plan.moves.map(({ account, to }) => [account, to]));
  const after = {
    ...view,
    hosts: view.hosts.map((host) =>
      host.name === plan.cordon
        ? { ...host, state: 'draining' as const, stateReason: 'being drained' }
        : host,
    ),
    accounts: view.accounts.map((account) => ({
      ...account,
      host: (goals.get(account.name) as HostName | undefined) ?? account.host,
    })),
  };
  const problems = plan.moves.flatMap(({ account, to }) => {
    try {
      placeOn(after, account as AccountName, to, context.inventory.placement);
      return [];
    } catch (error) {
      if (error instanceof FleetError && error.code === 'placement') return [error.message];
      throw error;
    }
  });
  if (problems.length === 0) return;
  throw new FleetError(
    'plan-stale',
    `the plan of ${plan.madeAt} breaks rules by what is known now`,
    {
      hint: 'make a new plan and look at it: fleet rebalance --save FILE',
      problems,
    },
  );
}
