import { FleetError } from '../../model/errors.ts';
import { exitCode } from '../exit-codes.ts';
import { argument, dryRun, flag } from '../input.ts';
import { outcomeData, planData, question } from '../results/hosts/reboot.ts';
import { defineChange } from '../verb.ts';
import { withinOption } from '../within-option.ts';

/** `fleet reboot HOST...`: maintenance that neither moves nor strands accounts. */
export const reboot = defineChange({
  name: 'reboot',
  group: 'upkeep',
  summary:
    'announce a reboot to hosts, reboot them, and wait until their accounts are online again',
  input: {
    hosts: argument({ of: 'pattern', isMany: true, isOptional: true }),
    rolling: flag(
      'one host at a time: the next one when the last is back with its accounts; without ' +
        'hosts: all',
    ),
    within: withinOption(
      'longest time that a reboot may take; after it, the accounts wait for a sweep, and ' +
        'the host may count as powered off',
    ),
    dryRun: dryRun(),
  },
  examples: [
    ['reboot h2', 'announced, rebooted, waited for until its accounts are online again'],
    ['reboot --rolling --dry-run', 'the plan for all hosts, one at a time'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'a host did not come back as it was' },
  needsAllRights: () => true,
  check({ hosts, rolling, limit }) {
    if (hosts.length === 0 && limit.length === 0 && !rolling)
      throw new FleetError(
        'usage',
        'name the hosts to reboot, or use --rolling for all of them, one at a time',
        {
          hint: 'for example: fleet reboot eu-1, or: fleet reboot --rolling --dry-run',
        },
      );
  },
  async plan(context, { hosts, rolling, within, limit }) {
    const [{ selectHosts }, { planReboots }] = await Promise.all([
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/hosts/plan-reboots.ts'),
    ]);
    return planReboots(context, selectHosts(context.inventory, [...hosts, ...limit]), {
      withinMs: within,
      isRolling: rolling,
    });
  },
  isEmpty: ({ reboots, errors }) => reboots.length === 0 || errors.length > 0,
  question,
  async execute(context, begin, plan) {
    const { executeReboots } = await import('../../workflows/hosts/reboot-hosts.ts');
    return executeReboots(context, await begin(), plan);
  },
  toJson: (plan, done, input) => ({
    dryRun: input.dryRun,
    plan: planData(plan),
    hosts: (done ?? []).map(outcomeData),
  }),
  problems: (plan, done) =>
    done === null ? plan.errors : done.flatMap(({ problem }) => problem ?? []),
  exit: (_, done) =>
    (done ?? []).some(({ problem }) => problem?.code === 'interrupted')
      ? exitCode.interrupted
      : undefined,
});
