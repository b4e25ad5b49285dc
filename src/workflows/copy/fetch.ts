/** A file or folder of one host to this machine. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { atPath, systemFailure } from '../../surroundings/system-error.ts';
import type { FleetContext } from '../context.ts';
import { hostRefusal, strangeReply, withoutHost, wordsBytes } from './copy-errors.ts';
import { type CopyPlace, named } from './copy-words.ts';
import { FetchStream, type FileTaker, StrangeStream } from './fetch-stream.ts';
import {
  baseLine,
  endLine,
  fetchScript,
  fileLine,
  foldersOf,
  hostWord,
  listScript,
} from './host-scripts.ts';
import { kindAt, localBase, PartFile } from './local-target.ts';
import { hashFile, mostDepth, mostEntries } from './local-tree.ts';
import { type HostEntry, listingBytes, readListing } from './read-listing.ts';
import { type CopyEnd, copyTimeMs } from './send.ts';

/** A file that is to be fetched, or a folder that is to be made. */
export interface FetchEntry extends HostEntry {
  readonly local: string;
  /** SHA-256 of a file of the same size that is here already; '': none. */
  readonly sha256: string;
}

export interface FetchPlan {
  readonly way: 'down';
  readonly host: HostSpec;
  /** What was named on the host. */
  readonly source: string;
  /** What it becomes here. */
  readonly target: string;
  readonly base: string;
  readonly makesBase: boolean;
  readonly isFolder: boolean;
  readonly entries: readonly FetchEntry[];
  readonly links: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly isSudo: boolean;
}

const refusedAs = (host: string, source: string, problems: readonly string[]): FleetError =>
  new FleetError(
    'transfer',
    problems.length === 1
      ? `${host}: ${named(source)} was not fetched: ${problems[0]}`
      : `${host}: ${named(source)} was not fetched`,
    {
      host,
      hint: 'nothing was written here',
      ...(problems.length === 1 ? {} : { problems }),
    },
  );

async function listOn(
  context: FleetContext,
  host: HostSpec,
  source: string,
  isSudo: boolean,
): Promise<Extract<ReturnType<typeof readListing>, { kind: 'listing' }>['listing']> {
  context.report({ kind: 'phase', text: 'looking at what is there' });
  const result = await context.remoteFor(host).run({
    command: listScript(mostEntries, mostDepth),
    stdin: `${hostWord(source)}\n`,
    asRoot: isSudo,
    stopsWithCaller: true,
    maxOutputBytes: listingBytes,
    replyLimit: { bytes: listingBytes },
  });
  if (result.exitCode !== 0) throw hostRefusal(host.name, source, 'read', result, isSudo);
  const read = readListing(result.stdout);
  if (read.kind === 'strange') throw strangeReply(host.name, read.why);
  if (read.kind === 'refused') throw refusedAs(host.name, source, read.problems);
  const text = Buffer.from(result.stdout.subarray(-16)).toString('latin1');
  if (!text.endsWith('end 0\0')) throw hostRefusal(host.name, source, 'read', result, isSudo);
  return read.listing;
}

/** What is in the way here, one sentence each; and what is here already. */
async function compare(
  entries: readonly HostEntry[],
  target: string,
  signal: AbortSignal,
): Promise<{ readonly entries: readonly FetchEntry[]; readonly mistakes: readonly string[] }> {
  const mistakes: string[] = [];
  const compared: FetchEntry[] = [];
  for (const entry of entries) {
    if (signal.aborted) break;
    const local = entry.below === '' ? target : join(target, entry.below);
    const { kind, size } = await kindAt(local);
    if (kind === 'link') mistakes.push(`${named(local)} is a symbolic link; none is written over`);
    else if (kind === 'special') mistakes.push(`${named(local)} is a special file`);
    else if (kind !== 'missing' && kind !== entry.kind)
      mistakes.push(
        `${named(local)} is a ${kind}${kind === 'folder' ? '; to copy into it, end the target with /' : ''}`,
      );
    const isLike = entry.kind === 'file' && kind === 'file' && size === entry.size;
    const sha256 = isLike ? (await hashFile(local, signal)).sha256 : '';
    compared.push({ ...entry, local, sha256 });
  }
  return { entries: compared, mistakes: mistakes.slice(0, 10) };
}

/**
 * Looks at the host and here, and changes nothing. Errors: `usage` for what is in the way here and
 * for more than `maxBytes`; those of the host.
 */
export async function planFetch(
  context: FleetContext,
  host: HostSpec,
  source: string,
  place: CopyPlace,
  { maxBytes, isSudo }: { readonly maxBytes: number; readonly isSudo: boolean },
): Promise<FetchPlan> {
  const base = await localBase(place);
  if (typeof base === 'string')
    throw new FleetError('usage', base, { hint: 'name a folder that is there' });
  const name = (place.isInto ? source : place.path).split('/').at(-1) ?? '';
  const target = join(base.path, name);
  const { isFolder, entries, links } = await listOn(context, host, source, isSudo);
  const bytes = entries.reduce((sum, { size }) => sum + size, 0);
  if (bytes > maxBytes)
    throw new FleetError(
      'usage',
      `${host.name}: ${named(source)} has ${bytes} bytes, more than --max-size allows (${maxBytes})`,
      { hint: `--max-size ${Math.ceil(bytes / 2 ** 20)}M allows it`, host: host.name },
    );
  const compared = await compare(entries, target, context.signal);
  const [first] = compared.mistakes;
  if (first !== undefined)
    throw new FleetError(
      'usage',
      compared.mistakes.length === 1 ? first : `nothing was fetched: several things are in the way`,
      {
        hint: 'choose another target, or remove what is there',
        ...(compared.mistakes.length === 1 ? {} : { problems: compared.mistakes }),
      },
    );
  return {
    ...{ way: 'down', host, source, target, base: base.path, makesBase: base.isMissing },
    ...{ isFolder, entries: compared.entries, links, bytes, isSudo },
    files: entries.filter(({ kind }) => kind === 'file').length,
  };
}

