import type { HostInitOutcome } from '../../../workflows/init/init.ts';
import { chalk } from '../../style.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';
import { noHosts } from './hosts.ts';

/** One line per host, then what is worth reading: pending or changed steps, warnings, diffs. */
export function formatInit(outcomes: readonly HostInitOutcome[]): string {
  const rows = outcomes.map(({ host, state, steps, open, facts, ms, uploads, error }) => {
    const touched = steps.filter(
      (step) => step.state === 'changed' || step.state === 'pending',
    ).length;
    const sent = uploads.reduce((sum, { bytes }) => sum + bytes, 0);
    return [
      host,
      formatState(error?.code === 'interrupted' ? 'interrupted' : state),
      `${touched} of ${steps.length + open.length}`,
      `${(sent / 1e6).toFixed(1)} MB`,
      `${(ms / 1000).toFixed(1)} s`,
      facts?.osName ?? '',
    ];
  });
  const table = formatTable(['HOST', 'STATE', 'STEPS', 'SENT', 'TIME', 'OS'], rows, noHosts);
  const byDetails = Map.groupBy(outcomes, (outcome) => details(outcome).join('\n'));
  const sections = [...byDetails]
    .filter(([text]) => text !== '')
    .map(([text, same]) => `\n${chalk.bold(same.map(({ host }) => host).join(', '))}\n${text}`);
  return [table, ...sections].join('\n');
}

/** The same for hosts that are alike: they are shown once, under all their names. */
function details({ steps, open, error, warnings, notes, diffs }: HostInitOutcome): string[] {
  const touched = steps.filter(({ state }) => state === 'changed' || state === 'pending');
  return [
    ...touched.map(
      ({ id, state, what }) =>
        `  ${chalk.dim(state)} ${id}${what.length === 0 ? '' : `: ${listed(what)}`}`,
    ),
    // A host that could not be reached has all of them open; its error says what is the matter.
    ...(error === null || steps.length === 0 || open.length === 0
      ? []
      : [`  ${chalk.yellow('open')} ${open.join(', ')}`]),
    ...warnings.map((warning) => `  ${chalk.yellow('warning')} ${warning}`),
    ...notes.map((note) => `  ${chalk.dim('note')} ${note}`),
    ...diffs.map(({ text }) => text),
  ];
}

/**
 * `create /a, create /b, start x` as `create /a, /b, start x`: lists of the same act are read as
 * one.
 */
function listed(what: readonly string[]): string {
  let last = '';
  const shown = what.map((item) => {
    const [, act = '', object = item] =
      /^(create directory|create|change|install) (\S+)$/.exec(item) ?? [];
    const isSame = act !== '' && act === last;
    last = act;
    return isSame ? object : item;
  });
  return shown.join(', ');
}

export const formatSteps = (
  steps: readonly { readonly id: string; readonly title: string }[],
): string =>
  formatTable(
    ['STEP', 'WHAT IT DOES'],
    steps.map(({ id, title }) => [id, title]),
    noHosts,
  );
