import { randomBytes } from 'node:crypto';
import { allRightsCommands } from '../../model/all-rights.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { HostName } from '../../model/names.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { CommandResult, Remote, RemoteCommand, SocketReply } from '../remote.ts';
import type { SshLink } from '../session/link.ts';
import {
  type CommandOutcome,
  DEFAULT_OUTPUT_BYTES,
  type PreparedCommand,
  runOnLink,
} from '../session/ssh-command.ts';
import { interruptedFailure } from '../session/ssh-errors.ts';
import { answersSftp } from '../session/ssh-probe.ts';
import { isLoginRefusal, loginFailure, sudoFailure } from '../session/ssh-refusals.ts';
import {
  DOWNLOAD_MISSING,
  downloadScript,
  type Elevation,
  stopScript,
  uploadScript,
  wrapCommand,
} from '../shared/shell-command.ts';
import { getOverStream } from '../shared/socket-get.ts';
import { openLink, usesOpenSsh } from './open-link.ts';

const DEFAULT_DOWNLOAD_BYTES = 64 * 1024 * 1024;
/** What the shell may say about a transfer besides the file itself. */
const TRANSFER_WORDS_BYTES = 64 * 1024;
/** Slowest link that a transfer's default time allows for, bytes per second (0.5 Mbit/s). */
const SLOWEST_BYTES_PER_S = 64 * 1024;

/**
 * A host over SSH. Nothing happens before the first use. A link that was lost is not used again:
 * the call that lost it rejects, and
 * the next one connects anew. Errors: see {@link Remote}; besides `ssh-config` for options that
 * cannot be followed, `interrupted`
 * after the context's signal, `host-space` when an upload finds the disk full, `agent-reply` for
 * what is not HTTP.
 */
export function createSshRemote(spec: Pick<HostSpec, 'name' | 'ssh'>, context: SshContext): Remote {
  return new SshRemote(spec, context);
}

class SshRemote implements Remote {
  readonly host: HostName;
  readonly #spec: Pick<HostSpec, 'name' | 'ssh'>;
  readonly #context: SshContext;
  #link: Promise<SshLink> | null = null;
  #closed = false;

  constructor(spec: Pick<HostSpec, 'name' | 'ssh'>, context: SshContext) {
    this.host = spec.name;
    this.#spec = spec;
    this.#context = context;
  }

  async connect(): ReturnType<Remote['connect']> {
    const link = await this.#connected();
    const { address, port, user } = link.target;
    const exchange = {
      byOpenSsh: usesOpenSsh(link.target),
      keyExchanges: [link.keyExchange],
    };
    return { latencyMs: await link.roundTrip(), address, port, user, exchange };
  }

  async run(command: RemoteCommand): Promise<CommandResult> {
    const { exitCode, signal, stdout, stderr, truncated } = await this.#run(command);
    return { exitCode, signal, stdout, stderr, truncated };
  }

