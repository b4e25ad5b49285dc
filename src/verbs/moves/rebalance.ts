import { dryRun, flag, option } from '../input.ts';
import { defineChange } from '../verb.ts';
import { movingExits, movingVerb } from './carry-out.ts';

/** `fleet rebalance`. */
export const rebalance = defineChange({
  name: 'rebalance',
  group: 'moves',
  summary: 'even out the load scores with the fewest moves',
  input: {
    threshold: option({
      ...{ of: 'number', shown: 'points', range: { min: 0, max: 100 }, example: '20' },
      words: 'act from this spread of load scores on; default: from the inventory',
    }),
    maxMigrations: option({
      ...{ of: 'count', shown: 'count', range: { min: 0, max: 100_000 }, example: '5' },
      words: 'most moves to make; default: from the inventory',
    }),
    steady: flag(
      'for cron: act only after several evaluations in a row, on smoothed figures, and then rest',
    ),
    dryRun: dryRun(),
    save: option({
      of: 'file',
      shown: 'file',
      words: 'write the plan to a new file for fleet apply, and change nothing',
    }),
  },
  examples: [
    ['rebalance --dry-run', 'which moves, why, and the fewest that could do it'],
    [
      'rebalance --save plan.json',
      'keep the plan for a colleague; fleet apply plan.json carries it out',
    ],
    ['rebalance --steady --yes', 'for cron: only when the spread lasts'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: movingExits,
  async plan(context, { threshold = null, maxMigrations = null, steady, save }) {
    const { planRebalanceMoves } = await import('../../workflows/moves/rebalance.ts');
    const prepared = await planRebalanceMoves(context, {
      threshold,
      maxMigrations,
      isSteady: steady,
    });
    if (save === undefined || context.signal.aborted) return prepared;
    const { savePlan } = await import('../../workflows/moves/plan-file.ts');
    await savePlan(save, prepared.plan, context.ledger.db);
    return prepared;
  },
  isEmpty: (prepared, { save }) => save !== undefined || movingVerb.isEmpty(prepared),
  async leave(context, { damper }, { save }) {
    if (save !== undefined || damper === null) return;
    const { rememberDamper } = await import('../../workflows/moves/rebalance.ts');
    await rememberDamper(context, damper);
  },
  question: movingVerb.question,
  async execute(context, begin, prepared) {
    const outcomes = await movingVerb.execute(context, begin, prepared);
    const { rememberDamper } = await import('../../workflows/moves/rebalance.ts');
    if (prepared.damper !== null) await rememberDamper(context, prepared.damper);
    return outcomes;
  },
  toJson: (prepared, done, input) => ({
    ...movingVerb.toJson(prepared, done, { dryRun: input.dryRun || input.save !== undefined }),
    ...(input.save === undefined ? {} : { saved: input.save }),
  }),
  problems: (plan, done) => movingVerb.problems(plan, done),
});
