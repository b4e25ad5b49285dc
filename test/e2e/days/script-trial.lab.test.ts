/**
 * New scripts are tried on a few accounts first: spread when they do well, put back when their
 * answers fail, carried on when the command was killed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConversationControl } from '../../dc/control/control.ts';
import { type ModelServer, startModelServer } from '../../model-server/model-server.ts';
import { eventually, importNew, makeWorld, must, prepareFleet, type World } from '../world.ts';

const bob = '900001';
const names = ['anna', 'bea', 'carl'];
const chats: Readonly<Record<string, string>> = {
  anna: '-1001700000021',
  bea: '-1001700000022',
  carl: '-1001700000023',
};

let world: World;
let model: ModelServer;
let people: ConversationControl;
const users = new Map<string, string>();

const writeScript = (rule: string): Promise<void> =>
  writeFile(
    join(world.operator.directory, 'scripts/desk.yaml'),
    `version: 1
system_prompt: You help.
rules:
  - { name: price, on: { keyword: price }, ${rule} }
delay: { least: 0s, most: 0s, typing: false }
disclosure: "off"
`,
  );

beforeAll(async () => {
  const unlimited = '{ per_account: "off", per_chat: "off", per_user: "off", ceiling: 10000 }';
  const accounts = names.map(
    (name) =>
      `  ${name}: { script: desk, chats: { own: ${chats[name]} }, answer_limits: ${unlimited} }\n`,
  );
  world = await makeWorld({
    hosts: [1],
    state: 'forgotten',
    accounts: `accounts:\n${accounts.join('')}`,
  });
  people = world.dc.people;
  model = await startModelServer(world.lab.gateway);
  model.otherwise = { act: 'status', status: 500 };
  await world.operator.append(
    `model: { base_url: "${model.url}", model: tiny, api_key: env:MODEL_KEY, timeout: 3s, ` +
      'retries: 0 }\n',
  );
  await mkdir(join(world.operator.directory, 'scripts'));
  await writeScript('say: It is free.');
  await prepareFleet(world);
  for (const { account, userId } of await importNew(world, names)) users.set(account, userId);
  await people.addPerson({ userId: bob, firstName: 'Bob' });
  for (const [index, name] of names.entries()) {
    const members = [users.get(name) ?? '', bob];
    await people.addGroup({ kind: 'supergroup', id: 1_700_000_021 + index, title: name, members });
  }
  await must(world, 'allocate', '--all');
  await must(world, 'scripts', 'push');
});
afterAll(async () => {
  await model?.stop();
  await world?.end();
});

/** What the account answers to a question now; null: nothing within the time. */
async function answerOf(name: string, waitMs = 10_000): Promise<string | null> {
  const { ref } = await people.say({
    chatId: chats[name] ?? '',
    from: bob,
    text: 'What is the price?',
  });
  for (const endMs = Date.now() + waitMs; Date.now() < endMs; await sleep(250)) {
    const said = (await people.said({ userId: users.get(name) ?? '' })).find(
      ({ replyTo }) => replyTo === ref,
    );
    if (said !== undefined) return said.text;
  }
  return null;
}

const expectAll = (text: string): Promise<void> =>
  eventually(60_000, async () =>
    expect(await Promise.all(names.map((name) => answerOf(name, 5_000)))).toEqual(
      names.map(() => text),
    ),
  );

test('what does well is on all accounts in the end', async () => {
  await writeScript('say: It costs nothing.');
  expect(
    (await world.operator.fleet(['scripts', 'push', '--canary', '1', '--dry-run'])).stdout,
  ).toMatch(/First anna, watched for 10m: .*2 others/);
  const done = await world.operator.json(['scripts', 'push', '--canary', '1', '--watch', '5s']);
  expect(done).toMatchObject({
    ok: true,
    canary: {
      accounts: ['anna'],
      others: ['bea', 'carl'],
      phase: 'done',
      verdict: { isWorse: false },
    },
  });
  await expectAll('It costs nothing.');
});

test('what fails is put back, the others never had it, and neither a sweep nor another push brings it again', async () => {
  await writeScript('ask_model: true');
  const push = world.operator.fleet([
    'scripts',
    'push',
    '--canary',
    '1',
    '--watch',
    '3m',
    '--json',
    '--yes',
  ]);
  for (let asked = 0; asked < 40; asked += 1) {
    await people.say({ chatId: chats.anna ?? '', from: bob, text: 'What is the price?' });
    expect(await answerOf('bea')).toBe('It costs nothing.');
    const ended = await Promise.race([push.then(() => true), sleep(500).then(() => false)]);
    if (ended) break;
  }
  const { code, stdout } = await push;
  expect([code, JSON.parse(stdout)]).toMatchObject([
    3,
    {
      ok: false,
      canary: { phase: 'put-back', verdict: { isWorse: true } },
      errors: [{ code: 'canary', message: expect.stringMatching(/answers failed/) }],
    },
  ]);
  await expectAll('It costs nothing.');
  const again = await world.operator.fleet(['scripts', 'push', '--yes']);
  expect([again.code, again.stderr]).toEqual([
    3,
    expect.stringContaining('these scripts were put back'),
  ]);
  await must(world, 'sweep');
  await expectAll('It costs nothing.');
  expect(JSON.stringify(await world.operator.json(['doctor']))).toContain('scripts were put back');
});

test('killed in the watch: a sweep changes nothing, and the next push goes on to the end', async () => {
  await writeScript('say: It is a gift.');
  const { directory: cwd, env, argv } = world.operator;
  const [command = '', ...args] = argv([
    'scripts',
    'push',
    '--canary',
    '1',
    '--watch',
    '12s',
    '--yes',
  ]);
  const child = spawn(command, args, {
    cwd,
    env: { ...env, PATH: process.env.PATH ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  await eventually(60_000, async () => expect(said).toContain('watching anna'));
  child.kill('SIGKILL');
  await once(child, 'close');
  await must(world, 'sweep');
  // What was pushed a moment ago is taken by its worker a moment later.
  await eventually(60_000, async () =>
    expect([await answerOf('anna'), await answerOf('bea')]).toEqual([
      'It is a gift.',
      'It costs nothing.',
    ]),
  );
  expect(JSON.stringify(await world.operator.json(['doctor']))).toContain('fleet scripts push');
  const done = await world.operator.json(['scripts', 'push']);
  expect(done).toMatchObject({
    ok: true,
    canary: { isResumed: true, accounts: ['anna'], phase: 'done' },
  });
  await expectAll('It is a gift.');
});
