import type { FleetEvent } from '../workflows/context.ts';
import { githubProgress } from './github-progress.ts';

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
  return `${new Date().toISOString().slice(11, 19)} ${mark}${subject === '' ? '' : `${subject}: `}${text}`;
}

/** Without a terminal: one line per event with the time, as CI logs want it. */
const lines: Progress = { report: (event) => console.error(toLine(event)), stop: async () => undefined };

interface Row {
  update(text: string): void;
  end(failure: string | null): void;
  /** Why it would count as failed if the display ended now. */
  failure: string | null;
}

/** With a terminal: one live line per host or account, below what the command as a whole is doing. Nothing is drawn before the first event. */
async function liveProgress(): Promise<Progress> {
  const { Listr } = await import('listr2');
  const rows = new Map<string, Row>();
  let endAll: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    endAll = resolve;
  });
  const list = new Listr([], {
    concurrent: true,
    exitOnError: false,
    fallbackRendererCondition: false,
    rendererOptions: { showErrorMessage: false },
  });
  let phase = 'talking to hosts';
  let head: { title: string } | undefined;
  let running: Promise<unknown> | undefined;
  const start = (): void => {
    const task = (_: unknown, shown: { title: string }): Promise<void> => {
      head = shown;
      head.title = phase;
      return ended;
    };
    list.add({ title: phase, task });
    running = list.run();
  };
  return {
    report: (event) => {
      const [subject, text] = describe(event);
      if (event.kind === 'phase') phase = text;
      if (running === undefined) start();
      if (head !== undefined) head.title = phase;
      if (subject === '') return;
      const row = rows.get(subject) ?? addRow(list, subject);
      rows.set(subject, row);
      row.update(text);
      if (event.kind === 'host' && event.status !== 'working') row.end(event.status === 'failed' ? text : null);
      if (event.kind !== 'account') return;
      row.failure = event.state === 'online' ? null : text;
      if (event.state === 'online') row.end(null);
    },
    stop: async () => {
      for (const row of rows.values()) row.end(row.failure);
      endAll();
      await running;
    },
  };
}

function addRow(
  list: { add(task: { title: string; task: (_: unknown, task: { title: string }) => Promise<void> }): unknown },
  subject: string,
): Row {
  let shown: { title: string } | undefined;
  let latest = subject;
  let finish: (failure: string | null) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    finish = (failure) => (failure === null ? resolve() : reject(new Error(failure)));
  });
  list.add({
    title: subject,
    task: (_, task) => {
      shown = task;
      task.title = latest;
      return finished;
    },
  });
  return {
    failure: null,
    update(text: string): void {
      latest = `${subject}  ${text}`;
      if (shown !== undefined) shown.title = latest;
    },
    end(failure: string | null): void {
      finish(failure);
    },
  };
}

/** Live on a terminal, lines elsewhere (folded by host in GitHub's pipelines), nothing with `--json`. */
export async function startProgress(json: boolean): Promise<Progress> {
  if (json) return silent;
  if (process.env.GITHUB_ACTIONS === 'true') return githubProgress(toLine, console.error);
  return process.stderr.isTTY ? liveProgress() : lines;
}
