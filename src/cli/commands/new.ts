import { basename, dirname, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import type { DraftHost, NewFleet } from '../../inventory/new/draft.ts';
import { FleetError } from '../../model/errors.ts';
import type { ReadServers, ServerSource } from '../../workflows/new/read-servers.ts';
import { canAsk } from '../confirm.ts';
import type { GlobalOptions } from '../global-options.ts';
import { countOption } from '../option-values.ts';
import { setAction } from '../run-command.ts';

interface NewFlags {
  readonly fromSshConfig?: string;
  readonly fromAnsible?: string;
  readonly fromMasterConfig?: string;
  readonly name?: string;
  readonly user?: string;
  readonly port?: number;
  readonly identityFile?: string;
  readonly vaultKey?: string;
  readonly apiId?: string;
  readonly apiHash?: string;
  readonly dryRun?: boolean;
}

/** `fleet new`. */
export function registerNew(program: Command): void {
  const command = program
    .command('new [servers...]')
    .description('write an inventory from your servers, and make the key of the vault; asks what the options do not say')
    .option('--from-ssh-config <pattern>', 'the hosts of your ssh config that match: web-*, or * for all')
    .option('--from-ansible <file>', 'an Ansible inventory (INI or YAML) with the group_vars and host_vars beside it')
    .option('--from-master-config <file>', 'the servers of a master_config.json')
    .option('--name <name>', 'name of the fleet; default: that of the folder')
    .option('--user <user>', 'log in as this user where the source names none')
    .option('--port <port>', 'port where the source names none', countOption('--port', { min: 1, max: 65_535 }, '22'))
    .option('--identity-file <file>', 'private key where the source names none')
    .option(
      '--vault-key <reference>',
      "where the vault's key is: file:PATH, env:NAME or exec:COMMAND; default: file:~/.config/fleet/NAME.key",
    )
    .option('--api-id <id>', 'api_id of your application, or a secret reference; default: env:TELEGRAM_API_ID')
    .option('--api-hash <reference>', 'secret reference of its api_hash; default: env:TELEGRAM_API_HASH')
    .option('-n, --dry-run', 'print the inventory and write nothing');
  setAction<NewFlags>(command, async ({ options, args }) => {
    const { planNewInventory, refuseTaken, writeNewInventory } = await import('../../workflows/new/write-inventory.ts');
    const { formatNew, newData } = await import('../render/new.ts');
    const path = options.inventory ?? 'inventory.yaml';
    refuseTaken(path);
    const { answers, servers, apiHash } = await gather(path, args, options);
    const plan = planNewInventory(path, servers, answers);
    if (options.dryRun === true) return { data: { dryRun: true, text: plan.text, notRead: plan.notRead }, text: plan.text.trimEnd() };
    const written = await writeNewInventory(plan, apiHash);
    const shown = { ...plan, ...written, isElsewhere: resolve(path) !== resolve('inventory.yaml') };
    return { data: newData(shown), text: formatNew(shown) };
  });
}

interface Gathered {
  readonly servers: ReadServers;
  readonly answers: NewFleet;
  /** Typed by the operator, for the file that the answers name; null: it is elsewhere. */
  readonly apiHash: string | null;
}

/** What the options say, and the answers of the operator for the rest, where there is somebody to ask. */
async function gather(path: string, words: readonly string[], options: NewFlags & GlobalOptions): Promise<Gathered> {
  const [{ readServers }, { openRemotes }, { newQuestions }, { fleetNameFrom }] = await Promise.all([
    import('../../workflows/new/read-servers.ts'),
    import('../../verbs/open-remotes.ts'),
    import('../new-questions.ts'),
    import('../../inventory/new/names.ts'),
  ]);
  const ask = canAsk(options) ? newQuestions(options.signal) : null;
  const unread = (): Promise<string> => Promise.reject(new Error('no secret is read here'));
  const { ssh } = openRemotes({ knownHosts: 'known_hosts', readSecret: unread, signal: options.signal });
  const mistakes = mistakesIn(options, fleetNameFrom);
  const given = sourceOf(words, options);
  if (given === null && ask === null)
    mistakes.push('no servers: name their addresses, or --from-ssh-config, --from-ansible, --from-master-config');
  if (mistakes.length > 0)
    throw new FleetError('usage', `fleet new has ${mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`}`, {
      hint: 'for example: fleet new root@192.0.2.11 root@192.0.2.12',
      problems: mistakes,
    });
  const fallback = fleetNameFrom(basename(dirname(resolve(path)))) ?? 'fleet';
  const fleet = options.name ?? (await ask?.name(fallback)) ?? fallback;
  const source = given ?? (await ask?.servers((await ssh.namedHosts(['*'])).map(({ name }) => name)));
  const read = await readServers(source ?? { kind: 'addresses', words: [] }, ssh);
  const needsUser = options.user === undefined && source?.kind !== 'ssh-config' && read.draft.hosts.every(({ user }) => user === undefined);
  const user = options.user ?? (needsUser ? await ask?.user() : '') ?? '';
  const apiId = options.apiId ?? ((await ask?.apiId()) || 'env:TELEGRAM_API_ID');
  const apiHash = options.apiHash === undefined && options.apiId === undefined && /^\d+$/.test(apiId) ? ((await ask?.apiHash()) ?? '') : '';
  const hosts = read.draft.hosts.map((host) => withLogin(host, { user, port: options.port, identityFile: options.identityFile }));
  const typed = `file:~/.config/fleet/${fleet}.api-hash`;
  return {
    servers: { ...read, draft: { ...read.draft, hosts } },
    answers: {
      ...{ fleet, apiId, vaultKey: options.vaultKey ?? `file:~/.config/fleet/${fleet}.key` },
      apiHash: options.apiHash ?? (apiHash === '' ? 'env:TELEGRAM_API_HASH' : typed),
    },
    apiHash: apiHash === '' ? null : apiHash,
  };
}

function mistakesIn(options: NewFlags, fleetNameFrom: (text: string) => string | null): string[] {
  const { name, apiId, apiHash, vaultKey } = options;
  const sources = [options.fromSshConfig, options.fromAnsible, options.fromMasterConfig].filter((each) => each !== undefined);
  const isReference = (text: string): boolean => /^(?:env|file|exec):./.test(text);
  return [
    ...(sources.length > 1 ? ['--from-ssh-config, --from-ansible and --from-master-config: only one of them'] : []),
    ...(name === undefined || fleetNameFrom(name) === name ? [] : ['--name: at most 32 lower-case letters, digits and "-"']),
    ...(apiId === undefined || /^\d{1,10}$/.test(apiId) || isReference(apiId)
      ? []
      : ['--api-id: a number, or env:NAME, file:PATH or exec:COMMAND']),
    // What was written there may be the secret itself.
    ...(apiHash === undefined || isReference(apiHash) ? [] : ['--api-hash: env:NAME, file:PATH or exec:COMMAND, never the hash itself']),
    ...(vaultKey === undefined || isReference(vaultKey) ? [] : ['--vault-key: env:NAME, file:PATH or exec:COMMAND, never the key itself']),
  ];
}

/** Null: the options and arguments name no servers. Error `usage`: they name them twice. */
function sourceOf(words: readonly string[], options: NewFlags): ServerSource | null {
  const from = options.fromSshConfig ?? options.fromAnsible ?? options.fromMasterConfig;
  if (words.length > 0 && from !== undefined)
    throw new FleetError('usage', 'servers are named twice: by a list and by --from-...', {
      hint: 'Name one source; fleet hosts add NAME ADDRESS adds more.',
    });
  if (words.length > 0) return { kind: 'addresses', words };
  if (options.fromSshConfig !== undefined) return { kind: 'ssh-config', pattern: options.fromSshConfig };
  if (options.fromAnsible !== undefined) return { kind: 'ansible', file: relative('.', options.fromAnsible) };
  return options.fromMasterConfig === undefined ? null : { kind: 'master-config', file: relative('.', options.fromMasterConfig) };
}

interface Login {
  readonly user: string;
  readonly port: number | undefined;
  readonly identityFile: string | undefined;
}

/** What a host says itself counts more. */
const withLogin = (host: DraftHost, { user, port, identityFile }: Login): DraftHost => ({
  ...(user === '' ? {} : { user }),
  ...(port === undefined ? {} : { port }),
  ...(identityFile === undefined ? {} : { identityFile }),
  ...host,
});
