/** What the server answers to. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiTokenRow } from '../../ledger/schema.ts';
import { type Answers, pageOfAnswer } from '../answers.ts';
import type { Caller, Jobs } from '../jobs.ts';
import { mayDo, type Offer, type Scope } from '../offers.ts';
import { listOf } from '../pages.ts';
import { digestOf, digestOfBytes, type Plans, type Sent, type Wish } from '../plans.ts';
import { refusal } from '../problem.ts';
import type { RunPool } from '../run-pool.ts';
import type { Streams } from '../stream.ts';
import { type Asked, askedIn, canonical, type Query } from './read-query.ts';
import type { Unread } from './unread.ts';

export interface Services {
  readonly offers: readonly Offer[];
  readonly openapi: string;
  readonly answers: Answers;
  readonly pool: RunPool;
  readonly plans: Plans;
  readonly jobs: Jobs;
  readonly streams: Streams;
  readonly unread: Unread;
  /** Whether the ledger can be read. */
  readonly isHealthy: () => Promise<boolean>;
  /** Whose request it is; judged before its body is read. */
  readonly tokenOf: (request: FastifyRequest) => ApiTokenRow;
}

const json = 'application/json; charset=utf-8';

const callerOf = (request: FastifyRequest, { tokenOf }: Services): Caller => ({
  token: tokenOf(request),
  from: request.socket.remoteAddress ?? 'a unix socket',
});

function requireScope({ token }: Caller, needs: Scope): void {
  if (mayDo(token.scope as Scope, needs)) return;
  throw refusal(
    403,
    'scope',
    `This token may ${token.scope}; this needs one that may ${needs}.`,
    `fleet token add NAME --scope ${needs}`,
  );
}

const wantsFresh = (request: FastifyRequest): boolean =>
  /\bno-cache\b/.test(request.headers['cache-control'] ?? '');

/** A look, from what is known or asked anew. */
async function look(
  services: Services,
  request: FastifyRequest,
  verb: string,
  input: Asked['input'],
): ReturnType<Answers['get']> {
  const caller = callerOf(request, services);
  requireScope(caller, 'look');
  const { hosts } = caller.token;
  const key = JSON.stringify([verb, hosts, canonical(input)]);
  const run = { mode: 'look', verb, input, hosts, digest: null } as const;
  return services.answers.get(key, () => services.pool.look(run), wantsFresh(request));
}

const aged = (reply: FastifyReply, atMs: number): FastifyReply =>
  reply.header('age', String(Math.max(0, Math.floor((Date.now() - atMs) / 1000))));

export async function sendLook(
  services: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  verb: string,
  asked: Asked,
): Promise<FastifyReply> {
  const { answer, atMs } = await look(services, request, verb, asked.input);
  const page = pageOfAnswer(answer, asked.cursor, asked.size);
  return services.unread.send(aged(reply, atMs).type(json), page);
}

const keyForm = /^[\x21-\x7e]{1,200}$/;

export function wishOf(services: Services, request: FastifyRequest, needs: Scope): Wish {
  const caller = callerOf(request, services);
  requireScope(caller, needs);
  const key = request.headers['idempotency-key'];
  if (key !== undefined && (typeof key !== 'string' || !keyForm.test(key)))
    throw refusal(
      400,
      'idempotency',
      'Idempotency-Key must be 1 to 200 visible characters.',
      'A UUID will do.',
    );
  const { body: sent } = request;
  const body = Buffer.isBuffer(sent) ? digestOfBytes(sent) : JSON.stringify(sent ?? null);
  return { caller, key, digest: digestOf(request.method, request.url, body) };
}

export const sendAct = (reply: FastifyReply, { status, text, headers }: Sent): FastifyReply =>
  reply.code(status).headers(headers).type(json).send(text);

/** Where a verb answers: its own path, and the same below /api. */
const pathsOf = (path: string): readonly string[] => [path, `/api${path}`];

function addOffer(app: FastifyInstance, services: Services, offer: Offer): void {
  const { route, fields, scope, verb } = offer;
  for (const url of pathsOf(route.path)) {
    if (route.method === 'GET') {
      app.get<{ Querystring: Query }>(url, async (request, reply) => {
        if (verb.name === 'events' && wantsStream(request)) return stream(services, request, reply);
        const asked = askedIn(request.query, fields);
        return sendLook(services, request, reply, verb.name, asked);
      });
      continue;
    }
    app.post(url, async (request, reply) => {
      const wish = wishOf(services, request, scope);
      const input = request.body ?? {};
      if (Buffer.isBuffer(input)) throw notJson();
      const { plans } = services;
      const act = route.steps === 'direct' ? plans.act : plans.plan;
      return sendAct(reply, await act(wish, offer, input));
    });
  }
}

