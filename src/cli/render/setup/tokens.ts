import type { ApiTokenRow } from '../../../ledger/schema.ts';
import { formatAge, formatTime } from '../../../model/time-words.ts';
import { formatTable } from '../table.ts';

interface NewToken {
  readonly name: string;
  readonly scope: string;
  readonly hosts: string | null;
  readonly expires: string;
  readonly token: string;
}

/** The only time that the token is shown. */
export const formatNewToken = ({ name, scope, hosts, expires, token }: NewToken): string =>
  [
    token,
    `token ${name} may ${scope}${hosts === null ? '' : ` on ${hosts}`} until ${expires}.`,
    'It is not shown again; send it as Authorization: Bearer TOKEN.',
  ].join('\n');

function stateOf({ revoked_at, expires_at }: ApiTokenRow, nowMs: number): string {
  if (revoked_at !== null) return `revoked ${formatTime(revoked_at)}`;
  if (expires_at !== null && expires_at <= nowMs) return `expired ${formatTime(expires_at)}`;
  return expires_at === null ? 'valid' : `valid for ${formatAge(expires_at - nowMs)}`;
}

const none = 'There are no tokens; fleet token add makes one.';

export function formatTokens(rows: readonly ApiTokenRow[], nowMs: number): string {
  const cells = rows.map((row) => [
    ...[row.name, row.scope, row.hosts ?? 'all', stateOf(row, nowMs)],
    row.last_used_at === null ? 'never' : `${formatAge(nowMs - row.last_used_at)} ago`,
  ]);
  return formatTable(['token', 'may', 'hosts', 'state', 'used'], cells, none);
}
