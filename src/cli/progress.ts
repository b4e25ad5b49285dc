import type { FleetEvent } from '../workflows/context.ts';

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

/** Without a terminal: one line per event with the time, as CI logs want it. */
const lines: Progress = {
  report: (event) => {
    const [subject, text] = describe(event);
    const mark = event.kind === 'host' && event.status === 'failed' ? '✗ ' : '';
    console.error(`${new Date().toISOString().slice(11, 19)} ${mark}${subject === '' ? '' : `${subject}: `}${text}`);
  },
  stop: async () => undefined,
};

/** With a terminal: one live line per host or account. */
async function liveProgress(): Promise<Progress> {
  const { Listr } = await import('listr2');
  const rows = new Map<string, { update(text: string): void; end(failure: string | null): void }>();
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
  list.add({ title: 'working', task: () => ended });
  const running = list.run();
  return {
    report: (event) => {
      const [subject, text] = describe(event);
      if (subject === '') return;
      let row = rows.get(subject);
      if (row === undefined) {
        row = addRow(list, subject);
        rows.set(subject, row);
      }
      row.update(text);
      if (event.kind === 'host' && event.status !== 'working') row.end(event.status === 'failed' ? text : null);
      if (event.kind === 'account' && event.state === 'online') row.end(null);
    },
    stop: async () => {
      for (const row of rows.values()) row.end(null);
      endAll();
      await running;
    },
  };
}

function addRow(
  list: { add(task: { title: string; task: (_: unknown, task: { title: string }) => Promise<void> }): unknown },
  subject: string,
) {
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
    update(text: string): void {
      latest = `${subject}  ${text}`;
      if (shown !== undefined) shown.title = latest;
    },
    end(failure: string | null): void {
      finish(failure);
    },
  };
}

/** Live on a terminal, lines elsewhere, nothing with `--json`. */
export async function startProgress(json: boolean): Promise<Progress> {
  if (json) return silent;
  return process.stderr.isTTY ? liveProgress() : lines;
}
