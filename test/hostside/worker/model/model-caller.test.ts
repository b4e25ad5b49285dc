import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModelSettings } from '../../../../hostside/protocol/behaviour.ts';
import { afterFailure, closedBreaker, isOpen } from '../../../../hostside/worker/model/breaker.ts';
import {
  budgetOf,
  type DayBudget,
  fitsBudget,
  spend,
} from '../../../../hostside/worker/model/budget.ts';
import { ModelCaller, type ModelOutcome } from '../../../../hostside/worker/model/model-caller.ts';
import { openAiClient } from '../../../../hostside/worker/model/openai-client.ts';
import { type ModelServer, startModelServer } from '../../../model-server/model-server.ts';

let server: ModelServer;
let said: string[];
let counts: Record<string, number>;
let budget: DayBudget;
let nowMs: number;
let random: number;
const never = new AbortController().signal;

beforeEach(async () => {
  server = await startModelServer();
  said = [];
  counts = {};
  nowMs = Date.UTC(2026, 10, 25, 12);
  budget = { day: '2026-11-25', tokens: 0, money: 0 };
  random = 0.5;
});
afterEach(() => server.stop());
const states: boolean[] = [];

const caller = (
  settings: Partial<ModelSettings> = {},
  client = openAiClient({ baseUrl: server.url, key: 'sk-canary' }),
): ModelCaller =>
  new ModelCaller(
    {
      ...{
        baseUrl: server.url,
        model: 'tiny',
        systemPrompt: '',
        contextMessages: 0,
        contextTokens: 0,
        answerTokens: 20,
        temperature: null,
      },
      ...{
        timeoutMs: 10_000,
        retries: 2,
        concurrency: 2,
        budgetTokens: null,
        budgetMoney: null,
        priceIn: 1,
        priceOut: 2,
      },
      ...{ fallback: null, isModerated: false },
      ...settings,
    },
    {
      open: async () => client,
      now: () => nowMs,
      random: () => random,
      say: (_level, text) => said.push(text),
      unusable: (is) => void states.push(is),
      count: (name, amount) => {
        counts[name] = (counts[name] ?? 0) + amount;
      },
      budget: {
        read: () => budget,
        write: (next) => {
          budget = next;
        },
      },
    },
  );
test('says that the server refuses for good, and when it answers again', async () => {
  states.length = 0;
  const model = caller();
  server.next({ act: 'status', status: 401 });
  expect(await ask(model)).toEqual({ refusal: 'refused' });
  server.next({ act: 'reset' }, { act: 'reset' }, { act: 'reset' });
  await ask(model);
  await ask(model);
  expect(states).toEqual([false, true, false, false]);
});

const ask = (model: ModelCaller, text = 'hi'): Promise<ModelOutcome> =>
  model.ask([{ role: 'user', content: text }], never);

test('answers; a slow call is told, of quick ones one in ten', async () => {
  const model = caller();
  expect(await ask(model)).toEqual({ text: 'You said: hi' });
  expect(said).toEqual([]);
  random = 0.05;
  await ask(model);
  expect(said).toEqual([expect.stringMatching(/^model: answered in \d+ ms, 2 \+ 12 tokens$/)]);
  random = 0.5;
  server.next({ act: 'answer', delayMs: 1_050 });
  await ask(model);
  expect(said[1]).toContain('(slow)');
});

test('tries again where that can help, as long as the time allows', async () => {
  server.next(
    { act: 'status', status: 500 },
    { act: 'status', status: 429, headers: { 'retry-after-ms': '20' } },
    { act: 'answer', text: 'ok' },
  );
  expect(await ask(caller())).toEqual({ text: 'ok' });
  expect(counts).toMatchObject({ model_calls: 3, model_retries: 2 });

  server.next({ act: 'half' }, { act: 'reset' }, { act: 'status', status: 502 });
  expect(await ask(caller())).toEqual({ refusal: 'failed' });
  expect(server.requests).toHaveLength(6);
  expect(said.at(-1)).toMatch(/^model: the server answered 502 \(x\) after \d+ ms$/);

  for (const [refusal, act] of [
    ['refused', { act: 'status', status: 401 }],
    ['failed', { act: 'garbage', body: '<html>' }],
  ] as const) {
    const before = server.requests.length;
    server.next(act);
    expect(await ask(caller())).toEqual({ refusal });
    expect(server.requests).toHaveLength(before + 1);
  }
});

test('one time-out for everything; waiting longer than it lasts is not begun', async () => {
  server.otherwise = { act: 'hang' };
  expect(await ask(caller({ timeoutMs: 150 }))).toEqual({ refusal: 'failed' });
  server.otherwise = { act: 'status', status: 429, headers: { 'retry-after': '30' } };
  const model = caller();
  const startedAt = performance.now();
  expect(await ask(model)).toEqual({ refusal: 'failed' });
  expect(performance.now() - startedAt).toBeLessThan(9_000);
  // The server's own time is obeyed by the calls after it too.
  expect(await ask(model)).toEqual({ refusal: 'circuit-open' });
  nowMs += 30_000;
  server.otherwise = { act: 'answer', text: 'back' };
  expect(await ask(model)).toEqual({ text: 'back' });
});

test('so many at once, the others in turn', async () => {
  server.otherwise = { act: 'answer', delayMs: 30 };
  const model = caller({ concurrency: 3 });
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, index) => ask(model, `n${index}`)),
  );
  expect(outcomes).toEqual(
    Array.from({ length: 12 }, (_, index) => ({ text: `You said: n${index}` })),
  );
  expect(server.mostAtOnce).toBe(3);

  server.otherwise = { act: 'hang' };
  const stuck = caller({ concurrency: 1, timeoutMs: 1_500 });
  const [first, second] = await Promise.all([ask(stuck), ask(stuck)]);
  expect(first).toEqual({ refusal: 'failed' });
  expect(second).not.toHaveProperty('text');
  server.otherwise = { act: 'answer', text: 'free again' };
  expect(await ask(stuck)).toEqual({ text: 'free again' });
});

