import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Algorithms, Client, ConnectConfig } from 'ssh2';
import type { FleetError } from '../../model/errors.ts';
import {
  hostKeyAlgorithms,
  hostKeyFingerprint,
  judgeHostKey,
  type KnownHostLine,
  keyBlobType,
} from '../config/known-hosts.ts';
import type { KnownHost, SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { DROP_PAUSES_MS, LATER_PAUSE_MS } from '../session/login-pauses.ts';
import {
  authFailure,
  type ConnectPhase,
  connectFailure,
  floodFailure,
  hostKeyFailure,
  interruptedFailure,
} from '../session/ssh-errors.ts';
import { lastWords } from '../shared/host-words.ts';
import { type AuthPlan, planAuth } from './ssh-auth.ts';
import { countUnasked } from './unasked-requests.ts';

/** The lists come from ssh-algorithms.ts, whose names ssh2's types do not know as such. */
function algorithmsFor({ algorithms }: SshTarget, known: readonly KnownHostLine[]): Algorithms {
  const { kex, cipher, mac, hostKey, keepsHostKeyOrder } = algorithms;
  const serverHostKey = keepsHostKeyOrder ? hostKey : hostKeyAlgorithms(known, hostKey);
  return { kex, cipher, hmac: mac, compress: ['none'], serverHostKey } as Algorithms;
}

/**
 * A client after the login. `stream` is what it runs on; `client` keeps an error listener for ever.
 */
export interface LoggedIn {
  readonly client: Client;
  readonly stream: Duplex;
  /** Name of the key exchange. */
  readonly keyExchange: string;
}

/**
 * Opens a stream with `open`, checks the host key, logs in. Bounded by `connectTimeoutMs` for the
 * stream and again for the handshake
 * with login. A host that drops the stream before the handshake is asked again, nothing was done
 * yet: up to three times, or, where it says that it takes no
 * connections now, within `connectTimeoutMs`.
 */
export async function logIn(
  target: SshTarget,
  context: SshContext,
  open: () => Promise<Duplex>,
): Promise<LoggedIn> {
  const ssh2 = (await import('ssh2')).default;
  const known = await context.knownHostLines(target);
  // A host that nobody vouches for is refused before the login: nobody need be asked for a
  // passphrase.
  const mayAsk =
    target.pins.length > 0 ||
    [...known.lines, ...known.other].some(({ marker }) => marker === null);
  const plan = () => planAuth(ssh2, target, context, mayAsk);
  const firstPlan = await plan();
  const giveUpAt = Date.now() + target.connectTimeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    const auth = attempt === 0 ? firstPlan : await plan();
    const state: AttemptState = { phase: 'dial', keyFailure: null, greeting: '', banner: '' };
    try {
      const stream = await open();
      state.phase = 'handshake';
      const debug = countUnasked(() => stream.destroy(floodFailure(target)));
      const config = { ...connectConfig(target, context, auth, state, known), debug };
      return await attemptLogin(new ssh2.Client(), stream, config, auth, state, context.signal);
    } catch (cause) {
      const pauseMs =
        DROP_PAUSES_MS[attempt] ?? (lastWords(state.greeting) === '' ? undefined : LATER_PAUSE_MS);
      if (
        pauseMs === undefined ||
        !wasDroppedEarly(state, cause) ||
        Date.now() + pauseMs > giveUpAt
      )
        throw explain(target, auth, state, cause);
      await sleep(
        pauseMs / 2 + Math.random() * (pauseMs / 2),
        undefined,
        context.signal === undefined ? {} : { signal: context.signal },
      ).catch(() => {
        throw interruptedFailure(target.host);
      });
    }
  }
}

interface AttemptState {
  phase: ConnectPhase;
  keyFailure: FleetError | null;
  /** What came before SSH's own first line: a refusal in words, or another protocol. */
  greeting: string;
  /** The last banner: sshd passes on what PAM says there. */
  banner: string;
}

/** Bytes that a host may say before SSH's own first line and that are kept. */
const MAX_GREETING_BYTES = 1024;

function connectConfig(
  target: SshTarget,
  context: SshContext,
  auth: AuthPlan,
  state: AttemptState,
  known: KnownHost,
): ConnectConfig {
  return {
    username: target.user,
    readyTimeout: target.connectTimeoutMs,
    // ssh2 only asks for signs of life; ssh-link.ts judges silence, by any byte received, so that a
    // slow upload is not taken for a dead link.
    keepaliveInterval: Math.ceil(context.silenceMs / 3),
    keepaliveCountMax: Number.MAX_SAFE_INTEGER,
    strictVendor: false,
    algorithms: algorithmsFor(
      target,
      known.lines.some(({ marker }) => marker === null) ? known.lines : known.other,
    ),
    authHandler: auth.handler,
    hostVerifier: (blob: Buffer): boolean => {
      const key = { type: keyBlobType(blob), blob };
      const verdict = judgeHostKey(key, known.lines, target.pins, known.other);
      const shown = { type: key.type, fingerprint: hostKeyFingerprint(blob) };
      if (verdict.kind !== 'trusted') state.keyFailure = hostKeyFailure(target, shown, verdict);
      return verdict.kind === 'trusted';
    },
  };
}

