import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Session, WrittenFormat } from '../../src/model/session.ts';
import { keyIdOf } from '../../src/sessions/auth-key.ts';
import { exportSession } from '../../src/vault/export-session.ts';
import type { DataCentreControl } from '../dc/control/control.ts';
import type { Lab } from '../lab/lab.ts';
import { type CommandResult, tryCommand } from '../lab/run-command.ts';
import { type Suite, suiteFacts, suiteOfRun } from '../lab/suites.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * An application's API hash as the operator keeps it: a secret that must never be found anywhere.
 */
const apiHash = 'c0ffee00c0ffee00c0ffee00c0ffee99';

/** Of the model, the same. */
export const modelKey = 'sk-canary-9f8e7d6c5b4a';

/**
 * A person with a folder, an inventory and the command `fleet`, sitting inside the lab's network.
 */
export interface Operator {
  readonly directory: string;
  readonly apiHash: string;
  /** Runs `fleet ARGS` in the folder. */
  fleet(
    args: readonly string[],
    options?: { env?: Record<string, string>; timeoutMs?: number },
  ): Promise<CommandResult>;
  /**
   * The same with `--json` and `--yes`; the document, whose shape the caller knows. Throws where
   * nothing was printed.
   */
  json<T>(args: readonly string[]): Promise<T>;
  /** More of the inventory, at its end. */
  append(text: string): Promise<void>;
  argv(args: readonly string[]): readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Everything that every command has printed so far. */
  readonly transcript: readonly string[];
  remove(): Promise<void>;
}

export interface OperatorOptions {
  readonly lab: Lab;
  /** Hosts of the lab, counted from 1. */
  readonly hosts: readonly number[];
  /** Whether this process is outside the lab's network, so that commands have to be led into it. */
  readonly isOutside?: boolean;
  /** Of the hosts; the run's by default. */
  readonly suite?: Suite;
  /** The inventory's text from `accounts:` on. */
  readonly accounts?: string;
}

/** Zones and places of the lab's hosts, so that strategies have something to choose from. */
const places = [
  'eu-a frankfurt',
  'eu-b amsterdam',
  'us-a new-york',
  'asia-a singapore',
  'eu-a frankfurt',
];

function inventoryText({
  lab,
  hosts,
  accounts = '',
  suite = suiteOfRun(),
}: OperatorOptions): string {
  const unsupported = suiteFacts(suite).isSupported ? '' : 'allow_unsupported_os: true, ';
  const entries = hosts.map((index) => {
    const host = lab.hosts[index - 1];
    const [zone, place = ''] = (places[index - 1] ?? 'eu-a frankfurt').split(' ');
    return (
      `  ${host?.name}: { address: ${host?.address}, zone: ${zone}, location: ` +
      `"${place.replace('-', ' ')}"${index === 1 ? ', ssh: { user: root }' : ''} }`
    );
  });
  return `version: 1
fleet: rehearsal
vault: { path: vault, key: file:vault.key }
ssh: { user: ubuntu, identity_files: [${lab.keyFile}], connect_timeout: 5s }
telegram: { api_id: 4711, api_hash: env:TELEGRAM_API_HASH }
# The lab's machine need not have a synchronised clock.
hold: { require_clock_sync: false, settle: 1s, settle_unclean: 5s }
# Hosts of a test have not been measured for minutes, and stand in three countries.
rebalance: { measured_for: 0s, cross_country: true }
defaults: { ${unsupported}max_accounts: 20 }
hosts:
${entries.join('\n')}
${accounts}`;
}

export async function makeOperator(options: OperatorOptions): Promise<Operator> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-operator-'));
  await writeFile(join(directory, 'inventory.yaml'), inventoryText(options));
  // A home of its own: whatever ssh configuration this machine has is none of the test's business.
  const env = {
    TELEGRAM_API_HASH: apiHash,
    MODEL_KEY: modelKey,
    HOME: directory,
    XDG_CACHE_HOME: process.env.XDG_CACHE_HOME ?? `${process.env.HOME}/.cache`,
    SSH_AUTH_SOCK: '',
  };
  const inside = (argv: readonly string[]) =>
    options.isOutside ? options.lab.insideArgv(argv) : argv;
  // The build, which starts in a third of the time, or the sources where they are newer.
  // kill-at-call.ts counts calls of the package ssh2: the built program has it inside, the sources
  // have not.
  const fromSources = [process.execPath, join(root, 'src', 'cli', 'main.ts')];
  const argv = (args: readonly string[], isKilled = false) =>
    inside([...(isKilled ? fromSources : [join(root, 'bin', 'fleet')]), ...args]);
  const transcript: string[] = [];
  const fleet: Operator['fleet'] = async (args, { env: more = {}, timeoutMs = 600_000 } = {}) => {
    const result = await tryCommand(argv(args, 'FLEET_KILL_AT' in more), {
      cwd: directory,
      env: { ...env, ...more },
      timeoutMs,
    });
    transcript.push(result.stdout, result.stderr);
    return result;
  };
  return {
    directory,
    apiHash,
    argv,
    env,
    transcript,
    fleet,
    json: async <T>(args: readonly string[]): Promise<T> => {
      const { stdout, stderr } = await fleet([...args, '--json', '--yes']);
      if (stdout === '') throw new Error(`fleet ${args.join(' ')} printed nothing: ${stderr}`);
      return JSON.parse(stdout) as T;
    },
    append: (text) => appendFile(join(directory, 'inventory.yaml'), text),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

const formats: WrittenFormat[] = [
  'pyrogram',
  'telethon',
  'gramjs-string',
  'telethon-string',
  'pyrogram-string',
  'mtcute-string',
];

export interface Login {
  readonly account: string;
  readonly path: string;
  readonly format: WrittenFormat;
  readonly userId: string;
  readonly authKey: Buffer;
  /** Fleet's own name of the key. */
  readonly keyId: string;
  /** The data centre's name of the key. */
  readonly dcKeyId: string;
}

/**
 * Logs `names` in at the data centre and leaves their session files, in all formats by turns, in
 * `directory`.
 */
export async function logIn(
  dc: DataCentreControl,
  directory: string,
  names: readonly string[],
  usernames: Readonly<Record<string, string>> = {},
): Promise<Login[]> {
  await mkdir(directory, { recursive: true });
  const logins: Login[] = [];
  for (const [index, account] of names.entries()) {
    const format = formats[index % formats.length] ?? 'telethon';
    const userId = (randomBytes(4).readUInt32BE() + 5_000_000_000).toString();
    const username = usernames[account];
    const named = username === undefined ? {} : { username };
    const login = await dc.addAccount({
      userId,
      firstName: account,
      ...named,
      dcId: (index % 5) + 1,
    });
    const keyId = keyIdOf(login.authKey);
    const session: Session = {
      dataCentre: login.dcId,
      authKey: login.authKey,
      userId: BigInt(userId),
      isBot: false,
      testMode: false,
      keyId,
    };
    const path = join(directory, `${account}${format.endsWith('-string') ? '.txt' : '.session'}`);
    await exportSession(path, session, format, 4711);
    logins.push({
      account,
      path,
      format,
      userId,
      authKey: login.authKey,
      keyId,
      dcKeyId: login.keyId,
    });
  }
  return logins;
}
