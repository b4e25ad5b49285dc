import type { FleetError } from '../../model/errors.ts';
import { chalk } from '../style.ts';

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, '; ');

/** Message, the single mistakes below it, and what to do next. The cause is only shown where FLEET_DEBUG is set. */
export function formatError(error: FleetError): string {
  const lines = [
    `${chalk.red('✗')} ${oneLine(error.message)}`,
    ...error.problems.map((problem) => `    ${problem.replaceAll('\n', '\n      ')}`),
    `  ${chalk.dim('→')} ${oneLine(error.hint)}`,
  ];
  if (process.env.FLEET_DEBUG && error.cause !== undefined) lines.push(chalk.dim(String(error.cause)));
  return lines.join('\n');
}
