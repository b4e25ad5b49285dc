import * as z from 'zod';
import type { Strategy } from '../../model/inventory.ts';
import { findCity } from '../rules/cities.ts';
import { problemsOfIssues } from '../rules/problems.ts';
import { parseYamlDocument } from '../rules/yaml-document.ts';
import { type DraftHost, type DraftOutcome, emptyHost } from './draft.ts';
import type { SourceFile } from './from-ansible.ts';
import { nameSecrets } from './name-secrets.ts';
import { hostNameFrom, isAddress, isUserName } from './names.ts';

const text = (error: string) => z.string({ error }).max(1000, { error });
const count = (most: number) => {
  const error = `a whole number from 0 to ${most}`;
  return z.int({ error }).min(0, { error }).max(most, { error });
};
const addressForm = 'a host name or an IP address, without user and port';

const server = z.looseObject(
  {
    host: text(addressForm).refine(isAddress, { error: addressForm }),
    port: z
      .int({ error: 'a port from 1 to 65535' })
      .min(1, { error: 'a port from 1 to 65535' })
      .max(65_535, { error: 'a port from 1 to 65535' })
      .optional(),
    user: text('a user name').refine(isUserName, { error: 'a user name' }).optional(),
    password: text('text').nullable().optional(),
    key_file: text('the path of a private key').nullable().optional(),
    node_id: z
      .union([z.int(), text('text or a whole number')], { error: 'text or a whole number' })
      .optional(),
    max_accounts: count(1_000).optional(),
    location: text('the name of a place').nullable().optional(),
    status: text('text such as active or maintenance').nullable().optional(),
  },
  { error: 'a mapping of host, user, password and so on' },
);

const configSchema = z.looseObject({
  servers: z.record(z.string(), server, { error: 'a mapping of server names to settings' }),
  strategy: z.string({ error: 'the name of a strategy' }).optional(),
});

type Server = z.output<typeof server>;

const taken = new Set([
  'host',
  'port',
  'user',
  'password',
  'key_file',
  'node_id',
  'max_accounts',
  'location',
  'status',
]);
const strategies: Readonly<Record<string, Strategy>> = {
  ...{
    load: 'load',
    load_balance: 'load',
    even: 'even',
    location: 'location',
    affinity: 'affinity',
    isolation: 'isolation',
  },
};
/** States of a server that takes accounts. Every other one cordons it. */
const inUse = new Set(['', 'active', 'online', 'enabled', 'running', 'ready', 'up', 'ok']);

const isLabel = (value: string): boolean => /^[A-Za-z0-9._:/@-]{1,63}$/.test(value);

/**
 * Servers of a `master_config.json`. Passwords become secret references; what has no counterpart is
 * named as not read.
 */
export function draftFromMasterConfig({ path, text: json }: SourceFile): DraftOutcome {
  const document = parseYamlDocument(json);
  const parsed = configSchema.safeParse(document.value);
  const shape = [
    ...document.problems,
    ...(document.value === undefined
      ? []
      : problemsOfIssues(parsed.error?.issues ?? [], document, configSchema)),
  ].map(
    ({ position, path: at, text: what }) =>
      `${path}:${position.line}:${position.column} ` +
      `${at.length === 0 ? '' : `${at.join('.').slice(0, 200)}: `}${what}`,
  );
  const lineOf: LineOf = (...at) => `${path}:${document.locate(at, 'key').line}`;
  const problems = [...shape, ...wordProblems(document.value, lineOf)];
  return problems.length > 0 || !parsed.success ? { problems } : draftOf(parsed.data, lineOf);
}

type LineOf = (...at: readonly string[]) => string;

const keysOf = (value: unknown): readonly string[] =>
  typeof value === 'object' && value !== null ? Object.keys(value) : [];

/**
 * Names of servers and of a strategy that fleet cannot use, also beside mistakes of other kinds.
 */
