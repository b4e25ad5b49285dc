import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pLimit from 'p-limit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FleetError } from '../../../src/model/errors.ts';
import type { SshSettings } from '../../../src/model/inventory.ts';
import type { HostName } from '../../../src/model/names.ts';
import { readSshConfig } from '../../../src/remote/config/ssh-config-file.ts';
import { evaluateSshOptions, type SshOptions } from '../../../src/remote/config/ssh-options.ts';
import {
  resolveSshTarget,
  type SshSurroundings,
  type SshTarget,
} from '../../../src/remote/config/ssh-target.ts';
import { type ConfigCase, configCorpus } from './ssh-config-corpus.ts';

const run = promisify(execFile);
const hasSsh = existsSync('/usr/bin/ssh');
const { username, homedir, uid } = userInfo();
const environment = { FLEET_TEST_VAR: '/var/test' };
const around: SshSurroundings = {
  homeDirectory: homedir,
  localUser: username,
  agentSocket: '/run/agent',
  knownHosts: '/fleet/known_hosts',
  machine: { hostName: hostname(), userId: uid, environment, workingDirectory: process.cwd() },
};
const inventory: SshSettings = {
  address: null,
  user: null,
  port: null,
  identityFiles: [],
  hostKeys: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  sudo: 'full',
  initUser: null,
  transport: 'ssh2',
  connectTimeoutMs: 1000,
  commandTimeoutMs: 1000,
};

/** What `ssh -G` prints, by keyword; null with its words where OpenSSH ends instead. */
type Said = {
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly refusal: string | null;
};

async function askOpenSsh(
  home: string,
  destination: string,
  more: readonly string[] = [],
): Promise<Said> {
  const values = new Map<string, string[]>();
  try {
    const env = { ...environment, HOME: home, PATH: process.env.PATH, SSH_AUTH_SOCK: '/run/agent' };
    const { stdout } = await run(
      'ssh',
      ['-T', '-G', '-F', join(home, '.ssh', 'config'), ...more, destination],
      { env },
    );
    for (const line of stdout.split('\n')) {
      const at = line.indexOf(' ');
      const key = line.slice(0, at);
      values.set(key, [...(values.get(key) ?? []), line.slice(at + 1)]);
    }
    return { values, refusal: null };
  } catch (failure) {
    return { values, refusal: (failure as { stderr: string }).stderr.trim() };
  }
}

interface Ours {
  readonly target: SshTarget;
  readonly options: SshOptions;
}

async function askFleet(home: string, destination: string): Promise<Ours | FleetError> {
  try {
    const config = await readSshConfig([join(home, '.ssh', 'config')], home);
    const query = { destination, user: null, port: null, jump: null, localUser: username };
    const options = evaluateSshOptions(config, query);
    return {
      options,
      target: resolveSshTarget({ name: destination as HostName, ssh: inventory }, config, around),
    };
  } catch (failure) {
    if (failure instanceof FleetError) return failure;
    throw failure;
  }
}

const NAMED =
  /not supported|does not run|does not ask|leaves nothing that fleet supports|ProxyJump levels|environment variable FLEET_TEST_UNSET is not set/;
const yes = (text: string | undefined): boolean => text === 'yes' || text === 'true';

interface Examined {
  /** `refused` by both; `named` as not supported by fleet. */
  readonly outcome: 'same' | 'refused' | 'named';
  /** What fleet and OpenSSH say differently, one line each. */
  readonly found: readonly string[];
}

async function examine(home: string, { destination }: ConfigCase): Promise<Examined> {
  const [theirs, ours] = await Promise.all([
    askOpenSsh(home, destination),
    askFleet(home, destination),
  ]);
  if (ours instanceof FleetError) {
    if (NAMED.test(ours.message) && ours.hint !== '') return { outcome: 'named', found: [] };
    return {
      outcome: 'refused',
      found: theirs.refusal === null ? [`fleet refuses: ${ours.message}`] : [],
    };
  }
  if (theirs.refusal === null) return { outcome: 'same', found: compare(theirs.values, ours) };
  // Newer versions of OpenSSH know %j, and more keywords.
  const isNewer = /Bad configuration option|unknown key %j/.test(theirs.refusal);
  return { outcome: 'refused', found: isNewer ? [] : [`OpenSSH refuses: ${theirs.refusal}`] };
}

