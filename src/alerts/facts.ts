import type { Measure, NewsName, SubjectKind } from '../model/alert-policy.ts';

/** Values by measure; absent: nobody knows, so nothing is said about it. */
export type Values = Readonly<Partial<Record<Measure, number>>>;

/** A host, an account, or the fleet (its name) as a sweep found it. */
export interface SubjectFacts {
  readonly kind: SubjectKind;
  readonly name: string;
  /** Where an account is; null: nowhere, or no account. */
  readonly host: string | null;
  readonly values: Values;
  /** Why it stands as it does, one line; empty where there is nothing to say. */
  readonly reason: string;
  /** A host that does not answer; its accounts are not known. */
  readonly isSilent: boolean;
}

/** Something that happened since the sweep before. */
export interface News {
  readonly name: NewsName;
  readonly host: string | null;
  readonly account: string | null;
  readonly text: string;
}
