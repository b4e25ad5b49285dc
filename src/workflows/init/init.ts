import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { clockWarnings } from '../../facts/clock.ts';
import type { HostFacts } from '../../facts/host-facts.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { HostName } from '../../model/names.ts';
import type { BlobStream } from '../../model/release.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { Remote } from '../../remote/remote.ts';
import { inOwnEnvironment, quoteShell } from '../../remote/shared/shell-command.ts';
import { confirmCommand } from '../../steps/guard.ts';
import { type AnswerFeed, createAnswerFeed } from './answer-feed.ts';
import { type HostLine, parseHostLine, type StaleAccount } from './init-events.ts';
import { diedEarly, whileUnconfirmed } from './init-failures.ts';
import { haltedError, haltOnSignal, openSteps } from './init-halt.ts';
import type { HostInitPlan } from './init-plan.ts';
import { socketNote, watchSocket } from './socket-note.ts';

/**
 * Upper bound of one host's whole run; packages on a slow host and a runtime over a slow link fit
 * into it.
 */
const PROGRAM_TIMEOUT_MS = 45 * 60_000;
const CONFIRM_TIMEOUT_MS = 35_000;
const STDERR_BYTES = 64 * 1024;

export type InitEvent = { readonly host: HostName } & (
  | HostLine
  /**
   * So many of the content's compressed bytes are on their way; the last time `sent` is `bytes`.
   */
  | { readonly t: 'sent'; readonly sha256: string; readonly sent: number; readonly bytes: number }
  /** It ended without the program's own end: no connection, or a broken one. */
  | { readonly t: 'broken'; readonly error: FleetError }
);

export interface InitStepResult {
  readonly id: string;
  readonly state: 'ok' | 'pending' | 'changed' | 'failed';
  readonly ms: number;
  readonly what: readonly string[];
}

/** What became of one host. */
export interface HostInitOutcome {
  readonly host: HostName;
  /** `ready`: nothing had to change. `pending` only in check mode. */
  readonly state: 'ready' | 'changed' | 'pending' | 'failed';
  /** Null when the host did not even tell about itself. */
  readonly facts: HostFacts | null;
  readonly steps: readonly InitStepResult[];
  /** Steps that brought no result, because the run was interrupted or failed before their turn. */
  readonly open: readonly string[];
  readonly warnings: readonly string[];
  /** What it waited for, and which copies it kept. */
  readonly notes: readonly string[];
  readonly diffs: readonly { readonly path: string; readonly text: string }[];
  /** Compressed bytes that were sent besides the program. */
  readonly uploads: readonly { readonly sha256: string; readonly bytes: number }[];
  /**
   * Accounts that went on running through a change of the release, with a worker that is no longer
   * the current one.
   */
  readonly stale: readonly StaleAccount[];
  /** CPU of the program on the host, in steps of 10 ms. */
  readonly cpuMs: number | null;
  /** Time from the start of the exec on; the time to connect is not in it. */
  readonly ms: number;
  /**
   * Why it failed: of the host (see {@link HostLine}), of the connection (`ssh-*`,
   * `command-timeout`), or `interrupted`.
   */
  readonly error: FleetError | null;
}

export interface InitWorld {
  /** The connection of this run to the host. */
  readonly remoteFor: (host: HostSpec) => Remote;
  /**
   * A second connection of its own, which proves that the host still lets people in. Closed here
   * after use.
   */
  readonly freshRemote: (host: HostSpec) => Remote;
  readonly openBlob: (sha256: string) => Promise<BlobStream>;
  readonly onEvent: (event: InitEvent) => void;
  /**
   * An earlier run has made it ready, and has said how its agent is asked: no request more for that
   * while nothing changes there. Default: none is.
   */
  readonly isEstablished?: (host: HostName) => boolean;
  /**
   * Judges who answers, before its program goes on; what it throws ends the host's run. Gives a
   * warning, or null.
   */
  readonly onFacts?: (host: HostName, facts: HostFacts) => string | null;
  readonly concurrency: number;
  /** Ctrl-C: every host ends after the step under way. The links must outlive it. */
  readonly signal?: AbortSignal;
  /**
   * The command that goes on where this one was interrupted. Default: `fleet init --limit HOST`.
   */
  readonly goOn?: (host: HostName) => string;
}

/**
 * Runs every host's program, each in one exec, and answers what it asks for. Never rejects;
 * outcomes in the order of `plans`. Safe to
 * repeat, also after it was killed: what was done is not done again. Records nothing.
 */