function wordProblems(value: unknown, lineOf: LineOf): readonly string[] {
  const { servers, strategy } = {
    ...(value as { readonly servers?: unknown; readonly strategy?: unknown } | undefined),
  };
  const names = Array.isArray(servers)
    ? []
    : keysOf(servers).filter((name) => hostNameFrom(name) === null);
  const isStrange = typeof strategy === 'string' && !Object.hasOwn(strategies, strategy);
  return [
    ...names.map(
      (name) => `${lineOf('servers', name)}: "${name.slice(0, 60)}" cannot be the name of a host`,
    ),
    ...(isStrange
      ? [`${lineOf('strategy')}: the strategy is one of ${Object.keys(strategies).join(', ')}`]
      : []),
  ];
}

function draftOf(config: z.output<typeof configSchema>, lineOf: LineOf): DraftOutcome {
  const passwords = new Map<string, string>();
  const servers = Object.entries(config.servers);
  const hosts = servers.flatMap(([name, settings]): readonly DraftHost[] => {
    const source = lineOf('servers', name);
    const host = hostNameFrom(name);
    if (host === null) return [];
    if (typeof settings.password === 'string' && settings.password !== '')
      passwords.set(host, `text ${settings.password}`);
    return [hostFrom(host, source, settings)];
  });
  const strategy = config.strategy === undefined ? undefined : strategies[config.strategy];
  const references = nameSecrets('SSH_PASSWORD', passwords);
  const withSecrets = hosts.map((host): DraftHost => {
    const password = references.get(host.name);
    return password === undefined ? host : { ...host, password };
  });
  return {
    draft: {
      hosts: withSecrets,
      groups: [],
      strategy: strategy ?? null,
      notRead: notesOf(config, lineOf),
    },
  };
}

function hostFrom(name: string, source: string, settings: Server): DraftHost {
  const { host, port, user, key_file, node_id, max_accounts, location, status } = settings;
  const [node, place] = [node_id === undefined ? '' : String(node_id), location ?? ''];
  const isCity = findCity(place) !== null;
  const isUsed = inUse.has((status ?? '').toLowerCase());
  return {
    ...emptyHost(name, source),
    address: host === name ? null : host,
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
    ...(key_file ? { identityFile: key_file } : {}),
    labels: {
      ...(isLabel(node) ? { node_id: node } : {}),
      ...(!isCity && isLabel(place) ? { location: place } : {}),
    },
    maxAccounts: max_accounts ?? null,
    location: isCity ? place : null,
    cordoned: isUsed ? null : `status was ${JSON.stringify(status).slice(0, 40)}`,
  };
}

/** What stands in the file and not in the draft; a key that many servers have is named once. */
function notesOf(
  config: z.output<typeof configSchema>,
  lineOf: (...at: readonly string[]) => string,
): readonly string[] {
  const notes = new Map<string, { readonly place: string; count: number }>();
  const note = (what: string, place: string): void => {
    const known = notes.get(what);
    if (known === undefined) notes.set(what, { place, count: 1 });
    else known.count += 1;
  };
  for (const key of Object.keys(config))
    if (key !== 'servers' && key !== 'strategy')
      note(`${key.slice(0, 60)} has no counterpart`, lineOf(key));
  for (const [name, settings] of Object.entries(config.servers)) {
    for (const key of Object.keys(settings))
      if (key === 'deploy_dir')
        note(
          'deploy_dir: fleet keeps its files below /opt/fleet and /var/lib/fleet',
          lineOf('servers', name, key),
        );
      else if (!taken.has(key))
        note(`${key.slice(0, 60)} has no counterpart`, lineOf('servers', name, key));
    const [node, place] = [String(settings.node_id ?? ''), settings.location ?? ''];
    if (node !== '' && !isLabel(node))
      note('node_id has characters that no label takes', lineOf('servers', name, 'node_id'));
    if (place !== '' && findCity(place) === null)
      note(
        isLabel(place)
          ? 'location is no place that fleet knows: it became a label'
          : 'location is no place that fleet knows: write its position',
        lineOf('servers', name, 'location'),
      );
  }
  return [...notes].map(
    ([what, { place, count }]) =>
      `${place}: ${what}${count === 1 ? '' : ` (and ${count - 1} more)`}`,
  );
}
