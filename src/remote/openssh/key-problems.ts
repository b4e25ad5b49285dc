import { access } from 'node:fs/promises';
import { FleetError } from '../../model/errors.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { isEncrypted, readPrivateKey } from '../shared/private-key-file.ts';
import type { Answers } from './answers.ts';
import type { HandshakeLog } from './handshake-log.ts';
import { isWrongPassphrase } from './passphrases.ts';

/** Why keys were not offered, in the words of the other transport, one line each. */
export async function unusableKeys(target: SshTarget, log: HandshakeLog): Promise<string[]> {
  const problems = await Promise.all(
    target.identityFiles.map((path) =>
      path.endsWith('.pub') ? missingInAgent(path, log) : problemOf(path, target),
    ),
  );
  const agent = log.isAgentSilent ? ['ssh-agent does not answer or refused to sign'] : [];
  return [...agent, ...problems.filter((problem) => problem !== null)];
}

/** A public key that is named stands for its private half in the agent. */
const missingInAgent = (path: string, { tried }: HandshakeLog): string | null =>
  tried.includes(`${path} from ssh-agent`) ? null : `${path} is not in the ssh-agent`;

async function problemOf(path: string, target: SshTarget): Promise<string | null> {
  const text = await readPrivateKey(path).catch((cause: NodeJS.ErrnoException) =>
    target.identitiesExplicit ? unreadable(path, cause) : null,
  );
  if (text === null || typeof text === 'string') return text;
  if (!isEncrypted(text) || target.passphrase !== null) return null;
  return `${path} is encrypted: set passphrase in the inventory or add the key to ssh-agent`;
}

const unreadable = (path: string, { code }: NodeJS.ErrnoException): string =>
  code === 'ENOENT' ? `${path} does not exist` : `${path} could not be read (${code ?? 'error'})`;

/** OpenSSH says of each default key that it tries it, whether it is there or not. */
export async function withoutMissing(log: HandshakeLog): Promise<HandshakeLog> {
  const isThere = await Promise.all(
    log.tried.map(async (label) => {
      if (!label.startsWith('/')) return true;
      return access(label.replace(/ from ssh-agent$/, '')).then(
        () => true,
        () => false,
      );
    }),
  );
  return { ...log, tried: log.tried.filter((_, index) => isThere[index]) };
}

/** The login failed because a passphrase opens nothing; null: it did not. */
export async function wrongPassphrase(
  target: SshTarget,
  context: SshContext,
  answers: Answers,
): Promise<FleetError | null> {
  const { passphrase } = target;
  if (passphrase === null || answers.opened().length === 0) return null;
  const secret = await context.secret(passphrase);
  for (const path of answers.opened()) {
    if (!(await isWrongPassphrase(path, secret))) continue;
    return new FleetError('ssh-auth', `${target.host}: the passphrase does not open ${path}`, {
      hint: `check ${passphrase.kind}:${passphrase.target}`,
      host: target.host,
    });
  }
  return null;
}
