import { OpenAI } from 'openai/client';
import { APIConnectionError, APIError, APIUserAbortError } from 'openai/error';
import { afterRefusal, commonDialect, type Refusal, withoutSystem } from './dialect.ts';
import { httpFetch } from './http-fetch.ts';
import {
  type Completion,
  type CompletionRequest,
  type ModelAccess,
  type ModelClient,
  ModelFailure,
  type Turn,
} from './model-port.ts';
import { errorIn, fieldOf, listOf, parseCompletion } from './parse-answer.ts';
import { refusalIn, wordsOfRefusal } from './server-words.ts';

/** Longer than any call: the caller's signal is what ends one. */
const ownTimeoutMs = 600_000;
/** Servers without keys must be sent one all the same. */
const noKey = 'none';
/** The package calls it with an address and reads of the answer what a {@link httpFetch} gives. */
const asFetch = httpFetch as unknown as typeof fetch;

/**
 * The package `openai` behind the port: one request a call, no retries, silent, with nothing from
 * the environment. In the bundle it is a file of its own
 * (src/release/build-host-files.ts), which costs memory only where a script asks a model.
 */
export const openAiClient = ({ baseUrl, key }: ModelAccess): ModelClient => {
  if (key !== null && !/^[\x20-\x7e]+$/.test(key))
    return unusable('the key of the model has characters that no request can carry: look at it');
  const { address, query, headers } = addressOf(baseUrl, key);
  const client = new OpenAI({
    ...{
      baseURL: address,
      apiKey: key ?? noKey,
      adminAPIKey: null,
      organization: null,
      project: null,
      webhookSecret: null,
    },
    ...{
      maxRetries: 0,
      timeout: ownTimeoutMs,
      logLevel: 'off',
      fetch: asFetch,
      defaultQuery: query,
      defaultHeaders: headers,
    },
  });
  let dialect = commonDialect;
  const ask = async (
    { model, turns, answerTokens, temperature }: CompletionRequest,
    signal: AbortSignal,
  ): Promise<Completion> => {
    const body = {
      model,
      messages: (dialect.takesSystem ? turns : withoutSystem(turns)).map(({ role, content }) => ({
        role,
        content,
      })),
      [dialect.limitField]: answerTokens,
      stream: false as const,
      ...(temperature === null || !dialect.takesTemperature ? {} : { temperature }),
    };
    const answer: unknown = await client.chat.completions.create(body, { signal });
    const error = errorIn(answer);
    if (error !== undefined) throw new RefusedInside(refusalIn(statusIn(error), { error }));
    return parseCompletion(answer);
  };
  const complete = async (request: CompletionRequest, signal: AbortSignal): Promise<Completion> => {
    try {
      return await ask(request, signal);
    } catch (error) {
      const refusal = refusalOf(error);
      const next = refusal === null || signal.aborted ? null : afterRefusal(dialect, refusal);
      if (next === null) throw failureOf(error, signal, request.turns);
      dialect = next;
      return complete(request, signal);
    }
  };
  return {
    complete,
    isAcceptable: async (text, signal) => {
      const turns = [{ role: 'user', content: text }] as const;
      const asked = client.moderations.create({ input: text }, { signal });
      const answer: unknown = await asked.catch((error: unknown) =>
        Promise.reject(moderationFailure(error, signal, turns)),
      );
      const results = listOf(answer, 'results');
      const flags = results.map((result) => fieldOf(result, 'flagged'));
      if (flags.length === 0 || flags.some((flag) => typeof flag !== 'boolean'))
        throw new ModelFailure('garbage', 'no verdict of moderation');
      return flags.every((flag) => flag === false);
    },
  };
};

/** Refuses for good. */
function unusable(why: string): ModelClient {
  const refuse = (): Promise<never> => Promise.reject(new ModelFailure('refused', why));
  return { complete: refuse, isAcceptable: refuse };
}

/** An error in a body whose status was 200. */
class RefusedInside extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super('the server answered with an error');
    this.refusal = refusal;
  }
}

/**
 * The status that an error inside an answer names; 400 where it names none: asking again would not
 * help.
 */
const statusIn = (error: unknown): number => {
  const status = Number(fieldOf(error, 'status') ?? fieldOf(error, 'code'));
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 400;
};

/**
 * A query of the base address (`?api-version=...`) goes with every request; Azure also takes the
 * key under a name of its own.
 */
