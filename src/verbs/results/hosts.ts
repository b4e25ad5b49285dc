import type { HostRow } from '../../ledger/schema.ts';
import type { HostRanking } from '../../planning/ranking.ts';

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
  lastSeen: row?.last_seen_at ? new Date(row.last_seen_at).toISOString() : null,
  failures: row?.failures ?? 0,
  os: row?.os ?? null,
  arch: row?.arch ?? null,
  release: row?.release ?? null,
  rebootAnnouncedUntil: row?.announced_until ? new Date(row.announced_until).toISOString() : null,
});
