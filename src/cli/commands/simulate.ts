import type { Command } from 'commander';
import { withContext } from '../open-context.ts';
import { countOption, numberOption } from '../option-values.ts';
import { setAction } from '../run-command.ts';

interface SimulateOptions {
  readonly lose: readonly string[];
  readonly addHosts: number;
  readonly hostsLike?: string;
  readonly addAccounts: number;
  readonly accountsLike?: string;
  readonly scale: number;
  readonly rebalance?: boolean;
  readonly fresh?: boolean;
}

const collect = (name: string, before: readonly string[]): string[] => [...before, name];

const many = { min: 0, max: 100_000 };
const parseScale = numberOption('--scale', { min: 0, max: 1000, aboveMin: true }, '1.5');

/** `fleet simulate`: what if. */
export function registerSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description('what would happen if: hosts lost or added, accounts added or grown; asks nobody and changes nothing')
    .option('--lose <host>', 'the host is gone (may be given several times)', collect, [])
    .option('--add-hosts <count>', 'so many empty hosts more', countOption('--add-hosts', many, '3'), 0)
    .option('--hosts-like <host>', 'each like that one; default: the first that is up')
    .option('--add-accounts <count>', 'so many accounts more', countOption('--add-accounts', many, '3'), 0)
    .option('--accounts-like <account>', 'each like that one; default: with the median demand and no wishes')
    .option('--scale <factor>', 'every account needs so many times as much', parseScale, 1)
    .option('--rebalance', 'and a rebalance afterwards')
    .option('--fresh', 'measure the hosts now instead of using the last samples');
  setAction<SimulateOptions>(command, async ({ options, signal }) => {
    const what = {
      lostHosts: options.lose,
      addedHosts: options.addHosts,
      hostsLike: options.hostsLike ?? null,
      addedAccounts: options.addAccounts,
      accountsLike: options.accountsLike ?? null,
      scale: options.scale,
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