function addressOf(baseUrl: string, key: string | null) {
  const url = new URL(baseUrl);
  const query = Object.fromEntries(url.searchParams);
  url.search = '';
  const isAzure = /(?:^|\.)azure\.com$/.test(url.hostname);
  return {
    address: url.href.replace(/\/$/, ''),
    query,
    headers: isAzure && key !== null ? { 'api-key': key } : {},
  };
}

const refusalOf = (error: unknown): Refusal | null => {
  if (error instanceof RefusedInside) return error.refusal;
  return error instanceof APIError && error.status !== undefined
    ? refusalIn(error.status, error.error ?? plainWords(error))
    : null;
};

/**
 * A refusal that is no document stands in the error's message, after its status; a page for
 * browsers says nothing.
 */
function plainWords({ status, message }: APIError): string | undefined {
  const words = message.replace(new RegExp(`^${status}\\b`), '').trim();
  return words.startsWith('<') ? undefined : words.slice(0, 4_000);
}

/** A server without that endpoint answers 404 for ever: the operator has to know. */
function moderationFailure(
  error: unknown,
  signal: AbortSignal,
  turns: readonly Turn[],
): ModelFailure {
  const failure = failureOf(error, signal, turns);
  const isMissing =
    error instanceof APIError &&
    (error.status === 404 || error.status === 405 || error.status === 501);
  return isMissing
    ? new ModelFailure(
        'refused',
        'the server has no moderation: turn moderation off, or name a server that has it',
      )
    : failure;
}

const failureOf = (error: unknown, signal: AbortSignal, turns: readonly Turn[]): ModelFailure => {
  if (error instanceof ModelFailure) return error;
  if (signal.aborted || error instanceof APIUserAbortError)
    return new ModelFailure('aborted', 'no answer in time');
  if (error instanceof APIConnectionError)
    return new ModelFailure('network', `no connection (${causeOf(error)})`);
  const refusal = refusalOf(error);
  if (refusal !== null)
    return statusFailure(refusal, turns, error instanceof APIError ? error.headers : undefined);
  // The body was no JSON, or it broke off.
  if (error instanceof SyntaxError) return new ModelFailure('garbage', 'the answer is no JSON');
  return new ModelFailure('server', `the answer broke off (${causeOf(error)})`);
};

const statusFailure = (
  refusal: Refusal,
  turns: readonly Turn[],
  headers: Headers | undefined,
): ModelFailure => {
  const { status } = refusal;
  const message = wordsOfRefusal(refusal, turns);
  if (isAboutTalk(refusal)) return new ModelFailure('garbage', message);
  if (status === 429 && isUnpaid(refusal)) return new ModelFailure('refused', message);
  if (status === 429) return new ModelFailure('rate-limit', message, retryAfterMs(headers));
  if (status >= 500 || status === 408 || status === 409)
    return new ModelFailure('server', message, retryAfterMs(headers));
  return new ModelFailure('refused', message);
};

/** A filter that does not like this talk, or a talk that is too long: the next one may be taken. */
const isAboutTalk = ({ status, code, message }: Refusal): boolean =>
  (status === 400 || status === 413 || status === 422) &&
  /content_?(?:filter|policy|management)|context_?(?:length|size|window)|context (?:length|size|window)|invalid_prompt|prompt.{0,20}too long/i.test(
    `${code} ${message.slice(0, 300)}`,
  );

/** No pause helps where there is no money. */
const isUnpaid = ({ code }: Refusal): boolean =>
  /insufficient_(?:quota|balance|funds)|billing|credits?_/i.test(code);

/** `retry-after-ms`, or `retry-after` in seconds. A date is not read: clocks differ. */
const retryAfterMs = (headers: Headers | undefined): number | null => {
  const found = [
    Number(headers?.get('retry-after-ms') ?? Number.NaN),
    Number(headers?.get('retry-after') ?? Number.NaN) * 1000,
  ];
  return found.find((ms) => Number.isFinite(ms) && ms >= 0) ?? null;
};

/** `ECONNREFUSED` and the like; otherwise the class. */
const causeOf = (error: unknown): string => {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ('code' in at && typeof at.code === 'string' && /^[A-Z_]+$/.test(at.code)) return at.code;
  }
  return error instanceof Error ? error.constructor.name : typeof error;
};
