import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type {
  AnswerLimits,
  Behaviour,
  ModelSettings,
  Rule,
  Script,
} from '../../../../hostside/protocol/behaviour.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';
import { type ModelServer, startModelServer } from '../../../model-server/model-server.ts';
import { buildRelease, keyId, WorkerProcess, type WorkerSetup } from '../worker-process.ts';

/**
 * The worker as a host runs it, in groups of the test data centre, with a model server beside it.
 */
const [ann, bob, cleo, dan, robot, mate] = ['7001', '8001', '8002', '8003', '8004', '7002'];

let release: string;
let dc: DataCentre;
let model: ModelServer;
let login: LoginCredentials;
let worker: WorkerProcess;
let chatId: string;

beforeAll(async () => {
  release = await buildRelease();
}, 60_000);
afterAll(() => rmSync(release, { recursive: true }));
beforeEach(async () => {
  dc = await startDataCentre();
  model = await startModelServer();
  login = dc.addAccount({ userId: ann, firstName: 'Ann', username: 'ann_helps' });
  dc.addAccount({ userId: mate, firstName: 'Mate' });
  for (const [userId, firstName] of [
    [bob, 'Bob'],
    [cleo, 'Cleo'],
    [dan, 'Dan'],
  ] as const)
    dc.people.addPerson({ userId, firstName });
  dc.people.addPerson({ userId: robot, firstName: 'Robot', isBot: true });
  chatId = dc.people.addGroup({
    kind: 'supergroup',
    title: 'Garden',
    members: [ann, mate, bob, cleo, dan, robot],
  });
});
afterEach(async () => {
  await worker.end();
  worker.remove();
  expect(dc.report().violations).toEqual([]);
  expect(dc.report().accounts.find(({ userId }) => userId === ann)?.maxLive).toBeLessThanOrEqual(1);
  await model.stop();
  await dc.stop();
});

const text = (...texts: string[]): Rule['answer'] => ({ kind: 'text', texts });
const rule = (name: string, trigger: Rule['trigger'], answer: Rule['answer']): Rule => ({
  ...{ name, trigger, answer },
  conditions: { chats: [], senders: [], languages: [], probability: 1 },
});
const script: Script = {
  name: 'desk',
  rules: [
    rule('welcome', { kind: 'joined' }, text('Welcome to {{group}}, {{first_name}}!')),
    rule('help', { kind: 'command', name: 'help' }, text('Ask about the price.')),
    rule('price', { kind: 'keyword', words: ['price'] }, text('It is free, {{first_name}}.')),
    rule('ask', { kind: 'mention' }, { kind: 'model', instructions: null, allowsLinks: false }),
  ],
  hours: null,
  delay: { leastMs: 0, mostMs: 0, isTyping: false },
  optOut: { words: ['stop'], backWords: ['start'], answer: null },
  disclosure: null,
  handover: null,
  ...{ answersBots: false, answersFleet: false, staleAfterMs: 300_000 },
};
const limits: AnswerLimits = { perAccount: null, perChat: null, perUser: null, ceiling: 10_000 };
const modelSettings = (): ModelSettings => ({
  ...{
    baseUrl: model.url,
    model: 'tiny',
    systemPrompt: 'You help.',
    contextMessages: 5,
    contextTokens: 500,
    answerTokens: 50,
    temperature: null,
  },
  ...{
    timeoutMs: 8_000,
    retries: 2,
    concurrency: 4,
    budgetTokens: null,
    budgetMoney: null,
    priceIn: 0,
    priceOut: 0,
  },
  ...{ fallback: 'I do not know right now.', isModerated: false },
});
const behaviour = (
  fields: Partial<Behaviour> = {},
  scriptFields: Partial<Script> = {},
): Behaviour => ({
  ...{
    format: 1,
    account: 'anna',
    isPaused: false,
    fleetUserIds: [ann, mate],
    model: modelSettings(),
    limits,
  },
  chats: [
    {
      id: chatId,
      name: 'Garden',
      slotMs: 20_000,
      colleagues: [{ keyId, userId: ann, username: 'ann_helps' }],
    },
  ],
  script: { ...script, ...scriptFields },
  ...fields,
});

