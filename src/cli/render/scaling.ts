import type { ScalingAdvice } from '../../planning/scaling-advice.ts';
import { chalk } from '../style.ts';

/** The advice in words; empty when there is none to give. */
export function formatAdvice({ crowded, missingHosts, size, fullAtMs, fullOf }: ScalingAdvice): string {
  const lines: string[] = [];
  if (missingHosts > 0 && size !== null) {
    const kind = `${size.cores} cores, ${Math.round(size.memoryBytes / 1024 ** 3)} GB, ${size.maxAccounts} accounts`;
    lines.push(
      chalk.yellow(
        `The fleet as a whole is too full: ${missingHosts} ${missingHosts === 1 ? 'host is' : 'hosts are'} missing (${kind} each).`,
      ),
    );
  }
  for (const { host, reasons } of crowded) lines.push(`${host} is crowded: ${reasons.join(', ')}`);
  if (crowded.length > 0 && missingHosts === 0) lines.push(chalk.dim('fleet rebalance --dry-run shows what other hosts can take over.'));
  if (fullAtMs !== null) {
    lines.push(
      chalk.yellow(`If it goes on like this, the fleet runs out of ${fullOf} on ${new Date(fullAtMs).toISOString().slice(0, 10)}.`),
    );
  }
  return lines.join('\n');
}

/** The same for programs. */
export const adviceData = ({ fullAtMs, ...advice }: ScalingAdvice): Record<string, unknown> => ({
  ...advice,
  fullAt: fullAtMs === null ? null : new Date(fullAtMs).toISOString(),
});
