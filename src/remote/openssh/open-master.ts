import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError, type FleetErrorCode } from '../../model/errors.ts';
import { hostKeyAlgorithms, type KnownHostLine, lineFingerprint } from '../config/known-hosts.ts';
import { sshEnvironment } from '../config/openssh-program.ts';
import type { KnownHost, SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { useJump } from '../session/jump.ts';
import { DROP_PAUSES_MS, LATER_PAUSE_MS } from '../session/login-pauses.ts';
import { interruptedFailure, lostFailure } from '../session/ssh-errors.ts';
import { hopFailure } from '../session/ssh-refusals.ts';
import { withLimit } from '../session/with-limit.ts';
import { type Answers, createAnswers, hasAnswers } from './answers.ts';
import { openAskPass } from './askpass.ts';
import { type ControlFolder, makeControlFolder } from './control-folder.ts';
import { explainLogin, type FailedLogin, wasDroppedEarly } from './explain.ts';
import { readHandshakeLog } from './handshake-log.ts';
import { unusableKeys, withoutMissing, wrongPassphrase } from './key-problems.ts';
import { knownKeysText, pinCommand } from './known-keys.ts';
import { type MasterSettings, masterArguments, throughMaster } from './master-arguments.ts';
import { type MasterLink, masterLink } from './master-link.ts';
import { OpenRefusal } from './mux-channel.ts';
import { joinMux } from './mux-connection.ts';
import { type MasterRun, runMaster } from './run-master.ts';

/** Time in which an `ssh` that is logged in answers on its socket, ms. */
const JOIN_LIMIT_MS = 10_000;

/**
 * Lets the system's `ssh` log in, through the target's jumps, and takes its connection. Rejects as
 * the other transport does.
 */
export async function openMasterLink(target: SshTarget, context: SshContext): Promise<MasterLink> {
  return withJump(target, context, async (folder, proxyCommand, release) => {
    const link = await logIn(target, context, folder, proxyCommand);
    link.onOver(release());
    return link;
  });
}

/**
 * Calls `act` with the command that leads to the target through its last jump, whose connection is
 * released after it, or by whom `keep` gave the release to.
 */
export async function withJump<T>(
  target: SshTarget,
  context: SshContext,
  act: (folder: ControlFolder, proxyCommand: string | null, keep: () => () => void) => Promise<T>,
): Promise<T> {
  const folder = await context.once('ssh control folder', () => makeControlFolder());
  const before = target.jumps.at(-1);
  if (before === undefined) return act(folder, null, () => () => {});
  const { jump, release } = await useJump(target, before, context, 'openssh', openMasterLink);
  let isKept = false;
  const keep = (): (() => void) => {
    isKept = true;
    return release;
  };
  try {
    return await act(folder, throughMaster(jump.socket), keep);
  } catch (failure) {
    const isHop = failure instanceof FleetError && wayCodes.includes(failure.code);
    throw (isHop ? await refusedHop(target, jump) : null) ?? failure;
  } finally {
    if (!isKept) release();
  }
}

/** What a jump host that opens no way looks like from here. */
const wayCodes: readonly FleetErrorCode[] = ['ssh-connect', 'ssh-refused', 'ssh-timeout'];

/** Why a jump host opens no way to the target: asked again in a way that tells. */
async function refusedHop(target: SshTarget, jump: MasterLink): Promise<FleetError | null> {
  try {
    const opening = jump.openTcp(target.address, target.port);
    (await withLimit(opening, target.connectTimeoutMs)).destroy();
    return null;
  } catch (cause) {
    if (cause instanceof OpenRefusal) return hopFailure(target, jump.target, cause);
    return cause instanceof FleetError ? cause : null;
  }
}

async function logIn(
  target: SshTarget,
  context: SshContext,
  folder: ControlFolder,
  proxyCommand: string | null,
): Promise<MasterLink> {
  const known = await context.knownHostLines(target);
  const giveUpAt = Date.now() + target.connectTimeoutMs;
  for (let attempt = 0; ; attempt += 1) {
    const made = await attemptLogin(target, context, folder, known, proxyCommand);
    if (!('failed' in made)) return made;
    const { failed, error } = made;
    const said = failed.log.greeting === '' ? undefined : LATER_PAUSE_MS;
    const pauseMs = DROP_PAUSES_MS[attempt] ?? said;
    const isOver = pauseMs === undefined || Date.now() + pauseMs > giveUpAt;
    if (isOver || !wasDroppedEarly(failed)) throw error;
    const signal = context.signal === undefined ? {} : { signal: context.signal };
    await sleep(pauseMs / 2 + Math.random() * (pauseMs / 2), undefined, signal).catch(() => {
      throw interruptedFailure(target.host);
    });
  }
}

interface Failure {
  readonly failed: FailedLogin;
  readonly error: FleetError;
}

async function attemptLogin(
  target: SshTarget,
  context: SshContext,
  folder: ControlFolder,
  known: KnownHost,
  proxyCommand: string | null,
): Promise<MasterLink | Failure> {
  const socket = folder.next('mux');
  const answers = createAnswers(target, context);
  const canAnswer = hasAnswers(target, context);
  const askPass = canAnswer ? await openAskPass(folder, answers.answer) : null;
  try {
    const run = await runMaster(target.host, {
      words: masterArguments(target, {
        socket,
        configFile: target.openSsh?.configFile ?? null,
        ...(await trustOf(target, folder, known)),
        proxyCommand,
        answers: canAnswer,
        silenceMs: context.silenceMs,
      }),
      environment: { ...environmentOf(context), ...askPass?.environment },
      // As the other transport: once for the way, once for handshake and login.
      limitMs: 2 * target.connectTimeoutMs,
      signal: context.signal,
      isAsking: answers.isAsking,
    });
    if (run.code === 0) return await join(target, context, socket, run);
    return await failureOf(target, context, known, run, answers);
  } finally {
    askPass?.close();
  }
}

/** Fleet's verdicts about the host's keys, for `ssh`. */
async function trustOf(
  target: SshTarget,
  folder: ControlFolder,
  known: KnownHost,
): Promise<Pick<MasterSettings, 'knownHosts' | 'knownHostsCommand' | 'hostKeyAlgorithms'>> {
  const knownHosts = folder.next('hosts');
  const text = knownKeysText(target, known, pinnedLines(target, known));
  await writeFile(knownHosts, text, { mode: 0o600, flag: 'wx' });
  const isNamed = known.lines.some(({ marker }) => marker === null);
  return {
    knownHosts,
    knownHostsCommand: target.pins.length === 0 ? null : await pinCommand(folder, target.pins),
    hostKeyAlgorithms: hostKeyAlgorithms(
      isNamed ? known.lines : known.other,
      target.algorithms.hostKey,
    ),
  };
}

/** What `ssh` finds in its environment. */
export const environmentOf = (context: SshContext): NodeJS.ProcessEnv =>
  sshEnvironment({
    environment: context.machine?.environment ?? process.env,
    agentSocket: context.agentSocket,
  });

async function join(
  target: SshTarget,
  context: SshContext,
  socket: string,
  run: MasterRun,
): Promise<MasterLink> {
  const { keyExchange } = readHandshakeLog(run.log());
  const connection = await joinMux(socket, JOIN_LIMIT_MS).catch((cause) => {
    throw lostFailure(target, `the connection was lost: ${cause.message}`, cause);
  });
  const login = { connection, socket, keyExchange: keyExchange ?? '', lastLog: run.lastLog };
  return masterLink(target, context, login);
}

async function failureOf(
  target: SshTarget,
  context: SshContext,
  known: KnownHost,
  run: MasterRun,
  answers: Answers,
): Promise<Failure> {
  const log = await withoutMissing(readHandshakeLog(run.log()));
  const skipped = [...(await unusableKeys(target, log)), ...answers.notes()];
  const failed: FailedLogin = { target, log, end: run.end, known, skipped };
  const wrong = await wrongPassphrase(target, context, answers);
  const found = answers.failure() ?? wrong;
  const error = found ?? explainLogin(await withProxyWords(failed, context));
  return { failed, error };
}

/**
 * An `ssh` that shares its connection silences its ProxyCommand. Where that opened no way, one that
 * does not, and that trusts no key, tells what the command says.
 */
async function withProxyWords(failed: FailedLogin, context: SshContext): Promise<FailedLogin> {
  const { target, log } = failed;
  if (target.openSsh?.isProxied !== true || failed.end !== 'itself' || log.keyExchange !== null) {
    return failed;
  }
  const run = await runMaster(target.host, {
    words: masterArguments(target, {
      socket: null,
      configFile: target.openSsh.configFile,
      knownHosts: '/dev/null',
      knownHostsCommand: null,
      proxyCommand: null,
      hostKeyAlgorithms: [],
      answers: false,
      silenceMs: context.silenceMs,
    }),
    environment: environmentOf(context),
    limitMs: target.connectTimeoutMs,
    signal: context.signal,
    isAsking: () => false,
  });
  return { ...failed, log: { ...log, words: readHandshakeLog(run.log()).words } };
}

/** Lines whose keys the inventory pins. */
const pinnedLines = ({ pins }: SshTarget, { lines, other }: KnownHost): KnownHostLine[] =>
  [...lines, ...other].filter(
    (line) => line.marker === null && pins.includes(lineFingerprint(line)),
  );