const start = async (setup: Partial<WorkerSetup> = {}): Promise<WorkerProcess> => {
  const env = { TEST_ALSO: new URL(model.url).port };
  worker = new WorkerProcess({
    release,
    dc,
    login,
    behaviour: behaviour(),
    env,
    config: { healthIntervalMs: 60_000, modelKey: 'sk-canary' },
    ...setup,
  });
  await worker.reaches('online', 15_000);
  return worker;
};
const say = (
  from: string,
  words: string,
  more: {
    readonly replyTo?: number;
    readonly mentions?: string[];
    readonly hasMedia?: boolean;
  } = {},
): number => dc.people.say({ chatId, from, text: words, ...more }).ref;
/** What the account has said, as [answered message, text]. */
const answers = () =>
  dc.people.said({ userId: ann }).map(({ replyTo, text: words }) => [replyTo, words]);
const until = (look: () => unknown, expected: unknown, limitMs = 15_000) =>
  expect.poll(look, { timeout: limitMs, interval: 20 }).toEqual(expected);
const counter = (name: string): number => worker.status?.counters[name] ?? 0;

test('a talk of several hundred messages has exactly the answers that the script asks for', async () => {
  await start();
  const elsewhere = dc.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
  const expected: [number, string][] = [];
  const answered = (ref: number, words: string): void => void expected.push([ref, words]);
  const old = say(bob, 'something else');
  for (let round = 0; round < 30; round += 1) {
    for (const person of [bob, cleo]) say(person, `idle talk ${round}`);
    answered(say(cleo, `What is the PRICE, please? ${round}`), 'It is free, Cleo.');
    answered(
      say(bob, `@ann_helps tell me about ${round}`),
      `You said: Bob: @ann_helps tell me about ${round}`,
    );
    answered(say(bob, `photo with price ${round}`, { hasMedia: true }), 'It is free, Bob.');
    say(cleo, '', { hasMedia: true });
    say(robot, `the price is ${round}`);
    say(mate, `the price is ${round}`);
    dc.people.edit(old, `the price ${round}`);
    dc.people.say({ chatId: elsewhere, from: bob, text: `price ${round}` });
    dc.people.say({ chatId: ann, from: bob, text: `price ${round}` });
    dc.people.say({ chatId, from: null, text: `price ${round}` });
  }
  answered(say(cleo, '/help'), 'Ask about the price.');
  answered(say(cleo, '/help@ann_helps'), 'Ask about the price.');
  say(cleo, '/help@other_bot');
  dc.people.addPerson({ userId: '8010', firstName: 'Eve' });
  answered(dc.people.join(chatId, ['8010']).ref, 'Welcome to Garden, Eve!');
  dc.people.pin(old, bob);
  dc.people.retitle(chatId, 'Price Garden', bob);
  say(dan, 'stop');
  say(dan, 'price');
  dc.people.leave(chatId, '8010');
  await until(() => answers().length, expected.length, 30_000);
  expect(answers().toSorted()).toEqual(expected.toSorted());
  // One after the other in the order of the talk, where nothing had to be waited for.
  const [fixed] = [expected.filter(([, words]) => !words.startsWith('You'))];
  expect(answers().filter(([, words]) => !String(words).startsWith('You'))).toEqual(fixed);
  await until(() => counter('answered'), expected.length);
  expect(worker.status?.counters).toMatchObject({
    ...{
      skipped_empty: 30,
      skipped_bot: 30,
      skipped_colleague: 30,
      skipped_edited: 30,
      skipped_private: 30,
      skipped_not_allowed_chat: 30,
    },
    ...{ skipped_anonymous: 30, skipped_no_rule: 62, skipped_opt_out_now: 1, skipped_opted_out: 1 },
  });
  expect(worker.silences?.recent.slice(-2)).toMatchObject([
    { reason: 'opt-out-now', userId: dan },
    { reason: 'opted-out', userId: dan },
  ]);
  for (const secret of ['sk-canary', 'idle talk', 'PRICE', 'You help.'])
    expect(worker.seen).not.toContain(secret);
});