export async function runInit(
  plans: readonly HostInitPlan[],
  world: InitWorld,
): Promise<readonly HostInitOutcome[]> {
  const byProgram = new Map<string, Promise<Buffer>>();
  const compress = (program: string): Promise<Buffer> => {
    const known = byProgram.get(program) ?? promisify(gzip)(program, { level: 9 });
    byProgram.set(program, known);
    return known;
  };
  const hosts = plans.map((plan) => ({ name: plan.host.name, plan }));
  const outcomes = await forEachHost(
    hosts,
    world.concurrency,
    async ({ plan }) => runHost(plan, await compress(plan.program), world),
    world.signal,
  );
  return outcomes.map((outcome) =>
    outcome.ok
      ? outcome.value
      : concluded(outcome.host.plan, { ...emptyRecord(), error: outcome.error }, world),
  );
}

function concluded(
  { host, steps }: HostInitPlan,
  record: HostRecord,
  { goOn }: InitWorld,
  ms = 0,
): HostInitOutcome {
  const { unconfirmed: _, halted, ...outcome } = record;
  const { name } = host;
  const open = openSteps(steps, record.steps);
  const wasInterrupted =
    (halted && open.length > 0 && record.error === null) || record.error?.code === 'interrupted';
  const error = wasInterrupted
    ? haltedError(name, open, steps.length, goOn?.(name) ?? `fleet init --limit ${name}`)
    : record.error;
  return {
    ...outcome,
    host: name,
    open,
    error,
    state: stateOf({ ...record, error }),
    ms: Math.round(ms),
  };
}

interface HostRecord {
  facts: HostFacts | null;
  steps: InitStepResult[];
  warnings: string[];
  notes: string[];
  diffs: { path: string; text: string }[];
  uploads: { sha256: string; bytes: number }[];
  stale: readonly StaleAccount[];
  cpuMs: number | null;
  error: FleetError | null;
  /** Step whose change waits for a fresh connection. */
  unconfirmed: string | null;
  /** The host left out steps because it was told to stop. */
  halted: boolean;
}

const emptyRecord = (): HostRecord => ({
  facts: null,
  steps: [],
  warnings: [],
  notes: [],
  diffs: [],
  uploads: [],
  stale: [],
  cpuMs: null,
  error: null,
  unconfirmed: null,
  halted: false,
});

async function runHost(
  plan: HostInitPlan,
  program: Buffer,
  world: InitWorld,
): Promise<HostInitOutcome> {
  const { name } = plan.host;
  const record = emptyRecord();
  const refuseExcess = countQuestions(plan);
  const feed = createAnswerFeed();
  const halt = haltOnSignal(name, feed, world.signal);
  // Asked for when the host listens.
  feed.add(() => {
    halt.begun();
    return only(program);
  });
  let ended = false;
  const remote = world.remoteFor(plan.host);
  const socket = watchSocket(remote, world.isEstablished?.(name) ?? false);
  const began = performance.now();
  try {
    const running = remote.run({
      command:
        `${inOwnEnvironment(`bash -c ${quoteShell(`eval "$(head -c ${program.length} | gzip -dc)"`)}`)}` +
        ' fleet-init',
      stdin: feed,
      asRoot: true,
      timeoutMs: PROGRAM_TIMEOUT_MS,
      maxOutputBytes: STDERR_BYTES,
      replyLimit: { bytes: replyBytesOf(plan) },
      onLine: (text) => {
        const line = parseHostLine(text);
        if (line === null) return;
        socket.saw(line);
        refuseExcess(name, line);
        world.onEvent({ host: name, ...line });
        take(record, line, name);
        if (line.t === 'facts') warnOf(record, world.onFacts?.(name, line.facts) ?? null);
        answer(plan.host, line, feed, record, world);
        if (line.t === 'end') ended = true;
      },
    });
    const result = await Promise.race([running, halt.early]);
    const isNew = record.steps.some(({ id, state }) => id === 'agent' && state === 'changed');
    if (await socket.isByCommand(isNew)) record.notes.push(socketNote);
    if (!ended)
      record.error ??= diedEarly(
        name,
        result.exitCode,
        Buffer.from(result.stderr).toString('utf8'),
      );
  } catch (cause) {
    record.error ??=
      cause instanceof FleetError
        ? whileUnconfirmed(cause, record.unconfirmed, name)
        : new FleetError('bug', `${name}: an unexpected error`, {
            hint: 'please report this',
            host: name,
            cause,
          });
  } finally {
    feed.close();
    halt.end();
  }
  const outcome = concluded(plan, record, world, performance.now() - began);
  if ((!ended || record.halted) && outcome.error !== null)
    world.onEvent({ host: name, t: 'broken', error: outcome.error });
  return outcome;
}

/**
 * Bytes that a host's program may print: reports of its steps, and differences to what it was sent.
 */
const replyBytesOf = ({ steps, program }: HostInitPlan): number =>
  (4096 + 64 * steps.length) * 1024 + 2 * program.length;

