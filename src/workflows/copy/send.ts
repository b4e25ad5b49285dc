/** Files and folders of this machine to many hosts. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { hostRefusal, strangeReply, withoutHost, wordsBytes } from './copy-errors.ts';
import { type CopyPlace, named } from './copy-words.ts';
import {
  baseLine,
  endLine,
  fileLine,
  folderLine,
  foldersOf,
  lookScript,
  sendScript,
  slowestBytesPerS,
} from './host-scripts.ts';
import { type LocalEntry, type LocalTree, readFlags } from './local-tree.ts';

/** What one host would get. */
export interface HostShare {
  readonly host: HostSpec;
  /** Files and folders that are not there, or are others; in the order of the tree. */
  readonly missing: readonly LocalEntry[];
  /** Files that are there with the same content and mode. */
  readonly same: number;
  /** Of `missing`. */
  readonly files: number;
  readonly bytes: number;
  /** The folder that was named has to be made. */
  readonly makesBase: boolean;
  readonly error: FleetError | null;
}

export interface SendPlan {
  readonly way: 'up';
  readonly tree: LocalTree;
  /** The folder on hosts into which all goes. */
  readonly base: string;
  readonly shares: readonly HostShare[];
  readonly isSudo: boolean;
}

/** What became of one host. */
export interface CopyEnd {
  readonly host: string;
  readonly files: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly error: FleetError | null;
}

/** Slowest disk (bytes per second) and slowest step (ms) that time-outs allow for. */
const slowestHashPerS = 8 * 1024 * 1024;
const slowestStepMs = 200;
const longestMs = 2 ** 31 - 1;

/** Time for a copy, ms: nothing but its size decides. */
export const copyTimeMs = (commandTimeoutMs: number, bytes: number, steps: number): number =>
  Math.min(
    longestMs,
    commandTimeoutMs + steps * slowestStepMs + Math.ceil(bytes / slowestBytesPerS) * 1000,
  );

const pathOn = (base: string, { below }: { readonly below: string }): string =>
  posix.join(base, below);

/** What stands in the way of `entry`; null: nothing. */
function obstacle({ kind }: LocalEntry, found: string): string | null {
  if (found === 'link') return 'is a symbolic link there; none is followed or replaced';
  if (found === 'special') return 'is a special file there';
  if (found === 'closed') return 'cannot be entered: Permission denied';
  if (kind === 'folder' && (found === 'file' || found === 'same')) return 'is a file there';
  if (kind === 'file' && found === 'folder')
    return 'is a folder there; to copy into it, end the target with /';
  return null;
}

const answers = ['missing', 'folder', 'file', 'same', 'link', 'special', 'closed'];
/** Obstacles in a message, at most. */
const mostObstacles = 10;

function shareOf(
  host: HostSpec,
  { entries }: LocalTree,
  base: string,
  found: readonly string[],
): HostShare {
  const obstacles = entries.flatMap((entry, index) => {
    const words = obstacle(entry, found[index + 1] ?? '');
    return words === null ? [] : [`${named(pathOn(base, entry))} ${words}`];
  });
  const [first] = obstacles;
  if (first !== undefined)
    throw new FleetError(
      'transfer',
      obstacles.length === 1
        ? `${host.name}: ${first}`
        : `${host.name}: ${obstacles.length} things are in the way, and nothing was sent to it`,
      {
        host: host.name,
        hint: first.includes('Permission denied')
          ? 'copy as root: --sudo'
          : `look at it: fleet exec ${host.name} -- ls -la`,
        ...(obstacles.length === 1 ? {} : { problems: obstacles.slice(0, mostObstacles) }),
      },
    );
  const missing = entries.filter(({ kind }, index) => {
    const its = found[index + 1];
    return kind === 'folder' ? its === 'missing' : its !== 'same';
  });
  const files = missing.filter(({ kind }) => kind === 'file');
  return {
    host,
    missing,
    same: found.slice(1).filter((each) => each === 'same').length,
    files: files.length,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    makesBase: found[0] === 'missing',
    error: null,
  };
}

async function* lookLines(
  base: string,
  isMade: boolean,
  entries: readonly LocalEntry[],
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(baseLine(base, isMade));
  const folderFor = foldersOf();
  for (const entry of entries) {
    const { line, name } = folderFor(entry.below);
    // A folder is asked for by its own line, which makes it the current one.
    if (entry.kind === 'folder') {
      folderFor(`${entry.below}/x`);
      yield Buffer.from(folderLine(entry.below));
    } else yield Buffer.from(line + fileLine(name, entry));
  }
  yield Buffer.from(endLine);
}

async function lookAt(
  context: FleetContext,
  host: HostSpec,
  tree: LocalTree,
  base: CopyPlace,
  isSudo: boolean,
): Promise<HostShare> {
  const { entries } = tree;
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  const found: string[] = [];
  const result = await context.remoteFor(host).run({
    command: lookScript,
    stdin: lookLines(base.path, base.isInto, entries),
    asRoot: isSudo,
    stopsWithCaller: true,
    timeoutMs: copyTimeMs(
      host.ssh.commandTimeoutMs,
      (bytes * slowestBytesPerS) / slowestHashPerS,
      entries.length,
    ),
    onLine: (line) => void found.push(line),
    replyLimit: { bytes: (entries.length * 2 + 2) * 16 + wordsBytes, lineBytes: 4096 },
  });
  if (result.exitCode !== 0) throw hostRefusal(host.name, base.path, 'read', result, isSudo);
  return shareOf(host, tree, base.path, wanted(host.name, entries, found));
}

