import { FleetError } from '../../model/errors.ts';
import { isAccountName, isHostName } from '../../model/names.ts';
import { argument, option } from '../input.ts';
import { timeOf } from '../time-option.ts';
import { defineLook } from '../verb.ts';

/** `fleet why`. */
export const why = defineLook({
  name: 'why',
  group: 'looks',
  summary: 'why an account runs on its host, now or at an earlier time',
  input: {
    account: argument({ of: 'account' }),
    at: option({
      ...{ of: 'time', shown: 'time' },
      words:
        'the decision that held then (2026-11-23T10:00Z, or 2h for two hours ago), made ' +
        'once more from what was known',
    }),
  },
  examples: [
    ['why anna', 'the decision with its scores, runners-up and refusals'],
    ['why anna --at 2h', 'the one that held two hours ago, made again from what was known'],
    ['why-not anna h4', 'and why it is not on h4'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { account, at }) {
    const { explainNow, explainThen } = await import('../../workflows/checkup/explain-decision.ts');
    if (at === undefined) return explainNow(context, account);
    return explainThen(context, account, await timeOf('--at', at, context.now()));
  },
  toJson: ({ entry, decision, replayed }) => ({
    ...{ account: entry.account, at: new Date(entry.at).toISOString(), type: entry.type, decision },
    ...(replayed === null ? {} : { replayed }),
  }),
});

/** `fleet why-not`. */
export const whyNot = defineLook({
  name: 'why-not',
  group: 'looks',
  summary: 'why an account does not run on a host',
  input: { account: argument({ of: 'account' }), host: argument({ of: 'host' }) },
  examples: [
    ['why-not anna h4', 'the first rule that keeps it away, with its figures'],
    ['why anna', 'why it is where it is'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async look(context, { account, host }) {
    const [{ readFleetView }, { explainRefusal }, { requireAccount }] = await Promise.all([
      import('../../workflows/hosts/read-fleet-view.ts'),
      import('../../planning/placement/explain.ts'),
      import('../../workflows/ownership/account-acts.ts'),
    ]);
    if (!isAccountName(account) || !isHostName(host)) {
      throw new FleetError(
        'usage',
        `"${isAccountName(account) ? host : account}" cannot be a name`,
        {
          hint: 'fleet accounts list and fleet hosts list show the names',
        },
      );
    }
    await requireAccount(context, account);
    const { view } = await readFleetView(context, {
      maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
    });
    return explainRefusal(view, account, host, context.inventory.placement);
  },
  toJson: (answer, { account, host }) => ({ account, host, ...answer }),
});
