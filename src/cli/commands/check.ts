import type { Command } from 'commander';
import { type AcceptanceStage, acceptanceStages } from '../../facts/acceptance.ts';
import { FleetError } from '../../model/errors.ts';
import { exitCode } from '../exit-codes.ts';
import { withContext } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';

interface CheckFlags {
  readonly stage: readonly string[];
  readonly for: string;
}

const collect = (stage: string, before: readonly string[]): string[] => [...before, stage];

/** `fleet check`: the acceptance of the operator's own fleet, stage by stage. Looks only. */
export function registerCheck(program: Command): void {
  const command = program
    .command('check')
    .description('the acceptance of your own fleet, stage by stage: each host, each account, host to host, load; changes and says nothing')
    .option('--stage <stage>', `only this one: ${acceptanceStages.join(', ')} (may be given several times)`, collect, [])
    .option('--for <duration>', 'how long the load is watched', '60s');
  setAction<CheckFlags>(command, async ({ options, signal }) => {
    const stages = options.stage.length === 0 ? acceptanceStages : options.stage.map(stageOf);
    const [{ checkFleet }, { watchFleet }, { selectHosts }, { formatChecks }, loadMs] = await Promise.all([
      import('../../workflows/check-fleet.ts'),
      import('../../workflows/watch-fleet.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../render/check.ts'),
      watchedFor(options.for),
    ]);
    return withContext(options, signal, async (context): Promise<CommandResult> => {
      const hosts = selectHosts(context.inventory, options.limit);
      const watch = watchFleet(context, hosts, context.freshRemoteFor);
      try {
        const checks = await checkFleet(context, hosts, watch, stages, loadMs);
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

async function watchedFor(text: string): Promise<number> {
  const { parseDuration } = await import('../../inventory/units.ts');
  const ms = parseDuration(text);
  if (ms !== null && ms >= 1_000 && ms <= 3_600_000) return ms;
  throw new FleetError('usage', `--for ${text} is not a length of time from 1s to 1h`, { hint: 'for example --for 5m' });
}
