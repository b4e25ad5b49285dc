import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { DecisionInput } from '../../planning/advice/decision-input.ts';
import type { HostState } from '../../planning/fleet/fleet-view.ts';
import type { LedgerDb } from '../ledger.ts';

/**
 * Keeps what a run decided from, once for all its decisions and never pruned. Returns its name:
 * SHA-256 (hex) of the JSON.
 */
export async function saveDecisionInput(
  db: LedgerDb,
  input: DecisionInput,
  nowMs: number,
): Promise<string> {
  const text = JSON.stringify(input);
  const hash = createHash('sha256').update(text).digest('hex');
  await db
    .insertInto('decision_inputs')
    .values({ hash, at: nowMs, content: gzipSync(text) })
    .onConflict((c) => c.doNothing())
    .execute();
  return hash;
}

/** null: a decision of a fleet that did not keep them yet. */
export async function readDecisionInput(db: LedgerDb, hash: string): Promise<DecisionInput | null> {
  const row = await db
    .selectFrom('decision_inputs')
    .select('content')
    .where('hash', '=', hash)
    .executeTakeFirst();
  if (row === undefined) return null;
  const input = JSON.parse(gunzipSync(row.content).toString('utf8')) as DecisionInput;
  const hosts = input.view.hosts.map((host) => ({ ...host, state: stateOfToday(host.state) }));
  return { ...input, view: { ...input.view, hosts } };
}

/** Releases before 2026-11-30 had another word for a host that `fleet init` has not made ready. */
const stateOfToday = (state: HostState | 'unbootstrapped'): HostState =>
  state === 'unbootstrapped' ? 'not-ready' : state;
