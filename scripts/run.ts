import { spawnSync } from 'node:child_process';

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program without a shell, for at most ten minutes. Throws when it fails, unless it may. */
export function run(
  [program = '', ...args]: readonly string[],
  { cwd, isAllowedToFail = false }: { readonly cwd: string; readonly isAllowedToFail?: boolean },
): Result {
  const limits = { timeout: 600_000, maxBuffer: 64 * 1024 * 1024 };
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    ...limits,
  });
  if (!isAllowedToFail && (error !== undefined || status !== 0))
    throw new Error(
      `${program} ${args.join(' ')} failed: ${error?.message ?? stderr.trim().slice(-2_000)}`,
    );
  return { code: status ?? 1, stdout: stdout ?? '', stderr: stderr ?? error?.message ?? '' };
}
