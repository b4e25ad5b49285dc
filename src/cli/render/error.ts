import type { FleetError } from '../../model/errors.ts';
import { chalk } from '../style.ts';

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, '; ');

/** Lines about one thing at most: more are summed up, and `--json` has them all. */
const mostLines = 40;

/** The first of a long list, and how many more there are. Pure. */
export function summedUp(lines: readonly string[]): readonly string[] {
  // One line more would be as long as the sentence about it.
  if (lines.length <= mostLines + 1) return lines;
  return [
    ...lines.slice(0, mostLines),
    `and ${lines.length - mostLines} more (--json has them all)`,
  ];
}

/**
 * Message, the single mistakes below it, and what to do next. The cause is only shown where
 * FLEET_DEBUG is set.
 */
export function formatError(error: FleetError): string {
  const lines = [
    `${chalk.red('✗')} ${oneLine(error.message)}`,
    ...summedUp(error.problems).map((problem) => `    ${problem.replaceAll('\n', '\n      ')}`),
    `  ${chalk.dim('→')} ${oneLine(error.hint)}`,
  ];
  if (process.env.FLEET_DEBUG && error.cause !== undefined)
    lines.push(chalk.dim(String(error.cause)));
  return lines.join('\n');
}

/** Many errors one below the other, each once; those beyond {@link mostLines} are summed up. */
export const formatErrors = (errors: readonly FleetError[]): readonly string[] =>
  summedUp([...new Set(errors.map(formatError))]);
