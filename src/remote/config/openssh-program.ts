import { execFile } from 'node:child_process';
import { FleetError } from '../../model/errors.ts';
import { itSaid } from '../shared/host-words.ts';

/** The first with KnownHostsCommand, and with the name of who asks in each question. */
const OLDEST = { major: 8, minor: 5 };
/** Time for `Match exec` and name servers, which a config may ask, ms. */
const ASK_LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** What `ssh` needs of this machine. */
export interface OpenSshMachine {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly agentSocket: string | null;
}

/** The environment of every `ssh` that fleet starts. Pure. */
export function sshEnvironment({ environment, agentSocket }: OpenSshMachine): NodeJS.ProcessEnv {
  const { SSH_AUTH_SOCK, SSH_ASKPASS, SSH_ASKPASS_REQUIRE, DISPLAY, ...rest } = environment;
  return agentSocket === null ? rest : { ...rest, SSH_AUTH_SOCK: agentSocket };
}

const remedy =
  'install the OpenSSH client, 8.5 or newer, on this machine, or set ssh.transport to ssh2 ' +
  'in the inventory';

/** Whether the system's `ssh` is one that fleet can use: null, or why not. */
export async function missingOpenSsh(machine: OpenSshMachine): Promise<FleetError | null> {
  const { code, stderr } = await ask(['-V'], machine);
  if (code === 'ENOENT') return unusable('the program ssh is not installed');
  const words = /^.*/.exec(stderr.trim())?.[0] ?? '';
  const version = /^OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)/.exec(words);
  if (version === null) return unusable(`the program ssh is not OpenSSH${itSaid(stderr)}`);
  const [major, minor] = [Number(version[1]), Number(version[2])];
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return null;
  return unusable(`OpenSSH ${major}.${minor} is too old for fleet${itSaid(stderr)}`);
}

const unusable = (message: string): FleetError =>
  new FleetError('ssh-config', message, { hint: remedy });

/**
 * What the configuration says about a destination, by OpenSSH's own reading (`ssh -G`): values by
 * keyword, in lower case, in order. `Match exec` runs. Rejects with `ssh-config`.
 */
export async function askConfig(
  words: readonly string[],
  machine: OpenSshMachine,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const { code, stdout, stderr } = await ask(['-T', '-G', ...words], machine);
  if (code !== 0) {
    const why = code === 'TIMEOUT' ? `did not answer within ${ASK_LIMIT_MS / 1000} s` : 'refuses';
    throw new FleetError('ssh-config', `ssh ${why} the ssh config${itSaid(stderr)}`, {
      hint: `correct the ssh config; OpenSSH’s view of it: ssh -G HOST`,
    });
  }
  const values = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const at = line.indexOf(' ');
    if (at === -1) continue;
    const key = line.slice(0, at);
    values.set(key, [...(values.get(key) ?? []), line.slice(at + 1)]);
  }
  return values;
}

interface Answer {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

function ask(words: readonly string[], machine: OpenSshMachine): Promise<Answer> {
  const options = {
    env: sshEnvironment(machine),
    timeout: ASK_LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_ANSWER_BYTES,
  } as const;
  return new Promise((resolve) => {
    const child = execFile('ssh', [...words], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : (error.code ?? (error.killed === true ? 'TIMEOUT' : 255));
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}
