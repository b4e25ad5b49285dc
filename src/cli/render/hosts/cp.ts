import { posix } from 'node:path';
import { counted } from '../../../model/counted.ts';
import { visibleLine } from '../../../model/visible.ts';
import type { CopyPlan } from '../../../verbs/hosts/cp.ts';
import type { CopyEnd, SendPlan } from '../../../workflows/copy/send.ts';
import { chalk } from '../../style.ts';
import { formatTable } from '../table.ts';

/** Paths that are listed at most. */
const mostListed = 20;

const formatBytes = (bytes: number): string =>
  bytes < 1000
    ? counted(bytes, 'byte')
    : bytes < 1e6
      ? `${(bytes / 1e3).toFixed(1)} kB`
      : bytes < 1e9
        ? `${(bytes / 1e6).toFixed(1)} MB`
        : `${(bytes / 1e9).toFixed(2)} GB`;

const formatTook = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const listed = (paths: readonly string[]): readonly string[] => [
  ...paths.slice(0, mostListed).map((path) => `  ${visibleLine(path)}`),
  ...(paths.length > mostListed ? [`  and ${paths.length - mostListed} more`] : []),
];

const linksText = (links: readonly string[]): readonly string[] =>
  links.length === 0
    ? []
    : [
        chalk.yellow(`${counted(links.length, 'symbolic link')} in the folder, not copied:`),
        ...listed(links),
      ];

interface Sized {
  readonly kind: 'folder' | 'file';
  readonly size: number;
}

/** `pathOf`: what an entry becomes. */
const entriesText = <E extends Sized>(entries: readonly E[], pathOf: (entry: E) => string) =>
  listed(
    entries.map((entry) =>
      entry.kind === 'folder'
        ? `${pathOf(entry)}/`
        : `${pathOf(entry)}  ${formatBytes(entry.size)}`,
    ),
  );

const sharesTable = ({ shares }: SendPlan): string =>
  formatTable(
    ['HOST', 'TO SEND', 'BYTES', 'THERE ALREADY'],
    shares.map(({ host, files, missing, bytes, same, error }) => [
      host.name,
      error === null
        ? [
            counted(files, 'file'),
            ...(missing.length > files ? [counted(missing.length - files, 'folder')] : []),
          ].join(', ')
        : chalk.red('failed'),
      error === null ? formatBytes(bytes) : '',
      error === null ? counted(same, 'file') : '',
    ]),
    'no hosts',
  );

/** What goes where; `isDry`: it is all that happens. */
export function formatCopyPlan(plan: CopyPlan, isDry: boolean): string {
  if (plan.way === 'down')
    return [
      `${plan.host.name}: ${counted(plan.files, 'file')}, ${formatBytes(plan.bytes)}, would become`,
      ...entriesText(plan.entries, ({ local }) => local),
      ...linksText(plan.links),
    ].join('\n');
  const { tree, base, shares } = plan;
  if (!isDry) {
    const well = shares.filter(({ error }) => error === null);
    const said = `All is there already, on ${counted(well.length, 'host')}.`;
    return [...(well.length > 0 ? [said] : []), ...linksText(tree.links)].join('\n');
  }
  return [
    'On each host these would be there:',
    ...entriesText(tree.entries, ({ below }) => posix.join(base, below)),
    ...linksText(tree.links),
    '',
    sharesTable(plan),
  ].join('\n');
}

/** One line a host. */
export function formatCopied(done: readonly CopyEnd[], plan: CopyPlan): string {
  const isSame = (files: number): boolean => plan.way === 'down' && files === 0 && plan.files > 0;
  const rows = done.map(({ host, files, bytes, durationMs, error }) => [
    host,
    error !== null ? chalk.red('failed') : isSame(files) ? chalk.dim('there already') : 'copied',
    counted(files, 'file'),
    formatBytes(bytes),
    formatTook(durationMs),
  ]);
  const rest =
    plan.way === 'up'
      ? plan.shares.filter((share) => !done.some(({ host }) => host === share.host.name))
      : [];
  const others = rest.map(({ host, error }) => [
    host.name,
    error === null ? chalk.dim('there already') : chalk.red('failed'),
    '',
    '',
    '',
  ]);
  const table = formatTable(['HOST', 'STATE', 'FILES', 'BYTES', 'TIME'], [...rows, ...others], '');
  const links = plan.way === 'up' ? plan.tree.links : plan.links;
  return [table, ...linksText(links)].join('\n');
}
