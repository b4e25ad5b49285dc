import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import type { HostStatement } from '../../moves/safe-moment.ts';
import type { OpenContext } from '../../verbs/open-context.ts';
import { failoverData, leftErrors, question } from '../../verbs/results/failover.ts';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

interface FailoverOptions {
  readonly poweredOff?: boolean;
  readonly destroyed?: boolean;
  readonly fence?: boolean;
  readonly waitUntilSafe?: boolean;
  readonly dryRun?: boolean;
}

/** `fleet failover`: the accounts of a host that is gone come online elsewhere. */
export function registerFailover(program: Command): void {
  const command = program
    .command('failover <host>')
    .description('give the accounts of a host that does not answer to others; you state what happened to it')
    .option('--powered-off', 'you have switched it off; believed only once a boot would find its accounts held')
    .option('--destroyed', 'this machine will never boot again')
    .option('--fence', 'let the fence of the inventory switch it off, and go on once that is verified')
    .option('--wait-until-safe', 'wait for the moment at which --powered-off can be believed')
    .option('-n, --dry-run', 'show the plan and change nothing');
  setAction<FailoverOptions>(command, async ({ options, args, signal }) => {
    const name = args[0] ?? '';
    const statement = statementOf(options);
    const { executeFailover, fencedUntil, fenceHost, planFailover } = await import('../../workflows/failover.ts');
    const render = await import('../render/failover.ts');
    return withLock('failover', options, signal, async (context, begin): Promise<CommandResult> => {
      await passSafeMoment(context, name, statement, options.waitUntilSafe === true);
      const plan = await planFailover(context, name, statement);
      const data = { dryRun: options.dryRun === true, plan: failoverData(plan) };
      const left = leftErrors(plan);
      if (options.dryRun) {
        await context.progress.stop();
        return { data: { ...data, accounts: [] }, text: render.formatFailover(plan, context.now()), errors: left };
      }
      if (!options.json) printErr(render.formatFailover(plan, context.now()));
      await confirm(question(plan), options);
      if (statement === 'fenced') await fenceHost(context, name);
      const outcomes = await executeFailover(context, await begin(), plan);
      await context.progress.stop();
      const { formatOutcomes } = await import('../render/allocation.ts');
      const errors = [...left, ...outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]))];
      const accounts = outcomes.map(({ account, host, state }) => ({ account, host, state }));
      const note = statement === 'fenced' ? render.formatKeepOff(name, await fencedUntil(context, name), context.now()) : '';
      return { data: { ...data, accounts }, text: `${formatOutcomes(outcomes)}${note}`, errors };
    });
  });
}

function statementOf({ poweredOff, destroyed, fence }: FailoverOptions): HostStatement {
  const said: HostStatement[] = [
    ...(poweredOff ? ['powered-off' as const] : []),
    ...(destroyed ? ['destroyed' as const] : []),
    ...(fence ? ['fenced' as const] : []),
  ];
  const [statement] = said;
  if (statement !== undefined && said.length === 1) return statement;
  throw new FleetError('usage', 'say what happened to the host: --powered-off, --destroyed or --fence', {
    hint: '--powered-off when you switched it off and it may boot again, --destroyed when this machine never will, --fence to have it switched off now',
  });
}

/** Counts down where it was asked to; otherwise names the moment. */
async function passSafeMoment(context: OpenContext, name: string, statement: HostStatement, isPatient: boolean): Promise<void> {
  const { earliestFailover } = await import('../../workflows/failover.ts');
  const { formatAge, formatTime } = await import('../render/table.ts');
  const safeMs = await earliestFailover(context, name, statement);
  for (let leftMs = safeMs - context.now(); leftMs > 0; leftMs = safeMs - context.now()) {
    if (!isPatient) {
      throw new FleetError('claim-refused', `${name} cannot count as switched off before ${formatTime(safeMs)} (in ${formatAge(leftMs)})`, {
        host: name,
        hint: `if it booted before then it would start its accounts; keep it off and run this again then, or with --wait-until-safe. Never boots again: --destroyed`,
      });
    }
    if (context.signal.aborted)
      throw new FleetError('interrupted', 'interrupted while waiting', { hint: 'nothing was changed; run it again' });
    context.report({ kind: 'phase', text: `${name} counts as switched off in ${formatAge(leftMs)}: keep it off` });
    await context.pause(Math.min(leftMs, 1000));
  }
}
