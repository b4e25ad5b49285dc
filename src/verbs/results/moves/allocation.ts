import { FleetError } from '../../../model/errors.ts';
import type { AllocationPlan } from '../../../workflows/moves/allocate.ts';
import { refusalLines, roomHint } from './refused.ts';

/** One error per account that no host takes, with every host's reason. */
export const unplacedErrors = ({ placement }: AllocationPlan): FleetError[] =>
  placement.unplaced.map(
    ({ account, reason, refusals }) =>
      new FleetError('placement', reason, {
        account,
        hint: `${roomHint(refusals)}; fleet rankings shows what is free`,
        problems: refusalLines(refusals),
      }),
  );

/** The plan for programs. */
export const planData = ({
  placement,
  resumed,
  heldHere,
}: AllocationPlan): Record<string, unknown> => ({
  ...placement,
  resumed: resumed.map(({ account, to_host, phase, epoch }) => ({
    account,
    host: to_host,
    phase,
    epoch,
  })),
  held: heldHere.map(({ account, host }) => ({ account, host })),
});
