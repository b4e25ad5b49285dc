import { argument, dryRun } from '../input.ts';
import { defineChange } from '../verb.ts';
import { movingExits, movingVerb } from './carry-out.ts';

/** `fleet move`. */
export const move = defineChange({
  name: 'move',
  group: 'moves',
  summary: 'move one account to another host',
  input: { account: argument({ of: 'account' }), host: argument({ of: 'host' }), dryRun: dryRun() },
  examples: [
    ['move anna h2', 'stopped once on its old host, started once on h2, what it remembers along'],
    ['move anna h2 --dry-run', 'only show the plan'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: movingExits,
  async plan(context, { account, host }) {
    const { planMove } = await import('../../workflows/moves/plan-moves.ts');
    return planMove(context, account, host);
  },
  isEmpty: movingVerb.isEmpty,
  question: movingVerb.question,
  execute: (context, begin, plan) => movingVerb.execute(context, begin, plan),
  toJson: movingVerb.toJson,
  problems: movingVerb.problems,
});
