import type { MoveRow } from '../../../ledger/schema.ts';
import type { MoveOutcome } from '../../../workflows/moves/carry-move.ts';
import type { MovePlan } from '../../../workflows/moves/plan-file.ts';
import type { PreparedMoves } from '../../../workflows/moves/plan-moves.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatState } from '../states.ts';
import { formatPoints, formatTable } from '../table.ts';

/** The plan for people: every move with its reason, and how good the plan is. */
export function formatMovePlan({ plan, resumed }: PreparedMoves): string {
  const rows = [
    ...resumed.map((row) => [row.account, row.from_host ?? '', row.to_host, carriedOn(row)]),
    ...plan.moves.map(({ account, from, to, reason, idle }) => [
      account,
      from,
      to,
      idle ? `${reason}; it is not started` : reason,
    ]),
  ];
  const table =
    rows.length === 0 ? '' : `${formatTable(['ACCOUNT', 'FROM', 'TO', 'WHY'], rows, '')}\n`;
  const cordon =
    plan.cordon === null
      ? ''
      : `\n${plan.cordon} is cordoned and stays so until: fleet hosts uncordon ${plan.cordon}`;
  return `${table}${sentence(plan.summary)}${chalk.dim(`${spreadOf(plan)}${cordon}`)}`;
}

const carriedOn = ({ phase }: MoveRow): string => `continued from an earlier run (${phase})`;

const sentence = (text: string): string =>
  text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const spreadOf = ({ verb, spreadBefore, spreadAfter }: MovePlan): string =>
  verb !== 'drain' || spreadBefore === null || spreadAfter === null
    ? ''
    : ` Spread of load scores: ${formatPoints(spreadBefore)} → ${formatPoints(spreadAfter)} ` +
      'points.';

const seconds = (ms: number | null): string => (ms === null ? '' : `${(ms / 1000).toFixed(1)} s`);

/**
 * `namesOpen`: what is open stands below; the end of an interrupted command says it of all moves.
 */
export function formatMoveOutcomes(outcomes: readonly MoveOutcome[], namesOpen = true): string {
  const rows = outcomes.map(({ account, from, to, host, state, phase, offlineMs }) => [
    account,
    from,
    host === to ? to : `${to}, is on ${host}`,
    state === 'moving' ? chalk.yellow(phase) : formatState(state),
    seconds(offlineMs),
  ]);
  const done = outcomes.filter(({ problem }) => problem === null).length;
  const open = outcomes.filter(
    ({ phase }) =>
      phase === 'planned' || phase === 'staged' || phase === 'released' || phase === 'granted',
  );
  const hint =
    open.length === 0 || !namesOpen
      ? ''
      : '\nOpen: ' +
        `${open.map(({ account, to, phase }) => `${called(account)} → ${to} (${phase})`).join(', ')}` +
        '. Carry on with: fleet resume';
  return (
    `${formatTable(['ACCOUNT', 'FROM', 'TO', 'STATE', 'OFFLINE FOR'], rows, 'Nothing was moved.')}` +
    `\n${done} of ${outcomes.length} moved.${hint}`
  );
}
