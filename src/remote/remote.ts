import type { HostName } from '../model/names.ts';

/**
 * A command for /bin/sh, with the environment of the login shell. `stdin` is where secrets go: the
 * command itself is visible in the process list.
 */
export interface RemoteCommand {
  readonly command: string;
  /**
   * Whole standard input, or chunks as they become available. It is closed after the last chunk.
   */
  readonly stdin?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /**
   * Run as root by `sudo -n` (or `sudo -S` with the configured password) when the login user is not
   * root.
   */
  readonly asRoot?: boolean;
  /**
   * With `asRoot`: the same as an act of bin/fleet-sudo and its words, for hosts whose login user
   * may do nothing else (`ssh.sudo: narrow`). A command
   * without it needs all rights, and is refused there (`sudo`).
   */
  readonly narrow?: readonly string[];
  /**
   * Ends the command and rejects with `command-timeout`. Default: the host's `commandTimeoutMs`.
   */
  readonly timeoutMs?: number;
  /**
   * When this command line is interrupted (Ctrl-C), the command is ended on the host too: SIGTERM,
   * then SIGKILL a second later. Without it
   * the command only loses its pipes.
   */
  readonly stopsWithCaller?: boolean;
  /**
   * Called for every complete line of standard output as it arrives. With it, `stdout` of the
   * result stays empty.
   */
  readonly onLine?: (line: string) => void;
  /**
   * Called for every piece of standard output as it arrives, until it returns; never together with
   * `onLine`. With it, `stdout` of the result stays empty. What it throws ends the command and
   * reaches the caller.
   */
  readonly onBytes?: (bytes: Uint8Array) => void;
  /**
   * Bytes of stdout and of stderr that are kept, the head; the rest is read and dropped. Default 16
   * MiB.
   */
  readonly maxOutputBytes?: number;
  /**
   * For every command whose answer fleet itself reads: a host that says more is not listened to any
   * longer. Without it, output is cut and read to its end.
   */
  readonly replyLimit?: ReplyLimit;
}

/**
 * What a host may answer at most, as it follows from what it was asked. More rejects with
 * `agent-reply`, and ends the connection.
 */
export interface ReplyLimit {
  /** Of standard output, and of standard error. */
  readonly bytes: number;
  /** Of one line. Default: as many as `bytes`, and 1 MiB. */
  readonly lineBytes?: number;
}

/**
 * `exitCode` is null when the command was ended by `signal`. A lost link is never a result: it
 * rejects with `ssh-lost`.
 */
export interface CommandResult {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly truncated: boolean;
}

export interface SocketReply {
  readonly status: number;
  readonly body: Uint8Array;
  /** True when a command on the host carried it, because sshd forwards no sockets. */
  readonly byCommand?: boolean;
}

/** What is known of the key exchange of a link. */
export interface ExchangeFacts {
  /** The system's OpenSSH carries it. */
  readonly byOpenSsh: boolean;
  /** The one that was agreed, or all that the host offers; empty: not known. */
  readonly keyExchanges: readonly string[];
}

/**
 * One multiplexed connection to one host. The first use connects; later uses share the connection.
 * Every call is bounded in
 * time and rejects with a FleetError (`ssh-*`, `command-timeout`, `sudo`, `transfer`,
 * `agent-unreachable`); a command's own exit code is a value.
 * Nothing is retried: whether an act may be repeated is the caller's knowledge.
 */
export interface Remote {
  readonly host: HostName;
  /**
   * Connects now. Safe to repeat. Reports `latencyMs`, the time of one request on the open
   * connection.
   */
  connect(): Promise<{
    readonly latencyMs: number;
    readonly address: string;
    readonly port: number;
    readonly user: string;
    readonly exchange: ExchangeFacts;
  }>;
  run(command: RemoteCommand): Promise<CommandResult>;
  /**
   * Writes `content` to a temporary name beside `path`, then renames: the file is whole or absent.
   * Mode in octal, e.g. 0o600.
   */
  upload(
    path: string,
    content: Uint8Array,
    options: { readonly mode: number; readonly timeoutMs?: number },
  ): Promise<void>;
  download(
    path: string,
    options?: { readonly maxBytes?: number; readonly timeoutMs?: number },
  ): Promise<Uint8Array>;
  /**
   * One HTTP/1.1 GET over the unix socket `socketPath` on the host (direct-streamlocal on this
   * connection). A body above `maxBytes` (default 16 MiB)
   * rejects with `agent-reply`.
   */
  get(
    socketPath: string,
    urlPath: string,
    options?: { readonly timeoutMs?: number; readonly maxBytes?: number },
  ): Promise<SocketReply>;
  /** Ends the connection. Safe to repeat; later calls reject with `ssh-lost`. */
  close(): Promise<void>;
}
