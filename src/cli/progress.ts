import type { FleetEvent } from '../workflows/context.ts';
import { githubProgress } from './github-progress.ts';
import type { GlobalOptions } from './global-options.ts';
import { logLine, logProgress } from './log-progress.ts';
import { printErr, printFold, printJson, progressArea, showNotesIn } from './terminal.ts';

/** Shows what is going on, on standard error. */
export interface Progress {
  readonly report: (event: FleetEvent) => void;
  /** Ends the display; afterwards nothing is drawn. Safe to repeat. */
  stop(): Promise<void>;
}

const silent: Progress = { report: () => undefined, stop: async () => undefined };

/** Calls back again and again, without keeping the process alive. */
function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  timer.unref();
  return () => clearInterval(timer);
}

/** With a terminal: what the command as a whole is doing, and below it a line per host or account. All are one task of listr2. Nothing is drawn before the first event. */
async function liveProgress(): Promise<Progress> {
  const [{ Listr }, { createBoard }] = await Promise.all([import('listr2'), import('./progress-board.ts')]);
  const board = createBoard(Date.now());
  let shown: { title: string } | undefined;
  let running: Promise<unknown> | undefined;
  const notes: string[] = [];
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const draw = (): void => {
    if (shown === undefined) return;
    const { columns, rows } = progressArea();
    shown.title = [...board.lines(Date.now(), columns, rows - notes.length), ...notes].join('\n');
  };
  const start = (): Promise<unknown> =>
    new Listr(
      [
        {
          title: '',
          task: (_, task) => {
            shown = task;
            draw();
            return ended;
          },
        },
      ],
      { fallbackRendererCondition: false, registerSignalListeners: false, rendererOptions: { formatOutput: 'truncate' } },
    ).run();
  let stopClock: (() => void) | undefined;
  const begin = (): Promise<unknown> => {
    showNotesIn((text) => {
      notes.push(text);
      draw();
    });
    return start();
  };
  return {
    report: (event) => {
      board.take(event, Date.now());
      running ??= begin();
      stopClock ??= every(1000, draw);
      draw();
    },
    stop: async () => {
      stopClock?.();
      board.end(Date.now());
      draw();
      end();
      await running;
      showNotesIn(null);
    },
  };
}

/** Version of the lines of {@link jsonLines}; raised when a field changes its meaning or goes away. */
const eventsVersion = 1;

/** One JSON document per event and line: `version`, `at` (UTC), and the fields of the event. */
const jsonLines: Progress = {
  report: (event) => printJson({ version: eventsVersion, at: new Date().toISOString(), ...event }, 'err'),
  stop: async () => undefined,
};

/** As JSON lines where they are asked for; otherwise live on a terminal, lines elsewhere (folded by host in GitHub's pipelines), nothing with `--json`. */
export async function startProgress({ json, events }: Pick<GlobalOptions, 'json' | 'events'>): Promise<Progress> {
  if (events) return jsonLines;
  if (json) return silent;
  if (process.env.GITHUB_ACTIONS === 'true') {
    return githubProgress((event) => logLine(event, Date.now()), { line: printErr, fold: printFold });
  }
  return process.stderr.isTTY ? liveProgress() : logProgress(printErr, () => Date.now(), every);
}
