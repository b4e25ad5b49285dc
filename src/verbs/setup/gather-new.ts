import { basename, dirname, relative, resolve } from 'node:path';
import type { DraftHost, NewFleet } from '../../inventory/new/draft.ts';
import { fleetNameFrom } from '../../inventory/new/names.ts';
import { FleetError } from '../../model/errors.ts';
import type { NewQuestions } from '../../workflows/new/new-questions.ts';
import {
  type ReadServers,
  readServers,
  type ServerSource,
} from '../../workflows/new/read-servers.ts';
import type { Desk } from '../desk.ts';
import { openRemotes } from '../open-remotes.ts';
import { isReference, wantedReference } from './reference-words.ts';

/** What the options of `fleet new` say. */
export interface NewWishes {
  readonly servers: readonly string[];
  readonly fromSshConfig: string | undefined;
  readonly fromAnsible: string | undefined;
  readonly fromMasterConfig: string | undefined;
  readonly name: string | undefined;
  readonly user: string | undefined;
  readonly port: number | undefined;
  readonly identityFile: string | undefined;
  readonly vaultKey: string | undefined;
  readonly apiId: string | undefined;
  readonly apiHash: string | undefined;
}

interface Gathered {
  readonly servers: ReadServers;
  readonly answers: NewFleet;
  /** Typed by the operator, for the file that the answers name; null: it is elsewhere. */
  readonly apiHash: string | null;
}

/**
 * What the options say, and the operator's answers for the rest, where there is somebody to ask.
 * Errors: `usage`, with every mistake at once; those of {@link readServers}.
 */
export async function gatherNew(desk: Desk, path: string, wishes: NewWishes): Promise<Gathered> {
  const ask = desk.canAsk ? await desk.openNewQuestions() : null;
  const unread = (): Promise<string> => Promise.reject(new Error('no secret is read here'));
  const { ssh } = openRemotes({
    knownHosts: 'known_hosts',
    readSecret: unread,
    signal: desk.signal,
  });
  const given = sourceOf(wishes);
  refuseMistakes([
    ...mistakesIn(wishes),
    ...(given === null && ask === null
      ? [
          'no servers: name their addresses, or --from-ssh-config, --from-ansible, ' +
            '--from-master-config',
        ]
      : []),
  ]);
  const fallback = fleetNameFrom(basename(dirname(resolve(path)))) ?? 'fleet';
  const fleet = wishes.name ?? (await ask?.name(fallback)) ?? fallback;
  const source =
    given ?? (await ask?.servers((await ssh.namedHosts(['*'])).map(({ name }) => name)));
  const read = await readServers(source ?? { kind: 'addresses', words: [] }, ssh);
  const needsUser =
    wishes.user === undefined &&
    source?.kind !== 'ssh-config' &&
    read.draft.hosts.every(({ user }) => user === undefined);
  const user = wishes.user ?? (needsUser ? await ask?.user() : '') ?? '';
  const hosts = read.draft.hosts.map((host) =>
    withLogin(host, { user, port: wishes.port, identityFile: wishes.identityFile }),
  );
  return {
    servers: { ...read, draft: { ...read.draft, hosts } },
    ...(await answersOf(fleet, wishes, ask)),
  };
}

async function answersOf(
  fleet: string,
  wishes: NewWishes,
  ask: NewQuestions | null,
): Promise<Pick<Gathered, 'answers' | 'apiHash'>> {
  const apiId = wishes.apiId ?? ((await ask?.apiId()) || 'env:TELEGRAM_API_ID');
  const isAsked = wishes.apiHash === undefined && wishes.apiId === undefined && /^\d+$/.test(apiId);
  const typed = isAsked ? ((await ask?.apiHash()) ?? '') : '';
  const fileOfTyped = `file:~/.config/fleet/${fleet}.api-hash`;
  const apiHash = wishes.apiHash ?? (typed === '' ? 'env:TELEGRAM_API_HASH' : fileOfTyped);
  return {
    answers: {
      fleet,
      apiId,
      apiHash,
      vaultKey: wishes.vaultKey ?? `file:~/.config/fleet/${fleet}.key`,
    },
    apiHash: typed === '' ? null : typed,
  };
}

function refuseMistakes(problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new FleetError(
    'usage',
    `fleet new has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`,
    {
      hint: 'for example: fleet new root@192.0.2.11 root@192.0.2.12',
      problems,
    },
  );
}

function mistakesIn({
  fromSshConfig,
  fromAnsible,
  fromMasterConfig,
  servers,
  name,
  apiId,
  apiHash,
  vaultKey,
}: NewWishes): string[] {
  const sources = [fromSshConfig, fromAnsible, fromMasterConfig].filter(
    (each) => each !== undefined,
  );
  return [
    ...(sources.length > 1
      ? ['--from-ssh-config, --from-ansible and --from-master-config: only one of them']
      : []),
    ...(sources.length > 0 && servers.length > 0
      ? [
          'servers are named twice, by a list and by --from-...: name one source; fleet ' +
            'hosts add NAME ADDRESS adds more',
        ]
      : []),
    ...(name === undefined || fleetNameFrom(name) === name
      ? []
      : ['--name: at most 32 lower-case letters, digits and "-"']),
    ...(apiId === undefined || /^\d{1,10}$/.test(apiId) || isReference(apiId)
      ? []
      : ['--api-id: a number, or env:NAME, file:PATH or exec:COMMAND']),
    ...(isReference(apiHash) ? [] : [wantedReference('--api-hash', 'hash')]),
    ...(isReference(vaultKey) ? [] : [wantedReference('--vault-key', 'key')]),
  ];
}

/** Null: the options and arguments name no servers. */
function sourceOf({
  servers,
  fromSshConfig,
  fromAnsible,
  fromMasterConfig,
}: NewWishes): ServerSource | null {
  if (servers.length > 0) return { kind: 'addresses', words: servers };
  if (fromSshConfig !== undefined) return { kind: 'ssh-config', pattern: fromSshConfig };
  if (fromAnsible !== undefined) return { kind: 'ansible', file: relative('.', fromAnsible) };
  return fromMasterConfig === undefined
    ? null
    : { kind: 'master-config', file: relative('.', fromMasterConfig) };
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
