/**
 * Answers and refusals as real servers send them: OpenAI, Azure, Ollama, vLLM, llama.cpp, LM
 * Studio, OpenRouter, Mistral.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ModelClient } from '../../../../hostside/worker/model/model-port.ts';
import { openAiClient } from '../../../../hostside/worker/model/openai-client.ts';
import { type ModelServer, startModelServer } from '../../../model-server/model-server.ts';

const never = new AbortController().signal;
const request = {
  model: 'tiny',
  turns: [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: 'Anna: which plantation needs watering?' },
  ],
  answerTokens: 50,
  temperature: 0.3,
} as const;

let server: ModelServer;
let client: ModelClient;
beforeEach(async () => {
  server = await startModelServer();
  client = openAiClient({ baseUrl: server.url, key: 'sk-canary-0123456789' });
});
afterEach(() => server.stop());

const choice = (message: unknown, finish = 'stop') =>
  JSON.stringify({ choices: [{ index: 0, message, finish_reason: finish }] });
const event = (delta: unknown, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason: finish }] })}\n\n`;

describe('a text is found', () => {
  test.each<[string, string, string?]>([
    [
      'content as a list',
      choice({
        content: [
          { type: 'text', text: 'Hello ' },
          { type: 'text', text: 'you' },
        ],
      }),
    ],
    [
      'a list with reasoning',
      choice({
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'x' }] },
          { type: 'text', text: 'Hello you' },
        ],
      }),
    ],
    ['a list of strings', choice({ content: ['Hello ', 'you'] })],
    ['reasoning in a field of its own', choice({ reasoning_content: 'x', content: 'Hello you' })],
    [
      'an old completion',
      JSON.stringify({ choices: [{ text: ' Hello you', finish_reason: 'stop' }] }),
    ],
    [
      'an error that is null',
      JSON.stringify({ error: null, choices: [{ message: { content: 'Hello you' } }] }),
    ],
    [
      'an error that is empty',
      JSON.stringify({ error: '', choices: [{ error: {}, message: { content: 'Hello you' } }] }),
    ],
    ['JSON that calls itself text', choice({ content: 'Hello you' }), 'text/plain'],
    [
      'a stream that nobody asked for',
      `${event({ role: 'assistant' })}${event({ content: 'Hello ' })}: ` +
        `ping\n\n${event({ content: 'you' }, 'stop')}data: [DONE]\n\n`,
      'text/event-stream',
    ],
    [
      'lines of JSON',
      `${JSON.stringify({ choices: [{ delta: { content: 'Hello ' } }] })}` +
        `\n${JSON.stringify({ choices: [{ delta: { content: 'you' } }] })}\n`,
      'application/x-ndjson',
    ],
  ])('%s', async (_name, body, type = 'application/json') => {
    server.next({ act: 'body', body, type });
    expect(await client.complete(request, never)).toMatchObject({ text: 'Hello you' });
  });
});

test('a stream that broke off is cut off', async () => {
  server.next({
    act: 'body',
    body: event({ content: 'Hello you. And' }),
    type: 'text/event-stream',
  });
  expect(await client.complete(request, never)).toMatchObject({
    text: 'Hello you. And',
    isCutOff: true,
  });
});

test.each<[string, number, object, string]>([
  [
    'a filter of the talk',
    400,
    { code: 'content_filter', message: 'The response was filtered' },
    'garbage',
  ],
  ['a talk that is too long', 400, { code: 'context_length_exceeded', message: 'x' }, 'garbage'],
  [
    'a talk that is too long, at home',
    400,
    { type: 'exceed_context_size_error', message: 'x' },
    'garbage',
  ],
  [
    'a talk that is too long, in words',
    400,
    { code: 400, message: "This model's maximum context length is 4096 tokens" },
    'garbage',
  ],
  [
    'no money',
    429,
    { code: 'insufficient_quota', message: 'You exceeded your current quota' },
    'refused',
  ],
  ['too fast', 429, { code: 'rate_limit_exceeded', message: 'x' }, 'rate-limit'],
])('%s: what it says about the next question', async (_name, status, error, kind) => {
  server.next({ act: 'body', status, body: JSON.stringify({ error }) });
  await expect(client.complete(request, never)).rejects.toMatchObject({ kind });
});

describe('there is no text, and why', () => {
  test.each<[string, string, object]>([
    [
      'the model declines',
      choice({ content: null, refusal: 'I cannot' }),
      { kind: 'garbage', message: 'the model declined to answer' },
    ],
    [
      'reasoning took all tokens',
      choice({ content: '', reasoning_content: 'x' }, 'length'),
      { message: expect.stringContaining('raise answer_tokens') },
    ],
    [
      'only reasoning',
      choice({ content: null, reasoning: 'x' }),
      { message: 'the answer has no text, only reasoning' },
    ],
    [
      'a tool call',
      choice({ content: null, tool_calls: [{}] }, 'tool_calls'),
      { message: expect.stringContaining('tool') },
    ],
    ['no choices', '{"choices":[]}', { kind: 'garbage' }],
    [
      'an error with status 200',
      '{"error":{"code":429,"message":"Rate limited"}}',
      { kind: 'rate-limit', message: 'the server answered 429 (429): Rate limited' },
    ],
    [
      'an error with a word',
      '{"error":{"code":"model_not_found","message":"no such model"}}',
      { kind: 'refused', message: 'the server answered 400 (model_not_found): no such model' },
    ],
    [
      'an error that is a text',
      '{"error":"model \\"x\\" not found, try pulling it first"}',
      { kind: 'refused' },
    ],
    [
      'an error of the choice, and half a text',
      JSON.stringify({
        choices: [
          {
            error: { code: 502, message: 'upstream' },
            message: { content: 'Hello' },
            finish_reason: 'error',
          },
        ],
      }),
      { kind: 'server', message: 'the server answered 502 (502): upstream' },
    ],
    [
      'an end with an error, and half a text',
      choice({ content: 'Hello' }, 'error'),
      { kind: 'server' },
    ],
    [
      'a document that is an error',
      '{"object":"error","message":"no such model","code":404}',
      { kind: 'refused', message: 'the server answered 404 (404): no such model' },
    ],
    [
      'an error of the choice in a stream',
      `${event({ content: 'Hello' })}data: {"choices":[{"error":{"code":500,"message":"x"}}]}\n\n`,
      { kind: 'server' },
    ],
    [
      'an error in a stream',
      'data: {"error":{"code":502,"message":"upstream"}}\n\n',
      { kind: 'server' },
    ],
  ])('%s', async (_name, body, expected) => {
    server.next({
      act: 'body',
      body,
      type: body.startsWith('data') ? 'text/event-stream' : 'application/json',
    });
    await expect(client.complete(request, never)).rejects.toMatchObject({
      name: 'ModelFailure',
      ...expected,
    });
  });
});

const refusal = (error: object, status = 400) =>
  ({ act: 'body', status, body: JSON.stringify({ error }) }) as const;

describe('what a server does not take is asked for once and never again', () => {
  test.each<[string, object, (body: Readonly<Record<string, unknown>>) => unknown, unknown]>([
    [
      'max_tokens',
      {
        code: 'unsupported_parameter',
        param: 'max_tokens',
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use " +
          "'max_completion_tokens' instead.",
      },
      ({ max_tokens, max_completion_tokens }) => [max_tokens, max_completion_tokens],
      [undefined, 50],
    ],
    [
      'temperature',
      {
        code: 'unsupported_value',
        param: 'temperature',
        message:
          "Unsupported value: 'temperature' does not support 0.3 with this model. Only " +
          'the default (1) value is supported.',
      },
      ({ temperature }) => temperature,
      undefined,
    ],
    [
      'the system role',
      { code: 400, message: 'System role not supported' },
      ({ messages }) => messages,
      [{ role: 'user', content: 'be brief\n\nAnna: which plantation needs watering?' }],
    ],
    [
      'the system role, by its parameter',
      {
        code: 'unsupported_value',
        param: 'messages[0].role',
        message: "'messages[0].role' does not support 'system' with this model.",
      },
      ({ messages }) => messages,
      [{ role: 'user', content: 'be brief\n\nAnna: which plantation needs watering?' }],
    ],
  ])('%s', async (_name, error, look, wanted) => {
    server.next(refusal(error));
    for (let time = 0; time < 2; time += 1)
      expect((await client.complete(request, never)).text).toContain('You said');
    expect(server.requests).toHaveLength(3);
    for (const { body } of server.requests.slice(1)) expect(look(body)).toEqual(wanted);
  });

  test('all of it together, and then it is enough', async () => {
    const refusals = ['max_tokens', 'temperature'].map((param) =>
      refusal({ param, code: 'unsupported_parameter', message: 'Unsupported parameter' }),
    );
    server.next(
      ...refusals,
      refusal({ message: 'System role not supported' }),
      refusal({ code: 'bad', message: 'still no' }),
    );
    await expect(client.complete(request, never)).rejects.toMatchObject({
      kind: 'refused',
      message: 'the server answered 400 (bad): still no',
    });
    expect(server.requests).toHaveLength(4);
  });
});

test.each<[string, number, object | string, string]>([
  [
    'a wrong key',
    401,
    {
      error: { code: 'invalid_api_key', message: 'Incorrect API key provided: sk-canar****6789.' },
    },
    'the server answered 401 (invalid_api_key): Incorrect API key provided:',
  ],
  [
    'an unknown model',
    404,
    {
      error: {
        message: 'The model `tiny` does not exist',
        type: 'invalid_request_error',
        param: null,
        code: 'model_not_found',
      },
    },
    'the server answered 404 (model_not_found): The model `tiny` does not exist',
  ],
  ['plain text', 404, '404 page not found', 'the server answered 404: 404 page not found'],
  [
    'a page for browsers',
    403,
    '<html><title>Just a moment</title></html>',
    'the server answered 403',
  ],
  [
    'a detail',
    422,
    { detail: 'n_ctx is too small' },
    'the server answered 422: n_ctx is too small',
  ],
  [
    'words of the talk',
    400,
    { error: { message: 'cannot say plantation watering\u001b[2J\nsecond' } },
    'the server answered 400: cannot say ... ... [2J second',
  ],
  [
    'an address',
    400,
    { error: { message: 'see https://internal.example/secret' } },
    'the server answered 400: see ...',
  ],
])(
  '%s is said in the log by the code and message of the server, without key, talk or control characters',
  async (_name, status, body, wanted) => {
    server.next({
      act: 'body',
      status,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    await expect(client.complete(request, never)).rejects.toMatchObject({
      kind: 'refused',
      message: wanted,
    });
  },
);

test('a server without moderation says so for good', async () => {
  server.next({ act: 'status', status: 404 });
  await expect(client.isAcceptable('tea', never)).rejects.toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('no moderation'),
  });
});

test('a query of the base address goes along', async () => {
  const azure = openAiClient({ baseUrl: `${server.url}?api-version=2024-10-21`, key: 'k' });
  await azure.complete(request, never);
  expect(server.requests[0]?.path).toBe('/v1/chat/completions?api-version=2024-10-21');
});
