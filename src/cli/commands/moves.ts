import type { Command } from 'commander';
import type { Run } from '../../ledger/runs.ts';
import type { FleetError } from '../../model/errors.ts';
import type { MoveOutcome } from '../../workflows/carry-move.ts';
import type { PreparedMoves } from '../../workflows/plan-moves.ts';
import { confirm } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { type OpenContext, withLock } from '../open-context.ts';
import { countOption, durationOption, numberOption } from '../option-values.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

interface PlanOptions {
  readonly dryRun?: boolean;
}

/** Commands that change owners: `move`, `drain`, `rebalance`, `apply`, `resume`. */
export function registerMoveActs(program: Command): void {
  registerMove(program);
  registerDrain(program);
  registerRebalance(program);
  registerApply(program);
  registerResume(program);
}

const parseDeadline = durationOption('--deadline', { min: 1, max: 30 * 24 * 3_600_000, words: 'of at most 30 days' }, '30m');
const parseThreshold = numberOption('--threshold', { min: 0, max: 100 }, '20');
const parseMaxMigrations = countOption('--max-migrations', { min: 0, max: 100_000 }, '5');

const dryRunFlag = ['-n, --dry-run', 'show the plan and change nothing'] as const;

function registerMove(program: Command): void {
  const command = program
    .command('move <account> <host>')
    .description('move one account to that host')
    .option(...dryRunFlag);
  setAction<PlanOptions>(command, async ({ options, args, signal }) => {
    const { planMove } = await import('../../workflows/plan-moves.ts');
    return withLock('move', options, signal, async (context, begin) =>
      carryOut(context, begin, await planMove(context, args[0] ?? '', args[1] ?? ''), options),
    );
  });
}

function registerDrain(program: Command): void {
  const command = program
    .command('drain <host>')
    .description('move every account away from that host and cordon it')
    .option('--deadline <duration>', 'begin no move later than that from now (30s, 10m, 2h); what is left is named', parseDeadline)
    .option(...dryRunFlag);
  setAction<PlanOptions & { readonly deadline?: number }>(command, async ({ options, args, signal }) => {
    const lengthMs = options.deadline ?? Number.POSITIVE_INFINITY;
    const { planDrain } = await import('../../workflows/plan-moves.ts');
    return withLock('drain', options, signal, async (context, begin) =>
      carryOut(context, begin, await planDrain(context, args[0] ?? ''), options, context.now() + lengthMs),
    );
  });
}

interface RebalanceOptions extends PlanOptions {
  readonly threshold?: number;
  readonly maxMigrations?: number;
  readonly save?: string;
  readonly steady?: boolean;
}

function registerRebalance(program: Command): void {
  const command = program
    .command('rebalance')
    .description('bring the load scores together again with the fewest moves')
    .option('--threshold <points>', 'spread of load scores from which to act; default: the inventory', parseThreshold)
    .option('--max-migrations <count>', 'at most so many moves; default: the inventory', parseMaxMigrations)
    .option('--steady', 'for cron: act only after several evaluations in a row, on smoothed figures, and then rest')
    .option(...dryRunFlag)
    .option('--save <file>', 'write the plan to a new file for fleet apply, and change nothing');
  setAction<RebalanceOptions>(command, async ({ options, signal }) => {
    const wishes = {
      threshold: options.threshold ?? null,
      maxMigrations: options.maxMigrations ?? null,
      isSteady: options.steady === true,
    };
    const { planRebalanceMoves, rememberDamper } = await import('../../workflows/rebalance.ts');
    return withLock('rebalance', options, signal, async (context, begin) => {
      const prepared = await planRebalanceMoves(context, wishes);
      if (options.save === undefined) {
        const result = await carryOut(context, begin, prepared, options);
        if (prepared.damper !== null && !options.dryRun) await rememberDamper(context, prepared.damper);
        return result;
      }
      const { savePlan } = await import('../../workflows/plan-file.ts');
      await savePlan(options.save, prepared.plan, context.ledger.db);
      const shown = await carryOut(context, begin, prepared, { ...options, dryRun: true });
      return {
        ...shown,
        data: { ...shown.data, saved: options.save },
        text: `${shown.text}\nSaved. Carry it out with: fleet apply ${options.save}`,
      };
    });
  });
}