/** Returns when the worker has taken it up. */
const configure = async (next: Behaviour): Promise<void> => {
  const taken = (): number => worker.output.split('behaviour taken up').length;
  const before = taken();
  worker.configure(next);
  await expect.poll(taken, { timeout: 15_000 }).toBe(before + 1);
};

test('a changed behaviour is taken up without a restart: pause, hours, another script', async () => {
  await start();
  const { pid } = worker;
  const first = say(bob, 'price');
  await until(answers, [[first, 'It is free, Bob.']]);
  await configure(
    behaviour(
      { isPaused: true },
      { hours: { timeZone: 'Europe/Berlin', spans: [], holidays: [] } },
    ),
  );
  await until(() => counter('paused'), 1);
  say(bob, 'price');
  await until(() => counter('skipped_paused'), 1);
  await configure(behaviour({}, { hours: { timeZone: 'Europe/Berlin', spans: [], holidays: [] } }));
  say(bob, 'price');
  await until(() => counter('skipped_hours'), 1);
  await configure(
    behaviour(
      {},
      { rules: [rule('tea', { kind: 'keyword', words: ['tea'] }, text('Tea it is.'))] },
    ),
  );
  const last = say(bob, 'tea instead of a price');
  await until(answers, [
    [first, 'It is free, Bob.'],
    [last, 'Tea it is.'],
  ]);
  expect(worker.pid).toBe(pid);
});

test("the operator's test message: once, in an allowed chat, not when it is old or paused", async () => {
  await start();
  const ask = (
    id: string,
    fields: Partial<Behaviour['test'] & object> = {},
    isPaused = false,
  ): Promise<void> =>
    configure(
      behaviour({
        isPaused,
        test: { id, chatId, text: `test ${id}`, askedAtMs: Date.now(), ...fields },
      }),
    );
  await ask('one');
  await until(answers, [[null, 'test one']]);
  await until(() => worker.silences?.test, { id: 'one', isSent: true, reason: '' });
  await ask('one');
  await ask('two', { chatId: '-1009999999999' });
  await until(() => worker.silences?.test, {
    id: 'two',
    isSent: false,
    reason: expect.stringContaining('allow-list'),
  });
  await ask('three', { askedAtMs: Date.now() - 3_600_000 });
  await until(() => worker.silences?.test, {
    id: 'three',
    isSent: false,
    reason: expect.stringContaining('ten minutes'),
  });
  await ask('four', {}, true);
  await until(() => worker.silences?.test, {
    id: 'four',
    isSent: false,
    reason: expect.stringContaining('paused'),
  });
  expect(answers()).toEqual([[null, 'test one']]);
});

test('what happened while the connection was lost is answered once it is back, each once', async () => {
  await start();
  const refs = [say(bob, 'price 1')];
  await until(() => answers().length, 1);
  for (let round = 2; round <= 4; round += 1) {
    dc.disconnectAll();
    refs.push(say(cleo, `price ${round}`), say(bob, `@ann_helps ${round}`));
    await until(() => answers().length, refs.length, 30_000);
  }
  dc.people.loseUpdates(ann, 2);
  refs.push(say(cleo, 'price lost'), say(bob, 'price lost too'), say(bob, 'price heard'));
  await until(() => answers().length, refs.length, 30_000);
  expect(
    answers()
      .map(([replyTo]) => replyTo)
      .toSorted(),
  ).toEqual(refs.toSorted());
});

