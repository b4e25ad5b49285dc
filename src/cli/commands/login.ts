import { type Command, Option } from 'commander';
import type { LoginWay } from '../../../agent/protocol/login.ts';
import { parseSecretReference, secretReferenceForm } from '../../inventory/secret-reference.ts';
import { FleetError } from '../../model/errors.ts';
import type { SecretReference } from '../../model/inventory.ts';
import { confirm } from '../confirm.ts';
import { withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';

interface LoginOptions {
  readonly by?: LoginWay;
  readonly host?: string;
  readonly phone?: string;
  readonly token?: string;
  readonly password?: string;
  readonly cancel?: boolean;
  readonly dryRun?: boolean;
}

/** Errors: `usage`; a secret itself is never an argument, which every user of this machine could read. */
function referenceOf(option: string, text: string | undefined): SecretReference | null {
  if (text === undefined) return null;
  const reference = parseSecretReference(text);
  if (reference !== null) return reference;
  throw new FleetError('usage', `${option} is no secret reference`, { hint: `write ${secretReferenceForm}, never the secret itself` });
}

/** `fleet accounts login NAME`. */
export function registerLogin(accounts: Command): void {
  const command = accounts
    .command('login <account>')
    .description(
      'log an account in on the host that will run it: a new one, or one whose session is dead; its script, pins and memory stay',
    )
    .addOption(
      new Option('--by <way>', 'how its owner proves who they are; default: code, or bot with --token').choices(['code', 'qr', 'bot']),
    )
    .option('--host <host>', 'where; default: its own host, for a new account the one that fleet allocate would choose')
    .option('--phone <number>', 'its telephone number; default: it is asked')
    .option('--token <reference>', "a bot's token: env:NAME, file:PATH or exec:COMMAND")
    .option('--password <reference>', 'its two-step password, in the same form; default: it is asked')
    .option('--cancel', 'give a login up that was begun; if it had succeeded, it is logged out')
    .option('-n, --dry-run', 'show what would be done, and change nothing');
  setAction<LoginOptions>(command, async ({ options, args, signal }) => {
    const [name = ''] = args;
    const token = referenceOf('--token', options.token);
    const given = { phone: options.phone ?? null, token, password: referenceOf('--password', options.password) };
    const way = options.by ?? (token === null ? 'code' : 'bot');
    if (token !== null && way !== 'bot')
      throw new FleetError('usage', `--token does not go with --by ${way}`, { hint: 'leave one of the two out' });
    if (given.phone !== null && !/^\+?[\d ()./-]{5,30}$/.test(given.phone)) {
      throw new FleetError('usage', '--phone is no telephone number', { hint: 'write it with its country code: --phone +491511234567' });
    }
    const { planLogin } = await import('../../workflows/plan-login.ts');
    const { formatLoginPlan } = await import('../render/login.ts');
    return withLock('accounts login', options, signal, async (context, begin): Promise<CommandResult> => {
      const plan = await planLogin(context, name, way, options.host ?? null);
      const data = { account: plan.account, host: plan.host.name, way, isNew: plan.known === null };
      if (options.dryRun === true) return { data: { ...data, isDryRun: true }, text: formatLoginPlan(plan) };
      const { cancelLogin, executeLogin } = await import('../../workflows/login-account.ts');
      if (options.cancel === true) {
        await confirm(`Give the login of ${plan.account} up?`, options);
        await cancelLogin(context, plan);
        return { data: { ...data, isCancelled: true }, text: `the login of ${plan.account} is given up` };
      }
      if (!options.yes) printErr(formatLoginPlan(plan));
      await confirm('Log in?', options);
      const { loginPrompts } = await import('../login-prompts.ts');
      const prompts = loginPrompts(given, { ...options, signal }, context.readSecret);
      const outcome = await executeLogin(context, await begin(), plan, prompts).finally(() => prompts.close());
      const errors = outcome.problem === null ? [] : [outcome.problem];
      return { data: { ...data, state: outcome.state }, text: `${plan.account} is logged in on ${outcome.host}: ${outcome.state}`, errors };
    });
  });
}
