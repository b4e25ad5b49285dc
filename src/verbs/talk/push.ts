import type { Run } from '../../ledger/queries/runs.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { BehaviourChange, PushPlan } from '../../workflows/answers/push-scripts.ts';
import type { ScriptTrial, TrialOutcome } from '../../workflows/trials/try-scripts.ts';
import { argument, dryRun } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { trialData, trialErrors } from '../results/hosts/trial.ts';
import { defineChange } from '../verb.ts';
import { trialOptions, trialWishes } from './trial-options.ts';

interface Push {
  readonly push: PushPlan;
  /** What is new, among all that was looked at. */
  readonly changes: readonly BehaviourChange[];
  readonly trial: ScriptTrial;
}

/** On a few accounts first. */
async function tryPush(
  context: OpenContext,
  begin: () => Promise<Run>,
  {
    push,
    trial,
  }: { readonly push: PushPlan; readonly trial: Exclude<ScriptTrial, { kind: 'none' }> },
): Promise<TrialOutcome> {
  const [{ executeTrial }, { watchFleet }] = await Promise.all([
    import('../../workflows/trials/try-scripts.ts'),
    import('../../workflows/trials/watch-fleet.ts'),
  ]);
  const watched = context.inventory.hosts.filter((host: HostSpec) =>
    push.changes.some((change) => change.host === host),
  );
  const watch = watchFleet(context, watched, context.freshRemoteFor);
  try {
    return await executeTrial(context, await begin(), trial, watch);
  } finally {
    await watch.close();
  }
}

/** `fleet scripts push`. */
export const pushScripts = defineChange({
  name: 'scripts push',
  group: 'talk',
  summary: 'send scripts and answer settings to the hosts; workers apply them without a restart',
  input: {
    accounts: argument({ of: 'account', isMany: true, isOptional: true }),
    dryRun: dryRun('only show what would change'),
    ...trialOptions('try the change'),
  },
  examples: [
    ['scripts push --dry-run', 'what would change for which account'],
    ['scripts push', 'show it, ask, push; workers apply it within seconds'],
    [
      'scripts push --canary 2 --watch 30m',
      'two accounts first; all others, or nobody, half an hour later',
    ],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: { 3: 'a host was not told, or the trial was put back' },
  check(input) {
    trialWishes(input);
  },
  async plan(context, { accounts, ...flags }): Promise<Push> {
    const [{ planPush }, { planTrial }] = await Promise.all([
      import('../../workflows/answers/push-scripts.ts'),
      import('../../workflows/trials/try-scripts.ts'),
    ]);
    const push = await planPush(context, accounts, { held: new Map() });
    const trial = await planTrial(context, push, accounts, trialWishes(flags));
    return { push, trial, changes: push.changes.filter(({ changes }) => changes.length > 0) };
  },
  isEmpty: ({ changes, trial }) =>
    trial.kind === 'none' && changes.length === 0 && trial.over === null,
  question({ changes, trial }) {
    if (trial.kind !== 'none') return 'Try it?';
    return `Push to ${changes.length === 1 ? 'this account' : `these ${changes.length} accounts`}?`;
  },
  async execute(context, begin, { push, changes, trial }) {
    if (trial.kind !== 'none')
      return { tried: await tryPush(context, begin, { push, trial }), errors: [] };
    const [{ pushBehaviours }, { endTrial }] = await Promise.all([
      import('../../workflows/answers/push-scripts.ts'),
      import('../../workflows/trials/try-scripts.ts'),
    ]);
    const run = await begin();
    await endTrial(context, trial.over);
    return {
      tried: null,
      errors: (await pushBehaviours(context, run, { ...push, changes })).errors,
    };
  },
  toJson: ({ changes, trial }, done) => ({
    changes: changes.map(({ account, host, changes: words }) => ({
      account,
      host: host.name,
      changes: words,
    })),
    canary: trialData(trial, done?.tried ?? null),
  }),
  // The end of a trial says what became of it.
  problems: ({ push }, done) =>
    done?.tried == null ? [...push.errors, ...(done?.errors ?? [])] : trialErrors(done.tried),
});