test('killed while it asks the model, and while Telegram has not answered: each answer once, by the next process', async () => {
  await start();
  say(dan, 'stop');
  const known = say(bob, 'price');
  await until(() => answers().length, 1);
  model.otherwise = { act: 'hang' };
  const asked = say(bob, '@ann_helps are you there?');
  await expect.poll(() => model.requests.length, { timeout: 10_000 }).toBe(1);
  // Said, but the reply does not arrive.
  dc.fault({ method: 'messages.sendMessage', times: 1, effect: { kind: 'silence' } });
  const cut = say(cleo, 'price');
  await expect
    .poll(() => worker.state('memory.json').split('isCounted').length, { timeout: 10_000 })
    .toBeGreaterThan(2);
  await worker.end();
  model.otherwise = { act: 'answer', text: 'I am back.' };
  await start({ places: worker.places });
  const expected = [
    [known, 'It is free, Bob.'],
    [asked, 'I am back.'],
    [cut, 'It is free, Cleo.'],
  ];
  await until(() => answers().toSorted(), expected.toSorted(), 30_000);
  say(dan, 'price');
  await until(() => counter('skipped_opted_out'), 1);
  expect(answers()).toHaveLength(3);
});

test("Telegram's pauses are kept: flood wait for everything, slow mode for the group, no writing at all", async () => {
  await start();
  dc.fault({
    method: 'messages.sendMessage',
    times: 1,
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' },
  });
  const askedAt = Date.now();
  const flooded = say(bob, 'price');
  await worker.reaches('flood-wait', 10_000);
  await until(answers, [[flooded, 'It is free, Bob.']]);
  expect(Date.now() - askedAt).toBeGreaterThanOrEqual(2_000);
  await worker.reaches('online', 10_000);
  dc.people.setSlowMode(chatId, 3);
  const slow = [say(bob, 'price'), say(cleo, 'price')];
  // Both wait for the same moment; who of the two is answered first is not promised.
  await until(
    () =>
      answers()
        .map(([replyTo]) => replyTo)
        .toSorted((a, b) => Number(a) - Number(b)),
    [flooded, ...slow],
    20_000,
  );
  dc.people.setSlowMode(chatId, 0);
  dc.people.restrict(chatId, ann, 'muted');
  say(bob, 'price');
  await until(() => counter('skipped_write_forbidden'), 1, 20_000);
  expect([answers().length, counter('groups_closed'), counter('frozen')]).toEqual([3, 1, 0]);
});

test('a model that refuses the key is a state, until it answers', async () => {
  await start();
  model.next({ act: 'status', status: 401 });
  model.otherwise = { act: 'answer', text: 'I am here.' };
  say(bob, '@ann_helps are you there?');
  await until(() => counter('model_unusable'), 1);
  say(cleo, '@ann_helps are you there?');
  await until(() => [counter('model_unusable'), answers().at(-1)?.[1]], [0, 'I am here.']);
});

test('removed from its group, it says so, and is as before once it is added again', async () => {
  await start();
  say(bob, 'price');
  await until(() => answers().length, 1);
  dc.people.leave(chatId, ann, { by: bob });
  await until(
    () => [counter('groups_left'), worker.silences?.left],
    [1, [{ chatId, movedTo: null }]],
  );
  expect(worker.output).toContain(`chat ${chatId}: the account is not in this group`);
  dc.people.join(chatId, [ann], bob);
  await until(() => [counter('groups_left'), worker.silences?.left], [0, []]);
  say(bob, 'price');
  await until(() => answers().length, 2);
});

test('a group in which it is not is found at the start, without a word about it', async () => {
  dc.people.leave(chatId, ann, { isTold: false });
  await start();
  await until(() => [counter('groups_left'), worker.status?.state], [1, 'online']);
});

test('an account that Telegram has frozen says so, and stays online', async () => {
  await start();
  dc.fault({
    method: 'messages.sendMessage',
    times: 1,
    effect: { kind: 'error', code: 420, message: 'FROZEN_METHOD_INVALID' },
  });
  say(bob, 'price');
  await until(() => counter('frozen'), 1, 20_000);
  expect([answers().length, counter('groups_closed'), worker.status?.state]).toEqual([
    0,
    0,
    'online',
  ]);
});

