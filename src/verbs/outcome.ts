import type { FleetError } from '../model/errors.ts';
import type { Fields, InputOf } from './input.ts';

export type Json = Readonly<Record<string, unknown>>;

/** How a verb ended. */
export interface Outcome {
  /** What it was told, with names in the place of patterns. */
  readonly input: InputOf<Fields>;
  /** What a change would have done, or did; null for other verbs. */
  readonly plan: unknown;
  /** What was found or done; null where {@link isPlanOnly}. */
  readonly result: unknown;
  /** A change ended after a dry run, or after an empty plan. */
  readonly isPlanOnly: boolean;
  readonly data: Json;
  /** What failed for some hosts or accounts. */
  readonly errors: readonly FleetError[];
  /** Where the errors alone do not say it. */
  readonly exitCode?: number;
}
