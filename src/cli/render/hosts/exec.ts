import type { ExecResult } from '../../../workflows/hosts/exec-on-hosts.ts';
import { chalk } from '../../style.ts';

/** Each host's output under its name, in the order of the inventory. */
export const formatExec = (results: readonly ExecResult[]): string =>
  results
    .filter(({ stdout, stderr, exitCode }) => stdout !== '' || stderr !== '' || exitCode === 0)
    .map(({ host, stdout, stderr, isTruncated, keptBytes }) => {
      const parts = [
        chalk.bold(host),
        stdout.trimEnd(),
        stderr.trimEnd() === '' ? '' : chalk.yellow(stderr.trimEnd()),
      ];
      if (isTruncated)
        parts.push(
          chalk.dim(
            `(cut: only the first ${Math.round(keptBytes / 1024)} KiB of each stream were kept)`,
          ),
        );
      return parts.filter((part) => part !== '').join('\n');
    })
    .join('\n');