  async upload(
    path: string,
    content: Uint8Array,
    options: { readonly mode: number; readonly timeoutMs?: number },
  ): Promise<void> {
    const timeoutMs =
      options.timeoutMs ?? transferTimeMs(this.#spec.ssh.commandTimeoutMs, content.length);
    const script = uploadScript(
      absolute(path),
      content.length,
      options.mode,
      randomBytes(6).toString('hex'),
    );
    const result = await this.#run({
      command: script,
      stdin: content,
      asRoot: true,
      timeoutMs,
      replyLimit: { bytes: TRANSFER_WORDS_BYTES },
    });
    if (result.exitCode === 0) return;
    const said = Buffer.from(result.stderr).toString('utf8').trim();
    // The shell tells the kernel's ENOSPC and EDQUOT only in words, in the C locale that the script
    // sets.
    if (/No space left on device|Disk quota exceeded/.test(said)) {
      throw new FleetError(
        'host-space',
        `${this.host}: no space for ${path} (${content.length} bytes)`,
        {
          hint: `free space on the host: fleet exec ${this.host} -- df -h`,
          host: this.host,
          cause: said,
        },
      );
    }
    throw this.#transferFailure(`${path} could not be written`, said);
  }

  async download(
    path: string,
    options: { readonly maxBytes?: number; readonly timeoutMs?: number } = {},
  ): Promise<Uint8Array> {
    const maxBytes = options.maxBytes ?? DEFAULT_DOWNLOAD_BYTES;
    const timeoutMs =
      options.timeoutMs ?? transferTimeMs(this.#spec.ssh.commandTimeoutMs, maxBytes);
    const script = downloadScript(absolute(path), maxBytes);
    const result = await this.#run({
      command: script,
      asRoot: true,
      timeoutMs,
      replyLimit: { bytes: maxBytes + TRANSFER_WORDS_BYTES },
    });
    if (result.exitCode === DOWNLOAD_MISSING)
      throw this.#transferFailure(`${path} does not exist`, undefined);
    if (result.exitCode !== 0)
      throw this.#transferFailure(
        `${path} could not be read`,
        Buffer.from(result.stderr).toString('utf8'),
      );
    if (result.stdout.length > maxBytes)
      throw this.#transferFailure(`${path} is larger than ${maxBytes} bytes`, undefined);
    return result.stdout;
  }

  async get(
    socketPath: string,
    urlPath: string,
    options: { readonly timeoutMs?: number; readonly maxBytes?: number } = {},
  ): Promise<SocketReply> {
    const timeoutMs = options.timeoutMs ?? this.#spec.ssh.commandTimeoutMs;
    const link = await this.#connected();
    const stream = await link.openSocket(socketPath, timeoutMs);
    return new Promise((resolve, reject) => {
      const stopListening = link.onOver(reject);
      // A link that dies ends the stream before it tells why: its own reason goes first.
      const fail = (failure: unknown) => setImmediate(() => reject(link.failure() ?? failure));
      getOverStream(this.host, stream, urlPath, timeoutMs, options.maxBytes)
        .then((reply) => resolve({ ...reply, byCommand: link.socketsNeedCommand() }), fail)
        .finally(stopListening);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#link?.catch(() => null);
    await link?.close();
  }

  async #connected(): Promise<SshLink> {
    if (this.#closed) {
      throw new FleetError('ssh-lost', `${this.host}: the connection was closed by fleet`, {
        hint: 'run the command again',
        host: this.host,
      });
    }
    if (this.#context.signal?.aborted === true) throw interruptedFailure(this.host);
    return this.#link ?? this.#open();
  }

  /**
   * Callers that come while it connects share the attempt and its failure; after a failure or a
   * loss the next one starts anew.
   */
  #open(): Promise<SshLink> {
    const opening = this.#logIn();
    const forget = (): void => {
      if (this.#link === opening) this.#link = null;
    };
    this.#link = opening;
    opening.then((link) => link.onOver(forget), forget);
    return opening;
  }

  async #logIn(): Promise<SshLink> {
    const { logins } = this.#context;
    const target = await this.#context.target(this.#spec);
    const paused = (await logins?.pausedBy(this.host)) ?? null;
    if (paused !== null) throw paused;
    try {
      const link = await openLink(target, this.#context);
      await logins?.note(this.host, null);
      return link;
    } catch (error) {
      if (error instanceof FleetError) await logins?.note(this.host, error);
      throw error;
    }
  }

  async #run(command: RemoteCommand): ReturnType<typeof runOnLink> {
    const link = await this.#connected();
    const { target } = link;
    const timeoutMs = command.timeoutMs ?? target.commandTimeoutMs;
    const marker = `fleet-${randomBytes(9).toString('hex')}`;
    const elevation = elevationOf(this.host, command, target, marker);
    const wrapped = wrapCommand(command.command, marker, elevation, timeoutMs);
    const password =
      elevation.kind === 'sudo-password' && target.sudoPassword !== null
        ? `${await this.#context.secret(target.sudoPassword)}\n${elevation.drained}\n`
        : '';
    const outcome = await runOnLink(link, {
      wire: wrapped.command,
      marker,
      marksStderr: wrapped.marksStderr,
      stdinHead: password,
      stdin: command.stdin,
      onLine: command.onLine,
      onBytes: command.onBytes,
      maxOutputBytes: command.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES,
      replyLimit: command.replyLimit,
      timeoutMs,
      stopsWithCaller: command.stopsWithCaller === true,
      stopCommand: (pid) => ({ wire: stopScript(pid, elevation), stdin: password }),
    });
    if (!outcome.started && outcome.exitCode !== null)
      throw await this.#neverStarted(link, elevation, outcome.noise);
    return outcome;
  }

  /**
   * Whose fault it is: sudo's, when a command without it starts, else the login's. One or two short
   * looks, on the failure only.
   */
  async #neverStarted(link: SshLink, elevation: Elevation, noise: string): Promise<FleetError> {
    const { target } = link;
    if (elevation.kind === 'none')
      return loginFailure(target, noise, noise === '' && (await answersSftp(link)));
    if (!isLoginRefusal(noise)) {
      const plain = await this.#look(link);
      if (plain === null || plain.started) return sudoFailure(target, noise);
      return this.#neverStarted(link, { kind: 'none' }, plain.noise);
    }
    return loginFailure(target, noise, false);
  }

  /** Runs nothing, as the login user; null when that cannot be tried. */
  #look(link: SshLink): Promise<CommandOutcome | null> {
    const marker = `fleet-${randomBytes(9).toString('hex')}`;
    const timeoutMs = this.#spec.ssh.commandTimeoutMs;
    const none = { kind: 'none' } as const;
    const look: PreparedCommand = {
      wire: wrapCommand('true', marker, none, timeoutMs).command,
      marker,
      marksStderr: false,
      stdinHead: '',
      stdin: undefined,
      onLine: undefined,
      onBytes: undefined,
      maxOutputBytes: 4096,
      replyLimit: { bytes: 4096 },
      timeoutMs,
      stopsWithCaller: false,
      stopCommand: (pid) => ({ wire: stopScript(pid, none), stdin: '' }),
    };
    return runOnLink(link, look).catch(() => null);
  }

  #transferFailure(what: string, cause: string | undefined): FleetError {
    return new FleetError('transfer', `${this.host}: ${what}`, {
      hint: `look at it: fleet exec ${this.host} -- ls -l`,
      host: this.host,
      cause,
    });
  }
}

function elevationOf(
  host: HostName,
  command: RemoteCommand,
  target: SshTarget,
  marker: string,
): Elevation {
  if (command.asRoot !== true || target.user === 'root') return { kind: 'none' };
  if (target.sudo === 'narrow') {
    if (command.narrow !== undefined) return { kind: 'narrow', act: command.narrow };
    throw new FleetError(
      'sudo',
      `${host}: this needs all of root's rights, and ssh.sudo: narrow leaves ` +
        `${target.user} fleet's helper only`,
      {
        hint:
          `fleet ${allRightsCommands} log in as ssh.init_user, or use ssh.sudo_password; set one of ` +
          'them in the inventory',
        host,
      },
    );
  }
  return target.sudoPassword === null
    ? { kind: 'sudo' }
    : { kind: 'sudo-password', drained: `${marker}-payload` };
}

const transferTimeMs = (commandTimeoutMs: number, bytes: number): number =>
  commandTimeoutMs + Math.ceil(bytes / SLOWEST_BYTES_PER_S) * 1000;

function absolute(path: string): string {
  if (path.startsWith('/') && !path.includes('\0')) return path;
  throw new FleetError('bug', `remote path ${JSON.stringify(path)} is not absolute`, {
    hint: 'please report this',
  });
}
