import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { OpenContext } from '../../verbs/open-context.ts';
import { momentData } from '../../verbs/results/top.ts';
import type { FleetMoment, FleetWatch } from '../../workflows/watch-fleet.ts';
import { withContext } from '../open-context.ts';
import { durationOption } from '../option-values.ts';
import type { CommandResult } from '../output.ts';
import { setAction } from '../run-command.ts';
import { screen } from '../terminal.ts';

interface TopFlags {
  readonly interval: number;
  readonly once?: boolean;
}

const parseInterval = durationOption('--interval', { min: 500, max: 3_600_000, words: 'from 0.5 s to 1 hour' }, '5s');

/** `fleet top`: hosts and accounts as the agents measure them, again and again on a terminal, once without one. */
export function registerTop(program: Command): void {
  const command = program
    .command('top')
    .description('hosts and accounts as they are now, refreshed until Ctrl-C; once without a terminal')
    .addOption(new Option('--interval <duration>', 'time between two looks: 2, 2s, 1m').argParser(parseInterval).default(2_000, '2s'))
    .option('--once', 'look once');
  setAction<TopFlags>(command, async ({ options, signal }) => {
    const [{ watchFleet }, { selectHosts }, render] = await Promise.all([
      import('../../workflows/watch-fleet.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../render/top.ts'),
    ]);
    return withContext(options, signal, async (context): Promise<CommandResult> => {
      const watch = watchFleet(context, selectHosts(context.inventory, options.limit), context.freshRemoteFor);
      const draw = (moment: FleetMoment, lines: number): string => render.formatMoment(context.inventory.fleet, moment, lines);
      try {
        if (process.stdout.isTTY && !options.json && options.once !== true) {
          await watchOnTerminal(context, watch, options.interval, draw);
          return { data: {}, text: '' };
        }
        const moment = await watch.look();
        const errors = moment.hosts.flatMap(({ problem }) => (problem === null ? [] : [problem]));
        return { data: momentData(moment), text: draw(moment, Number.POSITIVE_INFINITY), errors };
      } finally {
        await watch.close();
      }
    });
  });
}

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** On the terminal's second screen, so that what was there before is there again afterwards. Ctrl-C is how it ends; a terminal that is gone ends it, too. */
async function watchOnTerminal(
  context: OpenContext,
  watch: FleetWatch,
  intervalMs: number,
  draw: (moment: FleetMoment, lines: number) => string,
): Promise<void> {
  await context.progress.stop();
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const stopped = once(stop.signal, 'abort');
  // Ctrl-C is no failure here: fleet's own answer to it, an error and code 130, is left out.
  const others = endings.map((name) => [name, process.listeners(name)] as const);
  for (const name of endings) process.removeAllListeners(name).on(name, end);
  process.stdout.once('error', end);
  screen.enter();
  try {
    while (!stop.signal.aborted) {
      // A host that does not answer is not waited for by somebody who wants to leave.
      const moment = await Promise.race([watch.look(), stopped.then(() => null)]);
      if (moment === null) break;
      screen.draw(draw(moment, screen.rows() - 1));
      await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    screen.leave();
    process.stdout.off('error', end);
    for (const [name, listeners] of others) {
      process.off(name, end);
      for (const listener of listeners) process.on(name, listener);
    }
  }
}
