import { spawn } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from '../../src/model/errors.ts';
import type { HostName } from '../../src/model/names.ts';
import type { CommandResult, Remote, RemoteCommand, SocketReply } from '../../src/remote/remote.ts';
import { outputOf } from '../../src/remote/session/ssh-command.ts';
import {
  CappedBytes,
  OutputOverflow,
  type OutputSink,
} from '../../src/remote/shared/command-output.ts';
import { getOverStream } from '../../src/remote/shared/socket-get.ts';

export type FakeCall =
  | { readonly kind: 'connect' }
  | {
      readonly kind: 'run';
      readonly command: string;
      readonly stdin: string;
      readonly asRoot: boolean;
    }
  | {
      readonly kind: 'upload';
      readonly path: string;
      readonly mode: number;
      readonly bytes: number;
    }
  | { readonly kind: 'download'; readonly path: string }
  | { readonly kind: 'get'; readonly socketPath: string; readonly urlPath: string };

/** What a scripted answer says; what it leaves out is 0, empty. */
interface FakeAnswer {
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly stdout?: string | Uint8Array;
  readonly stderr?: string;
}

/** A fault at the `call`-th call of this host, from 1. */
type FakeFault =
  /**
   * The link breaks before the host hears of the call, or after the host has done it but before its
   * answer arrives.
   */
  | { readonly call: number; readonly kind: 'drop'; readonly moment: 'before' | 'after' }
  | { readonly call: number; readonly kind: 'delay'; readonly delayMs: number }
  | { readonly call: number; readonly kind: 'fail'; readonly error: FleetError }
  | { readonly call: number; readonly kind: 'exit'; readonly exitCode: number };

export interface FakeRemoteOptions {
  readonly host: HostName;
  /**
   * Folder that stands for `/` in upload and download. Commands that no `answer` takes run in
   * /bin/sh on the real file system.
   */
  readonly root?: string;
  /** Asked first for every command; undefined: not mine. */
  readonly answer?: (
    call: Extract<FakeCall, { kind: 'run' }>,
  ) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>;
  /** The agent's answers; null: nothing listens. Without it, `get` connects to a real socket. */
  readonly agent?: (
    socketPath: string,
    urlPath: string,
  ) => SocketReply | null | Promise<SocketReply | null>;
  /**
   * False: a command that no `answer` takes is an error of the test instead of going to /bin/sh.
   * Default true.
   */
  readonly shell?: boolean;
  readonly faults?: readonly FakeFault[];
  readonly commandTimeoutMs?: number;
}

/**
 * A host without a network, on the same contract as SSH. `calls` records what was asked, in order,
 * faults included.
 */
export class FakeRemote implements Remote {
  readonly host: HostName;
  readonly calls: FakeCall[] = [];
  readonly #options: FakeRemoteOptions;
  #closed = false;

  constructor(options: FakeRemoteOptions) {
    this.host = options.host;
    this.#options = options;
  }

