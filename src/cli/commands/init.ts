import type { Command } from 'commander';
import type { HostInitOutcome, InitEvent } from '../../workflows/init.ts';
import { exitCode } from '../exit-codes.ts';
import { type OpenContext, withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

interface InitFlags {
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly upgrade?: boolean;
  readonly only: string[];
  readonly skip: string[];
  readonly listSteps?: boolean;
}

const collect = (value: string, before: string[]): string[] => [...before, ...value.split(',')];

/** `fleet init`: bare Ubuntu or Debian becomes a host that is ready; a ready host is left alone. */
export function registerInit(program: Command): void {
  const command = program
    .command('init')
    .description('make hosts ready: packages, limits, firewall, runtime, agent, units; again: nothing to do')
    .option('--check', 'change nothing, say what would change (exit code 4 when something would)')
    .option('--diff', 'show what changes in files')
    .option('--upgrade', 'upgrade all packages too')
    .option('--only <steps>', 'only these steps (comma separated)', collect, [])
    .option('--skip <steps>', 'not these steps (comma separated)', collect, [])
    .option('--list-steps', 'name the steps and do nothing');
  setAction<InitFlags>(command, async ({ options, signal }) => {
    const [{ loadInitMaterials }, { planInit }, { selectHosts }, { packageRoot }, render] = await Promise.all([
      import('../../workflows/init-materials.ts'),
      import('../../workflows/init-plan.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../../release/package-root.ts'),
      import('../render/init.ts'),
    ]);
    return withContext(options, signal, async (context) => {
      const { inventory } = context;
      const hosts = selectHosts(inventory, options.limit);
      const profiles = hosts.map(({ profile }) => profile);
      const materials = await loadInitMaterials({ root: packageRoot(), profiles, runtimeMirror: inventory.runtimeMirror });
      const flags = { check: options.check === true, diff: options.diff === true, upgrade: options.upgrade === true };
      const plans = planInit({ ...inventory, hosts }, materials, { ...flags, only: options.only, skip: options.skip });
      if (options.listSteps) return render.stepList(plans);
      const outcomes = await runAndRecord(context, {
        plans,
        openBlob: materials.openBlob,
        release: materials.bundle.release.id,
        isWhole: !flags.check && options.only.length === 0 && options.skip.length === 0,
      });
      await context.progress.stop();
      const errors = outcomes.flatMap(({ error }) => (error === null ? [] : [error]));
      const isPending = errors.length === 0 && outcomes.some(({ state }) => state === 'pending');
      const data = { check: flags.check, hosts: outcomes.map(render.initData) };
      return { data, text: render.formatInit(outcomes), errors, ...(isPending ? { exitCode: exitCode.pending } : {}) };
    });
  });
}

type InitWork = {
  readonly plans: Parameters<typeof import('../../workflows/init.ts').runInit>[0];
  readonly openBlob: Parameters<typeof import('../../workflows/init.ts').runInit>[1]['openBlob'];
  readonly release: string;
  /** Nothing was left out: only then is a host known to be ready. */
  readonly isWhole: boolean;
};

/** Runs the programs, then notes in the ledger which hosts are ready and what they look like now. */
async function runAndRecord(context: OpenContext, { plans, openBlob, release, isWhole }: InitWork): Promise<readonly HostInitOutcome[]> {
  const { runInit } = await import('../../workflows/init.ts');
  const { recordInit } = await import('../../workflows/record-init.ts');
  const outcomes = await runInit(plans, {
    remoteFor: context.remoteFor,
    freshRemote: context.freshRemoteFor,
    openBlob,
    onEvent: (event) => reportStep(context, event),
    concurrency: context.inventory.concurrency,
    signal: context.signal,
  });
  if (isWhole) await recordInit(context, outcomes, release);
  return outcomes;
}

function reportStep(context: OpenContext, event: InitEvent): void {
  const { host } = event;
  if (event.t === 'step' && event.state === 'started') context.report({ kind: 'host', host, text: event.id, status: 'working' });
  if (event.t === 'step' && event.state === 'changed')
    context.report({ kind: 'host', host, text: `${event.id}: ${event.what.join(', ')}`, status: 'working' });
  if (event.t === 'step' && event.state === 'failed')
    context.report({ kind: 'host', host, text: `${event.id}: ${event.failure?.message ?? ''}`, status: 'failed' });
  if (event.t === 'end' && !event.failed) {
    const text =
      event.pending > 0
        ? `${event.pending} steps pending`
        : event.changed > 0
          ? `ready, ${event.changed} steps changed`
          : 'ready, nothing to do';
    context.report({ kind: 'host', host, text, status: 'done' });
  }
}
