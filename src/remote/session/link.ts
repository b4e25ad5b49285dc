import type { Duplex } from 'node:stream';
import type { FleetError } from '../../model/errors.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { SessionChannel } from './session-channel.ts';
import type { Attach } from './ssh-sessions.ts';

/**
 * A connection after the login. Once it is over, everything on it rejects with the same `ssh-lost`
 * or `interrupted`.
 */
export interface SshLink {
  readonly target: SshTarget;
  /** Name of the key exchange. */
  readonly keyExchange: string;
  /** Why the link is over; null while it is up. */
  failure(): FleetError | null;
  /**
   * Called once when the link is over, at once when it already is. Returns how to stop listening.
   */
  onOver(listener: (failure: FleetError) => void): () => void;
  /**
   * Called when this command line is interrupted, while the link is still up: what it returns is
   * awaited, a few seconds at most, before
   * the link ends. Returns how to stop listening.
   */
  beforeInterrupt(listener: () => Promise<void>): () => void;
  /**
   * Waits for a free place (as long as earlier commands take), then opens within `limitMs`.
   * `attach` is called before anything of the
   * command can arrive: a quick one has its whole life in the packet that opens the session.
   */
  openSession(command: string, limitMs: number, attach: Attach): Promise<SessionChannel>;
  /**
   * A stream to a unix socket on the host, forwarded by sshd. Where sshd does not (it may be
   * forbidden to, and does not say why), a command on the
   * host carries the bytes, from then on at once. The stream or this rejects with
   * `agent-unreachable` when nothing is there within `limitMs`.
   */
  openSocket(path: string, limitMs: number): Promise<Duplex>;
  /** Whether sshd forwards no sockets, as far as is known. */
  socketsNeedCommand(): boolean;
  /** A stream to a TCP address as seen from the host. */
  openTcp(address: string, port: number): Promise<Duplex>;
  /** Time of one request and its answer on the connection, ms. */
  roundTrip(): Promise<number>;
  close(): Promise<void>;
}
