import { counted } from '../../../model/counted.ts';
import type { LedgerMovePlan } from '../../../workflows/custody/move-ledger.ts';

/** What would be moved, or is left to be done. */
export function formatLedgerMove(plan: LedgerMovePlan): string {
  const { kind, from, to, serial, entries, hosts, accounts, aside } = plan;
  if (kind === 'none')
    return `The ledger was moved from ${from} to ${to} before.\n${lineWords(plan)}`;
  const what =
    kind === 'end'
      ? `${to} has the whole ledger of ${from}, which takes no changes any more. It may act after the last step.`
      : `${from}  ->  ${to}\nAll of it moves: ${counted(hosts, 'host')}, ${counted(accounts, 'account')}, ` +
        `${counted(entries, 'entry', 'entries')} of the history, last run ${serial}. ` +
        'It stays the same ledger for all hosts.\n' +
        'From then on the old one refuses every command and says where it went.';
  return `${what}${aside === null ? '' : `\nWhat is there now stays as ${aside}.`}`;
}

/** What is done, and what the operator does next. */
export function formatLedgerMoved(
  plan: LedgerMovePlan & { readonly rows: Readonly<Record<string, number>> | null },
): string {
  const count = Object.values(plan.rows ?? {}).reduce((sum, rows) => sum + rows, 0);
  const rows = plan.rows === null ? '' : `, ${counted(count, 'row')}, compared one by one`;
  return `Moved: ${plan.from}  ->  ${plan.to}${rows}.\n${lineWords(plan)}`;
}

const lineWords = ({ line }: LedgerMovePlan): string =>
  `Now write this into the inventory, on every machine that has it:\n  ledger: ${line}`;