function registerApply(program: Command): void {
  const command = program
    .command('apply <file>')
    .description('carry out a plan that was saved; refused when the fleet has changed since')
    .option(...dryRunFlag);
  setAction<PlanOptions>(command, async ({ options, args, signal }) => {
    const [{ loadPlan }, { recheckPlan }, { movesToResume, requireFresh }] = await Promise.all([
      import('../../workflows/plan-file.ts'),
      import('../../workflows/recheck-plan.ts'),
      import('../../workflows/move-accounts.ts'),
    ]);
    return withLock('apply', options, signal, async (context, begin) => {
      const plan = await loadPlan(args[0] ?? '', context.ledger.db);
      await requireFresh(context, plan);
      await recheckPlan(context, plan);
      return carryOut(context, begin, { plan, resumed: await movesToResume(context) }, options);
    });
  });
}

/** Shows the plan, asks, carries it out. */
async function carryOut(
  context: OpenContext,
  begin: () => Promise<Run>,
  prepared: PreparedMoves,
  options: GlobalOptions & PlanOptions,
  deadlineMs?: number,
): Promise<CommandResult> {
  const [render, { executeMoves }] = await Promise.all([import('../render/moves.ts'), import('../../workflows/move-accounts.ts')]);
  const staying = render.stayingErrors(prepared.plan);
  const data = { dryRun: options.dryRun === true, plan: render.movePlanData(prepared) };
  const isEmpty = prepared.plan.moves.length === 0 && prepared.resumed.length === 0 && prepared.plan.cordon === null;
  if (options.dryRun || isEmpty) {
    await context.progress.stop();
    return { data: { ...data, moves: [] }, text: render.formatMovePlan(prepared), errors: staying };
  }
  if (!options.json) printErr(render.formatMovePlan(prepared));
  await confirm('Carry this out?', options);
  const outcomes = await executeMoves(context, await begin(), prepared, deadlineMs);
  return {
    ...(await resultOf(context, outcomes)),
    data: { ...data, moves: outcomes.map(render.outcomeData) },
    errors: [...staying, ...problemsOf(outcomes)],
  };
}

const problemsOf = (outcomes: readonly MoveOutcome[]): FleetError[] =>
  outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem]));

async function resultOf(context: OpenContext, outcomes: readonly MoveOutcome[]): Promise<Pick<CommandResult, 'text' | 'exitCode'>> {
  const { formatMoveOutcomes } = await import('../render/moves.ts');
  const { exitCode } = await import('../exit-codes.ts');
  await context.progress.stop();
  const text = formatMoveOutcomes(outcomes, !context.signal.aborted);
  return context.signal.aborted ? { text, exitCode: exitCode.interrupted } : { text };
}

function registerResume(program: Command): void {
  setAction(
    program.command('resume').description('carry on moves that an earlier run left open, from wherever each stands'),
    async ({ options, signal }): Promise<CommandResult> => {
      const [{ carryMoves, movesToResume }, render] = await Promise.all([
        import('../../workflows/move-accounts.ts'),
        import('../render/moves.ts'),
      ]);
      return withLock('resume', options, signal, async (context, begin) => {
        const open = await movesToResume(context);
        if (open.length === 0) {
          await context.progress.stop();
          return { data: { moves: [] }, text: 'No move is open. First placements are carried on by: fleet allocate --all' };
        }
        const outcomes = await carryMoves(context, await begin(), open);
        return { ...(await resultOf(context, outcomes)), data: { moves: outcomes.map(render.outcomeData) }, errors: problemsOf(outcomes) };
      });
    },
  );
}
