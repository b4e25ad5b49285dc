import { access } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import type { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { askConfig, missingOpenSsh, type OpenSshMachine } from './openssh-program.ts';
import { wantedOfFiles } from './openssh-wants.ts';
import { isNo } from './ssh-keywords.ts';
import type { SshOptions, SshQuery } from './ssh-options.ts';
import {
  resolveForOpenSsh,
  resolveSshTarget,
  type SshConfig,
  type SshSurroundings,
  type SshTarget,
} from './ssh-target.ts';
import { UnsupportedConfig } from './unsupported.ts';

/** What a choice is made with. `once` shares what costs a process or a file among hosts. */
export interface Chooser {
  readonly config: SshConfig;
  readonly around: SshSurroundings;
  /** Null: OpenSSH's usual files. */
  readonly configFiles: readonly string[] | null;
  once<T>(name: string, make: () => Promise<T>): Promise<T>;
}

type Spec = Pick<HostSpec, 'name' | 'ssh'>;

/**
 * Decides how a host is reached, and by what: the inventory's `ssh.transport`, or, with `auto`,
 * OpenSSH where the config asks for what fleet's own SSH cannot do and OpenSSH is there. Rejects
 * with `ssh-config`.
 */
export async function chooseTarget(spec: Spec, chooser: Chooser): Promise<SshTarget> {
  const { transport } = spec.ssh;
  if (transport === 'ssh2') return ownTarget(spec, chooser);
  if (transport === 'openssh') {
    const missing = await missingHere(chooser);
    if (missing !== null) throw missing;
    return openSshTarget(spec, chooser);
  }
  return automatic(spec, chooser);
}

const ownTarget = (spec: Spec, { config, around }: Chooser): SshTarget =>
  resolveSshTarget(spec, config, around);

async function automatic(spec: Spec, chooser: Chooser): Promise<SshTarget> {
  let own: SshTarget;
  try {
    own = ownTarget(spec, chooser);
  } catch (failure) {
    const isHelped = failure instanceof UnsupportedConfig && (await missingHere(chooser)) === null;
    if (!isHelped) throw failure;
    return openSshTarget(spec, chooser);
  }
  const isWanted = [own, ...own.jumps].some(({ onlyOpenSsh }) => onlyOpenSsh.length > 0);
  const key = `wanted ${JSON.stringify([own.identityFiles, own.revokedKeysFile])}`;
  const isPlain = !isWanted && (await chooser.once(key, () => wantedOfFiles(own))).length === 0;
  if (isPlain || (await missingHere(chooser)) !== null) return own;
  return openSshTarget(spec, chooser);
}

/** Once per run: `ssh -V`. */
const missingHere = (chooser: Chooser): Promise<FleetError | null> =>
  chooser.once('openssh program', () => missingOpenSsh(machineOf(chooser)));

const machineOf = ({ around }: Chooser): OpenSshMachine => ({
  environment: around.machine.environment,
  agentSocket: around.agentSocket,
});

async function openSshTarget(spec: Spec, chooser: Chooser): Promise<SshTarget> {
  const configFile = await chooser.once('openssh config file', () => configFileOf(chooser));
  const evaluate = async (query: SshQuery): Promise<SshOptions> => {
    const words = queryWords(query, configFile);
    const limit = await chooser.once('ssh -G', askFew);
    const said = await chooser.once(`ssh -G ${JSON.stringify(words)}`, () =>
      limit(() => askConfig(words, machineOf(chooser))),
    );
    return optionsFrom(said, query.destination);
  };
  return resolveForOpenSsh(spec, evaluate, chooser.around, {
    configFile,
    isOtherHome: chooser.around.homeDirectory !== systemHome(),
  });
}

/** Processes that ask at the same time: an inventory of hundreds of hosts must be no burst. */
const ASKED_AT_ONCE = 8;

async function askFew() {
  const { default: pLimit } = await import('p-limit');
  return pLimit(ASKED_AT_ONCE);
}

/**
 * OpenSSH looks for its files in the home that the system names; where fleet was told of others,
 * it is told, too.
 */
async function configFileOf({ configFiles, around }: Chooser): Promise<string | null> {
  const isUsual = configFiles === null && around.homeDirectory === systemHome();
  if (isUsual) return null;
  const file = configFiles?.[0] ?? `${around.homeDirectory}/.ssh/config`;
  return access(file).then(
    () => file,
    () => 'none',
  );
}

function systemHome(): string {
  try {
    return userInfo().homedir;
  } catch {
    return homedir();
  }
}

/** The command line that asks what one would be told. Pure. */
const queryWords = (query: SshQuery, configFile: string | null): string[] => [
  ...(configFile === null ? [] : ['-F', configFile]),
  ...(query.user === null ? [] : ['-l', query.user]),
  ...(query.port === null ? [] : ['-p', String(query.port)]),
  ...(query.jump === null ? [] : ['-J', query.jump]),
  ...['--', query.destination],
];

/** Names of OpenSSH's default keys, which it lists where the config names none. */
const DEFAULT_KEY = /\/\.ssh\/id_(rsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk|xmss|dsa|mldsa\S*)$/;
/** Keywords with several words. */
const LISTS: readonly string[] = ['userknownhostsfile', 'globalknownhostsfile'];

/** What `ssh -G` said, as if fleet had read it. Pure. */
export function optionsFrom(
  said: ReadonlyMap<string, readonly string[]>,
  destination: string,
): SshOptions {
  const first = new Map(
    [...said].map(([keyword, values]) => {
      const value = values[0] ?? '';
      return [keyword, LISTS.includes(keyword) ? value.split(' ') : [value]] as const;
    }),
  );
  const files = said.get('identityfile') ?? [];
  const strict = said.get('stricthostkeychecking')?.[0];
  const ignored = [
    ...(isNo(strict) || strict === 'off' ? ['stricthostkeychecking no'] : []),
    ...(said.has('setenv') ? ['setenv'] : []),
  ];
  return {
    first,
    hostName: said.get('hostname')?.[0] ?? destination,
    identityFiles: files.every((file) => DEFAULT_KEY.test(file)) ? [] : files,
    sources: new Map(),
    warnings: ignored.length === 0 ? [] : [`ignored ssh_config options: ${ignored.join(', ')}`],
    unused: [],
  };
}
