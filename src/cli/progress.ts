import type { FleetEvent } from '../workflows/context.ts';
import { githubProgress } from './github-progress.ts';
import type { GlobalOptions } from './global-options.ts';
import { printErr, printFold, printJson } from './terminal.ts';
import { visibleLine } from './visible.ts';

/** Shows what is going on, on standard error. */
export interface Progress {
  readonly report: (event: FleetEvent) => void;
  /** Ends the display; afterwards nothing is drawn. Safe to repeat. */
  stop(): Promise<void>;
}

const silent: Progress = { report: () => undefined, stop: async () => undefined };

const describe = (event: FleetEvent): [string, string] => {
  if (event.kind === 'phase') return ['', event.text];
  if (event.kind === 'host') return [event.host, event.text];
  return [event.account, `${event.state} on ${event.host}${event.reason === '' ? '' : `: ${event.reason}`}`];
};

function toLine(event: FleetEvent): string {
  const [subject, text] = describe(event);
  const mark = event.kind === 'host' && event.status === 'failed' ? '✗ ' : '';
  return `${new Date().toISOString().slice(11, 19)} ${mark}${subject === '' ? '' : `${subject}: `}${visibleLine(text)}`;
}

/** Without a terminal: one line per event with the time, as CI logs want it. */
const lines: Progress = { report: (event) => printErr(toLine(event)), stop: async () => undefined };

interface Row {
  text: string;
  state: 'working' | 'done' | 'failed';
}

const marks: Readonly<Record<Row['state'], string>> = { working: '·', done: '✔', failed: '✖' };

/**
 * With a terminal: what the command as a whole is doing, and below it one live line per host or account. All are one task of listr2, which takes no new
 * tasks once it runs. Nothing is drawn before the first event.
 */
async function liveProgress(): Promise<Progress> {
  const { Listr } = await import('listr2');
  const rows = new Map<string, Row>();
  let phase = 'talking to hosts';
  let shown: { title: string } | undefined;
  let running: Promise<unknown> | undefined;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const draw = (): void => {
    if (shown === undefined) return;
    const lines = [...rows]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([subject, { text, state }]) => visibleLine(`${marks[state]} ${subject}  ${text}`));
    shown.title = [visibleLine(phase), ...lines].join('\n');
  };
  const start = (): Promise<unknown> =>
    new Listr(
      [
        {
          title: phase,
          task: (_, task) => {
            shown = task;
            draw();
            return ended;
          },
        },
      ],
      { fallbackRendererCondition: false, registerSignalListeners: false, rendererOptions: { formatOutput: 'truncate' } },
    ).run();
  return {
    report: (event) => {
      const [subject, text] = describe(event);
      if (event.kind === 'phase') phase = text;
      if (event.kind === 'host') rows.set(subject, { text, state: event.status });
      if (event.kind === 'account') rows.set(subject, { text, state: event.state === 'online' ? 'done' : 'working' });
      running ??= start();
      draw();
    },
    stop: async () => {
      for (const row of rows.values()) if (row.state === 'working') row.state = 'failed';
      draw();
      end();
      await running;
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
  if (process.env.GITHUB_ACTIONS === 'true') return githubProgress(toLine, { line: printErr, fold: printFold });
  return process.stderr.isTTY ? liveProgress() : lines;
}
