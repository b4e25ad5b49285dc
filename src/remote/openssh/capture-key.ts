import { writeFile } from 'node:fs/promises';
import { readBounded } from '../../surroundings/read-bounded.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { connectFailure } from '../session/ssh-errors.ts';
import type { ControlFolder } from './control-folder.ts';
import { explainLogin } from './explain.ts';
import { readHandshakeLog } from './handshake-log.ts';
import { captureCommand } from './known-keys.ts';
import { masterArguments } from './master-arguments.ts';
import { environmentOf, withJump } from './open-master.ts';
import { runMaster } from './run-master.ts';

/** A host key of 16,384 bits has 3 KB. */
const KEY_BYTES = 64 * 1024;

/** What a host presents before any login. */
export interface Presented {
  readonly blob: Buffer;
  /** Name of the key exchange. */
  readonly keyExchange: string | null;
}

/** Lets `ssh` see the host's key and refuse it: no login is tried. Rejects like a connection. */
export async function captureKeyByOpenSsh(
  target: SshTarget,
  context: SshContext,
): Promise<Presented> {
  return withJump(target, context, (folder, proxyCommand) =>
    capture(target, context, folder, proxyCommand),
  );
}

async function capture(
  target: SshTarget,
  context: SshContext,
  folder: ControlFolder,
  proxyCommand: string | null,
): Promise<Presented> {
  const { command, file } = await captureCommand(folder);
  const knownHosts = folder.next('hosts');
  await writeFile(knownHosts, '', { mode: 0o600, flag: 'wx' });
  const run = await runMaster(target.host, {
    words: masterArguments(target, {
      socket: folder.next('mux'),
      configFile: target.openSsh?.configFile ?? null,
      knownHosts,
      knownHostsCommand: command,
      proxyCommand,
      hostKeyAlgorithms: target.algorithms.hostKey,
      answers: false,
      silenceMs: context.silenceMs,
    }),
    environment: environmentOf(context),
    limitMs: 2 * target.connectTimeoutMs,
    signal: context.signal,
    isAsking: () => false,
  });
  const log = readHandshakeLog(run.log());
  const text = await readBounded(file, KEY_BYTES).catch(() => null);
  const key = text?.toString('latin1').trim().split('\n').at(-1)?.split(' ')[1];
  if (key !== undefined) return { blob: Buffer.from(key, 'base64'), keyExchange: log.keyExchange };
  const known = { lines: [], other: [] };
  const failure = explainLogin({ target, log, end: run.end, known, skipped: [] });
  if (failure.code !== 'ssh-host-key') throw failure;
  throw connectFailure(target, 'handshake', undefined, log.words.join('\n'));
}
