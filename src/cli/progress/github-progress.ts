import type { Progress } from '../../verbs/desk.ts';
import type { FleetEvent } from '../../workflows/context.ts';

/** Where the lines go: single ones, and those of a fold. */
export interface FoldingLog {
  readonly line: (text: string) => void;
  readonly fold: (title: string, lines: readonly string[]) => void;
}

/**
 * One fold per host, written when the host is done: hosts work side by side, folds cannot overlap.
 * What failed stays unfolded.
 */
export function githubProgress(line: (event: FleetEvent) => string, log: FoldingLog): Progress {
  const open = new Map<string, string[]>();
  const close = (host: string, title: string, isFolded: boolean): void => {
    const lines = open.get(host) ?? [];
    open.delete(host);
    if (lines.length === 0) return;
    if (isFolded) log.fold(title, lines);
    else for (const each of lines) log.line(each);
  };
  return {
    report: (event) => {
      if ('isBrief' in event && event.isBrief === true) return;
      if (event.kind !== 'host') return log.line(line(event));
      const { host, text, status } = event;
      open.set(host, [...(open.get(host) ?? []), line(event)]);
      if (status !== 'working') close(host, `${host}: ${text}`, status === 'done');
    },
    hold: async () => undefined,
    stop: async () => {
      for (const host of [...open.keys()]) close(host, `${host}: not finished`, true);
    },
  };
}
