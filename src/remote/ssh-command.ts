import { once } from 'node:events';
import type { ClientChannel } from 'ssh2';
import { FleetError } from '../model/errors.ts';
import { AfterMarker, CappedBytes, LineSplitter, type OutputSink } from './command-output.ts';
import type { CommandResult, RemoteCommand } from './remote.ts';
import { lostFailure } from './ssh-errors.ts';
import type { SshLink } from './ssh-link.ts';

export const DEFAULT_OUTPUT_BYTES = 16 * 1024 * 1024;

/** A command ready for the wire. `stdinHead` precedes the payload (a sudo password). */
export interface PreparedCommand {
  readonly wire: string;
  readonly marker: string;
  readonly marksStderr: boolean;
  readonly stdinHead: string;
  readonly stdin: RemoteCommand['stdin'];
  readonly onLine: RemoteCommand['onLine'];
  readonly maxOutputBytes: number;
  readonly timeoutMs: number;
}

/** `started` is false when the marker never came: the command did not run, and `noise` is what was printed instead. */
export interface CommandOutcome extends CommandResult {
  readonly started: boolean;
  readonly noise: string;
}

/** Runs a command on an open link. Rejects with `ssh-lost`, `interrupted`, `command-timeout`, or what `stdin` throws. */
export async function runOnLink(link: SshLink, command: PreparedCommand): Promise<CommandOutcome> {
  const { channel, release } = await openInTime(link, command);
  const stdout = new CappedBytes(command.maxOutputBytes);
  const stderr = new CappedBytes(command.maxOutputBytes);
  const out = new AfterMarker(command.marker, command.onLine === undefined ? stdout : new LineSplitter(command.onLine));
  const err = new AfterMarker(command.marker, stderr);
  const ended = closed(channel).finally(release);
  pipeInto(channel, out, (failure) => channel.emit('fleet-failure', failure));
  pipeInto(channel.stderr, command.marksStderr ? err : stderr, () => {});
  const fed = feed(channel, command);
  const { exitCode, signal } = await raceWithLink(link, command, channel, ended, fed);
  out.finish();
  return {
    exitCode,
    signal,
    stdout: stdout.bytes(),
    stderr: stderr.bytes(),
    truncated: stdout.truncated || stderr.truncated,
    started: out.started,
    noise: [out.noise(), command.marksStderr ? err.noise() : ''].filter((text) => text !== '').join('\n'),
  };
}

interface Ending {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

async function openInTime(link: SshLink, command: PreparedCommand): ReturnType<SshLink['openSession']> {
  const opening = link.openSession(command.wire);
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true;
      reject(timeoutFailure(link, command.timeoutMs));
    }, command.timeoutMs);
  });
  opening.then(
    (session) => {
      session.channel.on('error', () => {});
      if (!late) return;
      session.channel.close();
      session.release();
    },
    () => {},
  );
  return Promise.race([opening, limit]).finally(() => clearTimeout(timer));
}

/** Resolves when the channel is closed, with null when the host sent no exit status: then the link or the shell's parent died. */
function closed(channel: ClientChannel): Promise<Ending | null> {
  let ending: Ending | null = null;
  channel.on('exit', (code: number | null, signal?: string) => {
    ending = { exitCode: code, signal: signal ?? null };
  });
  const stderrClosed = new Promise<void>((resolve) => channel.stderr.on('close', () => resolve()));
  return new Promise((resolve) => channel.on('close', () => void stderrClosed.then(() => resolve(ending))));
}

function pipeInto(stream: NodeJS.ReadableStream, sink: OutputSink, onFailure: (failure: unknown) => void): void {
  stream.on('data', (chunk: Uint8Array) => {
    try {
      sink.push(chunk);
    } catch (failure) {
      onFailure(failure);
    }
  });
}

/** Never resolves: the command's end decides. Rejects when the source of standard input fails. */
async function feed(channel: ClientChannel, command: PreparedCommand): Promise<never> {
  if (command.stdinHead !== '') channel.write(command.stdinHead);
  if (command.stdin === undefined) channel.end();
  else if (typeof command.stdin === 'string' || command.stdin instanceof Uint8Array) channel.end(command.stdin);
  else await feedChunks(channel, command.stdin);
  return new Promise(() => {});
}

async function feedChunks(channel: ClientChannel, chunks: AsyncIterable<Uint8Array>): Promise<void> {
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

function raceWithLink(
  link: SshLink,
  command: PreparedCommand,
  channel: ClientChannel,
  ended: Promise<Ending | null>,
  fed: Promise<never>,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const stopListening = link.onOver((failure) => settle(() => reject(failure)));
    const timer = setTimeout(() => {
      settle(() => reject(timeoutFailure(link, command.timeoutMs)));
      stop(channel);
    }, command.timeoutMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      stopListening();
      act();
    };
    const fail = (failure: unknown): void => {
      settle(() => reject(failure));
      stop(channel);
    };
    channel.once('fleet-failure', fail);
    fed.catch(fail);
    ended.then((ending) => {
      // A lost link closes its channels first and says so only afterwards.
      if (ending !== null) settle(() => resolve(ending));
      else
        setImmediate(() =>
          settle(() => reject(link.failure() ?? lostFailure(link.target, 'the command’s channel closed without an exit status'))),
        );
    });
  });
}

/** Best effort: sshd passes the signal to the session's process group; closing ends readers and writers of its pipes. */
function stop(channel: ClientChannel): void {
  try {
    channel.signal('KILL');
    channel.close();
  } catch {
    // The link is gone, and with it the channel.
  }
  channel.resume();
  channel.stderr.resume();
}

const timeoutFailure = (link: SshLink, timeoutMs: number): FleetError =>
  new FleetError('command-timeout', `${link.target.host}: the command did not end within ${timeoutMs / 1000} s and was stopped`, {
    hint: 'look at the host’s load, or raise commandTimeout in the inventory',
    host: link.target.host,
  });
