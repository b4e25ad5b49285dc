/** What the server and the process that runs a verb say to each other. */
import type { Lists } from '../pages.ts';
import type { ProblemFacts } from '../problem.ts';

/**
 * `look`: what is there. `plan`: what would be done; nothing is. `apply`: do it, if it is still
 * what was planned. `act`: do it.
 * `upload`: take a session file that came whole. `words`: which words a token of that pattern must
 * not see. `facts`: where the ledger is.
 */
export type RunMode = 'look' | 'plan' | 'apply' | 'act' | 'upload' | 'words' | 'facts';

export interface RunRequest {
  readonly mode: RunMode;
  readonly verb: string;
  /** As JSON came; it is judged by the verb's schema. */
  readonly input: unknown;
  /** Hosts that the token is limited to; null: none. */
  readonly hosts: string | null;
  /** Of `apply`: the digest of the plan that was shown. */
  readonly digest: string | null;
  /** Of `upload`: the file. It is never written anywhere but, encrypted, into the vault. */
  readonly bytes?: Uint8Array;
}

/** The data of an answer without its lists, and the lists. */
export interface RunAnswer {
  readonly head: Readonly<Record<string, unknown>>;
  readonly lists: Lists;
  /**
   * Of `plan`: what it rests on, and what a person would be asked; null: there is nothing to do.
   */
  readonly plan: { readonly digest: string; readonly question: string | null } | null;
}

export type ToRunner =
  | { readonly kind: 'run'; readonly inventory: string; readonly request: RunRequest }
  /** The act is recorded with who and from where: it may begin. */
  | { readonly kind: 'go' }
  /** It ends between two acts. */
  | { readonly kind: 'stop' };

export type FromRunner =
  | { readonly kind: 'progress'; readonly text: string }
  /** It is about to act. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly answer: RunAnswer }
  | { readonly kind: 'failed'; readonly problem: ProblemFacts; readonly log: string | null };
