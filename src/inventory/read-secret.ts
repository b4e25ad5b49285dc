import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { FleetError } from '../model/errors.ts';
import { fileRisks, octal } from '../model/file-trust.ts';
import type { SecretReference } from '../model/secret-reference.ts';
import { homeDirectory } from '../surroundings/operator.ts';
import { readAtMost } from '../surroundings/read-bounded.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { resolvePath } from './resolve-path.ts';
import { formatSecretReference } from './schema/secret-reference.ts';

/** Where a reference is read from. */
export interface SecretSurroundings {
  /** Folder of the inventory: relative files start here and commands run here. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Limit for `exec:`, ms. Default 10,000. */
  readonly timeoutMs?: number;
}

const maxSecretBytes = 65_536;

const refused = (
  reference: SecretReference,
  what: string,
  hint: string,
  cause?: unknown,
): FleetError =>
  new FleetError(
    'secret',
    `The secret ${formatSecretReference(reference)} cannot be read: ${what}`,
    { hint, cause },
  );

const readOpened = async (
  reference: SecretReference,
  path: string,
  file: FileHandle,
): Promise<string> => {
  const stats = await file.stat();
  if (!stats.isFile())
    throw refused(
      reference,
      `${path} is not a regular file`,
      'Name a file that holds nothing but the secret.',
    );
  // The handle is checked, not the path: the file that is judged is the file that is read.
  if ((stats.mode & 0o007) !== 0)
    throw refused(
      reference,
      `every user of this machine may open ${path}`,
      `Run: chmod 600 '${path}'. If others use this machine, replace the secret.`,
    );
  const { isForeign, isWritable } = fileRisks(stats, process.getuid?.() ?? null);
  if (isForeign || isWritable)
    throw refused(
      reference,
      `${path} ` +
        `${isForeign ? 'belongs to another user of this machine' : `may be changed by others (mode ${octal(stats.mode)})`}`,
      isForeign ? `Make it your own: sudo chown $USER '${path}'` : `Run: chmod go-w '${path}'`,
    );
  if (stats.size > maxSecretBytes)
    throw refused(
      reference,
      `${path} has ${stats.size} bytes, more than ${maxSecretBytes}`,
      'Name a file that holds nothing but the secret.',
    );
  return (await readAtMost(file, maxSecretBytes)).toString('utf8');
};

const readSecretFile = async (
  reference: SecretReference,
  cwd: string,
  home: string,
): Promise<string> => {
  const path = resolvePath(reference.target, cwd, home);
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a named pipe would be waited for without end.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return await readOpened(reference, path, file);
  } catch (error) {
    if (error instanceof FleetError) throw error;
    throw refused(
      reference,
      `${path}: ${systemWords(error).said}`,
      'Check that the file exists and that you may read it. Relative paths start at the inventory.',
      error,
    );
  } finally {
    await file?.close();
  }
};

type CommandEnd =
  | { readonly kind: 'exit'; readonly code: number | null }
  | { readonly kind: 'timeout' | 'too-long' }
  | { readonly kind: 'error'; readonly cause: unknown };

const runShell = (
  command: string,
  surroundings: SecretSurroundings,
): Promise<{ readonly end: CommandEnd; readonly output: Buffer }> =>
  new Promise((settle) => {
    const chunks: Buffer[] = [];
    let length = 0;
    // A process group of its own, so that a pipeline ends as a whole. Its stderr could carry the
    // secret: nobody sees it.
    const child = spawn('sh', ['-c', command], {
      cwd: surroundings.cwd,
      env: { ...surroundings.env },
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const finish = (end: CommandEnd): void => {
      clearTimeout(timer);
      if (end.kind === 'timeout' || end.kind === 'too-long') endGroup(child.pid);
      child.stdout.destroy();
      settle({ end, output: Buffer.concat(chunks) });
    };
    const timer = setTimeout(() => finish({ kind: 'timeout' }), surroundings.timeoutMs ?? 10_000);
    child.stdout.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > maxSecretBytes) finish({ kind: 'too-long' });
      else chunks.push(chunk);
    });
    child.once('error', (cause) => finish({ kind: 'error', cause }));
    child.once('close', (code) => finish({ kind: 'exit', code }));
  });

