import { argument, lines } from '../input.ts';
import { remedyFor } from '../results/accounts/remedies.ts';
import { defineLook } from '../verb.ts';

/** `fleet why-silent`. */
export const whySilent = defineLook({
  name: 'why-silent',
  group: 'talk',
  summary: 'why the account did not answer: how often for which reason, and its last messages',
  input: {
    account: argument({ of: 'account' }),
    lines: lines('number of recent messages at most', { start: 20, min: 0 }),
  },
  examples: [
    ['why-silent anna', 'how often for which reason, and its last 20 messages (never their text)'],
    ['why-silent anna --lines 100', 'more of them'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async look(context, input) {
    const workflow = await import('../../workflows/accounts/why-silent.ts');
    return workflow.whySilent(context, input.account, input.lines);
  },
  toJson: (report) => ({
    ...report,
    remedy: remedyFor({ name: report.account, state: report.state }),
  }),
});
