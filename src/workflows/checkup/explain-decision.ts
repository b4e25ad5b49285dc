import { readDecisionInput } from '../../ledger/queries/decision-inputs.ts';
import { readHistory } from '../../ledger/queries/records.ts';
import type { HistoryRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import { replay, type Verdict } from '../../planning/advice/decision-input.ts';
import type { FleetContext } from '../context.ts';
import { requireAccount } from '../ownership/account-acts.ts';

/** A decision that was made again from its inputs. */
export interface Replayed {
  /**
   * SHA-256 (hex) of the inputs; null: the decision was made by a fleet that did not keep them, or
   * by no planner.
   */
  readonly inputHash: string | null;
  /** null: there is nothing to make it from again. */
  readonly isSame: boolean | null;
  readonly hosts: number;
  readonly accounts: number;
  readonly verdict: Verdict | null;
}

export interface Explained {
  readonly entry: HistoryRow;
  readonly decision: unknown;
  /** null: it was not asked for. */
  readonly replayed: Replayed | null;
}

/** Why the account is where it is. Errors: `usage`. */
export async function explainNow(context: FleetContext, name: string): Promise<Explained> {
  const account = await requireAccount(context, name);
  const [entry] = await readHistory(context.ledger.db, { account: account.name, limit: 1 });
  if (entry === undefined || account.host === null) {
    throw new FleetError(
      'usage',
      `${account.name} is on ${account.host ?? 'no host'}, and there is no decision to explain`,
      {
        account: account.name,
        hint:
          account.host === null
            ? `fleet allocate ${account.name} --dry-run shows what would be decided`
            : 'the ledger was adopted from the hosts; fleet events shows when',
      },
    );
  }
  return { entry, decision: JSON.parse(entry.decision_json) as unknown, replayed: null };
}

/**
 * The decision that held at `atMs`, also of an account that is gone by now, and the same decision
 * made again. Errors: `usage`.
 */
export async function explainThen(
  context: FleetContext,
  name: string,
  atMs: number,
): Promise<Explained> {
  const { db } = context.ledger;
  const [entry] = await readHistory(db, { account: name, untilMs: atMs, limit: 1 });
  if (entry === undefined) {
    throw new FleetError(
      'usage',
      `nothing had been decided about ${name} by ${new Date(atMs).toISOString()}`,
      {
        account: name,
        hint: `fleet history --account ${name} shows all decisions`,
      },
    );
  }
  const decision = JSON.parse(entry.decision_json) as Recorded;
  const input =
    typeof decision.inputHash === 'string' ? await readDecisionInput(db, decision.inputHash) : null;
  if (input === null)
    return {
      entry,
      decision,
      replayed: { inputHash: null, isSame: null, hosts: 0, accounts: 0, verdict: null },
    };
  const verdict = replay(input, name as AccountName);
  const { hosts, accounts } = input.view;
  const isSame = verdict?.host === entry.host && isEqual(verdict.scores, recordedScores(decision));
  return {
    entry,
    decision,
    replayed: {
      inputHash: decision.inputHash ?? null,
      isSame,
      hosts: hosts.length,
      accounts: accounts.length,
      verdict,
    },
  };
}

interface Recorded {
  readonly inputHash?: string | null;
  readonly scoreBefore?: { readonly total: number };
  readonly scoreAfter?: { readonly total: number };
  readonly fromScoreBefore?: number;
  readonly fromScoreAfter?: number;
  readonly toScoreBefore?: number;
  readonly toScoreAfter?: number;
}

const recordedScores = ({
  scoreBefore,
  scoreAfter,
  ...scores
}: Recorded): readonly (number | undefined)[] =>
  scoreBefore === undefined
    ? [scores.fromScoreBefore, scores.fromScoreAfter, scores.toScoreBefore, scores.toScoreAfter]
    : [scoreBefore.total, scoreAfter?.total];

const isEqual = (one: readonly number[], other: readonly (number | undefined)[]): boolean =>
  one.length === other.length && one.every((value, index) => value === other[index]);