  connect(): ReturnType<Remote['connect']> {
    return this.#call({ kind: 'connect' }, async () => ({
      latencyMs: 0.1,
      address: '192.0.2.1',
      port: 22,
      user: 'root',
      exchange: { byOpenSsh: false, keyExchanges: ['curve25519-sha256'] },
    }));
  }

  async run(command: RemoteCommand): Promise<CommandResult> {
    const stdin =
      this.#options.answer === undefined ? command.stdin : await wholeInput(command.stdin);
    const call = {
      kind: 'run',
      command: command.command,
      stdin: typeof stdin === 'string' ? stdin : '',
      asRoot: command.asRoot === true,
    } as const;
    return this.#call(
      call,
      async () => {
        const answer = await this.#options.answer?.(call);
        if (answer !== undefined) return resultOf(answer, command);
        if (this.#options.shell === false)
          throw new Error(`no answer is scripted for: ${command.command}`);
        return this.#shell({ ...command, ...(stdin === undefined ? {} : { stdin }) });
      },
      (exitCode) => resultOf({ exitCode }, command),
    );
  }

  upload(
    path: string,
    content: Uint8Array,
    options: { readonly mode: number; readonly timeoutMs?: number },
  ): Promise<void> {
    return this.#call(
      { kind: 'upload', path, mode: options.mode, bytes: content.length },
      async () => {
        const real = this.#real(path);
        try {
          if (this.#options.root !== undefined) await mkdir(dirname(real), { recursive: true });
          await writeFile(`${real}.fleet-part`, content, { mode: options.mode });
          await rename(`${real}.fleet-part`, real);
        } catch (cause) {
          throw this.#error('transfer', `${path} could not be written`, cause);
        }
      },
    );
  }

  download(
    path: string,
    options: { readonly maxBytes?: number; readonly timeoutMs?: number } = {},
  ): Promise<Uint8Array> {
    return this.#call({ kind: 'download', path }, async () => {
      const bytes = await readFile(this.#real(path)).catch((cause) => {
        throw this.#error('transfer', `${path} does not exist`, cause);
      });
      if (bytes.length > (options.maxBytes ?? Number.POSITIVE_INFINITY))
        throw this.#error('transfer', `${path} is too large`);
      return bytes;
    });
  }

  get(
    socketPath: string,
    urlPath: string,
    options: { readonly timeoutMs?: number; readonly maxBytes?: number } = {},
  ): Promise<SocketReply> {
    return this.#call({ kind: 'get', socketPath, urlPath }, async () => {
      if (this.#options.agent !== undefined) {
        const reply = await this.#options.agent(socketPath, urlPath);
        if (reply === null)
          throw this.#error('agent-unreachable', `nothing answers on ${socketPath}`);
        return reply;
      }
      return getOverStream(
        this.host,
        connect(this.#real(socketPath)),
        urlPath,
        options.timeoutMs ?? 20_000,
        options.maxBytes,
      );
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #call<T>(
    call: FakeCall,
    act: () => Promise<T>,
    exitWith?: (exitCode: number) => T,
  ): Promise<T> {
    if (this.#closed) throw this.#error('ssh-lost', 'the connection was closed by fleet');
    this.calls.push(call);
    const number = this.calls.length;
    const faults = (this.#options.faults ?? []).filter((fault) => fault.call === number);
    for (const fault of faults) {
      if (fault.kind === 'delay') await sleep(fault.delayMs);
      if (fault.kind === 'fail') throw fault.error;
      if (fault.kind === 'drop' && fault.moment === 'before')
        throw this.#error('ssh-lost', 'the connection was lost');
      if (fault.kind === 'exit' && exitWith !== undefined) return exitWith(fault.exitCode);
    }
    const value = await act();
    if (faults.some((fault) => fault.kind === 'drop'))
      throw this.#error('ssh-lost', 'the connection was lost');
    return value;
  }

  async #shell(command: RemoteCommand): Promise<CommandResult> {
    const child = spawn('/bin/sh', ['-c', command.command], { detached: true });
    const killAll = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timeoutMs = command.timeoutMs ?? this.#options.commandTimeoutMs ?? 20_000;
    const stdout = new CappedBytes(command.maxOutputBytes ?? 16 * 1024 * 1024);
    const stderr = new CappedBytes(command.maxOutputBytes ?? 16 * 1024 * 1024);
    const { out, err } = outputOf(command, stdout, stderr);
    child.stdin.on('error', () => {});
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        killAll();
        reject(
          this.#error('command-timeout', `the command did not end within ${timeoutMs / 1000} s`),
        );
      }, timeoutMs);
      const take = (sink: OutputSink) => (chunk: Uint8Array) => {
        try {
          sink.push(chunk);
        } catch (cause) {
          clearTimeout(timer);
          killAll();
          reject(
            cause instanceof OutputOverflow
              ? this.#error('agent-reply', `it ${cause.message}`)
              : cause,
          );
        }
      };
      child.stdout.on('data', take(out));
      child.stderr.on('data', take(err));
      feed(child.stdin, command.stdin).catch((cause) => {
        clearTimeout(timer);
        killAll();
        reject(cause);
      });
      child.on('close', (exitCode, signal) => {
        clearTimeout(timer);
        out.finish();
        resolve({
          exitCode,
          signal,
          stdout: stdout.bytes(),
          stderr: stderr.bytes(),
          truncated: stdout.truncated || stderr.truncated,
        });
      });
    });
  }

  #real(path: string): string {
    return this.#options.root === undefined ? path : join(this.#options.root, path);
  }

  #error(
    code: 'ssh-lost' | 'command-timeout' | 'transfer' | 'agent-unreachable' | 'agent-reply',
    what: string,
    cause?: unknown,
  ): FleetError {
    return new FleetError(code, `${this.host}: ${what}`, {
      hint: 'this is a scripted host',
      host: this.host,
      cause,
    });
  }
}

async function feed(target: NodeJS.WritableStream, input: RemoteCommand['stdin']): Promise<void> {
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) {
    target.end(input ?? '');
    return;
  }
  for await (const chunk of input) {
    if (!target.writable) return;
    await new Promise<void>((written) => target.write(chunk, () => written()));
  }
  target.end();
}

async function wholeInput(input: RemoteCommand['stdin']): Promise<string | undefined> {
  if (input === undefined || typeof input === 'string') return input;
  if (input instanceof Uint8Array) return Buffer.from(input).toString('utf8');
  const chunks: Uint8Array[] = [];
  for await (const chunk of input) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function resultOf(answer: FakeAnswer, command: RemoteCommand): CommandResult {
  const kept = new CappedBytes(command.maxOutputBytes ?? 16 * 1024 * 1024);
  const sink = outputOf(command, kept, kept).out;
  sink.push(Buffer.from(answer.stdout ?? ''));
  sink.finish();
  return {
    exitCode: answer.signal == null ? (answer.exitCode ?? 0) : null,
    signal: answer.signal ?? null,
    stdout: kept.bytes(),
    stderr: Buffer.from(answer.stderr ?? ''),
    truncated: kept.truncated,
  };
}
