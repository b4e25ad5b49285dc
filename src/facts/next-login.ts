import { askedAgainAt } from '../remote/shared/login-pause.ts';

/**
 * What the ledger has recorded of a host's refused logins, in a row. `refused_at`: the last one, ms
 * since the epoch; null: it accepts fleet's logins.
 */
interface RecordedRefusals {
  readonly refused_at: number | null;
  readonly refusals: number;
}

/** When a sweep asks the host again, ms since the epoch; null: it accepts fleet's logins. Pure. */
export const nextLoginAt = ({ refused_at, refusals }: RecordedRefusals): number | null =>
  refused_at === null ? null : askedAgainAt({ atMs: refused_at, count: Number(refusals) });
