/** Whose run it is, and how it goes on. */
export interface RunCircumstances {
  readonly inventory: string;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
  /** It is about to act: resolves when that is recorded. */
  readonly ready: () => Promise<void>;
}
