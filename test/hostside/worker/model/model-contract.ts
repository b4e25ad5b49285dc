import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  ModelAccess,
  ModelClient,
  ModelFailure,
} from '../../../../hostside/worker/model/model-port.ts';
import {
  type Act,
  type ModelServer,
  startModelServer,
} from '../../../model-server/model-server.ts';

const key = 'sk-canary-0123456789';
const secretWord = 'a-word-of-the-chat';
const request = {
  model: 'tiny',
  turns: [
    { role: 'system', content: 'be brief' },
    { role: 'user', content: secretWord },
  ],
  answerTokens: 50,
  temperature: 0.3,
} as const;

/** What a {@link ModelClient} promises, against a real server. */
export function modelContract(name: string, open: (access: ModelAccess) => ModelClient): void {
  let server: ModelServer;
  let client: ModelClient;
  const never = new AbortController().signal;

  beforeEach(async () => {
    server = await startModelServer();
    client = open({ baseUrl: server.url, key });
  });
  afterEach(() => server.stop());

  const failure = (act: Act): Promise<ModelFailure> => {
    server.next(act);
    return client.complete(request, never).then(
      () => Promise.reject(new Error('it answered')),
      (error: ModelFailure) => error,
    );
  };

  describe(name, () => {
    test('asks what it was told to ask, with its key, and tells text and tokens', async () => {
      server.next({ act: 'answer', text: ' hello \n', tokens: [12, 3] });
      expect(await client.complete(request, never)).toEqual({
        text: 'hello',
        isCutOff: false,
        tokens: { read: 12, written: 3 },
      });
      expect(server.requests).toEqual([
        {
          path: '/v1/chat/completions',
          authorization: `Bearer ${key}`,
          peer: '127.0.0.1',
          body: {
            model: 'tiny',
            messages: request.turns,
            max_tokens: 50,
            temperature: 0.3,
            stream: false,
          },
        },
      ]);
    });

    test('an answer that was cut off, and one without usage', async () => {
      server.next({ act: 'answer', text: 'and so', finish: 'length', tokens: null });
      expect(await client.complete({ ...request, temperature: null }, never)).toEqual({
        text: 'and so',
        isCutOff: true,
        tokens: null,
      });
      expect(server.requests[0]?.body).not.toHaveProperty('temperature');
    });

    test.each<[string, Act, Partial<ModelFailure>]>([
      ['429', { act: 'status', status: 429 }, { kind: 'rate-limit', retryAfterMs: null }],
      [
        '429 with seconds',
        { act: 'status', status: 429, headers: { 'retry-after': '2' } },
        { kind: 'rate-limit', retryAfterMs: 2000 },
      ],
      [
        '429 with ms',
        { act: 'status', status: 429, headers: { 'retry-after-ms': '30' } },
        { kind: 'rate-limit', retryAfterMs: 30 },
      ],
      ['500', { act: 'status', status: 500 }, { kind: 'server' }],
      [
        '503',
        { act: 'status', status: 503, headers: { 'retry-after': '1' } },
        { kind: 'server', retryAfterMs: 1000 },
      ],
      ['400', { act: 'status', status: 400 }, { kind: 'refused' }],
      ['401', { act: 'status', status: 401 }, { kind: 'refused' }],
      ['404', { act: 'status', status: 404 }, { kind: 'refused' }],
      ['half an answer', { act: 'half' }, { kind: 'server' }],
      ['a reset', { act: 'reset' }, { kind: 'network' }],
      ['no JSON', { act: 'garbage', body: '<html>log in</html>' }, { kind: 'garbage' }],
      [
        'JSON that is none of ours',
        { act: 'garbage', body: '{"choices":[{"message":{"content":7}}]}' },
        { kind: 'garbage' },
      ],
      ['a list', { act: 'garbage', body: '[1]' }, { kind: 'garbage' }],
      ['an empty answer', { act: 'answer', text: ' ' }, { kind: 'garbage' }],
      [
        'a filtered answer',
        { act: 'answer', text: 'x', finish: 'content_filter' },
        { kind: 'garbage' },
      ],
    ])('%s: one request, a failure of its kind, no secret', async (_name, act, expected) => {
      const error = await failure(act);
      expect(error).toMatchObject({ name: 'ModelFailure', ...expected });
      expect(server.requests).toHaveLength(1);
      for (const secret of [key, secretWord, server.url])
        expect(`${error.message} ${JSON.stringify(error)}`).not.toContain(secret);
    });

    test('a server that is not there', async () => {
      await server.stop();
      await expect(client.complete(request, never)).rejects.toMatchObject({
        kind: 'network',
        message: expect.stringContaining('ECONNREFUSED'),
      });
    });

    test('a key that no request can carry is refused for good, and not told', async () => {
      const other = open({ baseUrl: server.url, key: 'sk-\u041a\n' });
      await expect(other.complete(request, never)).rejects.toMatchObject({
        kind: 'refused',
        message: expect.not.stringContaining('sk-'),
      });
      expect(server.requests).toEqual([]);
    });

    test('an answer without an end is not read for ever', async () => {
      const error = await failure({
        act: 'garbage',
        body: `{"choices":[{"message":{"content":"${'x'.repeat(5 * 1024 * 1024)}"}}]}`,
      });
      expect(error).toMatchObject({ kind: 'server' });
    });

    test('an abort ends it at once, and the connection with it', async () => {
      const stop = new AbortController();
      server.next({ act: 'hang' });
      const asked = client.complete(request, stop.signal);
      await expect.poll(() => server.requests.length, { timeout: 5000 }).toBe(1);
      stop.abort();
      await expect(asked).rejects.toMatchObject({ kind: 'aborted' });
    });

    test('moderation', async () => {
      server.flagged.push('venom');
      expect(await client.isAcceptable('tea', never)).toBe(true);
      expect(await client.isAcceptable('venom', never)).toBe(false);
      expect(server.requests.map(({ path, body }) => [path, body])).toEqual([
        ['/v1/moderations', { input: 'tea' }],
        ['/v1/moderations', { input: 'venom' }],
      ]);
      server.next({ act: 'garbage', body: '{}' });
      await expect(client.isAcceptable('tea', never)).rejects.toMatchObject({ kind: 'garbage' });
    });
  });
}
