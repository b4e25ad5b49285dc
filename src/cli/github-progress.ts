import type { FleetEvent } from '../workflows/context.ts';
import type { Progress } from './progress.ts';

/** What a workflow command of GitHub may not contain literally. */
const escapeData = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** An annotation of the run; GitHub shows it on the summary page. */
export const errorAnnotation = (message: string): string => `::error::${escapeData(message)}`;

/** One fold per host, written when the host is done: hosts work side by side, folds cannot overlap. What failed stays unfolded. */
export function githubProgress(line: (event: FleetEvent) => string, write: (text: string) => void): Progress {
  const open = new Map<string, string[]>();
  const close = (host: string, title: string, isFolded: boolean): void => {
    const lines = open.get(host) ?? [];
    open.delete(host);
    if (lines.length === 0) return;
    write(isFolded ? [`::group::${escapeData(title)}`, ...lines, '::endgroup::'].join('\n') : lines.join('\n'));
  };
  return {
    report: (event) => {
      if (event.kind !== 'host') return write(line(event));
      const { host, text, status } = event;
      open.set(host, [...(open.get(host) ?? []), line(event)]);
      if (status !== 'working') close(host, `${host}: ${text}`, status === 'done');
    },
    stop: async () => {
      for (const host of [...open.keys()]) close(host, `${host}: not finished`, true);
    },
  };
}
