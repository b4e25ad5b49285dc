import type { MoveRow } from '../../ledger/schema.ts';

/** The host that a failover takes the account from; null for any other move. */
export const lostHostOf = ({ kind, decision_json }: MoveRow): string | null =>
  kind === 'failover' ? (JSON.parse(decision_json) as { from: string | null }).from : null;