const wantsStream = (request: FastifyRequest): boolean =>
  /\btext\/event-stream\b/.test(request.headers.accept ?? '');

async function stream(
  { streams, tokenOf }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const id = request.headers['last-event-id'];
  if (id !== undefined && !/^\d{1,15}$/.test(String(id)))
    throw refusal(400, 'cursor', 'Last-Event-ID is not one of ours.', 'Leave it out to begin now.');
  const after = id === undefined ? null : Number(id);
  await streams.add(reply.raw, after, tokenOf(request));
  return reply.hijack();
}

function addJobs(app: FastifyInstance, services: Services): void {
  const { jobs, unread } = services;
  for (const url of pathsOf('/v1/jobs')) {
    app.get<{ Querystring: Query }>(url, async (request, reply) => {
      const asked = askedIn(request.query, {});
      const entries = await jobs.list(callerOf(request, services));
      const answer = { head: { version: 1 }, lists: { jobs: listOf(entries) }, plan: null };
      return unread.send(reply.type(json), pageOfAnswer(answer, asked.cursor, asked.size));
    });
    app.get<{ Params: { id: string } }>(`${url}/:id`, async (request, reply) => {
      const job = await jobs.find(request.params.id, callerOf(request, services));
      return reply.type(json).send(JSON.stringify({ version: 1, ...job }));
    });
  }
  for (const url of pathsOf('/v1/plans/:id/apply')) {
    app.post<{ Params: { id: string } }>(url, async (request, reply) => {
      const wish = wishOf(services, request, 'act');
      return sendAct(reply, await services.plans.apply(wish, request.params.id));
    });
  }
}

/** Bytes of a session file that is uploaded; and how many at the same time. */
export const uploadLimit = 16 * 1024 * 1024;
const mostUploads = 4;

/** A session file: in memory as long as it takes to come into the vault. */
function addUploads(app: FastifyInstance, services: Services): void {
  let uploads = 0;
  // Before the body: whoever may not upload is not listened to, and memory has an end.
  const onRequest = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const caller = callerOf(request, services);
    requireScope(caller, 'act');
    if (caller.token.hosts !== null)
      throw refusal(
        403,
        'scope',
        'A token for some hosts uploads nothing.',
        'Use one for all hosts.',
      );
    if (uploads >= mostUploads)
      throw refusal(503, 'busy', 'Too many uploads at once.', 'Try again.', { 'retry-after': '5' });
    uploads += 1;
    reply.raw.once('close', () => {
      uploads -= 1;
    });
  };
  for (const url of pathsOf('/v1/sessions')) {
    app.post<{ Querystring: Query }>(url, { onRequest }, async (request, reply) => {
      const { name = '' } = request.query;
      const { body } = request;
      if (!Buffer.isBuffer(body) || body.length === 0)
        throw refusal(415, 'media-type', 'The body must be a session file.', octets);
      const wish = wishOf(services, request, 'act');
      return sendAct(reply, await services.plans.upload(wish, String(name), body));
    });
  }
}

const octets = 'Send it with Content-Type: application/octet-stream.';
export const notJson = (): Error =>
  refusal(415, 'media-type', 'The body must be JSON.', 'Send Content-Type: application/json.');

/** Prometheus' text, as fleet metrics prints it. */
async function sendMetrics(services: Services, request: FastifyRequest, reply: FastifyReply) {
  const { answer, atMs } = await look(services, request, 'metrics', {});
  const { metrics } = answer.head;
  const text = typeof metrics === 'string' ? metrics : '';
  const typed = aged(reply, atMs).type('text/plain; version=0.0.4; charset=utf-8');
  return services.unread.send(typed, Buffer.from(text));
}

export function addRoutes(app: FastifyInstance, services: Services): void {
  app.get('/health', async (_, reply) => {
    const isHealthy = await services.isHealthy();
    return reply.code(isHealthy ? 200 : 503).send({ ok: isHealthy });
  });
  app.get('/metrics', (request, reply) => sendMetrics(services, request, reply));
  app.get('/events', (request, reply) => stream(services, request, reply));
  for (const url of pathsOf('/v1/openapi.json'))
    app.get(url, async (_, reply) => reply.type(json).send(services.openapi));
  for (const offer of services.offers) addOffer(app, services, offer);
  addJobs(app, services);
  addUploads(app, services);
}
