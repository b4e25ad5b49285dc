import * as z from 'zod';
import type { HistoryRow, MoveRow } from '../../../ledger/schema.ts';
import type { DescribedEvent } from '../../../model/events/event.ts';
import { formatAge, formatTime } from '../../../model/time-words.ts';
import type { Replayed } from '../../../workflows/checkup/explain-decision.ts';
import { endingCommandOf } from '../../../workflows/hosts/ending-command.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatPoints, formatTable } from '../table.ts';

const parts = z.object({
  cpu: z.number(),
  memory: z.number(),
  slots: z.number(),
  disk: z.number(),
});
const score = z.object({ total: z.number(), parts });

/** A decision as the ledger keeps it; what an older fleet did not record is absent. */
const decisionSchema = z.object({
  scoreBefore: score.optional(),
  scoreAfter: score.optional(),
  runnersUp: z
    .array(
      z.object({
        host: z.string(),
        scoreBefore: z.number(),
        scoreAfter: z.number(),
        reason: z.string(),
      }),
    )
    .default([]),
  refusals: z.array(z.object({ host: z.string(), message: z.string() })).default([]),
});

/**
 * One decision for people: the choice, its score part by part, the runners-up, and why each other
 * host could not have it.
 */
export function formatDecision(entry: HistoryRow, decision: unknown): string {
  const { scoreBefore, scoreAfter, runnersUp, refusals } = decisionSchema.parse(decision);
  const head =
    `${chalk.bold(called(entry.account))} is on ${chalk.bold(entry.host)} since ` +
    `${formatTime(entry.at)} ` +
    `(${entry.type}${entry.strategy === null ? '' : `, strategy ${entry.strategy}`})`;
  const lines = [head, `  ${entry.reason}`];
  if (scoreBefore !== undefined && scoreAfter !== undefined) {
    const names = ['cpu', 'memory', 'slots', 'disk'] as const;
    const row = (title: string, of: typeof scoreBefore) => [
      title,
      formatPoints(of.total),
      ...names.map((name) => formatPoints(of.parts[name])),
    ];
    lines.push(
      '',
      formatTable(
        [`LOAD SCORE OF ${entry.host}`, 'TOTAL', 'CPU', 'MEMORY', 'SLOTS', 'DISK'],
        [row('before', scoreBefore), row('with the account', scoreAfter)],
        '',
      ),
    );
  }
  if (runnersUp.length > 0) {
    const rows = runnersUp.map((rival) => [
      rival.host,
      `${formatPoints(rival.scoreBefore)} → ${formatPoints(rival.scoreAfter)}`,
      rival.reason,
    ]);
    lines.push('', formatTable(['RUNNER-UP', 'SCORE', 'WHY IT LOST'], rows, ''));
  }
  if (refusals.length > 0) {
    lines.push(
      '',
      formatTable(
        ['NOT POSSIBLE', 'WHY'],
        refusals.map(({ host, message }) => [host, message]),
        '',
      ),
    );
  }
  return lines.join('\n');
}

/** Whether the decision, made again, is the same. */
export function formatReplay({ inputHash, isSame, hosts, accounts, verdict }: Replayed): string {
  if (inputHash === null)
    return chalk.dim('The data of that time was not kept, so the decision cannot be repeated.');
  const from =
    `from ${hosts} hosts and ${accounts} accounts as they were known then ` +
    `(${inputHash.slice(0, 12)})`;
  if (isSame === true)
    return chalk.dim(`Made again ${from}: the same decision, with the same figures.`);
  const other =
    verdict === null
      ? 'it would stay'
      : `it would go to ${verdict.host} (${verdict.scores.map(formatPoints).join(', ')})`;
  return chalk.yellow(`Made again ${from} by this version of fleet: ${other}.`);
}

export const formatMoves = (rows: readonly MoveRow[], nowMs: number): string =>
  formatTable(
    ['ACCOUNT', 'FROM', 'TO', 'PHASE', 'EPOCH', 'AGE', 'WAITS FOR'],
    rows.map((move) => [
      move.account,
      move.from_host ?? chalk.dim('-'),
      move.to_host,
      move.phase,
      move.epoch.toString(),
      formatAge(nowMs - move.created_at),
      `${move.problem === null ? '' : `${move.problem}; `}the next run: ${endingCommandOf(move)}`,
    ]),
    'No open moves.',
  );

export const formatEvents = (
  events: readonly (DescribedEvent & { readonly at: number })[],
): string =>
  formatTable(
    ['TIME', 'WHAT', 'HOST', 'ACCOUNT', 'NOTE'],
    events.map(({ at, kind, host, account, text }) => [
      formatTime(at),
      kind,
      host ?? chalk.dim('-'),
      account ?? chalk.dim('-'),
      text,
    ]),
    'Nothing happened yet.',
  );
