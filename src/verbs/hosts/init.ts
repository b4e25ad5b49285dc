import { exitCode } from '../exit-codes.ts';
import { dryRun, flag, option } from '../input.ts';
import { withContext } from '../open-context.ts';
import { initData } from '../results/hosts/init.ts';
import { trialOptions, trialWishes } from '../talk/trial-options.ts';
import { defineErrand } from '../verb.ts';

const steps = { shown: 'steps', isMany: true, many: 'commas' } as const;

/** `fleet init`: bare Ubuntu or Debian becomes a host that is ready; a ready host is left alone. */
export const init = defineErrand({
  name: 'init',
  group: 'hosts',
  summary:
    'make hosts ready: packages, limits, firewall, runtime, agent, units; a ready host is ' +
    'left alone',
  input: {
    dryRun: dryRun('change nothing, say what would change (exit code 4 when something would)'),
    diff: flag('show what changes in files'),
    upgrade: flag('upgrade all packages too'),
    only: option({ ...steps, words: 'only these steps (comma separated)' }),
    skip: option({ ...steps, words: 'not these steps (comma separated)' }),
    listSteps: flag('name the steps and do nothing'),
    rollback: flag('go back to the release that each host had before; settings and packages stay'),
    ...trialOptions('try a new release of the worker'),
  },
  examples: [
    ['init --dry-run --diff', 'what would change on every host, line by line'],
    ['init --limit h3', 'make one host ready'],
    ['init --canary 2 --yes', 'a new release of the worker, on two accounts first'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig', 'profiles'],
  exits: { 3: 'a host is not ready; the others are', 4: 'with --dry-run: something would change' },
  effects: 'hosts',
  isAloneAtTimes: true,
  needsAllRights: () => true,
  check(input) {
    trialWishes(input);
  },
  run: (desk, input) =>
    // Ctrl-C does not cut the links, so the step that is under way ends, and is recorded.
    withContext(
      desk,
      { asksHosts: true, needsAllRights: true, isUnasked: false, isActing: true },
      async (context) => {
        const { initHosts } = await import('./init-hosts.ts');
        return initHosts(context, input, trialWishes(input));
      },
    ),
  toJson(end, input) {
    if (end.kind === 'steps') return { steps: end.steps };
    if (end.kind === 'put back') return { check: false, hosts: [], ...end.report.data };
    return { check: input.dryRun, hosts: end.outcomes.map(initData), ...end.restarts.data };
  },
  problems(end) {
    if (end.kind === 'steps') return [];
    if (end.kind === 'put back') return end.report.errors;
    return [
      ...end.outcomes.flatMap(({ error }) => (error === null ? [] : [error])),
      ...end.errors,
      ...end.restarts.errors,
    ];
  },
  exit(end) {
    const isPending = end.kind === 'hosts' && end.outcomes.some(({ state }) => state === 'pending');
    const hasFailed =
      end.kind === 'hosts' &&
      [...end.outcomes.flatMap(({ error }) => error ?? []), ...end.errors, ...end.restarts.errors]
        .length > 0;
    return isPending && !hasFailed ? exitCode.pending : undefined;
  },
});
