import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { confirm } from '../confirm.ts';
import { withContext, withLock } from '../open-context.ts';
import { linesOption } from '../option-values.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';

/** `fleet accounts pause`, `resume`, `set-script` and `send-test`: how accounts answer, while they run. */
export function registerAccountControl(accounts: Command): void {
  registerPause(accounts, 'pause', 'let accounts stay online, read and remember, and say nothing until they are resumed');
  registerPause(accounts, 'resume', 'let paused accounts answer again');
  registerSetScript(accounts);
  registerSendTest(accounts);
}

function registerPause(accounts: Command, verb: 'pause' | 'resume', description: string): void {
  setAction(accounts.command(`${verb} <accounts...>`).description(description), async ({ options, args, signal }) => {
    const { pauseAccounts } = await import('../../workflows/account-control.ts');
    return withLock(`accounts ${verb}`, options, signal, async (context, begin): Promise<CommandResult> => {
      await confirm(`${verb === 'pause' ? 'Pause' : 'Resume'} ${args.join(', ')}?`, options);
      const errors = await pauseAccounts(context, await begin(), args, verb === 'pause');
      await context.progress.stop();
      const note = errors.length === 0 ? '' : ' in the ledger; the hosts below are told by the next: fleet scripts push';
      return { data: { accounts: args, isPaused: verb === 'pause' }, text: `${args.join(', ')} ${verb}d${note}`, errors };
    });
  });
}

function registerSetScript(accounts: Command): void {
  const command = accounts
    .command('set-script <account> [script]')
    .description("the script by which the account answers, until it is changed again; without a name: the inventory's");
  setAction(command, async ({ options, args, signal }) => {
    const { chooseScript } = await import('../../workflows/account-control.ts');
    return withLock('accounts set-script', options, signal, async (context, begin): Promise<CommandResult> => {
      const [account = '', script = null] = args;
      const words = script === null ? "the inventory's script" : `script ${script}`;
      await confirm(`Let ${account} answer by ${words}?`, options);
      const errors = await chooseScript(context, await begin(), account, script);
      await context.progress.stop();
      return { data: { account, script }, text: `${account} answers by ${words}`, errors };
    });
  });
}

function registerSendTest(accounts: Command): void {
  const command = accounts
    .command('send-test <account> <chat>')
    .description(
      "let the account say one message in a group of its allow-list (its id, or the inventory's name for it); its own worker says it, within its limits",
    )
    .option('--text <text>', 'what it says', 'This is a test message of the operator.');
  setAction<{ text: string }>(command, async ({ options, args, signal }) => {
    if (options.text.trim() === '' || options.text.length > 1000) {
      throw new FleetError('usage', '--text is empty or longer than 1000 characters', { hint: 'say less' });
    }
    const { sendTest } = await import('../../workflows/account-control.ts');
    return withLock('accounts send-test', options, signal, async (context, begin): Promise<CommandResult> => {
      const [account = '', chat = ''] = args;
      await confirm(`Let ${account} say in ${chat}: ${options.text}`, options);
      const { isSent, reason } = await sendTest(context, await begin(), account, chat, options.text);
      await context.progress.stop();
      if (isSent) return { data: { account, chat, isSent }, text: `${account} has said it in ${chat}` };
      const error = new FleetError('account-offline', `${account} did not say it: ${reason}`, {
        account,
        hint: `fleet why-silent ${account} tells what holds it`,
      });
      return { data: { account, chat, isSent, reason }, text: '', errors: [error] };
    });
  });
}

/** `fleet why-silent`. */
export function registerWhySilent(program: Command): void {
  const command = program
    .command('why-silent <account>')
    .description('why the account did not answer: how often for which reason, and its last messages')
    .option('-n, --lines <count>', 'at most so many of the last messages', linesOption(0), 20);
  setAction<{ lines: number }>(command, async ({ options, args, signal }) => {
    const { lines } = options;
    const [{ whySilent }, { formatSilence }] = await Promise.all([import('../../workflows/why-silent.ts'), import('../render/silence.ts')]);
    return withContext(options, signal, async (context) => {
      const report = await whySilent(context, args[0] ?? '', lines);
      await context.progress.stop();
      return { data: { ...report }, text: formatSilence(report) };
    });
  });
}
