import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

interface SimulateOptions {
  readonly lose: readonly string[];
  readonly addHosts: string;
  readonly hostsLike?: string;
  readonly addAccounts: string;
  readonly accountsLike?: string;
  readonly scale: string;
  readonly rebalance?: boolean;
  readonly fresh?: boolean;
}

const collect = (name: string, before: readonly string[]): string[] => [...before, name];

/** `fleet simulate`: what if. */
export function registerSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('what would happen if: hosts lost or added, accounts added or grown; asks nobody and changes nothing')
    .option('--lose <host>', 'the host is gone (may be given several times)', collect, [])
    .option('--add-hosts <count>', 'so many empty hosts more', '0')
    .option('--hosts-like <host>', 'each like that one; default: the first that is up')
    .option('--add-accounts <count>', 'so many accounts more', '0')
    .option('--accounts-like <account>', 'each like that one; default: with the median demand and no wishes')
    .option('--scale <factor>', 'every account needs so many times as much', '1')
    .option('--rebalance', 'and a rebalance afterwards')
    .option('--fresh', 'measure the hosts now instead of using the last samples');
  setAction<SimulateOptions>(command, async ({ options, signal }) => {
    const what = {
      lostHosts: options.lose,
      addedHosts: count('--add-hosts', options.addHosts),
      hostsLike: options.hostsLike ?? null,
      addedAccounts: count('--add-accounts', options.addAccounts),
      accountsLike: options.accountsLike ?? null,
      scale: factor(options.scale),
      rebalances: options.rebalance === true,
    };
    const [{ supposeThat }, { readFleetView }, render] = await Promise.all([
      import('../../planning/what-if.ts'),
      import('../../workflows/read-fleet-view.ts'),
      import('../render/simulate.ts'),
    ]);
    return withContext(options, signal, async (context) => {
      const { view } = await readFleetView(context, { maxAgeMs: options.fresh ? 0 : null });
      await context.progress.stop();
      const answer = supposeThat(view, context.inventory.placement, what);
      return { data: render.whatIfData(answer), text: render.formatWhatIf(answer), errors: render.whatIfErrors(answer) };
    });
  });
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0 && value <= 100_000) return value;
  throw new FleetError('usage', `${option} ${text}: a whole number from 0 to 100000`, { hint: `for example ${option} 3` });
}

function factor(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= 1000) return value;
  throw new FleetError('usage', `--scale ${text}: a number above 0, at most 1000`, { hint: 'for example --scale 1.5' });
}
