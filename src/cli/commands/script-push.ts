import type { Command } from 'commander';
import type { Run } from '../../ledger/runs.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { BehaviourChange, PushPlan } from '../../workflows/push-scripts.ts';
import type { ScriptTrial } from '../../workflows/try-scripts.ts';
import { confirm } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { type OpenContext, withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';
import { type TrialFlags, trialWishes, withTrialOptions } from '../trial-options.ts';

interface PushFlags extends TrialFlags {
  readonly dryRun?: boolean;
}

/** `fleet scripts push`. */
export function registerScriptPush(program: Command): void {
  const scripts =
    program.commands.find((command) => command.name() === 'scripts') ?? program.command('scripts').description('what accounts say');
  const command = scripts
    .command('push [accounts...]')
    .description(
      'give hosts what their accounts are to answer, as the inventory and the scripts say now; workers take it up without a restart',
    )
    .option('-n, --dry-run', 'only show what would change');
  setAction<PushFlags>(withTrialOptions(command, 'try what is new'), async ({ options, args, signal }) => {
    const wishes = trialWishes(options);
    const [{ planPush }, { planTrial }] = await Promise.all([
      import('../../workflows/push-scripts.ts'),
      import('../../workflows/try-scripts.ts'),
    ]);
    return withLock('scripts push', options, signal, async (context, begin): Promise<CommandResult> => {
      const plan = await planPush(context, args, { held: new Map() });
      const trial = await planTrial(context, plan, args, wishes);
      return trial.kind === 'none' ? pushAll(context, begin, plan, trial, options) : pushTried(context, begin, plan, trial, options);
    });
  });
}

const changed = (plan: PushPlan): readonly BehaviourChange[] => plan.changes.filter((change) => change.changes.length > 0);
const changesData = (changes: readonly BehaviourChange[]): Record<string, unknown> => ({
  changes: changes.map(({ account, host, changes: words }) => ({ account, host: host.name, changes: words })),
});

/** Everything at once. */
async function pushAll(
  context: OpenContext,
  begin: () => Promise<Run>,
  plan: PushPlan,
  trial: Extract<ScriptTrial, { kind: 'none' }>,
  options: PushFlags & GlobalOptions,
): Promise<CommandResult> {
  const [{ formatPush }, { pushBehaviours }, { endTrial }] = await Promise.all([
    import('../render/silence.ts'),
    import('../../workflows/push-scripts.ts'),
    import('../../workflows/try-scripts.ts'),
  ]);
  const changes = changed(plan);
  const data = { ...changesData(changes), canary: null };
  const text = formatPush(changes, plan.changes.length);
  await context.progress.stop();
  if (options.dryRun === true || (changes.length === 0 && trial.over === null)) return { data, text, errors: plan.errors };
  if (!options.yes) printErr(text);
  await confirm(`Push to ${changes.length === 1 ? 'this account' : `these ${changes.length} accounts`}?`, options);
  const run = await begin();
  await endTrial(context, trial.over);
  const { errors } = await pushBehaviours(context, run, { ...plan, changes });
  return { data, text: options.yes ? text : 'Pushed.', errors: [...plan.errors, ...errors] };
}

/** On a few accounts first. */
async function pushTried(
  context: OpenContext,
  begin: () => Promise<Run>,
  plan: PushPlan,
  trial: Exclude<ScriptTrial, { kind: 'none' }>,
  options: PushFlags & GlobalOptions,
): Promise<CommandResult> {
  const [{ formatPush }, render, { executeTrial }, { watchFleet }] = await Promise.all([
    import('../render/silence.ts'),
    import('../render/trial.ts'),
    import('../../workflows/try-scripts.ts'),
    import('../../workflows/watch-fleet.ts'),
  ]);
  const changes = changed(plan);
  const text = `${formatPush(changes, plan.changes.length)}\n\n${render.formatTrial(trial)}`;
  if (options.dryRun === true) {
    await context.progress.stop();
    return { data: { ...changesData(changes), canary: render.trialData(trial, null) }, text, errors: plan.errors };
  }
  if (!options.json) printErr(text);
  await confirm('Try it?', options);
  const watched = context.inventory.hosts.filter((host: HostSpec) => plan.changes.some((change) => change.host === host));
  const watch = watchFleet(context, watched, context.freshRemoteFor);
  try {
    const outcome = await executeTrial(context, await begin(), trial, watch);
    await context.progress.stop();
    const data = { ...changesData(changes), canary: render.trialData(trial, outcome) };
    return { data, text: render.formatTrialEnd(outcome), errors: render.trialErrors(outcome) };
  } finally {
    await watch.close();
  }
}
