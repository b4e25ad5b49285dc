import { outcomeData } from '../results/moves/moves.ts';
import { defineChange } from '../verb.ts';
import { movingExits, problemsOf } from './carry-out.ts';

/** `fleet resume`. */
export const resume = defineChange({
  name: 'resume',
  group: 'moves',
  summary: 'continue moves that an earlier run left open',
  input: {},
  examples: [
    ['moves', 'first look at what is open, and at what each move waits for'],
    ['resume', 'carry it on; nothing is done twice'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: movingExits,
  async plan(context) {
    const { movesToResume } = await import('../../workflows/moves/move-accounts.ts');
    return movesToResume(context);
  },
  isEmpty: (open) => open.length === 0,
  async execute(context, begin, open) {
    const { carryMoves } = await import('../../workflows/moves/move-accounts.ts');
    return carryMoves(context, await begin(), open);
  },
  toJson: (_, done) => ({ moves: (done ?? []).map(outcomeData) }),
  problems: (_, done) => problemsOf(done),
});
