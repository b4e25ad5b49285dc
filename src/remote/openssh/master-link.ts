import { FleetError } from '../../model/errors.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { ChannelGate } from '../session/channel-gate.ts';
import { Farewells } from '../session/farewells.ts';
import type { SshLink } from '../session/link.ts';
import { openSocketByCommand } from '../session/socket-by-command.ts';
import { interruptedFailure, lostFailure } from '../session/ssh-errors.ts';
import { socketFailure } from '../session/ssh-refusals.ts';
import { type Attach, openGated } from '../session/ssh-sessions.ts';
import { withLimit } from '../session/with-limit.ts';
import { type MuxChannel, OpenRefusal } from './mux-channel.ts';
import type { MuxConnection } from './mux-connection.ts';

/** Sessions on one connection at most; sshd's default MaxSessions is 10. */
const MAX_SESSIONS = 8;

/** A link that an `ssh` of the system holds. */
export interface MasterLink extends SshLink {
  /** Socket by which another `ssh` may use the connection. */
  readonly socket: string;
}

export interface MasterLogin {
  readonly connection: MuxConnection;
  readonly socket: string;
  readonly keyExchange: string;
  /** The last that `ssh` said. */
  lastLog(): string;
}

/** The link over an `ssh` that is logged in. */
export function masterLink(target: SshTarget, context: SshContext, login: MasterLogin): MasterLink {
  const { connection, socket, keyExchange } = login;
  const gate = new ChannelGate(MAX_SESSIONS);
  const life = createLife(target, context, login, gate);
  const open = (type: string, ...fields: Parameters<MuxConnection['open']>[1][]) =>
    life.call(connection.open(type, ...fields));
  let socketsNeedCommand = false;
  const link: MasterLink = {
    target,
    socket,
    keyExchange,
    failure: life.failure,
    onOver: life.onOver,
    beforeInterrupt: life.beforeInterrupt,
    openSession: (command, limitMs, attach) =>
      openGated(gate, target, limitMs, attach, async (attachFirst) => {
        const channel = await open('session');
        return life.call(execute(channel, command, attachFirst));
      }),
    async openSocket(path, limitMs) {
      if (!socketsNeedCommand) {
        try {
          const opening = open('direct-streamlocal@openssh.com', path, '', 0);
          return await withLimit(opening, limitMs);
        } catch (cause) {
          if (cause instanceof FleetError) throw cause;
          if (!(cause instanceof OpenRefusal)) throw socketFailure(target, path, '', cause);
        }
      }
      return openSocketByCommand(link, path, limitMs, () => {
        socketsNeedCommand = true;
      });
    },
    openTcp: (address, port) => open('direct-tcpip', address, port, '127.0.0.1', 0),
    async roundTrip() {
      const from = performance.now();
      // sshd knows no such channel, and its refusal is the answer that is timed.
      await open('fleet-ping').catch((refusal) => {
        if (!(refusal instanceof OpenRefusal)) throw refusal;
      });
      return performance.now() - from;
    },
    async close() {
      life.end(lostFailure(target, 'the connection was closed by fleet'));
    },
    socketsNeedCommand: () => socketsNeedCommand,
  };
  return link;
}

/** Runs a command on a channel. Rejects where sshd refuses to. */
function execute(channel: MuxChannel, command: string, attach: Attach): Promise<MuxChannel> {
  return new Promise((resolve, reject) => {
    channel.request('exec', [command], (isDone) => {
      if (isDone) {
        attach(channel);
        resolve(channel);
        return;
      }
      channel.close();
      channel.resume();
      reject(Object.assign(new Error('the request to run a command was refused'), { reason: 1 }));
    });
  });
}

/** How a link lives and ends: all that waits on it ends with it. */
interface Life {
  failure(): FleetError | null;
  onOver(listener: (failure: FleetError) => void): () => void;
  beforeInterrupt(listener: () => Promise<void>): () => void;
  /** The same promise, which also ends with the link. */
  call<T>(started: Promise<T>): Promise<T>;
  end(why: FleetError): void;
}

function createLife(
  target: SshTarget,
  context: SshContext,
  { connection, lastLog }: MasterLogin,
  gate: ChannelGate,
): Life {
  const listeners = new Set<(failure: FleetError) => void>();
  const farewells = new Farewells();
  let failure: FleetError | null = null;
  const end = (why: FleetError): void => {
    if (failure !== null) return;
    failure = why;
    context.signal?.removeEventListener('abort', onAbort);
    endProcess(connection.pid);
    connection.destroy();
    gate.abort(why);
    for (const listener of [...listeners]) listener(why);
    listeners.clear();
  };
  const onAbort = (): void => farewells.before(() => end(interruptedFailure(target.host)));
  connection.onClose((why) => end(lostFailure(target, lostWords(context, lastLog(), why), why)));
  context.signal?.addEventListener('abort', onAbort, { once: true });
  if (context.signal?.aborted === true) onAbort();
  return {
    failure: () => failure,
    onOver(listener) {
      if (failure !== null) listener(failure);
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    beforeInterrupt: (listener) => farewells.add(listener),
    call(started) {
      return new Promise((resolve, reject) => {
        if (failure !== null) return reject(failure);
        listeners.add(reject);
        const settle = (act: () => void): void => {
          listeners.delete(reject);
          act();
        };
        started.then(
          (value) => settle(() => resolve(value)),
          (cause) => settle(() => reject(cause)),
        );
      });
    },
    end,
  };
}

/** Why the connection is over, in the words of the other transport. */
function lostWords({ silenceMs }: SshContext, said: string, why: Error | null): string {
  if (why !== null) return why.message;
  if (/^Timeout, server .* not responding/m.test(said)) {
    return `the host has been silent for ${silenceMs / 1000} s`;
  }
  return 'the host closed the connection';
}

/** The `ssh` that holds the connection ends with it: by itself it would stay some seconds. */
function endProcess(pid: number): void {
  try {
    if (pid > 1) process.kill(pid, 'SIGTERM');
  } catch {
    // It is gone already.
  }
}