/**
 * A program asks for a blob again only when it came broken, and for a confirmation once for each
 * step.
 */
const MAX_NEEDS = 3;

/**
 * Takes every line before it is acted on. Throws `agent-reply` for a program that asks for more
 * than its plan can need.
 */
function countQuestions({ steps }: HostInitPlan): (host: HostName, line: HostLine) => void {
  const asked = new Map<string, number>();
  return (host, line) => {
    const question = line.t === 'need' ? line.sha256 : line.t;
    const most =
      line.t === 'need'
        ? MAX_NEEDS
        : line.t === 'confirm'
          ? 3 + steps.length
          : 2_000 + 50 * steps.length;
    const times = (asked.get(question) ?? 0) + 1;
    asked.set(question, times);
    if (times <= most && asked.size <= 2_000) return;
    throw new FleetError(
      'agent-reply',
      `${host}: its program says more than its plan can need (${line.t}, ${times} times)`,
      {
        hint: 'nothing more was sent to it; look at the host before you trust it again',
        host,
      },
    );
  };
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

function stateOf({ error, steps }: Pick<HostRecord, 'error' | 'steps'>): HostInitOutcome['state'] {
  if (error !== null) return 'failed';
  return steps.some(({ state }) => state === 'pending')
    ? 'pending'
    : steps.some(({ state }) => state === 'changed')
      ? 'changed'
      : 'ready';
}

function take(record: HostRecord, line: HostLine, host: HostName): void {
  if (line.t === 'facts') {
    record.facts = line.facts;
    record.warnings.push(...clockWarnings(line.facts.timeMs, Date.now()));
  }
  if (line.t === 'confirm') record.unconfirmed = line.id;
  else if (line.t === 'end') {
    record.cpuMs = line.cpuMs;
    record.halted = line.halted;
  } else if (line.t === 'stale') record.stale = line.accounts;
  else if (line.t === 'note') record.notes.push(`${line.id}: ${line.text}`);
  else if (line.t === 'warning') record.warnings.push(`${line.id}: ${line.text}`);
  else if (line.t === 'diff') record.diffs.push({ path: line.path, text: line.text });
  else if (line.t === 'step' && line.state !== 'started') {
    record.unconfirmed = null;
    record.steps.push({ id: line.id, state: line.state, ms: line.ms, what: line.what });
    if (line.failure === null) return;
    const { code, message, hint } = line.failure;
    record.error ??= new FleetError(code, `${host}: ${line.id}: ${message}`, { hint, host });
  }
}

const warnOf = ({ warnings }: HostRecord, warning: string | null): void => {
  if (warning !== null) warnings.push(warning);
};

/** The program waits for its answers in the order of its questions. */
function answer(
  host: HostSpec,
  line: HostLine,
  feed: AnswerFeed,
  record: HostRecord,
  world: InitWorld,
): void {
  if (line.t === 'need') feed.add(() => sendBlob(host.name, line.sha256, record, world));
  if (line.t === 'confirm')
    feed.add(async () => only(Buffer.from(`${await confirm(host, world)}\n`)));
}

async function* sendBlob(
  host: HostName,
  sha256: string,
  record: HostRecord,
  world: InitWorld,
): AsyncGenerator<Uint8Array> {
  let blob: BlobStream;
  try {
    blob = await world.openBlob(sha256);
  } catch (cause) {
    yield Buffer.from(
      `${cause instanceof FleetError ? `${cause.message} (${cause.hint})` : 'unexpected error'}\n`.replace(
        /\n(?=.)/g,
        ' ',
      ),
    );
    return;
  }
  const { bytes } = blob;
  yield Buffer.from(`${bytes}\n`);
  let sent = 0;
  for await (const chunk of blob.chunks) {
    world.onEvent({ host, t: 'sent', sha256, sent, bytes });
    yield chunk;
    sent += chunk.length;
  }
  record.uploads.push({ sha256, bytes });
  world.onEvent({ host, t: 'sent', sha256, sent: bytes, bytes });
}

/**
 * Says over a new connection, with root rights gained anew, that the host still lets people in. The
 * answer is `confirmed` or why not.
 */
async function confirm(host: HostSpec, world: InitWorld): Promise<string> {
  const remote = world.freshRemote(host);
  try {
    const { exitCode } = await remote.run({
      command: confirmCommand,
      asRoot: true,
      timeoutMs: CONFIRM_TIMEOUT_MS,
      replyLimit: { bytes: STDERR_BYTES },
    });
    return exitCode === 0 ? 'confirmed' : 'it came too late: the host had taken the change back';
  } catch (cause) {
    return cause instanceof FleetError ? cause.message.replaceAll('\n', ' ') : 'unexpected error';
  } finally {
    await remote.close();
  }
}
