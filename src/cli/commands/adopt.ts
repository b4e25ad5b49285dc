import type { Command } from 'commander';
import { adoptionData, adoptionErrors, isAdopted } from '../../verbs/results/adopt.ts';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

/** `fleet adopt`: the ledger learns from the hosts and the vault. */
export function registerAdopt(program: Command): void {
  const command = program
    .command('adopt')
    .description('rebuild the ledger from what the hosts and the vault know: after a restore, or when the ledger is lost')
    .option(
      '--without <hosts...>',
      'you state that these hosts, which others remember and the inventory does not have, run nothing any more',
    )
    .option(
      '--replaced <hosts...>',
      'you state that these hosts are the machines that had their accounts, with other hardware, or that the old ones run nothing any more',
    )
    .option('-n, --dry-run', 'show what would change and change nothing');
  setAction<{ readonly dryRun?: boolean; readonly without?: readonly string[]; readonly replaced?: readonly string[] }>(
    command,
    async ({ options, signal }) => {
      const { executeAdoption, prepareAdoption } = await import('../../workflows/adopt.ts');
      const { formatAdoption } = await import('../render/adopt.ts');
      return withLock('adopt', options, signal, async (context): Promise<CommandResult> => {
        const adoption = await prepareAdoption(context, options.without ?? [], options.replaced ?? []);
        const text = formatAdoption(adoption);
        const errors = adoptionErrors(adoption);
        const isDone = isAdopted(adoption);
        const data = { dryRun: options.dryRun === true, isChanged: !isDone, ...adoptionData(adoption) };
        await context.progress.stop();
        if (options.dryRun || isDone) return { data, text, errors };
        if (!options.json) printErr(text);
        await confirm('Write this into the ledger? No other copy of it may be in use', options);
        const { beginAdoption } = await import('../../ledger/runs.ts');
        await executeAdoption(context, await beginAdoption(context.ledger, context.now(), adoption), adoption);
        const { readSamples } = await import('../../workflows/read-samples.ts');
        const { noteHistoryHead } = await import('../../workflows/history-head.ts');
        const { recordStates } = await import('../../workflows/record-states.ts');
        const heard = adoption.hosts.filter(({ survey }) => survey !== null && survey.release !== '').map(({ host }) => host);
        // What counts from now on; without it `fleet doctor` would compare with the last backup of the former history.
        await noteHistoryHead(context, await context.readSecret(context.inventory.vaultKey));
        await recordStates(context, await readSamples(context, heard, 0));
        await context.progress.stop();
        return { data, text: 'The ledger is up to date: fleet status shows it.', errors };
      });
    },
  );
}
