import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { parseSecretReference, secretReferenceForm } from '../../inventory/secret-reference.ts';
import { FleetError } from '../../model/errors.ts';
import type { SecretReference } from '../../model/inventory.ts';
import type { WrittenFormat } from '../../model/session.ts';
import { confirm } from '../confirm.ts';
import { withContext, withLock } from '../open-context.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { printErr } from '../terminal.ts';
import { registerAccountControl } from './account-control.ts';
import { registerLogin } from './login.ts';
import { registerPins } from './pins.ts';

const formats: WrittenFormat[] = ['telethon', 'telethon-string', 'pyrogram', 'pyrogram-string', 'gramjs-string', 'mtcute-string'];

/** `fleet accounts ...`. */
export function registerAccounts(program: Command): void {
  const accounts = program.command('accounts').description('accounts and their sessions');
  registerImport(accounts);
  registerLooks(accounts);
  registerActs(accounts);
  registerExport(accounts);
  registerLogin(accounts);
  registerPins(accounts);
  registerAccountControl(accounts);
}

/** Errors: `usage`; the passcode itself is never an argument, which every user of this machine could read. */
function passcodeReference(text: string): SecretReference {
  const reference = parseSecretReference(text);
  if (reference !== null) return reference;
  throw new FleetError('usage', '--passcode is no secret reference', { hint: `write ${secretReferenceForm}, never the passcode itself` });
}

function registerImport(accounts: Command): void {
  const command = accounts
    .command('import <files...>')
    .description('check session files, and folders of Telegram Desktop (tdata), and take them into the vault; they stay untouched')
    .option('--name <name>', 'name of the account (for a single file); default: the name of the file')
    .option('--passcode <reference>', "passcode of Telegram Desktop's data, as env:NAME, file:PATH or exec:COMMAND");
  setAction<{ name?: string; passcode?: string }>(command, async ({ options, args, signal }) => {
    if (options.name !== undefined && args.length !== 1) {
      throw new FleetError('usage', '--name goes with exactly one file', {
        hint: 'import the files one by one, or name the files like the accounts',
      });
    }
    const passcode = options.passcode === undefined ? null : passcodeReference(options.passcode);
    const { importAccounts, proposedFor } = await import('../../workflows/import-accounts.ts');
    const { formatImports, formatProposals } = await import('../render/accounts.ts');
    return withLock('accounts import', options, signal, async (context): Promise<CommandResult> => {
      if (!options.yes) {
        printErr('A session that two programs use at once is destroyed by Telegram. Nothing else may use these sessions from now on.');
        const proposals = formatProposals(args.map((path) => ({ path, ...proposedFor(path, options.name ?? null) })));
        if (proposals !== '') printErr(proposals);
        await confirm(`Import ${args.length === 1 ? 'this file' : `these ${args.length} files`}?`, options);
      }
      const secret = passcode === null ? '' : await context.readSecret(passcode);
      const outcomes = await importAccounts(context, args, options.name ?? null, secret);
      await context.progress.stop();
      const errors = [...outcomes.flatMap(({ problem }) => (problem === null ? [] : [problem])), ...unread(args, outcomes, signal)];
      const data = outcomes.map(({ problem, ...rest }) => ({ ...rest, code: problem?.code ?? null }));
      return { data: { files: data }, text: formatImports(outcomes), errors };
    });
  });
}

function unread(paths: readonly string[], outcomes: readonly { readonly path: string }[], signal: AbortSignal): FleetError[] {
  const read = new Set(outcomes.map(({ path }) => path));
  const left = paths.filter((path) => !read.has(path)).length;
  if (!signal.aborted || left === 0) return [];
  return [
    new FleetError('interrupted', `${left} of ${paths.length} files were not read`, {
      hint: 'run the same command again: what was imported is known then',
    }),
  ];
}

function registerLooks(accounts: Command): void {
  setAction(accounts.command('list').description('every account, its state and its host, from the ledger'), async ({ options, signal }) => {
    const { listKnownAccounts } = await import('../../workflows/known-accounts.ts');
    const { accountData, formatAccounts } = await import('../render/accounts.ts');
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    return withContext(options, signal, async ({ inventory, ledger, now }) => {
      const chosen = new Set<string>(selectHosts(inventory, options.limit).map(({ name }) => name));
      const all = await listKnownAccounts(ledger.db);
      const rows = options.limit.length === 0 ? all : all.filter(({ host }) => host !== null && chosen.has(host));
      return { data: { accounts: rows.map(accountData) }, text: formatAccounts(rows, now()) };
    });
  });
  setAction(
    accounts.command('show <account>').description('everything the ledger knows about one account'),
    async ({ options, args, signal }) => {
      const { requireAccount } = await import('../../workflows/account-acts.ts');
      const { readHistory } = await import('../../ledger/records.ts');
      const { accountData, formatAccount } = await import('../render/accounts.ts');
      const { listKnownAccounts } = await import('../../workflows/known-accounts.ts');
      return withContext(options, signal, async (context) => {
        const { name } = await requireAccount(context, args[0] ?? '');
        const known = await listKnownAccounts(context.ledger.db);
        const account = known.find((each) => each.name === name) ?? (await requireAccount(context, name));
        const history = await readHistory(context.ledger.db, { account: account.name, limit: 10 });
        return { data: { account: accountData(account), history }, text: formatAccount(account, history, context.now()) };
      });
    },
  );
  const verify = accounts
    .command('verify <accounts...>')
    .description('ask the worker on its host whether Telegram answers; opens no second client');
  setAction(verify, async ({ options, args, signal }) => {
    const { verifyAccount } = await import('../../workflows/account-acts.ts');
    const { formatVerifications, verificationErrors } = await import('../render/accounts.ts');
    return withContext(options, signal, async (context) => {
      const results = await each(args, (name) => verifyAccount(context, name));
      await context.progress.stop();
      const errors = [...results.errors, ...verificationErrors(results.values)];
      return { data: { accounts: results.values }, text: formatVerifications(results.values), errors };
    });
  });
}

