import type { Inventory } from '../../model/inventory.ts';

/** Whose run it is, and how it goes on. */
export interface RunCircumstances {
  readonly inventory: string;
  readonly readInventory: (path: string) => Promise<Inventory>;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  /** It is about to act: resolves when that is recorded. */
  readonly ready: () => Promise<void>;
}