function compare(theirs: Said['values'], { target, options }: Ours): string[] {
  const one = (key: string) => theirs.get(key)?.[0];
  const paths = (text: string | undefined) =>
    text === undefined || text === 'none' ? [] : text.split(' ').map((path) => resolve(path));
  const globals = (one('globalknownhostsfile') ?? '').split(' ').filter((file) => file !== 'none');
  const pairs: [string, unknown, unknown][] = [
    ['hostname', target.address, one('hostname')],
    ['user', target.user, one('user')],
    ['port', String(target.port), one('port')],
    ['addressfamily', { 0: 'any', 4: 'inet', 6: 'inet6' }[target.family], one('addressfamily')],
    ['bindaddress', target.bindAddress ?? undefined, one('bindaddress')],
    ['identitiesonly', target.identitiesOnly, yes(one('identitiesonly'))],
    ['hostkeyalias', options.first.get('hostkeyalias')?.[0]?.toLowerCase(), one('hostkeyalias')],
    ['identityagent', target.agentSocket, agentOf(one('identityagent'))],
    [
      'certificatefile',
      options.warnings.join().includes('certificatefile'),
      theirs.has('certificatefile'),
    ],
    [
      'revokedhostkeys',
      target.revokedKeysFile,
      paths(one('revokedhostkeys')?.replace(/^~/, homedir))[0] ?? null,
    ],
    ['proxyjump', jumpOf(options), theirJump(one('proxyjump'))],
    [
      'knownhosts',
      target.knownHostsFiles,
      [
        ...new Set([
          '/fleet/known_hosts',
          ...paths(one('userknownhostsfile')),
          ...globals.map((file) => resolve(file)),
        ]),
      ],
    ],
    [
      'publickey',
      target.authMethods.includes('publickey'),
      allowed(theirs, 'publickey', one('pubkeyauthentication')),
    ],
    [
      'password',
      target.authMethods.includes('password'),
      allowed(theirs, 'password', one('passwordauthentication')),
    ],
    [
      'kbd',
      target.authMethods.includes('keyboard-interactive'),
      allowed(theirs, 'keyboard-interactive', one('kbdinteractiveauthentication')),
    ],
    [
      'strict',
      options.warnings.join().includes('stricthostkeychecking'),
      ['no', 'off', 'false'].includes(one('stricthostkeychecking') ?? ''),
    ],
    ['setenv', options.warnings.join().includes('setenv'), theirs.has('setenv')],
  ];
  if (target.identitiesExplicit)
    pairs.push(['identityfile', options.identityFiles, theirs.get('identityfile')]);
  else
    pairs.push([
      'identityfile',
      [],
      (theirs.get('identityfile') ?? []).filter(
        (file) => !/^~\/\.ssh\/id_(rsa|ecdsa|ed25519|ecdsa_sk|ed25519_sk|xmss|dsa)$/.test(file),
      ),
    ]);
  const wrong = pairs.flatMap(([key, mine, other]) =>
    JSON.stringify(mine) === JSON.stringify(other)
      ? []
      : [`${key}: fleet ${JSON.stringify(mine)}, OpenSSH ${JSON.stringify(other)}`],
  );
  return [...wrong, ...algorithmDifferences(theirs, { target, options })];
}

const agentOf = (text: string | undefined): string | null => {
  if (text === undefined || text === 'SSH_AUTH_SOCK') return '/run/agent';
  if (text === '$FLEET_TEST_VAR') return environment.FLEET_TEST_VAR;
  return text === 'none' ? null : resolve(text);
};

const jumpOf = ({ first }: SshOptions): string | undefined => {
  const text = first.get('proxyjump')?.[0];
  return text === undefined || text.toLowerCase() === 'none'
    ? undefined
    : text.replace(/^ssh:\/\//, '').replace(/\[(\d[\d.]*)\]/, '$1');
};

/** OpenSSH 9.2 takes "ProxyJump none # why" for a jump through a host of that name. */
const theirJump = (text: string | undefined): string | undefined =>
  text?.toLowerCase() === 'none' ? undefined : text?.replace(/\[(\d[\d.]*)\]/, '$1');

const allowed = (theirs: Said['values'], method: string, flag: string | undefined): boolean => {
  const preferred = theirs.get('preferredauthentications')?.[0]?.split(',');
  return (
    (yes(flag) || flag === 'unbound' || flag === 'host-bound') &&
    (preferred === undefined || preferred.includes(method))
  );
};

/**
 * Everything that fleet offers OpenSSH would offer, but for fleet's own standard lists; what a
 * config names comes in its order.
 */
function algorithmDifferences(theirs: Said['values'], { target, options }: Ours): string[] {
  const kinds = {
    ciphers: 'cipher',
    macs: 'mac',
    kexalgorithms: 'kex',
    hostkeyalgorithms: 'hostKey',
    pubkeyacceptedalgorithms: 'publicKey',
  } as const;
  return Object.entries(kinds).flatMap(([keyword, kind]) => {
    const text = options.first.get(keyword)?.[0];
    const other = theirs.get(keyword)?.[0]?.split(',') ?? [];
    const mine = target.algorithms[kind];
    if (text === undefined) return [];
    const extra = mine.filter((name) => !other.includes(name));
    const named = /^[+-]/.test(text)
      ? mine
      : other.filter((name) => mine.includes(name)).slice(0, text.startsWith('^') ? 1 : undefined);
    const isOrdered = named.every((name, index) => mine[index] === name);
    return extra.length === 0 && isOrdered
      ? []
      : [`${keyword} ${text}: fleet ${mine.join()}, OpenSSH ${other.join()}`];
  });
}

async function writeCase(home: string, { files }: ConfigCase): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(home, '.ssh', name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, text, { mode: 0o600 });
  }
}

const SEED = Number(process.env.FLEET_SSH_SEED ?? 20_261_130);
const CASES = Number(process.env.FLEET_SSH_CASES ?? 500);

