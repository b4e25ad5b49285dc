import chalk from 'chalk';
import type { FleetError } from '../../model/errors.ts';

/** Message, the single mistakes below it, and what to do next. The cause is only shown where FLEET_DEBUG is set. */
export function formatError(error: FleetError): string {
  const lines = [
    `${chalk.red('✗')} ${error.message}`,
    ...error.problems.map((problem) => `    ${problem}`),
    `  ${chalk.dim('→')} ${error.hint}`,
  ];
  if (process.env.FLEET_DEBUG && error.cause !== undefined) lines.push(chalk.dim(String(error.cause)));
  return lines.join('\n');
}
