import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConversationControl } from '../../dc/control/control.ts';
import { type ModelServer, startModelServer } from '../../model-server/model-server.ts';
import { type Login, modelKey } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  expectNoKills,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

/** Accounts that answer in groups, on real hosts, by the operator's scripts. */
const names = ['a1', 'a2', 'a3', 'a4', 'a5'];
/** Joins them later. */
const newcomer = 'a6';
const [bob, cleo] = ['900001', '900002'];
const chatNumber = 1_700_000_001;
const chatId = `-100${chatNumber}`;

let world: World;
let model: ModelServer;
let logins: readonly Login[];
let people: ConversationControl;

const scriptText = (price: string): string => `version: 1
rules:
  - on: { keyword: price }
    say: "${price}"
  - on: { keyword: think }
    ask_model: true
delay: { least: 1s, most: 1s, typing: false }
disclosure: "off"
opt_out: { words: [hush], answer: "off" }
`;

const writeScript = (price: string): Promise<void> =>
  writeFile(join(world.operator.directory, 'scripts/desk.yaml'), scriptText(price));

beforeAll(async () => {
  // Few people ask more here than they ever would.
  const limits = '{ per_account: "off", per_chat: "off", per_user: "off", ceiling: 1000 }';
  const accounts = `accounts:
${[...names, newcomer].map((name) => `  ${name}: { script: desk, chats: { garden: ${chatId} }, answer_limits: ${limits} }`).join('\n')}
`;
  world = await makeWorld({ hosts: [1, 2, 3], state: 'forgotten', accounts });
  people = world.dc.people;
  model = await startModelServer(world.lab.gateway);
  const { operator } = world;
  await operator.append(
    `answer_slot: 8s\nmodel: { base_url: "${model.url}", model: tiny, api_key: ` +
      'env:MODEL_KEY, timeout: 3s, retries: 0 }\n',
  );
  await mkdir(join(operator.directory, 'scripts'));
  await writeScript('It is free.');
  await prepareFleet(world);
  logins = await importNew(world, names);
  for (const [userId, firstName] of [
    [bob, 'Bob'],
    [cleo, 'Cleo'],
  ] as const)
    await people.addPerson({ userId, firstName });
  await people.addGroup({
    kind: 'supergroup',
    id: chatNumber,
    title: 'Garden',
    members: [...logins.map(({ userId }) => userId), bob, cleo],
  });
  await must(world, 'allocate', '--all', '--strategy', 'even');
});
afterAll(async () => {
  await model?.stop();
  await world?.end();
});

const say = async (from: string, text: string): Promise<number> =>
  (await people.say({ chatId, from, text })).ref;
/** Which accounts answered, and what. */
const answersTo = async (ref: number): Promise<readonly (readonly [string, string])[]> =>
  (await people.said({ chatId, replyTo: ref })).map(({ userId, text }) => [
    logins.find((login) => login.userId === userId)?.account ?? '?',
    text,
  ]);

test('five accounts of one group on three hosts: each message is answered once, by turns', async () => {
  expect(new Set((await listAccounts(world)).map(({ host }) => host)).size).toBe(3);
  const refs: number[] = [];
  for (let round = 0; round < 8; round += 1)
    refs.push(await say(round % 2 === 0 ? bob : cleo, `what is the price? ${round}`));
  const asked = await say(cleo, 'please think about it');
  await eventually(90_000, async () => {
    for (const ref of refs)
      expect((await answersTo(ref)).map(([, text]) => text)).toEqual(['It is free.']);
    expect((await answersTo(asked)).map(([, text]) => text)).toEqual([
      'You said: Cleo: please think about it',
    ]);
  });
  const who = await Promise.all(refs.map(async (ref) => (await answersTo(ref))[0]?.[0]));
  expect(new Set(who).size).toBeGreaterThan(1);
  expect(model.requests.every(({ authorization }) => authorization === `Bearer ${modelKey}`)).toBe(
    true,
  );
  await expectExclusive(world, logins);
});

test('another account joins them while people talk: still one answer for each message, and the new one takes its share', async () => {
  logins = [...logins, ...(await importNew(world, [newcomer]))];
  await people.join(chatId, [logins.at(-1)?.userId ?? '']);
  const refs: number[] = [];
  let isJoining = true;
  const talk = async (): Promise<void> => {
    while (isJoining) {
      refs.push(
        await say(refs.length % 2 === 0 ? bob : cleo, `what is the price now? ${refs.length}`),
      );
      await sleep(400);
    }
  };
  const talking = talk();
  expect(await must(world, 'allocate', newcomer)).toContain('online');
  isJoining = false;
  await talking;
  const joinedAt = refs.length;
  for (let round = 0; round < 40; round += 1)
    refs.push(await say(bob, `and what is the price then? ${round}`));
  const who = async () =>
    Promise.all(refs.map(async (ref) => (await answersTo(ref)).map(([account]) => account)));
  await eventually(120_000, async () =>
    expect((await who()).map((accounts) => accounts.length)).toEqual(refs.map(() => 1)),
  );
  // The next in line would have answered by now, had it not seen that somebody has.
  await sleep(10_000);
  const answered = await who();
  expect(answered.map((accounts) => accounts.length)).toEqual(refs.map(() => 1));
  expect(answered.slice(joinedAt).flat()).toContain(newcomer);
  console.log(`${joinedAt} messages while ${newcomer} joined, 40 after it`);
  await expectExclusive(world, logins);
});

