import { argument, dryRun } from '../input.ts';
import { defineChange } from '../verb.ts';
import { movingVerb } from './carry-out.ts';

/** `fleet apply`. */
export const apply = defineChange({
  name: 'apply',
  group: 'moves',
  summary: 'carry out a saved plan; refused if the fleet has changed since',
  input: { file: argument({ of: 'file' }), dryRun: dryRun() },
  examples: [
    ['apply plan.json --dry-run', 'is it still right? show it once more'],
    ['apply plan.json', 'carry it out as this ledger saved it, judged by every rule again'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: { 3: 'the plan is stale or not of this ledger, or a move failed' },
  async plan(context, { file }) {
    const [{ loadPlan }, { recheckPlan }, { movesToResume, requireFresh }] = await Promise.all([
      import('../../workflows/moves/plan-file.ts'),
      import('../../workflows/moves/recheck-plan.ts'),
      import('../../workflows/moves/move-accounts.ts'),
    ]);
    const plan = await loadPlan(file, context.ledger.db);
    await requireFresh(context, plan);
    await recheckPlan(context, plan);
    return { plan, resumed: await movesToResume(context) };
  },
  isEmpty: movingVerb.isEmpty,
  question: movingVerb.question,
  execute: (context, begin, plan) => movingVerb.execute(context, begin, plan),
  toJson: movingVerb.toJson,
  problems: movingVerb.problems,
});
