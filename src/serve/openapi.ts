/** The API as OpenAPI 3.1, from the verbs that it offers. Pure. */
import { jsonSchemaOf } from '../verbs/input-schema.ts';
import type { Offer } from './offers.ts';
import { pageSize } from './pages.ts';

type Data = Readonly<Record<string, unknown>>;

const problem = { $ref: '#/components/responses/Problem' };
const ref = (name: string): Data => ({ $ref: `#/components/schemas/${name}` });
const content = (schema: Data): Data => ({ 'application/json': { schema } });
const refusals: Data = { '4XX': problem, '5XX': problem };

const keyHeader: Data = {
  ...{ name: 'Idempotency-Key', in: 'header', required: false },
  description: 'The same key and body get the same answer, and nothing is done twice.',
  schema: { type: 'string', minLength: 1, maxLength: 200 },
};

const pageParameters: readonly Data[] = [
  {
    ...{ name: 'page', in: 'query', description: 'entries of each list' },
    schema: { type: 'integer', minimum: 1, maximum: pageSize.max, default: pageSize.default },
  },
  {
    ...{ name: 'cursor', in: 'query', description: '`next` of the page before' },
    schema: { type: 'string' },
  },
];

interface ObjectSchema {
  readonly properties: Readonly<Record<string, Data>>;
  readonly required?: readonly string[];
}

/** What a client may give of the verb's input. */
function inputOf({ verb, fields }: Offer): ObjectSchema {
  const { properties, required = [] } = jsonSchemaOf(verb) as unknown as ObjectSchema;
  const names = [...Object.keys(fields), 'limit'];
  const kept = Object.entries(properties).filter(([name]) => names.includes(name));
  return {
    properties: Object.fromEntries(kept),
    required: required.filter((name) => names.includes(name)),
  };
}

function parametersOf(offer: Offer): readonly Data[] {
  const { properties, required = [] } = inputOf(offer);
  const own = Object.entries(properties).map(([name, { description, ...schema }]) => ({
    ...{ name, in: 'query', required: required.includes(name) },
    ...(description === undefined ? {} : { description }),
    schema,
  }));
  return [...own, ...pageParameters];
}

const look = (offer: Offer): Data => ({
  ...{ parameters: parametersOf(offer) },
  responses: {
    200: { description: 'What is there; lists in pages', content: content(ref('Answer')) },
    ...refusals,
  },
});

function act(offer: Offer): Data {
  const { properties, required } = inputOf(offer);
  const schema = { type: 'object', additionalProperties: false, properties, required };
  const isPlanned = offer.route.steps === 'plan-then-apply';
  return {
    parameters: [keyHeader],
    requestBody: { required: false, content: content(schema) },
    responses: {
      ...(isPlanned
        ? { 200: { description: 'What would be done; nothing is', content: content(ref('Plan')) } }
        : { 202: { description: 'It is at work', content: content(ref('JobPlace')) } }),
      ...refusals,
    },
  };
}

const operationOf = (offer: Offer): Data => ({
  operationId: offer.verb.name.replaceAll(/[ -](\w)/g, (_, letter: string) => letter.toUpperCase()),
  ...{ summary: offer.verb.summary, tags: [offer.verb.group], 'x-scope': offer.scope },
  ...(offer.route.method === 'GET' ? look(offer) : act(offer)),
});

const answered = (description: string, schema: Data): Data => ({
  200: { description, content: content(schema) },
  ...refusals,
});

const idParameter: Data = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

