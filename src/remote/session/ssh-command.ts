import { once } from 'node:events';
import { FleetError } from '../../model/errors.ts';
import type { CommandResult, RemoteCommand, ReplyLimit } from '../remote.ts';
import {
  AfterMarker,
  CappedBytes,
  LimitedOutput,
  LineSplitter,
  MAX_LINE_BYTES,
  OutputOverflow,
  type OutputSink,
} from '../shared/command-output.ts';
import type { SshLink } from './link.ts';
import type { SessionChannel } from './session-channel.ts';
import { interruptedFailure, lostFailure, timeoutFailure } from './ssh-errors.ts';

export const DEFAULT_OUTPUT_BYTES = 16 * 1024 * 1024;

/** A command ready for the wire. `stdinHead` precedes the payload (a sudo password). */
export interface PreparedCommand {
  readonly wire: string;
  readonly marker: string;
  readonly marksStderr: boolean;
  readonly stdinHead: string;
  readonly stdin: RemoteCommand['stdin'];
  readonly onLine: RemoteCommand['onLine'];
  readonly onBytes: RemoteCommand['onBytes'];
  readonly maxOutputBytes: number;
  readonly replyLimit: ReplyLimit | undefined;
  readonly timeoutMs: number;
  readonly stopsWithCaller: boolean;
  /** Ends the process group of a process on the host, with the same rights as the command. */
  readonly stopCommand: (pid: number) => { readonly wire: string; readonly stdin: string };
}

/**
 * `started` is false when the marker never came: the command did not run, and `noise` is what was
 * printed instead.
 */
export interface CommandOutcome extends CommandResult {
  readonly started: boolean;
  readonly noise: string;
}

/**
 * What takes a command's output, within the limits of its answer. Throws {@link OutputOverflow}
 * where the host passes them.
 */
export function outputOf(
  {
    onLine,
    onBytes,
    replyLimit,
  }: {
    readonly onLine?: RemoteCommand['onLine'] | undefined;
    readonly onBytes?: RemoteCommand['onBytes'] | undefined;
    readonly replyLimit?: ReplyLimit | undefined;
  },
  stdout: CappedBytes,
  stderr: CappedBytes,
): { readonly out: OutputSink; readonly err: OutputSink } {
  const lineBytes = Math.min(
    replyLimit?.lineBytes ?? MAX_LINE_BYTES,
    replyLimit?.bytes ?? MAX_LINE_BYTES,
  );
  const whole = onBytes === undefined ? stdout : { push: onBytes, finish: () => undefined };
  const out =
    onLine === undefined ? whole : new LineSplitter(onLine, lineBytes, replyLimit !== undefined);
  if (replyLimit === undefined) return { out, err: stderr };
  return {
    out: new LimitedOutput(replyLimit.bytes, out),
    err: new LimitedOutput(replyLimit.bytes, stderr),
  };
}

/**
 * Runs a command on an open link. Rejects with `ssh-lost`, `interrupted`, `command-timeout`,
 * `agent-reply`, or what `stdin` or `onLine` throws.
 */
export async function runOnLink(link: SshLink, command: PreparedCommand): Promise<CommandOutcome> {
  const stdout = new CappedBytes(command.maxOutputBytes);
  const stderr = new CappedBytes(command.maxOutputBytes);
  const sinks = outputOf(command, stdout, stderr);
  const out = new AfterMarker(command.marker, true, sinks.out);
  const err = new AfterMarker(command.marker, false, sinks.err);
  let ended: Promise<Ending | null> = Promise.resolve(null);
  const thrown: unknown[] = [];
  const channel = await link.openSession(command.wire, command.timeoutMs, (opened) => {
    ended = closed(opened);
    pipeInto(opened, opened, out, thrown);
    pipeInto(opened, opened.stderr, command.marksStderr ? err : sinks.err, thrown);
  });
  const fed = feed(channel, command);
  const stopIt = () => stop(link, channel, command, out.pid);
  const race: Race = { ended, fed, stop: stopIt, stopsWithCaller: command.stopsWithCaller };
  const { exitCode, signal } = await raceWithLink(link, command.timeoutMs, channel, race);
  // A command that ends at once may end before its reader is heard.
  for (const failure of thrown) throw readFailure(link.target.host, failure);
  out.finish();
  return {
    exitCode,
    signal,
    stdout: stdout.bytes(),
    stderr: stderr.bytes(),
    truncated: stdout.truncated || stderr.truncated,
    started: out.started,
    noise: [out.noise(), command.marksStderr ? err.noise() : out.started ? '' : textOf(stderr)]
      .filter((text) => text !== '')
      .join('\n'),
  };
}

/** The end of what was said instead of a command's output. */
const textOf = (stderr: CappedBytes): string =>
  Buffer.from(stderr.bytes()).toString('utf8').trim().slice(-4096);

interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/**
 * Resolves when the channel is closed, with null when the host sent no exit status: then the link
 * or the shell's parent died.
 */
function closed(channel: SessionChannel): Promise<Ending | null> {
  let ending: Ending | null = null;
  channel.on('exit', (code: number | null, signal?: string) => {
    ending = { exitCode: code, signal: signal ?? null };
  });
  const stderrClosed = new Promise<void>((resolve) => channel.stderr.on('close', () => resolve()));
  return new Promise((resolve) =>
    channel.on('close', () => void stderrClosed.then(() => resolve(ending))),
  );
}

