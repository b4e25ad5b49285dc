import type { HostRow } from '../../ledger/schema.ts';
import { askedAgainAt } from '../../remote/shared/login-pause.ts';

/** When a sweep asks a host again that refuses the login, ms since the epoch; null: it lets fleet in. Pure. */
export const nextLoginAt = (row: Pick<HostRow, 'refused_at' | 'refusals'>): number | null =>
  row.refused_at === null ? null : askedAgainAt({ atMs: row.refused_at, count: Number(row.refusals) });
