import { createHash } from 'node:crypto';
import type { Behaviour } from '../../../hostside/protocol/behaviour.ts';
import { parseBehaviour } from '../../facts/answering-schemas.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { type Canary, lastCanary } from '../../ledger/queries/canaries.ts';

/** By account: what it goes on answering by, although the operator's files say something new. */
export type Held = ReadonlyMap<string, Behaviour>;

/**
 * Which accounts still wait for the change in this phase; after a roll-back no account has it.
 * Pure.
 */
function heldIn({ phase, accounts, others }: Canary): readonly string[] {
  if (phase === 'begun' || phase === 'watching') return others;
  return phase === 'returning' || phase === 'put-back' ? [...accounts, ...others] : [];
}

/**
 * What the last trial of scripts holds back. Until it has ended well, or is over, no command gives
 * it to those accounts.
 */
export async function readHeld(db: LedgerDb): Promise<Held> {
  const canary = await lastCanary(db, 'scripts');
  if (canary === null) return new Map();
  return new Map(
    heldIn(canary).flatMap((account) => {
      const text = canary.before.get(account);
      const behaviour = text === undefined ? null : parseBehaviour(text);
      return behaviour === null ? [] : [[account, behaviour] as const];
    }),
  );
}

/**
 * What a trial is about: the behaviours without what passes, and without what follows from who else
 * is in a chat. Pure.
 */
export function contentMark(behaviours: readonly Behaviour[]): string {
  const contents = behaviours
    .map(({ account, script, model, limits, chats }) => [
      account,
      script,
      model,
      limits,
      chats.map(({ id, name }) => [id, name]),
    ])
    .toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(contents)).digest('hex');
}
