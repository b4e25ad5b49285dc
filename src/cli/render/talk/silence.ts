import { formatTime } from '../../../model/time-words.ts';
import { remedyFor } from '../../../verbs/results/accounts/remedies.ts';
import type { SilenceReport } from '../../../workflows/accounts/why-silent.ts';
import type { BehaviourChange } from '../../../workflows/answers/push-scripts.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';

/** Counts first, then the last messages. */
export function formatSilence({
  account,
  host,
  isPaused,
  received,
  answered,
  reasons,
  recent,
  left,
  state,
  reason,
}: SilenceReport): string {
  const head =
    received === null
      ? `${chalk.bold(called(account))} on ${host}: its worker has reported nothing yet`
      : `${chalk.bold(called(account))} on ${host}: ${received} messages received and ` +
        `${answered} answered since its worker ` +
        `started${isPaused ? `, ${chalk.yellow('paused')}` : ''}`;
  const counts = formatTable(
    ['TIMES', 'REASON', 'MEANING'],
    reasons.map(({ reason, count, meaning }) => [String(count), reason, meaning]),
    'It has left nothing unanswered.',
  );
  const missing = (left ?? []).map(({ chatId, movedTo }) =>
    movedTo === null
      ? `${chalk.yellow('!')} it is not in group ${chatId}: add it there again, or take the ` +
        'group from its chats'
      : `${chalk.yellow('!')} group ${chatId} was made into the supergroup ${movedTo}: name ` +
        'that one in its chats',
  );
  const remedy = remedyFor({ name: account, state });
  const standing =
    state === 'online'
      ? []
      : [
          `It is ${formatState(state)}${reason === '' ? '' : `: ${reason}`}`,
          ...(remedy === null ? [] : [`To do: ${remedy}`]),
        ];
  const told = [[head, ...standing, ...missing].join('\n'), counts].join('\n\n');
  if (recent.length === 0) return told;
  const last = formatTable(
    ['TIME', 'CHAT', 'MESSAGE', 'FROM', 'REASON', 'RULE', 'UNTIL'],
    recent.map(({ atMs, chatId, messageId, userId, reason, rule, untilMs }) => [
      formatTime(atMs),
      chatId,
      String(messageId),
      userId ?? chalk.dim('-'),
      reason,
      rule ?? chalk.dim('-'),
      untilMs === null ? chalk.dim('-') : formatTime(untilMs),
    ]),
    '',
  );
  return `${told}\n\n${last}`;
}

/** `looked`: accounts that were compared. */
export const formatPush = (changes: readonly BehaviourChange[], looked: number): string =>
  formatTable(
    ['ACCOUNT', 'HOST', 'CHANGE'],
    changes.map(({ account, host, changes: words }) => [account, host.name, words.join('; ')]),
    looked === 0
      ? 'No account is on a host that answers.'
      : `Nothing to push: ${looked} of ${looked} accounts are up to date.`,
  );
