import type { allocate } from '../../verbs/moves/allocate.ts';
import type { move } from '../../verbs/moves/move.ts';
import type { rebalance } from '../../verbs/moves/rebalance.ts';
import type { resume } from '../../verbs/moves/resume.ts';
import type { simulate } from '../../verbs/moves/simulate.ts';
import { formatOutcomes, formatPlan } from '../render/moves/allocation.ts';
import { formatMoveOutcomes, formatMovePlan } from '../render/moves/moves.ts';
import { formatWhatIf } from '../render/moves/simulate.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofAllocate: TextOf<typeof allocate> = {
  plan: formatPlan,
  done: ({ outcomes }) => formatOutcomes(outcomes),
};

// The end of an interrupted command says which moves are open.
const ofMove: TextOf<typeof move> = {
  plan: formatMovePlan,
  done: (outcomes, _, { isInterrupted }) => formatMoveOutcomes(outcomes, !isInterrupted),
};

const ofRebalance: TextOf<typeof rebalance> = {
  done: (outcomes, _, { isInterrupted }) => formatMoveOutcomes(outcomes, !isInterrupted),
  plan: (plan, { input: { save } }) =>
    save === undefined
      ? formatMovePlan(plan)
      : `${formatMovePlan(plan)}\nSaved. Carry it out with: fleet apply ${save}`,
};

const ofResume: TextOf<typeof resume> = {
  plan: () => 'No move is open. First placements are carried on by: fleet allocate --all',
  done: (outcomes, _, { isInterrupted }) => formatMoveOutcomes(outcomes, !isInterrupted),
  proposal: () => '',
};

const ofSimulate: TextOf<typeof simulate> = { result: (answer) => formatWhatIf(answer) };

export const texts: Readonly<Record<string, VerbText>> = {
  allocate: ofAllocate,
  move: ofMove,
  drain: ofMove,
  rebalance: ofRebalance,
  apply: ofMove,
  resume: ofResume,
  simulate: ofSimulate,
};
