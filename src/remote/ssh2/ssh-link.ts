import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { FleetError } from '../../model/errors.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { ChannelGate } from '../session/channel-gate.ts';
import { Farewells } from '../session/farewells.ts';
import { useJump } from '../session/jump.ts';
import type { SshLink } from '../session/link.ts';
import { openSocketByCommand } from '../session/socket-by-command.ts';
import { connectFailure, interruptedFailure, lostFailure } from '../session/ssh-errors.ts';
import { hopFailure, socketFailure } from '../session/ssh-refusals.ts';
import { type Attach, openGated } from '../session/ssh-sessions.ts';
import { withLimit } from '../session/with-limit.ts';
import { dial } from './ssh-dial.ts';
import { type LoggedIn, logIn } from './ssh-handshake.ts';
import { watchSilence } from './watch-silence.ts';

/** Sessions on one connection at most; sshd's default MaxSessions is 10. */
const MAX_SESSIONS = 8;

/**
 * Connects through the target's jumps and logs in. Jump hosts are shared by all links of one
 * context, the last of which closes them.
 */
export async function openLink(target: SshTarget, context: SshContext): Promise<SshLink> {
  const route = await openRoute(target, context);
  try {
    const link = linkOf(target, context, await logIn(target, context, route.open));
    link.onOver(route.release);
    return link;
  } catch (failure) {
    route.release();
    throw failure;
  }
}

/**
 * How streams to a target are made: directly, or through its last jump, which stays open until
 * `release`.
 */
export interface Route {
  open(): Promise<Duplex>;
  release(): void;
}

export async function openRoute(target: SshTarget, context: SshContext): Promise<Route> {
  const before = target.jumps.at(-1);
  if (before === undefined) return { open: () => dial(target, context.signal), release: () => {} };
  const { jump, release } = await useJump(target, before, context, 'ssh2', openLink);
  return {
    async open() {
      try {
        return await withLimit(jump.openTcp(target.address, target.port), target.connectTimeoutMs);
      } catch (cause) {
        // Time-outs and lost links have their own words.
        throw cause instanceof FleetError || !('reason' in (cause as object))
          ? cause
          : hopFailure(target, jump.target, cause);
      }
    },
    release,
  };
}

function linkOf(
  target: SshTarget,
  context: SshContext,
  { client, stream, keyExchange }: LoggedIn,
): SshLink {
  const listeners = new Set<(failure: FleetError) => void>();
  const gate = new ChannelGate(MAX_SESSIONS);
  let failure: FleetError | null = null;
  let socketsNeedCommand = false;
  const end = (why: FleetError): void => {
    if (failure !== null) return;
    failure = why;
    clearInterval(watch);
    context.signal?.removeEventListener('abort', onAbort);
    stream.destroy();
    gate.abort(why);
    for (const listener of [...listeners]) listener(why);
    listeners.clear();
  };
  const farewells = new Farewells();
  const onAbort = (): void => farewells.before(() => end(interruptedFailure(target.host)));
  const watch = watchSilence(stream, context.silenceMs, () =>
    end(lostFailure(target, `the host has been silent for ${context.silenceMs / 1000} s`)),
  );
  client.on('error', (cause) => end(connectFailure(target, 'open', cause)));
  client.on('close', () => end(lostFailure(target, 'the host closed the connection')));
  context.signal?.addEventListener('abort', onAbort, { once: true });
  if (context.signal?.aborted === true) onAbort();

  const call: Call = (start) => callOnLink(target, listeners, () => failure, start);
  const link: SshLink = {
    target,
    keyExchange,
    failure: () => failure,
    onOver(listener) {
      if (failure !== null) listener(failure);
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    beforeInterrupt: (listener) => farewells.add(listener),
    openSession: (command, limitMs, attach) => {
      const open = (attachFirst: Attach) =>
        call<ClientChannel>((done) => client.exec(command, attaching(attachFirst, done)));
      return openGated(gate, target, limitMs, attach, open);
    },
    async openSocket(path, limitMs) {
      if (!socketsNeedCommand) {
        try {
          return await withLimit(
            call<Duplex>((done) => client.openssh_forwardOutStreamLocal(path, done)),
            limitMs,
          );
        } catch (cause) {
          if (cause instanceof FleetError || !('reason' in (cause as object)))
            throw cause instanceof FleetError ? cause : socketFailure(target, path, '', cause);
        }
      }
      return openSocketByCommand(link, path, limitMs, () => {
        socketsNeedCommand = true;
      });
    },
    openTcp: (address, port) =>
      call<Duplex>((done) => client.forwardOut('127.0.0.1', 0, address, port, done)),
    async roundTrip() {
      const from = performance.now();
      // Cancelling a forwarding that does not exist does nothing on the host, and its refusal is
      // the answer that is timed.
      await call<void>((done) =>
        client.unforwardIn('127.0.0.1', 1, () => done(undefined, undefined)),
      );
      if (failure !== null) throw failure;
      return performance.now() - from;
    },
    async close() {
      if (failure !== null) return;
      client.end();
      end(lostFailure(target, 'the connection was closed by fleet'));
    },
    socketsNeedCommand: () => socketsNeedCommand,
  };
  return link;
}

type Call = <T>(start: (done: Done<T>) => void) => Promise<T>;

/**
 * Runs one of ssh2's callback functions so that it also ends with the link, whatever ssh2 does
 * about its callback then.
 */
function callOnLink<T>(
  target: SshTarget,
  listeners: Set<(failure: FleetError) => void>,
  failureOf: () => FleetError | null,
  start: (done: Done<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = failureOf();
    if (over !== null) return reject(over);
    listeners.add(reject);
    try {
      start((error, value) => {
        listeners.delete(reject);
        if (error instanceof Error) reject(failureOf() ?? error);
        else resolve(value);
      });
    } catch (cause) {
      listeners.delete(reject);
      reject(failureOf() ?? lostFailure(target, 'the connection was lost', cause));
    }
  });
}

type Done<T> = (error: Error | undefined | null, value: T) => void;

const attaching =
  (attach: Attach, done: Done<ClientChannel>): Done<ClientChannel> =>
  (error, channel) => {
    if (!(error instanceof Error)) attach(channel);
    done(error, channel);
  };
