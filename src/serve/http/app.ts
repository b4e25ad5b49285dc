/** The HTTP server: who may ask, how much, and how errors are said. */
import { maxHeaderSize, STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { LedgerDb } from '../../ledger/ledger.ts';
import type { ApiTokenRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { Problem, type ProblemFacts, problemFacts, problemOf, refusal } from '../problem.ts';
import { openRates } from '../rate.ts';
import { tokenOf } from '../tokens.ts';
import { addAliases } from './aliases.ts';
import { addDashboard, type DashboardFiles } from './dashboard.ts';
import { addRoutes, type Services, uploadLimit } from './routes.ts';
import { openUnread } from './unread.ts';

export interface AppOptions {
  readonly db: LedgerDb;
  readonly services: Omit<Services, 'tokenOf' | 'unread'>;
  readonly dashboard: DashboardFiles;
  /** Requests of one token in a second, in the long run. */
  readonly rate: number;
  /** A request has to be whole after so long, ms; its answer has to be taken in twice that. */
  readonly requestLimitMs: number;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null;
  readonly log: (entry: LogEntry) => void;
}

/** A line of the log: no header, no query and no body. */
export type LogEntry =
  | {
      readonly kind: 'request';
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly ms: number;
      readonly token: string | null;
      readonly from: string;
    }
  | { readonly kind: 'note'; readonly text: string };

/** Bytes of a body; an act names accounts and hosts, and nothing long. */
const bodyLimit = 262_144;
/** Of all answers that clients have not taken yet. */
const unreadBytes = 64 * 1024 * 1024;
/** Connections at the same time; more wait in the backlog of the kernel. */
const mostConnections = 2_000;
/** Wrong tokens from one place in a second, in the long run: more are not even looked up. */
const wrongTokens = { perSecond: 1, burst: 20 } as const;

/**
 * The loader of Fastify lies in the caller's hands: what is published has it in a file of its own.
 */
export type MakeFastify = typeof import('fastify').fastify;

/** Those that need no token: the page holds no data of the fleet, and asks for one. */
const isOpenTo = (url: string | undefined): boolean =>
  url === '/health' || url === '/' || url?.startsWith('/dashboard/') === true;

export function buildApp(fastify: MakeFastify, options: AppOptions): FastifyInstance {
  const { requestLimitMs, tls } = options;
  const limits = {
    ...{ requestTimeout: requestLimitMs, headersTimeout: requestLimitMs },
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(requestLimitMs / 2)),
  };
  const common = {
    ...{ bodyLimit, requestTimeout: requestLimitMs, keepAliveTimeout: 10_000, logger: false },
    // A client that neither sends nor reads; looks end before that.
    ...{ connectionTimeout: 60_000, return503OnClosing: true, exposeHeadRoutes: false },
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100, ignoreTrailingSlash: true },
    clientErrorHandler,
  } as const;
  const app = (tls === null
    ? fastify({ ...common, http: limits })
    : fastify({
        ...common,
        https: { ...limits, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' },
      })) as unknown as FastifyInstance;
  app.server.maxConnections = mostConnections;
  guard(app, options);
  return app;
}

function guard(app: FastifyInstance, options: AppOptions): void {
  const { db, services, dashboard, rate, requestLimitMs, log } = options;
  const rates = openRates({ perSecond: rate, burst: 2 * rate });
  const wrong = openRates(wrongTokens);
  const tokens = new WeakMap<FastifyRequest, ApiTokenRow>();
  const fromOf = (request: FastifyRequest): string => request.socket.remoteAddress ?? 'unix';
  app.addHook('onRequest', async (request) => {
    if (isOpenTo(request.routeOptions.url)) return;
    try {
      const row = await tokenOf(db, request.headers.authorization, Date.now());
      tokens.set(request, row);
      const seconds = rates.take(row.id, Date.now());
      if (seconds > 0) throw tooMany(seconds);
    } catch (error) {
      if (!(error instanceof Problem) || error.facts.code !== 'token') throw error;
      const seconds = wrong.take(fromOf(request), Date.now());
      throw seconds > 0 ? tooMany(seconds) : error;
    }
  });
  app.addHook('onResponse', async (request, reply) => {
    log({
      ...{ kind: 'request', method: request.method, path: request.routeOptions.url ?? '?' },
      ...{ status: reply.statusCode, ms: Math.round(reply.elapsedTime), from: fromOf(request) },
      token: tokens.get(request)?.name ?? null,
    });
  });
  app.addHook('onSend', async (_, reply, payload) => {
    reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    return payload;
  });
  readBodies(app);
  app.setNotFoundHandler((request, reply) => sendProblem(reply, notFound(app, request)));
  app.setErrorHandler((error, _, reply) => {
    const problem = asProblem(error);
    if (problem.facts.code === 'bug') log({ kind: 'note', text: wordsOf(error) });
    return sendProblem(reply, problem);
  });
  const owner = (request: FastifyRequest): ApiTokenRow => {
    const row = tokens.get(request);
    if (row === undefined) throw new Error('a request without a token came this far');
    return row;
  };
  const unread = openUnread({ bytes: unreadBytes, limitMs: 2 * requestLimitMs });
  addRoutes(app, { ...services, unread, tokenOf: owner });
  addAliases(app, { ...services, unread, tokenOf: owner });
  addDashboard(app, dashboard);
}

/** JSON, or a session file; no body is an empty one. */
function readBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, {});
    else parse(request, body as string, done);
  });
  const octets = { parseAs: 'buffer', bodyLimit: uploadLimit } as const;
  app.addContentTypeParser('application/octet-stream', octets, (_, body, done) => {
    done(null, body);
  });
}

const wordsOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

const tooMany = (seconds: number): Problem =>
  refusal(429, 'rate', 'Too many requests.', `Wait ${seconds} s; fleet serve --rate allows more.`, {
    'retry-after': String(seconds),
  });

function notFound(app: FastifyInstance, request: FastifyRequest): Problem {
  const [url = ''] = request.url.split('?');
  const other = request.method === 'GET' ? 'POST' : 'GET';
  if (app.hasRoute({ url, method: other }))
    return refusal(405, 'method', `${request.method} is not for this path.`, `Use ${other}.`, {
      allow: other,
    });
  return refusal(
    404,
    'not-found',
    'There is no such path.',
    'GET /v1/openapi.json lists all of them.',
  );
}

const limits = `JSON may have ${bodyLimit} bytes, a session file ${uploadLimit}.`;

function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof FleetError) return new Problem(problemOf(error));
  const { statusCode, code } = error as Partial<FastifyError>;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE' || statusCode === 413)
    return refusal(413, 'too-large', 'The body is too large.', limits);
  if (statusCode === 415)
    return refusal(
      415,
      'media-type',
      'The body must be JSON.',
      'Send Content-Type: application/json.',
    );
  if (statusCode === 503)
    return refusal(503, 'busy', 'The server is being stopped.', 'Send it again when it is back.');
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem(
      problemFacts(400, 'usage', 'This request cannot be read.', 'Its body must be a JSON object.'),
    );
  return new Problem(problemOf(error));
}

function sendProblem(reply: FastifyReply, { facts, headers }: Problem): FastifyReply {
  return reply
    .code(facts.status)
    .headers(headers)
    .type('application/problem+json; charset=utf-8')
    .send(JSON.stringify(facts));
}

/** What cannot be read as HTTP at all, or took too long. */
function clientErrorHandler(
  error: { readonly code?: string },
  socket: import('node:net').Socket,
): void {
  if (!socket.writable) return void socket.destroy();
  const facts = clientProblem(error.code);
  const body = JSON.stringify(facts);
  const head = `HTTP/1.1 ${facts.status} ${STATUS_CODES[facts.status]}\r\nconnection: close\r\n`;
  const type = 'content-type: application/problem+json; charset=utf-8';
  socket.end(`${head}${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

function clientProblem(code: string | undefined): ProblemFacts {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return problemFacts(408, 'slow', 'The request was not whole in time.', 'Send it at once.');
  if (code === 'HPE_HEADER_OVERFLOW')
    return problemFacts(
      431,
      'too-large',
      `The head has more than ${maxHeaderSize} bytes.`,
      'Send less.',
    );
  return problemFacts(
    400,
    'usage',
    'This is not HTTP.',
    'Speak HTTP/1.1; with TLS only where the server has it.',
  );
}
