import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mistakesIn } from '../../inventory/new/check-draft.ts';
import {
  type Draft,
  type DraftHost,
  type DraftOutcome,
  emptyHost,
} from '../../inventory/new/draft.ts';
import { addressForm, draftFromAddresses } from '../../inventory/new/from-addresses.ts';
import {
  draftFromAnsible,
  type SourceFile,
  type VariablesFile,
} from '../../inventory/new/from-ansible.ts';
import { draftFromMasterConfig } from '../../inventory/new/from-master-config.ts';
import { hostNameFrom } from '../../inventory/new/names.ts';
import { FleetError } from '../../model/errors.ts';
import type { SshSettings } from '../../model/inventory.ts';
import type { HostName } from '../../model/names.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';
import { readBounded } from '../../surroundings/read-bounded.ts';
import { type LedName, secondNames } from '../second-names.ts';

/** Where the servers of a new inventory are listed. */
export type ServerSource =
  | { readonly kind: 'addresses'; readonly words: readonly string[] }
  /** Patterns of OpenSSH, separated by commas or spaces. */
  | { readonly kind: 'ssh-config'; readonly pattern: string }
  | { readonly kind: 'ansible' | 'master-config'; readonly file: string };

export interface ReadServers {
  readonly draft: Draft;
  /** In words, for the first line of the inventory. */
  readonly from: string;
}

/**
 * Bytes of one source file, and of all files of variables in one folder beside an Ansible
 * inventory; and how many those may be.
 */
const limitBytes = 16 * 1024 * 1024;
const mostFiles = 2_000;

/**
 * Reads the servers of a new inventory; writes nothing and connects to nobody. Errors: `usage` for
 * a list or pattern with mistakes, `inventory` for a file with
 * mistakes or one that cannot be read, each with all of them at once; `ssh-config`.
 */
export async function readServers(
  source: ServerSource,
  ssh: Pick<SshContext, 'target' | 'namedHosts'>,
): Promise<ReadServers> {
  switch (source.kind) {
    case 'addresses':
      return {
        draft: sound(
          draftFromAddresses(source.words),
          'usage',
          'The list of servers',
          `A server is ${addressForm}.`,
        ),
        from: 'a list of addresses',
      };
    case 'ssh-config':
      return {
        draft: await fromSshConfig(source.pattern, ssh),
        from: `the ssh config (${source.pattern})`,
      };
    case 'ansible':
      return {
        draft: sound(
          await fromAnsible(source.file),
          'inventory',
          source.file,
          'Correct them, or list the servers yourself.',
        ),
        from: source.file,
      };
    case 'master-config': {
      const file = await readSource(source.file);
      return {
        draft: sound(
          draftFromMasterConfig(file),
          'inventory',
          source.file,
          'Correct them, or list the servers yourself.',
        ),
        from: source.file,
      };
    }
  }
}

function sound(
  outcome: DraftOutcome,
  code: 'usage' | 'inventory',
  what: string,
  hint: string,
): Draft {
  const problems = outcome.problems ?? mistakesIn(outcome.draft);
  if (outcome.problems === undefined && problems.length === 0) return outcome.draft;
  throw new FleetError(
    code,
    `${what} has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`,
    {
      hint,
      problems: problems.slice(0, 100),
    },
  );
}

/** By the system's code. */
const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EFTYPE: 'is no file but a folder, a device or a pipe',
  EFBIG: `has more than ${limitBytes / 1024 ** 2} MiB`,
  EACCES: 'is not readable for you',
};

const tooMuchTogether = `and the files beside it have more than ${limitBytes / 1024 ** 2} MiB`;

async function readSource(path: string, mostBytes = limitBytes): Promise<SourceFile> {
  try {
    return {
      path,
      text: (await readBounded(path, mostBytes)).toString('utf8').replace(/^\uFEFF/, ''),
    };
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException;
    const why =
      (mostBytes < limitBytes && code === 'EFBIG' ? tooMuchTogether : unreadable[code]) ??
      `cannot be read (${code})`;
    throw new FleetError('inventory', `${path} ${why}`, {
      hint: 'Name a file that you may read.',
      cause,
    });
  }
}

