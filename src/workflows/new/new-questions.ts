import type { ServerSource } from './read-servers.ts';

/**
 * What `fleet new` asks where nobody said it. Each rejects with `interrupted` where there is no
 * answer.
 */
export interface NewQuestions {
  /** `fallback`: what no answer means. */
  name(fallback: string): Promise<string>;
  /** `known`: hosts that the ssh config names. */
  servers(known: readonly string[]): Promise<ServerSource>;
  /** Empty: the user that the ssh config names, else the operator's own name. */
  user(): Promise<string>;
  /** Empty: later. */
  apiId(): Promise<string>;
  /** Empty: later. Not a letter of the answer is shown. */
  apiHash(): Promise<string>;
}