test.each([
  ['CHANNEL_PRIVATE', 'skipped_write_forbidden'],
  ['PRIVACY_PREMIUM_REQUIRED', 'skipped_write_forbidden'],
  ['A_406_OF_TOMORROW', 'skipped_send_failed'],
])(
  '406 %s concerns the answer and not the account, which stays online',
  async (message, reason) => {
    await start();
    dc.fault({
      method: 'messages.sendMessage',
      times: 1,
      effect: { kind: 'error', code: 406, message },
    });
    say(bob, 'price');
    await until(() => counter(reason), 1, 30_000);
    expect(worker.status?.state).toBe('online');
  },
);

test('a model that fails: the fallback, and no word of it anywhere else', async () => {
  await start();
  model.otherwise = { act: 'status', status: 500 };
  const failed = say(bob, '@ann_helps what now?');
  await until(answers, [[failed, 'I do not know right now.']], 20_000);
  model.otherwise = { act: 'answer', text: 'Look at https://evil.example/x @everyone now' };
  const caught = say(cleo, '@ann_helps say something bad');
  await until(() => answers().at(-1)?.[0], caught);
  expect(answers().at(-1)?.[1]).not.toMatch(/https|@everyone/);
  const turns = model.requests.at(-1)?.body.messages ?? [];
  const roles = (turns as { role: string }[]).map(({ role }) => role);
  expect([roles[0], roles.filter((role) => role === 'system').length]).toEqual(['system', 1]);
  expect(worker.seen).not.toContain('something bad');
});

test('told to stop in the middle: closed, remembered, and a damaged memory is said', async () => {
  await start();
  model.otherwise = { act: 'hang' };
  say(bob, '@ann_helps one moment');
  say(dan, 'stop');
  await expect.poll(() => model.requests.length, { timeout: 10_000 }).toBe(1);
  const askedAt = performance.now();
  worker.signal('SIGTERM');
  expect(await worker.exited).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(10_000);
  const memory = JSON.parse(worker.state('memory.json')) as {
    optOuts: unknown[];
    pending: unknown[];
  };
  expect([memory.optOuts.length, memory.pending.length]).toEqual([1, 1]);
  expect(answers()).toEqual([]);

  writeFileSync(
    join(worker.places.accountState, keyId, 'memory.json'),
    JSON.stringify({ ...memory, optOuts: 'gone' }),
  );
  model.otherwise = { act: 'answer', text: 'Here I am.' };
  await start({ places: worker.places });
  await until(() => answers().map(([, words]) => words), ['Here I am.']);
  expect(worker.output).toContain('who asked for silence is no longer known');
  expect(worker.state('memory.json.damaged')).toContain('gone');
});

test('private memory with a script, and with a model at work', async () => {
  const unit = readFileSync('templates/units/fleet-account@.service', 'utf8');
  const nodeFlags = /^Environment="FLEET_NODE_FLAGS=(.*)"$/m.exec(unit)?.[1] ?? '';
  await start({ nodeFlags });
  for (let round = 0; round < 50; round += 1) say(bob, `price ${round}`);
  await until(() => answers().length, 50, 30_000);
  // Until V8 has tidied up, what a burst has left behind counts too.
  await expect.poll(() => worker.privateBytes, { timeout: 60_000 }).toBeLessThan(40 * 1024 ** 2);
  const withScript = worker.privateBytes;
  for (let round = 0; round < 10; round += 1) say(bob, `@ann_helps ${round}`);
  await until(() => answers().length, 60, 30_000);
  // Measured: some 6 MB more.
  await expect
    .poll(() => worker.privateBytes - withScript, { timeout: 60_000 })
    .toBeLessThan(12 * 1024 ** 2);
  console.log(
    `private memory: ${(withScript / 2 ** 20).toFixed(1)} MB, with a model ` +
      `${(worker.privateBytes / 2 ** 20).toFixed(1)} MB`,
  );
});