/**
 * Files in a folder of variables by the group or host that they are about: `NAME`, `NAME.yml`, or
 * any file in `NAME/`.
 */
async function variablesIn(folder: string): Promise<readonly VariablesFile[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files: { readonly owner: string; readonly path: string }[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      const inner = (await readdir(path).catch(() => []))
        .filter((name) => !name.startsWith('.') && /^[^.]+$|\.(?:ya?ml|json)$/.test(name))
        .toSorted();
      files.push(...inner.map((name) => ({ owner: entry.name, path: join(path, name) })));
    } else if (
      /\.(?:ya?ml|json)$/.test(entry.name) ||
      !/\.(?:bak|orig|swp|ini|cfg|txt|md)$|~$/.test(entry.name)
    )
      files.push({ owner: entry.name.replace(/\.(?:ya?ml|json)$/, ''), path });
  }
  if (files.length > mostFiles)
    throw new FleetError(
      'inventory',
      `${folder} has ${files.length} files, more than ${mostFiles}`,
      {
        hint: 'Write fewer, larger ones, or list the servers yourself.',
      },
    );
  const read: VariablesFile[] = [];
  let left = limitBytes;
  for (const { owner, path } of files) {
    const file = await readSource(path, left);
    left -= Buffer.byteLength(file.text);
    read.push({ owner, ...file });
  }
  return read;
}

async function fromAnsible(path: string): Promise<DraftOutcome> {
  const inventory = await readSource(path);
  const folder = dirname(path);
  const [groupVariables, hostVariables] = await Promise.all([
    variablesIn(join(folder, 'group_vars')),
    variablesIn(join(folder, 'host_vars')),
  ]);
  return draftFromAnsible({ inventory, groupVariables, hostVariables });
}

/** Nothing: what counts is what the config says. */
const unsaid: SshSettings = {
  ...{
    address: null,
    user: null,
    port: null,
    identityFiles: [],
    hostKeys: [],
    password: null,
    passphrase: null,
    sudoPassword: null,
  },
  ...{ sudo: 'full', initUser: null, transport: 'auto' },
  ...{ connectTimeoutMs: 10_000, commandTimeoutMs: 120_000 },
};

/**
 * Only names: fleet reads the config anyway, so what it says is not repeated. Hosts that fleet
 * cannot reach as the config says are left out, and named.
 */
async function fromSshConfig(
  pattern: string,
  ssh: Pick<SshContext, 'target' | 'namedHosts'>,
): Promise<Draft> {
  const named = await ssh.namedHosts(pattern.split(/[\s,]+/).filter((word) => word !== ''));
  const hosts: DraftHost[] = [];
  const led: LedName[] = [];
  const notRead: string[] = [];
  for (const { name: alias, source } of named) {
    const name = hostNameFrom(alias);
    if (name === null)
      notRead.push(`${source}: "${alias.slice(0, 60)}" cannot be the name of a host`);
    if (name === null) continue;
    const address = name === alias ? null : alias;
    try {
      const target = await ssh.target({ name: name as HostName, ssh: { ...unsaid, address } });
      led.push({ name, target });
      hosts.push({ ...emptyHost(name, source), address });
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      notRead.push(error.message);
    }
  }
  const second = new Map(secondNames(led));
  for (const [name, text] of second) notRead.push(`${name}: ${text}; one machine has one name`);
  const own = hosts.filter(({ name }) => !second.has(name));
  const draft: Draft = { hosts: own, groups: [], strategy: null, notRead };
  if (hosts.length > 0)
    return sound(
      { draft },
      'usage',
      'The ssh config',
      'Give them other names there, or list the servers yourself.',
    );
  throw new FleetError(
    'usage',
    `The ssh config names no host that ${pattern.slice(0, 200)} ` +
      `matches${notRead.length === 0 ? '' : ' and fleet can reach'}`,
    {
      hint:
        'A pattern is one of OpenSSH: web-*, or * for all. Hosts that stand in no Host line ' +
        'by their whole name: fleet new NAME...',
      problems: notRead,
    },
  );
}
