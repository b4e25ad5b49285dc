import { FleetError } from '../../model/errors.ts';
import type { GrantOutcome } from '../../workflows/ownership/grant-outcome.ts';
import { argument, dryRun, flag, option } from '../input.ts';
import { planData, unplacedErrors } from '../results/moves/allocation.ts';
import { defineChange } from '../verb.ts';

interface Allocated {
  readonly outcomes: readonly GrantOutcome[];
  /** Accounts of others that could not be told of their new colleagues. */
  readonly untold: readonly FleetError[];
}

const problemsOf = ({ outcomes, untold }: Allocated): FleetError[] => [
  ...outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem])),
  ...untold,
];

/** `fleet allocate`: accounts of the vault get their hosts and come online. */
export const allocate = defineChange({
  name: 'allocate',
  group: 'moves',
  summary: 'choose hosts for accounts, start them there and wait until they are online',
  input: {
    accounts: argument({ of: 'account', isMany: true, isOptional: true }),
    all: flag('every account that has no host', 'a'),
    strategy: option({
      ...{ short: 's', shown: 'name', words: 'how to choose hosts' },
      choices: ['load', 'even', 'location', 'affinity', 'isolation'],
    }),
    dryRun: dryRun(),
  },
  examples: [
    ['allocate --all', 'every account without a host: plan, question, act'],
    ['allocate anna bert --dry-run', 'only show where these two would go, and why'],
    ['allocate --all --strategy even --yes', 'the same number on every host, without a question'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: { 3: 'an account found no host, or is not online' },
  check({ accounts, all }) {
    if (accounts.length === 0 && !all)
      throw new FleetError('usage', 'which accounts?', { hint: 'name them, or use --all' });
    if (accounts.length > 0 && all)
      throw new FleetError('usage', 'both --all and names were given', {
        hint: 'use one of the two',
      });
  },
  async plan(context, { accounts, strategy }) {
    const { planAllocation } = await import('../../workflows/moves/allocate.ts');
    return planAllocation(context, accounts.length === 0 ? null : accounts, strategy ?? null);
  },
  async isEmpty(plan) {
    return (await import('../../workflows/moves/allocate.ts')).isEmptyPlan(plan);
  },
  async leave(context, plan) {
    const { noteFailedAllocation } = await import(
      '../../workflows/moves/note-failed-allocation.ts'
    );
    await noteFailedAllocation(context, unplacedErrors(plan));
  },
  question: () => 'Carry this out?',
  async execute(context, begin, plan): Promise<Allocated> {
    const [
      { executeAllocation },
      { noteFailedAllocation },
      { announceColleagues, pushStaleBehaviours },
    ] = await Promise.all([
      import('../../workflows/moves/allocate.ts'),
      import('../../workflows/moves/note-failed-allocation.ts'),
      import('../../workflows/answers/push-scripts.ts'),
    ]);
    const run = await begin();
    await announceColleagues(context, run);
    const outcomes = await executeAllocation(context, run, plan);
    // Users and names are known once they are online; and whoever could not be told before.
    const { errors: untold } = await pushStaleBehaviours(context, run);
    const done = { outcomes, untold };
    await noteFailedAllocation(context, [...unplacedErrors(plan), ...problemsOf(done)]);
    return done;
  },
  toJson: (plan, done, input) => ({
    dryRun: input.dryRun,
    plan: planData(plan),
    accounts: (done?.outcomes ?? []).map(({ account, host, state }) => ({ account, host, state })),
  }),
  problems: (plan, done) => [...unplacedErrors(plan), ...(done === null ? [] : problemsOf(done))],
});
