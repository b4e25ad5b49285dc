import type { Duplex, Readable } from 'node:stream';

/**
 * One command on a connection, whatever carries it: standard input and output, and the event
 * `exit` with the exit code, or with null and the signal's name (`SIGTERM`), before `close`.
 */
export interface SessionChannel extends Duplex {
  readonly stderr: Readable;
  /** Tells the host that nothing more is wanted. Safe to repeat. */
  close(): void;
}
