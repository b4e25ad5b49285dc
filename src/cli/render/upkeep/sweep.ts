import { counted } from '../../../model/counted.ts';
import { formatAge } from '../../../model/time-words.ts';
import type { Telling } from '../../../workflows/alerts/tell-fleet.ts';
import type { SweepResult } from '../../../workflows/checkup/sweep.ts';
import type { SweptHost } from '../../../workflows/hosts/swept-host.ts';
import { chalk } from '../../style.ts';
import { formatOutcomes } from '../moves/allocation.ts';
import { formatMoveOutcomes } from '../moves/moves.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';

/** One line per host, then what was carried on. */
export function formatSweep(
  { hosts, moves, grants, isObserver, failedOver, told }: SweepResult,
  nowMs: number,
): string {
  const rows = hosts.map((host) => [
    host.host,
    formatState(host.health),
    `${host.online ?? '?'}/${host.accounts}`,
    noteOf(host, nowMs),
  ]);
  const sections = [
    formatTable(
      ['HOST', 'HEALTH', 'ONLINE', 'FINDINGS'],
      rows,
      'No host is ready: fleet init comes first.',
    ),
  ];
  if (moves.length > 0) sections.push(`Moves carried on\n${formatMoveOutcomes(moves)}`);
  if (grants.length > 0)
    sections.push(`Accounts given back, started or failed over\n${formatOutcomes(grants)}`);
  if (failedOver.length > 0)
    sections.push(
      chalk.yellow(
        `Switched off and failed over: ${failedOver.join(', ')}. Keep it off until you ` +
          'have looked at it.',
      ),
    );
  if (told !== null && told.items + told.sent + told.waiting > 0) sections.push(tellingText(told));
  if (hosts.some(({ findings }) => findings.length > 0))
    sections.push(chalk.dim('fleet doctor says what to do about findings.'));
  if (isObserver)
    sections.push(
      chalk.dim(
        'This ledger has no account and never had one on a host: the sweep has only looked.',
      ),
    );
  return sections.join('\n\n');
}

/** One line on what was told to whom. */
function tellingText({ items, sent, waiting }: Telling): string {
  const waits =
    waiting === 0 ? '' : chalk.yellow(`; ${counted(waiting, 'message')} wait for the next sweep`);
  return `Alerts: ${counted(items, 'item')} to tell, ${counted(sent, 'message')} sent${waits}`;
}

function noteOf(
  { unreachableSinceMs, awayUntilMs, findings, problem }: SweptHost,
  nowMs: number,
): string {
  if (awayUntilMs !== null)
    return `its reboot is announced: expected back within ${formatAge(awayUntilMs - nowMs)}`;
  if (unreachableSinceMs !== null)
    return `no connection for ${formatAge(nowMs - unreachableSinceMs)}`;
  const texts = findings.map(({ level, text }) =>
    level === 'critical' ? chalk.red(text) : chalk.yellow(text),
  );
  return [...(problem === null ? [] : [chalk.red(problem.message)]), ...texts].join('; ');
}
