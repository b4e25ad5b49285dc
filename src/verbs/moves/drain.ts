import { argument, dryRun, option } from '../input.ts';
import { defineChange } from '../verb.ts';
import { movingExits, movingVerb } from './carry-out.ts';

/** `fleet drain`. */
export const drain = defineChange({
  name: 'drain',
  group: 'moves',
  summary: 'move every account off a host, and cordon the host',
  input: {
    host: argument({ of: 'host' }),
    deadline: option({
      ...{ of: 'duration', shown: 'duration', example: '30m' },
      words: 'start no move after this time (30s, 10m, 2h); accounts that are left are listed',
      range: { min: 1, max: 30 * 24 * 3_600_000, words: 'of at most 30 days' },
    }),
    dryRun: dryRun(),
  },
  examples: [
    ['drain h2', 'before maintenance: its accounts go where they fit best'],
    ['drain h2 --deadline 30m --yes', 'start no move after half an hour, and list what is left'],
    ['hosts uncordon h2', 'afterwards: accounts may go there again'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: movingExits,
  async plan(context, { host, deadline = Number.POSITIVE_INFINITY }) {
    const deadlineMs = context.now() + deadline;
    const { planDrain } = await import('../../workflows/moves/plan-moves.ts');
    return { ...(await planDrain(context, host)), deadlineMs };
  },
  isEmpty: (plan) => movingVerb.isEmpty(plan),
  question: movingVerb.question,
  execute: (context, begin, plan) => movingVerb.execute(context, begin, plan, plan.deadlineMs),
  toJson: (plan, done, input) => movingVerb.toJson(plan, done, input),
  problems: (plan, done) => movingVerb.problems(plan, done),
});
