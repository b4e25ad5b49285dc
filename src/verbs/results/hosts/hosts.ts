import { nextLoginAt } from '../../../facts/next-login.ts';
import type { HostRow } from '../../../ledger/schema.ts';
import type { HostRanking } from '../../../planning/fleet/ranking.ts';

const timeOf = (ms: number | null | undefined): string | null =>
  ms ? new Date(ms).toISOString() : null;

/** A host for programs. */
export const hostData = (rank: HostRanking, row: HostRow | undefined): Record<string, unknown> => ({
  name: rank.host,
  state: rank.state,
  reason: rank.stateReason,
  score: rank.score.total,
  scoreParts: rank.score.parts,
  rank: rank.rank,
  accounts: rank.accounts,
  maxAccounts: rank.maxAccounts,
  freeMemoryBytes: rank.freeMemoryBytes,
  latencyMs: row?.latency_ms ?? null,
  lastSeen: timeOf(row?.last_seen_at),
  failures: row?.failures ?? 0,
  os: row?.os ?? null,
  arch: row?.arch ?? null,
  release: row?.release ?? null,
  rebootAnnouncedUntil: timeOf(row?.announced_until),
  loginRefusals: row?.refusals ?? 0,
  loginRefusedSince: timeOf(row?.refused_since),
  loginAskedAgain: timeOf(row === undefined ? null : nextLoginAt(row)),
});