function pipeInto(
  channel: SessionChannel,
  stream: NodeJS.ReadableStream,
  sink: OutputSink,
  thrown: unknown[],
): void {
  let hasFailed = false;
  stream.on('data', (chunk: Uint8Array) => {
    if (hasFailed) return;
    try {
      sink.push(chunk);
    } catch (failure) {
      hasFailed = true;
      thrown.push(failure);
      // `onLine` is the caller's: what it throws ends the command and reaches the caller, now or
      // once the race below listens.
      setImmediate(() => channel.emit('fleet-failure', failure));
    }
  });
}

/** Never resolves: the command's end decides. Rejects when the source of standard input fails. */
async function feed(channel: SessionChannel, command: PreparedCommand): Promise<never> {
  if (command.stdinHead !== '') channel.write(command.stdinHead);
  if (command.stdin === undefined) channel.end();
  else if (typeof command.stdin === 'string' || command.stdin instanceof Uint8Array)
    channel.end(command.stdin);
  else await feedChunks(channel, command.stdin);
  return new Promise(() => {});
}

async function feedChunks(
  channel: SessionChannel,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const over = once(channel, 'close').catch(() => {});
  let open = true;
  over.then(() => {
    open = false;
  });
  for await (const chunk of chunks) {
    // A command may end without reading everything; the rest has no reader.
    if (!open || !channel.writable) return;
    if (!channel.write(chunk)) await Promise.race([once(channel, 'drain').catch(() => {}), over]);
  }
  channel.end();
}

interface Race {
  readonly ended: Promise<Ending | null>;
  readonly fed: Promise<never>;
  readonly stopsWithCaller: boolean;
  /** Resolves when the host has been told to end the command, or cannot be told. */
  stop(): Promise<void>;
}

/**
 * Whatever comes first: the command's end, its time, the link's end, a failure of what feeds it or
 * reads from it.
 */
function raceWithLink(
  link: SshLink,
  timeoutMs: number,
  channel: SessionChannel,
  race: Race,
): Promise<Ending> {
  const { ended, fed, stop: stopCommand } = race;
  return new Promise((resolve, reject) => {
    const over = link.failure();
    fed.catch(() => undefined);
    if (over !== null) return reject(over);
    const stopListening = link.onOver((failure) => settle(() => reject(failure)));
    let isSettled = false;
    const settle = (act: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      stopListening();
      forgetInterrupt();
      act();
    };
    const fail = (failure: unknown): Promise<void> => {
      settle(() => reject(failure));
      return stopCommand();
    };
    const overflow = (failure: unknown): void => {
      void fail(readFailure(link.target.host, failure));
      // It need not care for a channel that is closed: what it goes on sending would be read and
      // dropped for ever.
      if (failure instanceof OutputOverflow) void link.close();
    };
    // Who waits for the command closes the connection next: that has to wait until the host was
    // told.
    const onInterrupt = (): Promise<void> => {
      settle(() => undefined);
      return stopCommand().finally(() => reject(interruptedFailure(link.target.host)));
    };
    const forgetInterrupt = race.stopsWithCaller
      ? link.beforeInterrupt(onInterrupt)
      : () => undefined;
    const timer = setTimeout(
      () => void fail(timeoutFailure(link.target.host, timeoutMs)),
      timeoutMs,
    );
    channel.once('fleet-failure', overflow);
    fed.catch((failure) => void fail(failure));
    ended.then((ending) => {
      // A lost link closes its channels first and says so only afterwards.
      if (ending !== null) settle(() => resolve(ending));
      else
        setImmediate(() =>
          settle(() =>
            reject(
              link.failure() ??
                lostFailure(link.target, 'the command’s channel closed without an exit status'),
            ),
          ),
        );
    });
  });
}

const readFailure = (host: string, failure: unknown): unknown =>
  failure instanceof OutputOverflow ? overflowFailure(host, failure) : failure;

const overflowFailure = (host: string, { message }: OutputOverflow): FleetError =>
  new FleetError('agent-reply', `${host}: it ${message}`, {
    hint:
      'nothing more was read from it. Look at its forced commands and start files: fleet ssh ' +
      `${host}; if its fleet is older: fleet init --limit ${host}`,
    host,
  });

/**
 * Time in which a host closes a channel whose command was stopped, ms; one that does not would keep
 * the channel's place for ever.
 */
const CLOSE_LIMIT_MS = 20_000;

/**
 * Best effort: closing the channel ends only what reads or writes its pipes, and sshd passes no
 * signals for root, so the process group
 * is ended by a command of its own.
 */
async function stop(
  link: SshLink,
  channel: SessionChannel,
  { stopCommand }: PreparedCommand,
  pid: number | null,
): Promise<void> {
  channel.close();
  channel.emit('fleet-stopped');
  channel.resume();
  channel.stderr.resume();
  const timer = setTimeout(() => void link.close(), CLOSE_LIMIT_MS).unref();
  channel.once('close', () => clearTimeout(timer));
  if (pid === null || link.failure() !== null) return;
  const { wire, stdin } = stopCommand(pid);
  const limitMs = 5_000;
  let ended: Promise<unknown> = Promise.resolve();
  const attach = (killer: SessionChannel): void => {
    ended = once(killer, 'close').catch(() => {});
    killer.resume();
    killer.stderr.resume();
    killer.end(stdin);
  };
  await link.openSession(wire, limitMs, attach).catch(() => {});
  await ended;
}
