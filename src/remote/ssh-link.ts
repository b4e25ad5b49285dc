import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { FleetError } from '../model/errors.ts';
import { ChannelGate } from './channel-gate.ts';
import type { SshContext } from './ssh-context.ts';
import { dial } from './ssh-dial.ts';
import { connectFailure, interruptedFailure, lostFailure } from './ssh-errors.ts';
import { type LoggedIn, logIn } from './ssh-handshake.ts';
import type { SshTarget } from './ssh-target.ts';

/** Sessions on one connection at most; sshd's default MaxSessions is 10. */
const MAX_SESSIONS = 8;

/** An open session that runs a command. `release` gives its place to the next one; call it once, when the channel is closed. */
export interface OpenSession {
  readonly channel: ClientChannel;
  release(): void;
}

/** A connection after the login. Once it is over, everything on it rejects with the same `ssh-lost` or `interrupted`. */
export interface SshLink {
  readonly target: SshTarget;
  /** Why the link is over; null while it is up. */
  failure(): FleetError | null;
  /** Called once when the link is over, at once when it already is. Returns how to stop listening. */
  onOver(listener: (failure: FleetError) => void): () => void;
  openSession(command: string): Promise<OpenSession>;
  /** A stream to a unix socket on the host. Rejects with `agent-unreachable` when the host cannot open it. */
  openSocket(path: string): Promise<Duplex>;
  /** A stream to a TCP address as seen from the host. */
  openTcp(address: string, port: number): Promise<Duplex>;
  /** Time of one request and its answer on the connection, ms. */
  roundTrip(): Promise<number>;
  close(): Promise<void>;
}

/** Connects through the target's jumps and logs in. Jump hosts are shared by all links of one context and stay open until it ends. */
export async function openLink(target: SshTarget, context: SshContext): Promise<SshLink> {
  return linkOf(target, context, await logIn(target, context, await dialerOf(target, context)));
}

/** How a stream to the target is made: directly, or through its last jump. */
export async function dialerOf(target: SshTarget, context: SshContext): Promise<() => Promise<Duplex>> {
  const before = target.jumps.at(-1);
  if (before === undefined) return () => dial(target, context.signal);
  const jump = await sharedJump({ ...before, jumps: target.jumps.slice(0, -1) }, context);
  return () => withLimit(jump.openTcp(target.address, target.port), target);
}

async function sharedJump(target: SshTarget, context: SshContext): Promise<SshLink> {
  const route = [...target.jumps, target].map((hop) => `${hop.user}@${hop.address}:${hop.port}`).join(',');
  const name = `jump ${route}`;
  const link = await context.once(name, () => openLink(target, context));
  if (link.failure() === null) return link;
  context.forget(name);
  return context.once(name, () => openLink(target, context));
}

async function withLimit(opening: Promise<Duplex>, target: SshTarget): Promise<Duplex> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error('no answer through the jump host'), { code: 'ETIMEDOUT' })),
      target.connectTimeoutMs,
    );
  });
  opening.then((stream) => stream.on('error', () => {})).catch(() => {});
  return Promise.race([opening, late]).finally(() => clearTimeout(timer));
}

function linkOf(target: SshTarget, context: SshContext, { client, stream }: LoggedIn): SshLink {
  const listeners = new Set<(failure: FleetError) => void>();
  const gate = new ChannelGate(MAX_SESSIONS);
  let failure: FleetError | null = null;
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
  const onAbort = (): void => end(interruptedFailure(target.host));
  const watch = watchSilence(stream, context.silenceMs, () =>
    end(lostFailure(target, `the host has been silent for ${context.silenceMs / 1000} s`)),
  );
  client.on('error', (cause) => end(connectFailure(target, 'open', cause)));
  client.on('close', () => end(lostFailure(target, 'the host closed the connection')));
  context.signal?.addEventListener('abort', onAbort, { once: true });
  if (context.signal?.aborted === true) onAbort();

  /** Runs one of ssh2's callback functions so that it also ends with the link, whatever ssh2 does about its callback then. */
  const call = <T>(start: (done: (error: Error | undefined | null, value: T) => void) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      if (failure !== null) return reject(failure);
      listeners.add(reject);
      const settle = (act: () => void): void => {
        listeners.delete(reject);
        act();
      };
      try {
        start((error, value) => settle(() => (error instanceof Error ? reject(failure ?? error) : resolve(value))));
      } catch (cause) {
        settle(() => reject(failure ?? lostFailure(target, 'the connection was lost', cause)));
      }
    });

  return {
    target,
    failure: () => failure,
    onOver(listener) {
      if (failure !== null) listener(failure);
      else listeners.add(listener);
      return () => listeners.delete(listener);
    },
    openSession: (command) => openGated(gate, target, () => call<ClientChannel>((done) => client.exec(command, done))),
    openSocket: async (path) => {
      try {
        return await call<Duplex>((done) => client.openssh_forwardOutStreamLocal(path, done));
      } catch (cause) {
        if (cause instanceof FleetError) throw cause;
        throw new FleetError('agent-unreachable', `${target.host}: nothing answers on ${path}`, {
          hint: `run fleet init --limit ${target.host}; the agent’s own words: fleet exec ${target.host} -- journalctl -u fleet-agent -n 20`,
          host: target.host,
          cause,
        });
      }
    },
    openTcp: (address, port) => call<Duplex>((done) => client.forwardOut('127.0.0.1', 0, address, port, done)),
    async roundTrip() {
      const from = performance.now();
      // Cancelling a forwarding that does not exist does nothing on the host, and its refusal is the answer that is timed.
      await call<void>((done) => client.unforwardIn('127.0.0.1', 1, () => done(undefined, undefined)));
      if (failure !== null) throw failure;
      return performance.now() - from;
    },
    async close() {
      if (failure !== null) return;
      client.end();
      end(lostFailure(target, 'the connection was closed by fleet'));
    },
  };
}

/** Bytes of any kind count as a sign of life: requests alone would take a link that is busy with a long upload for dead. */
function watchSilence(stream: Duplex, silenceMs: number, onSilence: () => void): NodeJS.Timeout {
  let heardAt = performance.now();
  let checkedAt = heardAt;
  stream.on('data', () => {
    heardAt = performance.now();
  });
  const periodMs = Math.ceil(silenceMs / 6);
  const timer = setInterval(() => {
    const now = performance.now();
    // After a pause of the process itself (a closed lid, a blocked loop) the host gets its chance to be heard first.
    if (now - checkedAt > periodMs * 3) heardAt = now;
    checkedAt = now;
    if (now - heardAt >= silenceMs) onSilence();
  }, periodMs);
  timer.unref();
  return timer;
}

async function openGated(gate: ChannelGate, target: SshTarget, open: () => Promise<ClientChannel>): Promise<OpenSession> {
  for (;;) {
    await gate.enter();
    try {
      const channel = await open();
      let released = false;
      const release = (): void => {
        if (!released) gate.leave();
        released = true;
      };
      return { channel, release };
    } catch (cause) {
      // Refused before the command was sent: waiting for another session to end and asking again is safe.
      const retry = !(cause instanceof FleetError) && gate.narrow();
      gate.leave();
      if (cause instanceof FleetError) throw cause;
      if (!retry) throw sessionRefused(target, cause);
    }
  }
}

const sessionRefused = (target: SshTarget, cause: unknown): FleetError =>
  new FleetError('ssh-connect', `${target.host}: sshd opens no session for commands`, {
    hint: 'check MaxSessions, ForceCommand and the login shell on the host',
    host: target.host,
    cause,
  });