describe.skipIf(!hasSsh)('OpenSSH and fleet read the same', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fleet-openssh-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test(`${CASES} generated configurations (seed ${SEED})`, async () => {
    const limit = pLimit(4);
    let [refused, named] = [0, 0];
    const all = configCorpus(SEED, CASES).map((one, index) =>
      limit(async () => {
        const home = join(folder, `home-${index}`);
        await writeCase(home, one);
        const { outcome, found } = await examine(home, one);
        if (outcome === 'named') named += 1;
        if (outcome === 'refused') refused += 1;
        return found.map(
          (line) =>
            `case ${index}, ssh ${one.destination}: ${line}\n${JSON.stringify(one.files, null, 1)}`,
        );
      }),
    );
    const found = (await Promise.all(all)).flat();
    console.log(
      `${CASES} configurations: ${found.length} differences, ${refused} refused by both, ` +
        `${named} named as not supported`,
    );
    if (found.length > 0) console.log(found.map((line) => line.split('\n')[0]).join('\n'));
    expect(found.slice(0, 2).join('\n\n')).toBe('');
    // A corpus that is mostly refused would prove nothing.
    expect(refused + named).toBeLessThan(CASES / 2);
  }, 300_000);

  const ways: [string, string][] = [
    ['one', 'Host eu-1\n ProxyJump u@bastion:2222\n'],
    [
      'a chain',
      'Host bastion\n User jumper\n ProxyJump outer\nHost eu-1\n ProxyJump bastion\nHost ' +
        'outer\n HostName 10.9.9.9\n Port 99\n',
    ],
    [
      'several, of which only the first goes by its own way',
      'Host eu-1\n ProxyJump a,b,c\nHost a\n ProxyJump first\nHost b c\n ProxyJump no\n',
    ],
    [
      'not for the jump host itself',
      'Host bastion\n ProxyCommand none\nHost *\n ProxyJump bastion\n',
    ],
    ['none for one', 'Host eu-1\n ProxyJump none\nHost *\n ProxyJump bastion\n'],
    [
      'not for a whole name',
      'Match host bastion.example.net\n ProxyJump none\nHost bastion\n HostName ' +
        '%h.example.net\nMatch !host bastion*\n ProxyJump bastion\n',
    ],
  ];
  test.each(ways)('the same way of jumps: %s', async (name, text) => {
    const home = join(folder, `way-${name.replaceAll(' ', '-')}`);
    await writeCase(home, { destination: 'eu-1', files: { config: text } });
    const theirs = async (destination: string, more: readonly string[]): Promise<string[]> => {
      const { values } = await askOpenSsh(home, destination, more);
      const hops = values.get('proxyjump')?.[0]?.split(',') ?? [];
      const last = /^(?:(.+)@)?([^:]+)(?::(\d+))?$/.exec(hops.at(-1) ?? '');
      const own = `${values.get('user')?.[0]}@${values.get('hostname')?.[0]}:${values.get('port')?.[0]}`;
      if (last === null) return [own];
      const user = last[1] === undefined ? [] : ['-l', last[1]];
      const port = last[3] === undefined ? [] : ['-p', last[3]];
      const jump = hops.length > 1 ? ['-J', hops.slice(0, -1).join(',')] : [];
      return [...(await theirs(last[2] ?? '', [...user, ...port, ...jump])), own];
    };
    const ours = await askFleet(home, 'eu-1');
    if (ours instanceof FleetError) throw ours;
    const all = [...ours.target.jumps, ours.target].map(
      ({ user, address, port }) => `${user}@${address}:${port}`,
    );
    expect(all).toEqual(await theirs('eu-1', []));
  });

  test('identity files are the ones that OpenSSH opens', async () => {
    const home = join(folder, 'identities');
    const text =
      'Host eu-1\n HostName 10.0.0.1\n User deploy\n Port 2222\nIdentityFile ' +
      '~/x/%h-%n-%p-%r\nIdentityFile /k/%u-%d-%L-%l-%i\nIdentityFile ' +
      `rel/%k-%C-%%\nIdentityFile \${FLEET_TEST_VAR}/a\n`;
    await writeCase(home, { destination: 'eu-1', files: { config: text } });
    const env = { ...environment, HOME: home, PATH: process.env.PATH };
    const asked = [
      '-T',
      '-v',
      '-F',
      join(home, '.ssh', 'config'),
      '-o',
      'BatchMode=yes',
      '-o',
      'ProxyCommand=false',
      'eu-1',
      'true',
    ];
    const said = await run('ssh', asked, { env }).catch((failure: { stderr: string }) => failure);
    const theirs = [...said.stderr.matchAll(/identity file (\S+) type/g)].map((found) =>
      resolve(found[1] ?? ''),
    );
    const ours = await askFleet(home, 'eu-1');
    if (ours instanceof FleetError) throw ours;
    expect(ours.target.identityFiles).toEqual(theirs.filter((path) => !path.endsWith('-cert')));
    expect(theirs.length).toBeGreaterThan(3);
  });
});
