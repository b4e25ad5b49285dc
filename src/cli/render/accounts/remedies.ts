import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import { remedies } from '../../../verbs/results/accounts/remedies.ts';
import { chalk } from '../../style.ts';
import { formatState } from '../states.ts';

const maxNames = 5;

/** One line per state that needs somebody, with its accounts; empty when all is well. */
export function formatRemedies(rows: readonly PlacedAccount[]): string {
  const byState = Map.groupBy(rows, ({ state }) => state);
  const lines = [...byState].flatMap(([state, accounts]) => {
    const names = accounts.map(({ name }) => name);
    const shown = names.length > maxNames ? 'ACCOUNT...' : names.join(' ');
    const remedy = remedies[state]?.(state === 'offline' ? (names[0] ?? '') : shown);
    return remedy === undefined
      ? []
      : [`  ${formatState(state)} ${chalk.dim(`(${accounts.length})`)}: ${remedy}`];
  });
  return lines.length === 0 ? '' : ['What to do', ...lines].join('\n');
}
