import type { AccountState } from '../model/account-state.ts';
import type { Availability } from './availability.ts';

/** Everything that a report shows. Times in ms since the epoch, shares 0-1. */
export interface Report {
  readonly fleet: string;
  readonly atMs: number;
  readonly hosts: readonly ReportedHost[];
  readonly accounts: readonly ReportedAccount[];
  /** Newest first. */
  readonly decisions: readonly ReportedDecision[];
  /** By day, oldest first. */
  readonly trend: readonly TrendPoint[];
  readonly capacity: {
    readonly slots: number;
    readonly used: number;
    readonly advice: readonly string[];
  };
  /** Months of the columns of `months`, newest first, as `2026-11`. */
  readonly months: readonly string[];
  readonly alerts: readonly {
    readonly key: string;
    readonly severity: string;
    readonly since: number;
    readonly reason: string;
  }[];
}

export interface ReportedHost {
  readonly name: string;
  readonly zone: string | null;
  readonly state: string;
  readonly score: number | null;
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly disk: number | null;
  readonly accounts: number;
  readonly maxAccounts: number;
  /** Of the figures; null: never measured. */
  readonly measuredAt: number | null;
  readonly months: readonly Availability[];
}

export interface ReportedAccount {
  readonly name: string;
  readonly host: string | null;
  readonly state: AccountState;
  readonly reason: string;
  readonly since: number;
  readonly months: readonly Availability[];
}

export interface ReportedDecision {
  readonly at: number;
  readonly account: string;
  readonly from: string | null;
  readonly to: string;
  readonly type: string;
  readonly reason: string;
}

/** Of all hosts that were measured on that day. */
export interface TrendPoint {
  readonly at: number;
  readonly cpu: number;
  readonly memory: number;
  readonly slots: number;
}
