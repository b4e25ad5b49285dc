import type { Listr } from 'listr2';
import type { Progress } from '../../verbs/desk.ts';
import type { FleetEvent } from '../../workflows/context.ts';
import type { GlobalOptions } from '../global-options.ts';
import { printErr, printFold, printJson, progressArea, showNotesIn } from '../terminal.ts';
import { githubProgress } from './github-progress.ts';
import { logLine, logProgress } from './log-progress.ts';
import type { ProgressBoard } from './progress-board.ts';

const silent: Progress = {
  report: () => undefined,
  hold: async () => undefined,
  stop: async () => undefined,
};

/** Calls back again and again, without keeping the process alive. */
function every(ms: number, act: () => void): () => void {
  const timer = setInterval(act, ms);
  timer.unref();
  return () => clearInterval(timer);
}

interface Display {
  take(event: FleetEvent): void;
  end(): Promise<void>;
}

/**
 * What the command as a whole is doing, and below it a line per host or account. All are one task
 * of listr2.
 */
function openDisplay(listr: typeof Listr, board: ProgressBoard): Display {
  let shown: { title: string } | undefined;
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
  showNotesIn((text) => {
    notes.push(text);
    draw();
  });
  const running = new listr(
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
    {
      fallbackRendererCondition: false,
      registerSignalListeners: false,
      rendererOptions: { formatOutput: 'truncate' },
    },
  ).run();
  const stopClock = every(1000, draw);
  return {
    take: (event) => {
      board.take(event, Date.now());
      draw();
    },
    end: async () => {
      stopClock();
      board.end(Date.now());
      draw();
      end();
      await running;
      showNotesIn(null);
    },
  };
}

/**
 * With a terminal. Nothing is drawn before the first event, nor between a question and the next
 * one.
 */
async function liveProgress(): Promise<Progress> {
  const [{ Listr }, { createBoard }] = await Promise.all([
    import('listr2'),
    import('./progress-board.ts'),
  ]);
  let display: Display | null = null;
  let isOver = false;
  const close = async (): Promise<void> => {
    const closing = display;
    display = null;
    await closing?.end();
  };
  return {
    report: (event) => {
      if (isOver) return;
      display ??= openDisplay(Listr, createBoard(Date.now()));
      display.take(event);
    },
    hold: close,
    stop: async () => {
      isOver = true;
      await close();
    },
  };
}

/**
 * Version of the lines of {@link jsonLines}; raised when a field changes its meaning or goes away.
 */
const eventsVersion = 1;

/** One JSON document per event and line: `version`, `at` (UTC), and the fields of the event. */
const jsonLines: Progress = {
  report: (event) =>
    printJson({ version: eventsVersion, at: new Date().toISOString(), ...event }, 'err'),
  hold: async () => undefined,
  stop: async () => undefined,
};

/**
 * As JSON lines where they are asked for; otherwise live on a terminal, lines elsewhere (folded by
 * host in GitHub's pipelines), nothing with `--json`.
 */
export async function startProgress({
  json,
  events,
  quiet,
  verbose,
}: Pick<GlobalOptions, 'json' | 'events' | 'quiet' | 'verbose'>): Promise<Progress> {
  if (events) return jsonLines;
  if (json || quiet) return silent;
  if (verbose) return logProgress(printErr, () => Date.now(), every, true);
  if (process.env.GITHUB_ACTIONS === 'true') {
    return githubProgress((event) => logLine(event, Date.now()), {
      line: printErr,
      fold: printFold,
    });
  }
  return process.stderr.isTTY ? liveProgress() : logProgress(printErr, () => Date.now(), every);
}