test('a server that fails is left alone, then asked once', async () => {
  server.otherwise = { act: 'status', status: 500 };
  const model = caller({ retries: 0 });
  for (let call = 0; call < 5; call += 1) expect(await ask(model)).toEqual({ refusal: 'failed' });
  expect(await ask(model)).toEqual({ refusal: 'circuit-open' });
  expect(server.requests).toHaveLength(5);
  nowMs += 15_000;
  expect(await ask(model)).toEqual({ refusal: 'failed' });
  nowMs += 15_000;
  expect(await ask(model)).toEqual({ refusal: 'circuit-open' });
  nowMs += 15_000;
  server.otherwise = { act: 'answer', text: 'well' };
  expect(await ask(model)).toEqual({ text: 'well' });
  expect(await ask(model)).toEqual({ text: 'well' });

  let breaker = closedBreaker;
  for (let failure = 0; failure < 40; failure += 1) breaker = afterFailure(breaker, 0, 0);
  expect([isOpen(breaker, 599_999), isOpen(breaker, 600_000)]).toEqual([true, false]);
});

test("the day's budget: not passed, also by calls side by side; a new day begins anew", async () => {
  server.otherwise = { act: 'answer', tokens: [10, 5] };
  const model = caller({ budgetTokens: 60 });
  const outcomes = await Promise.all([ask(model), ask(model), ask(model), ask(model)]);
  expect(outcomes.filter((outcome) => 'text' in outcome).length).toBeGreaterThan(0);
  expect(budget.tokens).toBeLessThanOrEqual(60);
  while ('text' in (await ask(model))) expect(budget.tokens).toBeLessThanOrEqual(60);
  expect(await ask(model)).toEqual({ refusal: 'budget' });
  nowMs += 86_400_000;
  expect(await ask(model)).toHaveProperty('text');
  expect(budget).toEqual({ day: '2026-11-26', tokens: 15, money: expect.closeTo(20e-6, 9) });
  expect(counts.model_tokens).toBe(server.requests.length * 15);
});

test('money is a budget too; what is not known to be cheap is counted in full', async () => {
  const prices = { priceIn: 1e6, priceOut: 2e6, budgetTokens: null, budgetMoney: 10 };
  const today = budgetOf({ day: '2026-11-24', tokens: 5, money: 9 }, nowMs);
  expect(fitsBudget(today, { read: 4, written: 3 }, prices)).toBe(true);
  expect(
    fitsBudget(spend(today, { read: 1, written: 0 }, prices), { read: 4, written: 3 }, prices),
  ).toBe(false);
  server.next({ act: 'answer', tokens: null }, { act: 'status', status: 400 }, { act: 'hang' });
  await ask(caller());
  expect(budget.tokens).toBe(9 + 20);
  await ask(caller());
  expect(budget.tokens).toBe(29);
  await ask(caller({ timeoutMs: 100 }));
  expect(budget.tokens).toBe(58);
});

test('moderation is asked about the answer, and no answer of it means no', async () => {
  server.flagged.push('venom');
  server.next({ act: 'answer', text: 'tea' });
  const model = caller({ isModerated: true });
  expect(await ask(model)).toEqual({ text: 'tea' });
  expect(server.requests.map(({ path }) => path)).toEqual([
    '/v1/chat/completions',
    '/v1/moderations',
  ]);
  server.next({ act: 'answer', text: 'venom' });
  expect(await ask(model)).toEqual({ refusal: 'moderated' });
  server.next({ act: 'answer', text: 'tea' }, { act: 'status', status: 500 });
  expect(await ask(model)).toEqual({ refusal: 'failed' });
});

test('an answer that reached its limit ends with a whole sentence', async () => {
  server.next(
    { act: 'answer', text: 'First. Second! And thi', finish: 'length' },
    { act: 'answer', text: 'no end', finish: 'length' },
  );
  expect(await ask(caller())).toEqual({ text: 'First. Second!' });
  expect(await ask(caller())).toEqual({ text: 'no end' });
});

test('told to stop: ends, and counts as nothing', async () => {
  server.otherwise = { act: 'hang' };
  const stop = new AbortController();
  const asked = caller().ask([{ role: 'user', content: 'x' }], stop.signal);
  await expect.poll(() => server.requests.length, { timeout: 5000 }).toBe(1);
  stop.abort();
  expect(await asked).toEqual({ refusal: 'stopped' });
  expect(counts.model_failures).toBeUndefined();
});

test('no secret and no word of the chat in what is said', async () => {
  server.otherwise = { act: 'status', status: 500 };
  await ask(caller({ retries: 1 }), 'word-of-the-chat');
  for (const secret of ['sk-canary', 'word-of-the-chat', server.url])
    expect(said.join('\n')).not.toContain(secret);
});

test('a call that has ended leaves nothing behind for the rest of its time-out', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const [stop, signals] = [new AbortController(), [] as WeakRef<AbortSignal>[]];
  const real = openAiClient({ baseUrl: server.url, key: null });
  const model = caller(
    { timeoutMs: 60_000 },
    {
      ...real,
      complete: (request, signal) => {
        signals.push(new WeakRef(signal));
        return real.complete(request, signal);
      },
    },
  );
  for (let times = 0; times < 30; times += 1)
    await model.ask([{ role: 'user', content: 'hi' }], stop.signal);
  await sleep(50);
  collect();
  expect(signals.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(5);
  expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
});
