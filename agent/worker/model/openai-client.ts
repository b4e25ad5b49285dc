import { OpenAI } from 'openai/client';
import { APIConnectionError, APIError, APIUserAbortError } from 'openai/error';
import { httpFetch } from './http-fetch.ts';
import { type Completion, type ModelAccess, type ModelClient, ModelFailure } from './model-port.ts';

/** Longer than any call: the caller's signal is what ends one. */
const ownTimeoutMs = 600_000;
/** Servers without keys must be sent one all the same. */
const noKey = 'none';

/**
 * The package `openai` behind the port: one request a call, no retries, silent, with nothing from the environment. In the bundle it is a file of its own
 * (src/release/build-host-files.ts), which costs memory only where a script asks a model.
 */
export const openAiClient = ({ baseUrl, key }: ModelAccess): ModelClient => {
  const client = new OpenAI({
    ...{ baseURL: baseUrl, apiKey: key ?? noKey, adminAPIKey: null, organization: null, project: null, webhookSecret: null },
    ...{ maxRetries: 0, timeout: ownTimeoutMs, logLevel: 'off', fetch: httpFetch },
  });
  return {
    complete: async ({ model, turns, answerTokens, temperature }, signal) => {
      const body = {
        model,
        messages: turns.map(({ role, content }) => ({ role, content })),
        max_tokens: answerTokens,
        stream: false as const,
        ...(temperature === null ? {} : { temperature }),
      };
      return parseCompletion(await answered(client.chat.completions.create(body, { signal }), signal));
    },
    isAcceptable: async (text, signal) => {
      const answer: unknown = await answered(client.moderations.create({ input: text }, { signal }), signal);
      const results = listOf(answer, 'results');
      const flags = results.map((result) => fieldOf(result, 'flagged'));
      if (flags.length === 0 || flags.some((flag) => typeof flag !== 'boolean'))
        throw new ModelFailure('garbage', 'no verdict of moderation');
      return flags.every((flag) => flag === false);
    },
  };
};

/** The server is whatever the operator has named, so its answer is read like anybody's. */
const parseCompletion = (answer: unknown): Completion => {
  const [choice] = listOf(answer, 'choices');
  const content = fieldOf(fieldOf(choice, 'message'), 'content');
  const finish = fieldOf(choice, 'finish_reason');
  if (finish === 'content_filter') throw new ModelFailure('garbage', 'the answer was filtered');
  if (typeof content !== 'string' || content.trim() === '') throw new ModelFailure('garbage', 'the answer has no text');
  const usage = fieldOf(answer, 'usage');
  const [read, written] = [fieldOf(usage, 'prompt_tokens'), fieldOf(usage, 'completion_tokens')];
  const tokens = isCount(read) && isCount(written) ? { read, written } : null;
  return { text: content.trim(), isCutOff: finish === 'length', tokens };
};

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
const listOf = (value: unknown, name: string): readonly unknown[] => {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
};

const answered = async <T>(request: Promise<T>, signal: AbortSignal): Promise<T> => {
  try {
    return await request;
  } catch (error) {
    throw failureOf(error, signal);
  }
};

const failureOf = (error: unknown, signal: AbortSignal): ModelFailure => {
  if (signal.aborted || error instanceof APIUserAbortError) return new ModelFailure('aborted', 'no answer in time');
  if (error instanceof APIConnectionError) return new ModelFailure('network', `no connection (${causeOf(error)})`);
  if (error instanceof APIError && error.status !== undefined) return statusFailure(error.status, error.headers);
  // The body was no JSON, or it broke off.
  if (error instanceof SyntaxError) return new ModelFailure('garbage', 'the answer is no JSON');
  return new ModelFailure('server', `the answer broke off (${causeOf(error)})`);
};

const statusFailure = (status: number, headers: Headers | undefined): ModelFailure => {
  const message = `the server answered ${status}`;
  if (status === 429) return new ModelFailure('rate-limit', message, retryAfterMs(headers));
  if (status >= 500 || status === 408 || status === 409) return new ModelFailure('server', message, retryAfterMs(headers));
  return new ModelFailure('refused', message);
};

/** `retry-after-ms`, or `retry-after` in seconds. A date is not read: clocks differ. */
const retryAfterMs = (headers: Headers | undefined): number | null => {
  const found = [Number(headers?.get('retry-after-ms') ?? Number.NaN), Number(headers?.get('retry-after') ?? Number.NaN) * 1000];
  return found.find((ms) => Number.isFinite(ms) && ms >= 0) ?? null;
};

/** `ECONNREFUSED` and the like; otherwise the class. */
const causeOf = (error: unknown): string => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string' && /^[A-Z_]+$/.test(at.code)) return at.code;
  }
  return error instanceof Error ? error.constructor.name : typeof error;
};