function fetchLines({ isFolder, source, entries }: FetchPlan): string {
  if (!isFolder) {
    const [file] = entries;
    const lines = file === undefined ? '' : fileLine(posix.basename(source), file, 'T');
    return baseLine(posix.dirname(source), false) + lines + endLine;
  }
  const folderFor = foldersOf();
  const lines = entries
    .filter(({ kind }) => kind === 'file')
    .map((entry) => {
      const { line, name } = folderFor(entry.below);
      return line + fileLine(name, entry);
    });
  return [baseLine(source, false), ...lines, endLine].join('');
}

/** Writes what comes; the file that is under way is thrown away where the rest does not come. */
class Writer implements FileTaker {
  done = 0;
  same = 0;
  /** Bytes of `done` and `same`, and of what is under way. */
  got = 0;
  /** Bytes of `done`. */
  written = 0;
  #at = 0;
  #part: { readonly file: PartFile; readonly sha256: string } | null = null;
  readonly #files: readonly FetchEntry[];
  readonly #tell: () => void;

  constructor(files: readonly FetchEntry[], tell: () => void) {
    this.#files = files;
    this.#tell = tell;
  }

  get now(): FetchEntry | undefined {
    return this.#files[this.#at];
  }

  begin(sha256: string | null): void {
    const { now } = this;
    if (now === undefined) throw new StrangeStream('it sent more files than it was asked for');
    if (sha256 !== null) {
      this.#part = { file: new PartFile(now.local), sha256 };
      return;
    }
    if (now.sha256 === '') throw new StrangeStream('it left out a file');
    this.#act(() => chmodSync(now.local, now.mode), now.local);
    this.same += 1;
    this.got += now.size;
    this.#at += 1;
  }

  bytes(piece: Uint8Array): void {
    this.#part?.file.write(piece);
    this.got += piece.length;
    this.#tell();
  }

  end(): void {
    const { now } = this;
    if (now === undefined || this.#part === null) return;
    const { file, sha256 } = this.#part;
    if (!file.finish(sha256, now.mode))
      throw new StrangeStream(
        `${named(now.below === '' ? now.local : now.below)} changed while it was read, or was ` +
          'cut: its SHA-256 is another one',
      );
    this.#part = null;
    this.done += 1;
    this.written += now.size;
    this.#at += 1;
  }

  discard(): void {
    this.#part?.file.discard();
  }

  #act(act: () => void, path: string): void {
    try {
      act();
    } catch (error) {
      throw atPath(error, path);
    }
  }
}

/** Folders of this machine; 0755 whatever the umask. */
function makeFolders({ base, makesBase, entries }: FetchPlan): void {
  const make = (path: string): void => {
    try {
      mkdirSync(path);
      chmodSync(path, 0o755);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  };
  if (makesBase) make(base);
  for (const { kind, local } of entries) if (kind === 'folder') make(local);
}

/** What was thrown while the host's bytes were taken, in our words. */
function fetchFailure(host: string, error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  if (error instanceof StrangeStream)
    return new FleetError('transfer', `${host}: ${error.message}`, {
      hint: 'what was here before is whole; run the command again',
      host,
    });
  const system = systemFailure(error);
  if (system === null) throw error;
  return new FleetError(system.code, system.message, { hint: system.hint, host, cause: error });
}

/** Fetches what is not here yet. A failure is a value. */
export async function fetchFiles(context: FleetContext, plan: FetchPlan): Promise<CopyEnd> {
  const { host, entries, isSudo, bytes } = plan;
  const files = entries.filter(({ kind }) => kind === 'file');
  const beganAt = context.now();
  let toldAt = 0;
  const tell = (status: 'working' | 'done' | 'failed', text: string): void =>
    context.report({
      ...{ kind: 'host', host: host.name, status, text, isBrief: status === 'working' },
      count: { done: writer.done + writer.same, of: files.length },
      bytes: { sent: writer.got, of: bytes },
    });
  const writer: Writer = new Writer(files, () => {
    if (context.now() - toldAt < 100) return;
    toldAt = context.now();
    tell('working', named(writer.now?.below || plan.source));
  });
  const stream = new FetchStream(
    files.map(({ size }) => size),
    writer,
  );
  let error: FleetError | null = null;
  try {
    context.report({ kind: 'phase', text: 'fetching' });
    makeFolders(plan);
    const result = await context.remoteFor(host).run({
      command: fetchScript,
      stdin: fetchLines(plan),
      asRoot: isSudo,
      stopsWithCaller: true,
      timeoutMs: copyTimeMs(host.ssh.commandTimeoutMs, bytes, files.length),
      onBytes: (piece) => stream.push(piece),
      replyLimit: { bytes: bytes + files.length * 80 + wordsBytes },
    });
    if (result.exitCode !== 0) {
      const at = posix.join(plan.source, writer.now?.below ?? '');
      error = hostRefusal(host.name, at, 'read', result, isSudo);
    } else if (!stream.isOver)
      error = fetchFailure(host.name, new StrangeStream('it sent fewer bytes than it said'));
  } catch (cause) {
    error = fetchFailure(host.name, cause);
  } finally {
    writer.discard();
  }
  if (error === null) tell('done', 'checked by SHA-256');
  else tell('failed', withoutHost(error));
  return {
    ...{ host: host.name, files: writer.done, error, durationMs: context.now() - beganAt },
    bytes: writer.written,
  };
}
