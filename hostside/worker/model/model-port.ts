/** One turn of a conversation as a model reads it. What people wrote is always `user`. */
export interface Turn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface CompletionRequest {
  readonly model: string;
  readonly turns: readonly Turn[];
  /** Tokens of the answer at most. */
  readonly answerTokens: number;
  /** null: the model's own. */
  readonly temperature: number | null;
}

export interface Completion {
  /** Never empty. */
  readonly text: string;
  /** The model stopped because `answerTokens` was reached: the text ends somewhere. */
  readonly isCutOff: boolean;
  /** As the server counts them; null when it does not say. */
  readonly tokens: { readonly read: number; readonly written: number } | null;
}

export type ModelFailureKind =
  /** 429. */
  | 'rate-limit'
  /** 5xx, or an answer that broke off. */
  | 'server'
  /** No connection, or it was lost before an answer began. */
  | 'network'
  /** `signal` aborted: the time was over, or the worker stops. */
  | 'aborted'
  /** Any other 4xx: a wrong key, model or request, which does not get better by itself. */
  | 'refused'
  /** An answer that is none: no JSON, no text, a content filter. */
  | 'garbage';

/**
 * Why there is no answer. `message` is a status and a kind: never a key, an address or a word of
 * the conversation.
 */
export class ModelFailure extends Error {
  override readonly name = 'ModelFailure';
  readonly kind: ModelFailureKind;
  /** How long the server asks to wait, ms; null when it does not say. */
  readonly retryAfterMs: number | null;

  constructor(kind: ModelFailureKind, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}

/** By its fields, not its class: the client is a bundle of its own, with a class of its own. */
export const isModelFailure = (error: unknown): error is ModelFailure =>
  error instanceof Error && error.name === 'ModelFailure';

/**
 * An OpenAI-compatible server. Another implementation must pass
 * `test/hostside/worker/model/model-contract.ts`.
 */
export interface ModelClient {
  /**
   * One request; never retries. Rejects with ModelFailure only, soon after `signal` aborts at the
   * latest.
   */
  complete(request: CompletionRequest, signal: AbortSignal): Promise<Completion>;
  /** Whether the moderation endpoint lets the text pass. Rejects like `complete`. */
  isAcceptable(text: string, signal: AbortSignal): Promise<boolean>;
}

/**
 * Where a {@link ModelClient} finds its server. `key` is the secret; null: the server wants none.
 */
export interface ModelAccess {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly key: string | null;
}
