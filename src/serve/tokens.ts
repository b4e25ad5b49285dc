/** Tokens: what a client shows. The ledger has their hashes only. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { LedgerDb } from '../ledger/ledger.ts';
import { findToken, noteTokenUse } from '../ledger/queries/serving.ts';
import type { ApiTokenRow } from '../ledger/schema.ts';
import { refusal } from './problem.ts';

const secretBytes = 32;
/** `fleet_ID_SECRET`: 16 hex digits, and 32 bytes as base64url. */
const tokenForm = /^fleet_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

export interface NewToken {
  readonly id: string;
  /** Shown once, and kept nowhere. */
  readonly token: string;
  /** SHA-256 of it, hex: 32 random bytes need no slow hash. */
  readonly hash: string;
}

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

export function newToken(): NewToken {
  const id = randomBytes(8).toString('hex');
  const token = `fleet_${id}_${randomBytes(secretBytes).toString('base64url')}`;
  return { id, token, hash: hashOf(token).toString('hex') };
}

/** Compared with where nobody has that id, so that both take as long. */
const nobodysHash = '0'.repeat(64);

const refused = (detail: string, hint: string): Error =>
  refusal(401, 'token', detail, hint, { 'www-authenticate': 'Bearer realm="fleet"' });

/** When a token was last used is kept this coarsely, ms: a look is not to write. */
const useEveryMs = 60_000;

/** Whether a token that was good at first still is. */
export async function stillHolds(db: LedgerDb, id: string, nowMs: number): Promise<boolean> {
  const row = await findToken(db, id);
  if (row === undefined || row.revoked_at !== null) return false;
  return row.expires_at === null || row.expires_at > nowMs;
}

/** Errors: 401 `token`, in the same words for all that is wrong with one but its time. */
export async function tokenOf(
  db: LedgerDb,
  header: string | undefined,
  nowMs: number,
): Promise<ApiTokenRow> {
  const [, text = ''] = /^Bearer ([!-~]{1,200})$/i.exec(header ?? '') ?? [];
  if (text === '')
    throw refused(
      'A token is needed.',
      'Send it as Authorization: Bearer TOKEN; fleet token add makes one.',
    );
  const [, id = ''] = tokenForm.exec(text) ?? [];
  const row = await findToken(db, id);
  const isRight = timingSafeEqual(hashOf(text), Buffer.from(row?.hash ?? nobodysHash, 'hex'));
  if (row === undefined || !isRight || row.revoked_at !== null)
    throw refused(
      'This token is not valid.',
      'fleet token list shows those that are; fleet token add makes another.',
    );
  if (row.expires_at !== null && row.expires_at <= nowMs)
    throw refused('This token has expired.', 'fleet token add makes another.');
  if ((row.last_used_at ?? 0) < nowMs - useEveryMs)
    // A full disk is no reason to refuse a look.
    await noteTokenUse(db, id, nowMs).catch(() => undefined);
  return row;
}