const endGroup = (pid: number | undefined): void => {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
};

const runSecretCommand = async (
  reference: SecretReference,
  surroundings: SecretSurroundings,
): Promise<string> => {
  const { end, output } = await runShell(reference.target, surroundings);
  const hint =
    'Run the command by hand in the folder of the inventory: it must print the secret, ' +
    'and nothing else, without asking.';
  switch (end.kind) {
    case 'timeout':
      throw refused(
        reference,
        `the command did not end within ${(surroundings.timeoutMs ?? 10_000) / 1_000} s`,
        hint,
      );
    case 'too-long':
      throw refused(reference, `the command printed more than ${maxSecretBytes} bytes`, hint);
    case 'error':
      throw refused(
        reference,
        `sh could not be started: ${systemWords(end.cause).said}`,
        hint,
        end.cause,
      );
    case 'exit':
      if (end.code !== 0)
        throw refused(
          reference,
          `the command ended with ${end.code === null ? 'a signal' : `exit code ${end.code}`}`,
          hint,
        );
      return output.toString('utf8');
  }
};

/**
 * The secret behind a reference, without one trailing line break. Read anew at every call, never
 * cached.
 * A file that every user of the machine may open is refused, and so are empty secrets and more than
 * 64 KiB.
 * `FLEET_SECRETS` in the environment says which kinds of references may be read: `all`, `no-exec`
 * (no commands) or `none`.
 * Rejects with `secret`; the error names the reference, never the value.
 */
export const readSecret = async (
  reference: SecretReference,
  surroundings: SecretSurroundings,
): Promise<string> => {
  refuseByMode(reference, surroundings.env);
  const value = await readRaw(reference, surroundings);
  const secret = value.replace(/\r?\n$/, '');
  if (secret === '')
    throw refused(reference, 'it is empty', 'Put the secret where the reference points to.');
  return secret;
};

/**
 * Kinds of references that may be read in each mode of FLEET_SECRETS. Whoever can change the
 * inventory chooses what stands behind one.
 */
const secretModes: Readonly<Record<string, readonly SecretReference['kind'][]>> = {
  all: ['env', 'file', 'exec'],
  'no-exec': ['env', 'file'],
  none: [],
};

/**
 * Refuses a kind that this surrounding does not allow, before anything of the reference is touched.
 */
const refuseByMode = (reference: SecretReference, env: SecretSurroundings['env']): void => {
  const mode = env.FLEET_SECRETS || 'all';
  const allowed = Object.hasOwn(secretModes, mode) ? secretModes[mode] : undefined;
  if (allowed === undefined)
    throw refused(
      reference,
      `FLEET_SECRETS is "${mode}"`,
      `It may be ${Object.keys(secretModes).join(', ')}, or not be set.`,
    );
  if (!allowed.includes(reference.kind))
    throw refused(
      reference,
      `FLEET_SECRETS=${mode} allows no ${reference.kind}: references here`,
      'Whoever set it does not trust what the inventory names: read the secret elsewhere, ' +
        'or name it in a form that is allowed.',
    );
};

const readRaw = async (
  reference: SecretReference,
  surroundings: SecretSurroundings,
): Promise<string> => {
  switch (reference.kind) {
    case 'env': {
      const value = surroundings.env[reference.target];
      if (value === undefined)
        throw refused(
          reference,
          'the variable is not set',
          `Set it: export ${reference.target}=...`,
        );
      return value;
    }
    case 'file':
      return readSecretFile(reference, surroundings.cwd, homeDirectory(surroundings.env));
    case 'exec':
      return runSecretCommand(reference, surroundings);
  }
};