test('one is killed while it asks the model: a colleague answers, and nobody twice', async () => {
  model.otherwise = { act: 'hang' };
  const before = model.requests.length;
  const ref = await say(bob, 'think harder');
  await expect.poll(() => model.requests.length, { timeout: 60_000 }).toBeGreaterThan(before);
  const asking =
    world.lab.hosts.findIndex(({ address }) => address === model.requests.at(-1)?.peer) + 1;
  model.otherwise = { act: 'answer', text: 'I thought.' };
  await world.lab.ssh(asking, "systemctl kill -s KILL 'fleet-account@*'");
  await eventually(120_000, async () =>
    expect((await answersTo(ref)).map(([, text]) => text)).toEqual(['I thought.']),
  );
  await eventually(60_000, async () =>
    expect(new Set(Object.values(await liveStates(world)))).toEqual(new Set(['online'])),
  );
  expect(await answersTo(ref)).toHaveLength(1);
});

test('a changed script and a pause reach workers that run; why-silent and metrics tell; who asked for silence is left alone also after a move', async () => {
  const account = (await listAccounts(world)).find(({ name }) => name === 'a1');
  const pids = async (): Promise<string> =>
    (await world.lab.ssh(hostIndex(account?.host), "systemctl show -P MainPID 'fleet-account@*'"))
      .stdout;
  const running = await pids();
  const takenUp = async (): Promise<number[]> => {
    const logs = names.map((name) =>
      must(world, 'logs', name, '--level', 'info', '--since', '10m'),
    );
    return (await Promise.all(logs)).map((text) => text.split('behaviour taken up').length);
  };
  const before = await takenUp();
  await must(world, 'accounts', 'pause', ...names.slice(1), newcomer);
  await writeScript('Ten coins.');
  expect(await must(world, 'scripts', 'push')).toContain('rule');
  expect(await must(world, 'scripts', 'push')).toContain('Nothing to push');
  // Workers look every 2 s.
  await eventually(60_000, async () => {
    const counts = await takenUp();
    expect(counts.every((count, index) => count > (before[index] ?? 0))).toBe(true);
  });
  await say(cleo, 'hush');
  const ref = await say(bob, 'the price?');
  await eventually(90_000, async () =>
    expect(await answersTo(ref)).toEqual([['a1', 'Ten coins.']]),
  );
  expect(await pids()).toBe(running);
  expect(await must(world, 'accounts', 'send-test', 'a1', chatId, '--text', 'testing')).toContain(
    'a1 sent the message to',
  );
  const target =
    world.lab.hosts.find(({ name }, index) => index < 3 && name !== account?.host)?.name ?? '';
  await must(world, 'move', 'a1', target);
  const silenced = await say(cleo, 'the price?');
  const heard = await say(bob, 'and now the price?');
  await eventually(90_000, async () =>
    expect(await answersTo(heard)).toEqual([['a1', 'Ten coins.']]),
  );
  expect(await answersTo(silenced)).toEqual([]);
  await eventually(60_000, async () =>
    expect(await must(world, 'why-silent', 'a1')).toContain('opted-out'),
  );
  expect(await must(world, 'status')).toContain('paused');
  // A worker writes its counters down with its health, once a minute.
  await eventually(90_000, async () =>
    expect(await must(world, 'metrics')).toMatch(
      /fleet_account_messages_skipped_total\{host="\w+",account="a1",reason="opted_out"\} 1/,
    ),
  );
  expect(await must(world, 'logs', 'a1', '--level', 'info', '--since', '5m')).toContain(
    'behaviour taken up',
  );
  const seen = world.operator.transcript.join('\n');
  for (const secret of [modelKey, 'what is the price?', 'think harder'])
    expect(seen).not.toContain(secret);
});

test('a changed key of the model reaches a worker when it is restarted where it is; without a place there is nothing to restart', async () => {
  const [owner] = await listAccounts(world);
  const changedKey = 'sk-canary-0a1b2c3d4e5f';
  const refused = await world.operator.fleet(['accounts', 'restart', 'a1', 'nobody', '--yes']);
  expect([refused.code, refused.stderr]).toEqual([
    3,
    expect.stringContaining('no such account: nobody'),
  ]);
  model.otherwise = { act: 'answer', text: 'I thought.' };
  const before = model.requests.length;
  const restarted = await world.operator.fleet(['accounts', 'restart', 'a1', '--yes'], {
    env: { MODEL_KEY: changedKey },
  });
  expect([restarted.code, restarted.stdout]).toEqual([0, expect.stringContaining('a1 online')]);
  const ref = await say(bob, 'now think of something else');
  await eventually(90_000, async () =>
    expect((await answersTo(ref)).map(([, text]) => text)).toEqual(['I thought.']),
  );
  expect(new Set(model.requests.slice(before).map(({ authorization }) => authorization))).toEqual(
    new Set([`Bearer ${changedKey}`]),
  );
  expect((await listAccounts(world))[0]).toEqual(owner);
  expect(world.operator.transcript.join('\n')).not.toContain(changedKey);
  await expectNoKills(world);
});

const hostIndex = (host: string | null | undefined): number =>
  world.lab.hosts.findIndex(({ name }) => name === host) + 1;
