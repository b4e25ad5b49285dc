import type { IncomingHttpHeaders } from 'node:http';
import { afterRefusal, commonDialect, type Refusal, withoutSystem } from './dialect.ts';
import { type Completion, type CompletionRequest, type ModelAccess, type ModelClient, ModelFailure, type Turn } from './model-port.ts';
import { documentOf, errorIn, fieldOf, listOf, parseCompletion } from './parse-answer.ts';
import { type HttpAnswer, postJson } from './post-json.ts';
import { refusalIn, wordsOfRefusal } from './server-words.ts';

/** Some servers want a key of whatever text. */
const noKey = 'none';

/** The client of any server that takes OpenAI's chat completions: one request a call, no retries, nothing from the environment. */
export const modelClient = (access: ModelAccess): ModelClient => {
  const post = (path: string, document: object, signal: AbortSignal): Promise<HttpAnswer> =>
    postJson(addressOf(access.baseUrl, path), headersOf(access), document, signal);
  let dialect = commonDialect;
  const ask = async ({ model, turns, answerTokens, temperature }: CompletionRequest, signal: AbortSignal): Promise<Completion> => {
    const request = {
      model,
      messages: (dialect.takesSystem ? turns : withoutSystem(turns)).map(({ role, content }) => ({ role, content })),
      [dialect.limitField]: answerTokens,
      stream: false,
      ...(temperature === null || !dialect.takesTemperature ? {} : { temperature }),
    };
    const document = acceptedIn(await post('/chat/completions', request, signal));
    const error = errorIn(document);
    if (error !== undefined) throw new Refused(refusalIn(statusIn(error), { error }), {});
    return parseCompletion(document);
  };
  const complete = async (request: CompletionRequest, signal: AbortSignal): Promise<Completion> => {
    try {
      return await ask(request, signal);
    } catch (error) {
      const next = error instanceof Refused && !signal.aborted ? afterRefusal(dialect, error.refusal) : null;
      if (next === null) throw failureOf(error, request.turns);
      dialect = next;
      return complete(request, signal);
    }
  };
  const isAcceptable = async (text: string, signal: AbortSignal): Promise<boolean> => {
    try {
      const results = listOf(acceptedIn(await post('/moderations', { input: text }, signal)), 'results');
      const flags = results.map((result) => fieldOf(result, 'flagged'));
      if (flags.length === 0 || flags.some((flag) => typeof flag !== 'boolean'))
        throw new ModelFailure('garbage', 'no verdict of moderation');
      return flags.every((flag) => flag === false);
    } catch (error) {
      throw moderationFailure(error, text);
    }
  };
  return { complete, isAcceptable };
};

/** A refusal as the server told it, by its status or inside an answer. */
class Refused extends Error {
  readonly refusal: Refusal;
  readonly headers: IncomingHttpHeaders;
  constructor(refusal: Refusal, headers: IncomingHttpHeaders) {
    super('the server refused');
    this.refusal = refusal;
    this.headers = headers;
  }
}

/** The document of an answer; throws {@link Refused} where its status is none of success. */
function acceptedIn({ status, headers, body }: HttpAnswer): unknown {
  if (status >= 200 && status < 300) return documentOf(body);
  throw new Refused(refusalIn(status, wordsIn(body)), headers);
}

/** What a refusal's body says: a document, or a plain text; a page for browsers says nothing. */
function wordsIn(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body.trimStart().startsWith('<') ? undefined : body.slice(0, 4_000);
  }
}

/** The status that an error inside an answer names; 400 where it names none: asking again would not help. */
const statusIn = (error: unknown): number => {
  const status = Number(fieldOf(error, 'status') ?? fieldOf(error, 'code'));
  return Number.isInteger(status) && status >= 400 && status <= 599 ? status : 400;
};

/** A query of the base address (`?api-version=...`) goes with every request. */
function addressOf(baseUrl: string, path: string): URL {
  const url = new URL(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
  return url;
}

/** Azure also takes the key under a name of its own. */
function headersOf({ baseUrl, key }: ModelAccess): Readonly<Record<string, string>> {
  const isAzure = /(?:^|\.)azure\.com$/.test(new URL(baseUrl).hostname);
  return { authorization: `Bearer ${key ?? noKey}`, ...(isAzure && key !== null ? { 'api-key': key } : {}) };
}

/** A server without that endpoint answers 404 for ever: the operator has to know. */
function moderationFailure(error: unknown, text: string): ModelFailure {
  const isMissing = error instanceof Refused && [404, 405, 501].includes(error.refusal.status);
  return isMissing
    ? new ModelFailure('refused', 'the server has no moderation: turn moderation off, or name a server that has it')
    : failureOf(error, [{ role: 'user', content: text }]);
}

const failureOf = (error: unknown, turns: readonly Turn[]): ModelFailure => {
  if (error instanceof ModelFailure) return error;
  if (error instanceof Refused) return statusFailure(error.refusal, turns, error.headers);
  // Node takes no request whose headers have such characters.
  return new ModelFailure('refused', 'the request cannot be sent: look at the address and the key of the model');
};

const statusFailure = (refusal: Refusal, turns: readonly Turn[], headers: IncomingHttpHeaders): ModelFailure => {
  const { status } = refusal;
  const message = wordsOfRefusal(refusal, turns);
  if (status === 429) return new ModelFailure('rate-limit', message, retryAfterMs(headers));
  if (status >= 500 || status === 408 || status === 409) return new ModelFailure('server', message, retryAfterMs(headers));
  return new ModelFailure('refused', message);
};

/** `retry-after-ms`, or `retry-after` in seconds. A date is not read: clocks differ. */
const retryAfterMs = (headers: IncomingHttpHeaders): number | null => {
  const found = [Number(headers['retry-after-ms'] ?? Number.NaN), Number(headers['retry-after'] ?? Number.NaN) * 1000];
  return found.find((ms) => Number.isFinite(ms) && ms >= 0) ?? null;
};
