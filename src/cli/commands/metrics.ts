import type { Command } from 'commander';
import { withContext } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet metrics`: for Prometheus, through a collector's file or an exporter that runs commands. */
export function registerMetrics(program: Command): void {
  setAction(
    program.command('metrics').description("what hosts and accounts have counted, in Prometheus' text format"),
    async ({ options, signal }) => {
      const { readMetrics } = await import('../../workflows/read-metrics.ts');
      return withContext(options, signal, async (context) => {
        const { text, errors } = await readMetrics(context, options.limit);
        await context.progress.stop();
        return { data: { metrics: text }, text: text.trimEnd(), errors };
      });
    },
  );
}