function attemptLogin(
  client: Client,
  stream: Duplex,
  config: ConnectConfig,
  auth: AuthPlan,
  state: AttemptState,
  signal?: AbortSignal,
): Promise<LoggedIn> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => fail(signal?.reason);
    const fail = (error: unknown): void => {
      signal?.removeEventListener('abort', onAbort);
      reject(error);
      stream.destroy();
    };
    let keyExchange = '';
    client.on('handshake', ({ kex }) => {
      keyExchange = kex;
      state.phase = 'auth';
    });
    client.on('banner', (text: string) => {
      state.banner = text.slice(-MAX_GREETING_BYTES);
    });
    hearGreeting(stream, state);
    client.on('error', (error: Error & { level?: string }) => {
      const goesOn =
        state.phase === 'auth' &&
        !auth.exhausted() &&
        (error.level === 'agent' || error.level === 'client-authentication');
      if (goesOn)
        auth.note(
          error.level === 'agent'
            ? 'ssh-agent does not answer or refused to sign'
            : 'a key could not sign',
        );
      else fail(error);
    });
    client.on('close', () => fail(undefined));
    client.once('ready', () => {
      state.phase = 'open';
      signal?.removeEventListener('abort', onAbort);
      resolve({ client, stream, keyExchange });
    });
    signal?.addEventListener('abort', onAbort, { once: true });
    stream.on('error', fail);
    client.connect({ ...config, sock: stream });
    if (signal?.aborted === true) onAbort();
  });
}

/** Listens until SSH's own first line, which is the last that is of no interest. */
function hearGreeting(stream: Duplex, state: Pick<AttemptState, 'greeting'>): void {
  const hear = (chunk: Buffer): void => {
    state.greeting = (state.greeting + chunk.toString('latin1')).slice(0, MAX_GREETING_BYTES);
    const own = state.greeting.search(/^SSH-/m);
    if (own !== -1) state.greeting = state.greeting.slice(0, own);
    if (own !== -1 || state.greeting.length >= MAX_GREETING_BYTES) stream.off('data', hear);
  };
  stream.on('data', hear);
}

/**
 * Worth another try after a pause: dropped without a word, or because of too many at once. Refused
 * connections do not make penalties longer.
 */
const wasDroppedEarly = (state: AttemptState, cause: unknown): boolean => {
  if (state.phase !== 'handshake' || state.keyFailure !== null) return false;
  const { level, code } = (cause ?? {}) as { level?: string; code?: string };
  const isDrop =
    cause === undefined || level === 'protocol' || code === 'ECONNRESET' || code === 'EPIPE';
  return (
    isDrop &&
    (lastWords(state.greeting) === '' ||
      /MaxStartups|not allowed at this time/i.test(state.greeting))
  );
};

function explain(
  target: SshTarget,
  auth: AuthPlan,
  state: AttemptState,
  cause: unknown,
): FleetError {
  if (state.keyFailure !== null) return state.keyFailure;
  const { name, level, code, message } = (cause ?? {}) as {
    name?: string;
    level?: string;
    code?: unknown;
    message?: string;
  };
  if (name === 'AbortError') return interruptedFailure(target.host);
  const timedOut = level === 'client-timeout' || level === 'client-socket';
  if (state.phase !== 'auth' || timedOut)
    return connectFailure(target, state.phase, cause, state.greeting);
  // A number is the reason of a disconnect in sshd's own words.
  return authFailure(
    target,
    { ...auth.story(), said: typeof code === 'number' ? (message ?? '') : state.banner },
    cause,
  );
}

/**
 * Connects without a login only to see the host key. Rejects like a connection; never with
 * `ssh-host-key`.
 */
export async function captureHostKey(
  target: SshTarget,
  open: () => Promise<Duplex>,
  signal?: AbortSignal,
): Promise<{ readonly blob: Buffer; readonly keyExchanges: readonly string[] }> {
  const ssh2 = (await import('ssh2')).default;
  const client = new ssh2.Client();
  let key: Buffer | null = null;
  let keyExchanges: readonly string[] = [];
  const state: { phase: ConnectPhase; greeting: string } = { phase: 'dial', greeting: '' };
  const leave = (): unknown => client.destroy();
  try {
    const stream = await open();
    state.phase = 'handshake';
    stream.on('error', () => {});
    hearGreeting(stream, state);
    const closed = once(client, 'close');
    closed.catch(() => {});
    client.on('error', () => {});
    client.connect({
      sock: stream,
      username: target.user,
      readyTimeout: target.connectTimeoutMs,
      algorithms: algorithmsFor(target, []),
      // ssh2 tells nowhere else what the host offers.
      debug: (line) => {
        const offered = /^Handshake: \(remote\) KEX method: (.*)/.exec(line)?.[1];
        keyExchanges = offered?.split(',') ?? keyExchanges;
      },
      hostVerifier: (blob: Buffer): boolean => {
        key = Buffer.from(blob);
        return false;
      },
    });
    signal?.addEventListener('abort', leave, { once: true });
    if (signal?.aborted === true) leave();
    await closed;
  } catch (cause) {
    if (key === null && signal?.aborted === true) throw interruptedFailure(target.host);
    if (key === null) throw connectFailure(target, state.phase, cause, state.greeting);
  } finally {
    signal?.removeEventListener('abort', leave);
    client.destroy();
  }
  if (key === null && signal?.aborted === true) throw interruptedFailure(target.host);
  if (key === null) throw connectFailure(target, state.phase, undefined, state.greeting);
  return { blob: key, keyExchanges };
}
