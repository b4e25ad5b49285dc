import { type Command, InvalidArgumentError } from 'commander';
import { FleetError } from '../../model/errors.ts';
import { withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

interface ReportOptions {
  readonly output: string;
  readonly months: number;
}

const mostMonths = 24;

function monthCount(text: string): number {
  const count = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > mostMonths) throw new InvalidArgumentError(`it must be a number from 1 to ${mostMonths}.`);
  return count;
}

/** `fleet report`: one HTML file with everything to look at, from what the ledger knows. */
export function registerReport(program: Command): void {
  const command = program
    .command('report')
    .description(
      'one HTML file for mail and browsers: map, rankings, capacity, trend, availability by month and cause, history; asks no host',
    )
    .option('-o, --output <file>', 'where to; - is standard output', 'fleet-report.html')
    .option('--months <count>', 'months of availability', monthCount, 3);
  setAction<ReportOptions>(command, async ({ options, signal }) => {
    if (options.limit.length > 0)
      throw new FleetError('usage', 'a report is about all hosts: no --limit', { hint: 'fleet status --limit PATTERN shows some' });
    const [{ readReport }, { reportPage }, { writeReport }] = await Promise.all([
      import('../../workflows/read-report.ts'),
      import('../../report/page.ts'),
      import('../../workflows/write-report.ts'),
    ]);
    return withContext(options, signal, async (context) => {
      const report = await readReport(context, options.months);
      if (options.json) return { data: { ...report }, text: '' };
      const page = reportPage(report);
      if (options.output === '-') return { data: {}, text: page.trimEnd() };
      const path = await writeReport(options.output, page);
      const size = `${Math.max(1, Math.round(Buffer.byteLength(page) / 1024))} KB`;
      return { data: {}, text: `wrote ${path} (${size}): ${report.hosts.length} hosts, ${report.accounts.length} accounts` };
    });
  });
}