/** An answer for the base and for each entry. The current folder of files is asked for anew. */
function wanted(
  host: string,
  entries: readonly LocalEntry[],
  found: readonly string[],
): readonly string[] {
  const folderFor = foldersOf();
  const kept: string[] = [];
  let at = 0;
  const next = (): string => {
    const answer = found[at] ?? '';
    at += 1;
    if (!answers.includes(answer))
      throw strangeReply(host, 'it answered what the look at its files does not print');
    return answer;
  };
  kept.push(next());
  for (const entry of entries) {
    if (entry.kind === 'folder') folderFor(`${entry.below}/x`);
    else if (folderFor(entry.below).line !== '') next();
    kept.push(next());
  }
  if (found[at] !== 'end' || found.length !== at + 1)
    throw strangeReply(host, 'its answer does not end where it has to');
  return kept;
}

/** Looks at every host, and changes nothing. A host that fails is a value. */
export async function planSend(
  context: FleetContext,
  hosts: readonly HostSpec[],
  tree: LocalTree,
  base: CopyPlace,
  isSudo: boolean,
): Promise<SendPlan> {
  context.report({ kind: 'phase', text: 'comparing with what is there' });
  const look = (host: HostSpec): Promise<HostShare> => lookAt(context, host, tree, base, isSudo);
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, look, context.signal);
  const shares = outcomes.map((outcome): HostShare => {
    if (outcome.ok) return outcome.value;
    const nothing = { missing: [], same: 0, files: 0, bytes: 0, makesBase: false };
    return { host: outcome.host, ...nothing, error: outcome.error };
  });
  return { way: 'up', tree, base: base.path, shares, isSudo };
}

/** Pieces of a file, exactly as many bytes as were hashed. Errors: `transfer`. */
async function* contentOf({ local, size }: LocalEntry, host: string): AsyncGenerator<Uint8Array> {
  const file = await open(local, readFlags);
  try {
    let left = size;
    while (left > 0) {
      const piece = Buffer.allocUnsafe(Math.min(left, 64 * 1024));
      const { bytesRead } = await file.read(piece, 0, piece.length, null);
      if (bytesRead === 0)
        throw new FleetError('transfer', `${host}: ${named(local)} became shorter meanwhile`, {
          hint: 'what was there before is whole; run the command again',
          host,
        });
      left -= bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function* sendStream(
  { host, missing }: HostShare,
  base: string,
  makesBase: boolean,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(baseLine(base, makesBase));
  const folderFor = foldersOf();
  for (const entry of missing) {
    const { line, name } = folderFor(entry.below);
    if (entry.kind === 'folder') {
      folderFor(`${entry.below}/x`);
      yield Buffer.from(folderLine(entry.below));
      continue;
    }
    yield Buffer.from(line + fileLine(name, entry));
    for await (const piece of contentOf(entry, host.name)) {
      yield piece;
      onBytes(piece.length);
    }
  }
  yield Buffer.from(endLine);
}

async function sendTo(
  context: FleetContext,
  share: HostShare,
  { base, isSudo }: SendPlan,
): Promise<CopyEnd> {
  const { host, missing, files, bytes } = share;
  const beganAt = context.now();
  const wantedFiles = missing.filter(({ kind }) => kind === 'file');
  let done = 0;
  let sent = 0;
  let toldAt = 0;
  const tell = (status: 'working' | 'done' | 'failed', text: string): void =>
    context.report({
      ...{ kind: 'host', host: host.name, status, text, isBrief: status === 'working' },
      ...{ count: { done, of: files }, bytes: { sent, of: bytes } },
    });
  const now = (): string => named(wantedFiles[done]?.below ?? '');
  const end = (error: FleetError | null): CopyEnd => ({
    ...{ host: host.name, files: done, error },
    bytes: wantedFiles.slice(0, done).reduce((sum, { size }) => sum + size, 0),
    durationMs: context.now() - beganAt,
  });
  try {
    tell('working', now());
    const result = await context.remoteFor(host).run({
      command: sendScript(randomBytes(9).toString('hex')),
      stdin: sendStream(share, base, share.makesBase, (count) => {
        sent += count;
        if (context.now() - toldAt < 100) return;
        toldAt = context.now();
        tell('working', now());
      }),
      asRoot: isSudo,
      stopsWithCaller: true,
      timeoutMs: copyTimeMs(host.ssh.commandTimeoutMs, bytes, missing.length),
      onLine: (line) => {
        if (line === 'ok') done += 1;
      },
      replyLimit: { bytes: files * 3 + wordsBytes, lineBytes: 4096 },
    });
    if (result.exitCode !== 0) {
      const at = wantedFiles[done] ?? missing.at(-1);
      const path = at === undefined ? base : pathOn(base, at);
      throw hostRefusal(host.name, path, 'written', result, isSudo);
    }
    if (done !== files) throw strangeReply(host.name, `it confirmed ${done} of ${files} files`);
    tell('done', 'checked by SHA-256');
    return end(null);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    tell('failed', withoutHost(error));
    return end(error);
  }
}

/** Sends to every host what it has not. A host that fails is a value; the others go on. */
export async function send(context: FleetContext, plan: SendPlan): Promise<readonly CopyEnd[]> {
  context.report({ kind: 'phase', text: 'sending' });
  const open = plan.shares.filter(({ error, missing }) => error === null && missing.length > 0);
  const shareBy = new Map(open.map((share) => [share.host.name, share]));
  const act = (host: HostSpec): Promise<CopyEnd> => {
    const share = shareBy.get(host.name);
    if (share === undefined) throw new Error(`${host.name} has no share`);
    return sendTo(context, share, plan);
  };
  const hosts = open.map(({ host }) => host);
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, act, context.signal);
  return outcomes.map((outcome) =>
    outcome.ok
      ? outcome.value
      : { host: outcome.host.name, files: 0, bytes: 0, durationMs: 0, error: outcome.error },
  );
}
