import { type Command, Option } from 'commander';
import { type AcceptanceStage, acceptanceStages } from '../../facts/acceptance.ts';
import { FleetError } from '../../model/errors.ts';
import { exitCode } from '../../verbs/exit-codes.ts';
import { withContext } from '../open-context.ts';
import { durationOption } from '../option-values.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';

interface CheckFlags {
  readonly stage: readonly string[];
  readonly for: number;
}

const parseWatch = durationOption('--for', { min: 1_000, max: 3_600_000, words: 'from 1 s to 1 hour' }, '5m');

const collect = (stage: string, before: readonly string[]): string[] => [...before, stage];

/** `fleet check`: the acceptance of the operator's own fleet, stage by stage. Looks only. */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('the acceptance of your own fleet, stage by stage: each host, each account, host to host, load; changes and says nothing')
    .option('--stage <stage>', `only this one: ${acceptanceStages.join(', ')} (may be given several times)`, collect, [])
    .addOption(new Option('--for <duration>', 'how long the load is watched').argParser(parseWatch).default(60_000, '60s'));
  setAction<CheckFlags>(command, async ({ options, signal }) => {
    const stages = options.stage.length === 0 ? acceptanceStages : options.stage.map(stageOf);
    const [{ checkFleet }, { watchFleet }, { selectHosts }, { formatChecks }] = await Promise.all([
      import('../../workflows/check-fleet.ts'),
      import('../../workflows/watch-fleet.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../render/check.ts'),
    ]);
    return withContext(options, signal, async (context): Promise<CommandResult> => {
      const hosts = selectHosts(context.inventory, options.limit);
      const watch = watchFleet(context, hosts, context.freshRemoteFor);
      try {
        const checks = await checkFleet(context, hosts, watch, stages, options.for);
        await context.progress.stop();
        const isWell = checks.every(({ verdict }) => verdict !== 'failed');
        return { data: { checks }, text: formatChecks(checks), exitCode: isWell ? exitCode.ok : exitCode.failed };
      } finally {
        await watch.close();
      }
    });
  });
}

function stageOf(text: string): AcceptanceStage {
  const stage = acceptanceStages.find((each) => each === text);
  if (stage !== undefined) return stage;
  throw new FleetError('usage', `there is no stage ${text}`, { hint: `one of ${acceptanceStages.join(', ')}` });
}