/** Several accounts at the same time; one that fails does not stop the rest. Values and errors are in the order of `names`. */
async function each<T>(names: readonly string[], act: (name: string) => Promise<T>): Promise<{ values: T[]; errors: FleetError[] }> {
  const outcomes = await Promise.allSettled(names.map(act));
  const values: T[] = [];
  const errors: FleetError[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') values.push(outcome.value);
    else if (outcome.reason instanceof FleetError) errors.push(outcome.reason);
    else throw outcome.reason;
  }
  return { values, errors };
}

function registerActs(accounts: Command): void {
  setAction(
    accounts.command('stop <accounts...>').description('stop workers where they are; their hosts go on owning them'),
    async ({ options, args, signal }) => {
      const { stopAccount } = await import('../../workflows/account-acts.ts');
      return withLock('accounts stop', options, signal, async (context, begin) => {
        await confirm(`Stop ${args.join(', ')}?`, options);
        const run = await begin();
        const { values, errors } = await each(args, (name) => stopAccount(context, run, name).then(() => name));
        return { data: { stopped: values }, text: values.map((name) => `${name} stopped`).join('\n'), errors };
      });
    },
  );
  setAction(
    accounts.command('start <accounts...>').description('start stopped workers where they are'),
    async ({ options, args, signal }) => {
      const { startAccount } = await import('../../workflows/account-acts.ts');
      return withLock('accounts start', options, signal, async (context, begin) => {
        const run = await begin();
        const { values, errors } = await each(args, (name) => startAccount(context, run, name).then(() => name));
        return { data: { started: values }, text: values.map((name) => `${name} online`).join('\n'), errors };
      });
    },
  );
  const restart = accounts
    .command('restart <accounts...>')
    .description('restart workers where they are, one at a time on each host, with what telegram:, worker:, limits: and the model say now');
  setAction(restart, async ({ options, args, signal }) => {
    const { executeRestarts, planRestarts } = await import('../../workflows/restart-accounts.ts');
    return withLock('accounts restart', options, signal, async (context, begin) => {
      const plan = await planRestarts(context, args);
      if (plan.errors.length > 0) return { data: { restarted: [] }, text: '', errors: plan.errors };
      const text = plan.restarts.map(({ account, host }) => `${account.name} on ${host.name}`).join(', ');
      await confirm(`Restart ${text}?`, options);
      const errors = await executeRestarts(context, await begin(), plan);
      const failed = new Set(errors.map(({ host }) => host));
      const done = plan.restarts.filter(({ host }) => !failed.has(host.name)).map(({ account }) => account.name);
      return { data: { restarted: done }, text: done.map((name) => `${name} online`).join('\n'), errors };
    });
  });
  const remove = accounts.command('remove <accounts...>').description('stop accounts, take them off their hosts and out of the fleet');
  setAction(remove, async ({ options, args, signal }) => {
    const { removeAccount } = await import('../../workflows/detach-account.ts');
    return withLock('accounts remove', options, signal, async (context, begin) => {
      await confirm(`Take ${args.join(', ')} out of the fleet?`, options);
      const run = await begin();
      const { values, errors } = await each(args, async (name) => ({ account: name, kept: await removeAccount(context, run, name) }));
      const text = values
        .map(({ account, kept }) => `${account} removed${kept === null ? '' : `; its encrypted session stays in ${kept}`}`)
        .join('\n');
      return { data: { removed: values }, text, errors };
    });
  });
}

function registerExport(accounts: Command): void {
  const command = accounts
    .command('export <account>')
    .description('stop an account and give its session back as a file')
    .addOption(new Option('-f, --format <format>', 'format of the file').choices(formats).makeOptionMandatory())
    .requiredOption('-o, --output <file>', 'where to write it (must not exist)');
  setAction<{ format: WrittenFormat; output: string }>(command, async ({ options, args, signal }) => {
    const { exportAccount } = await import('../../workflows/detach-account.ts');
    const [name = ''] = args;
    return withLock('accounts export', options, signal, async (context, begin) => {
      await confirm(`Stop ${name} and write its session, unencrypted, to ${options.output}?`, options);
      const path = resolve(options.output);
      await exportAccount(context, await begin(), name, options.format, path);
      const text = `${path} written. ${name} is detached: it will not start in this fleet until you import it again.`;
      return { data: { account: name, format: options.format, path }, text };
    });
  });
}