/** Paths that no verb has. */
const ownPaths: Data = {
  '/health': {
    get: {
      ...{ operationId: 'health', summary: 'whether the ledger can be read', security: [] },
      responses: { 200: { description: 'It can' }, 503: { description: 'It cannot' } },
    },
  },
  '/metrics': {
    get: {
      ...{ operationId: 'prometheus', summary: "the same as /v1/metrics, as Prometheus' text" },
      ...{ 'x-scope': 'look', responses: { 200: { description: 'text' }, ...refusals } },
    },
  },
  '/events': {
    get: {
      ...{ operationId: 'listen', summary: 'the history as it is written (server-sent events)' },
      'x-scope': 'look',
      parameters: [
        {
          ...{ name: 'Last-Event-ID', in: 'header', schema: { type: 'integer' } },
          description: 'go on after this entry',
        },
      ],
      responses: {
        200: { description: 'entries', content: { 'text/event-stream': { schema: {} } } },
        ...refusals,
      },
    },
  },
  '/v1/sessions': {
    post: {
      ...{ operationId: 'uploadSession', summary: 'a session file into the vault, encrypted' },
      'x-scope': 'act',
      parameters: [
        {
          ...{ name: 'name', in: 'query', required: true, description: 'of the account' },
          schema: { type: 'string', minLength: 1, maxLength: 200 },
        },
        keyHeader,
      ],
      requestBody: { required: true, content: { 'application/octet-stream': { schema: {} } } },
      responses: {
        202: { description: 'It is being taken', content: content(ref('JobPlace')) },
        ...refusals,
      },
    },
  },
  '/v1/plans/{id}/apply': {
    post: {
      ...{ operationId: 'applyPlan', summary: 'carry out a plan, if it is still what was shown' },
      ...{ 'x-scope': 'act', parameters: [idParameter, keyHeader] },
      responses: {
        202: { description: 'It is at work', content: content(ref('JobPlace')) },
        409: { description: 'plan-stale: the fleet has changed since', ...problemContent() },
        ...refusals,
      },
    },
  },
  '/v1/jobs': {
    get: {
      ...{ operationId: 'listJobs', summary: 'acts that were begun, newest first' },
      ...{ 'x-scope': 'look', parameters: pageParameters },
      responses: answered('Jobs', ref('Answer')),
    },
  },
  '/v1/jobs/{id}': {
    get: {
      ...{ operationId: 'showJob', summary: 'how far an act is, and how it ended' },
      ...{ 'x-scope': 'look', parameters: [idParameter], responses: answered('A job', ref('Job')) },
    },
  },
};

function problemContent(): Data {
  return { content: { 'application/problem+json': { schema: ref('Problem') } } };
}

const texts = { type: 'array', items: { type: 'string' } };
const text = { type: 'string' };
const time = { type: ['string', 'null'], format: 'date-time' };

const schemas: Data = {
  Answer: {
    ...{ type: 'object', description: 'As the command prints it with --json, and `next`.' },
    required: ['version', 'ok'],
    properties: {
      ...{ version: { const: 1 }, command: text, ok: { type: 'boolean' } },
      errors: { type: 'array', items: ref('Problem') },
      next: { type: ['string', 'null'], description: 'cursor of the next page; null: the end' },
    },
  },
  Plan: {
    type: 'object',
    properties: {
      planId: { type: ['string', 'null'], description: 'null: there is nothing to do' },
      question: { type: ['string', 'null'], description: 'what a person would be asked' },
      ...{ apply: text, expires: time, ok: { type: 'boolean' } },
    },
  },
  JobPlace: { type: 'object', properties: { job: text, see: text } },
  Job: {
    type: 'object',
    properties: {
      ...{ id: text, verb: text, by: text, begunAt: time, endedAt: time, progress: texts },
      state: { enum: ['running', 'done', 'failed', 'unknown'] },
      ...{ result: { type: 'object' }, problem: ref('Problem') },
      openMoves: { type: 'array', items: { type: 'object' } },
    },
  },
  Problem: {
    ...{ type: 'object', description: 'RFC 9457' },
    required: ['type', 'title', 'status', 'detail', 'code', 'hint'],
    properties: {
      ...{ type: text, title: text, status: { type: 'integer' }, detail: text, code: text },
      ...{ hint: text, host: text, account: text, problems: texts },
    },
  },
};

export function openapiOf(offers: readonly Offer[]): Data {
  const paths = offers.map((offer) => {
    const { method, path } = offer.route;
    return [path, { [method.toLowerCase()]: operationOf(offer) }] as const;
  });
  return {
    openapi: '3.1.0',
    info: {
      ...{ title: 'fleet', version: '1', license: { name: 'MIT', identifier: 'MIT' } },
      description: 'What `fleet serve` answers to; docs/api.md explains it.',
    },
    // Each path is there below /api, too.
    servers: [{ url: '/' }, { url: '/api' }],
    security: [{ token: [] }],
    paths: { ...Object.fromEntries(paths), ...ownPaths },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      responses: { Problem: { description: 'What went wrong', ...problemContent() } },
      schemas,
    },
  };
}
