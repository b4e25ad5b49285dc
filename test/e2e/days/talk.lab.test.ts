/**
 * A long talk in a group, on a real host, by an operator's files: everything that asks for an
 * answer gets exactly that one, nothing else gets any.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConversationControl } from '../../dc/control/control.ts';
import { type ModelServer, startModelServer } from '../../model-server/model-server.ts';
import { noteFaultPoint } from '../fault-points.ts';
import { fillForGood, unfillForGood } from '../full-disk.ts';
import { type Login, modelKey } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const [bob, cleo, dan, robot, eve] = ['900001', '900002', '900003', '900004', '900005'];
const chatId = '-1001700000009';
const elsewhereId = '-1001700000010';

let world: World;
let model: ModelServer;
let logins: readonly Login[];
let people: ConversationControl;
let anna: string;

const writeScript = (hours = ''): Promise<void> =>
  writeFile(
    join(world.operator.directory, 'scripts/desk.yaml'),
    `version: 1
system_prompt: You help.
${hours}
rules:
  - { name: welcome, on: joined, say: "Welcome to {{group}}, {{first_name}}!" }
  - { name: help, on: { command: help }, say: Ask about the price. }
  - { name: price, on: { keyword: price }, say: "It is free, {{first_name}}." }
  - { name: ask, on: mention, ask_model: true }
delay: { least: 0s, most: 0s, typing: false }
disclosure: "off"
opt_out: { words: [hush], answer: "off" }
`,
  );

beforeAll(async () => {
  const unlimited = '{ per_account: "off", per_chat: "off", per_user: "off", ceiling: 10000 }';
  const accounts = `accounts:
  anna: { script: desk, chats: { garden: ${chatId} }, answer_limits: ${unlimited} }
  mate: {}
`;
  world = await makeWorld({ hosts: [1], state: 'forgotten', accounts });
  people = world.dc.people;
  model = await startModelServer(world.lab.gateway);
  const { operator } = world;
  await operator.append(
    `model: { base_url: "${model.url}", model: tiny, api_key: env:MODEL_KEY, timeout: 8s }\n`,
  );
  await mkdir(join(operator.directory, 'scripts'));
  await writeScript();
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'mate'], { anna: 'anna_helps' });
  anna = logins[0]?.userId ?? '';
  const members = [...logins.map(({ userId }) => userId), bob, cleo, dan, robot];
  for (const [userId, firstName] of [
    [bob, 'Bob'],
    [cleo, 'Cleo'],
    [dan, 'Dan'],
    [eve, 'Eve'],
  ] as const)
    await people.addPerson({ userId, firstName });
  await people.addPerson({ userId: robot, firstName: 'Robot', isBot: true });
  await people.addGroup({ kind: 'supergroup', id: 1_700_000_009, title: 'Garden', members });
  await people.addGroup({
    kind: 'supergroup',
    id: 1_700_000_010,
    title: 'Elsewhere',
    members: [anna, bob],
  });
  await must(world, 'allocate', '--all');
  // Telegram has told by now who the accounts are.
  await must(world, 'scripts', 'push');
});
afterAll(async () => {
  await model?.stop();
  await world?.end();
});

const say = async (
  from: string,
  text: string,
  more: { readonly hasMedia?: boolean } = {},
): Promise<number> => (await people.say({ chatId, from, text, ...more })).ref;
/** What the account has said, as [answered message, text]. */
const answers = async (): Promise<readonly (readonly [number | null, string])[]> =>
  (await people.said({ userId: anna })).map(({ replyTo, text }) => [replyTo, text]);
const sorted = (list: readonly (readonly [number | null, string])[]) =>
  list.toSorted(([a], [b]) => Number(a) - Number(b));

interface Silences {
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}

/** How often the account was silent, by reason, as its operator is told. */
async function silences(): Promise<Readonly<Record<string, number>>> {
  const { reasons } = await world.operator.json<Silences>(['why-silent', 'anna']);
  return Object.fromEntries(reasons.map(({ reason, count }) => [reason, count]));
}

test('hundreds of messages: exactly the answers that the script asks for, while fleet check watches the load', async () => {
  const expected: [number, string][] = [];
  const answered = (ref: number, text: string): void => void expected.push([ref, text]);
  // Longer than the minute after which a worker writes its counters down.
  const watched = world.operator.fleet(['check', '--stage', 'load', '--for', '75s']);
  const old = await say(bob, 'something else');
  for (let round = 0; round < 30; round += 1) {
    for (const person of [bob, cleo]) await say(person, `idle talk ${round}`);
    answered(await say(cleo, `What is the PRICE, please? ${round}`), 'It is free, Cleo.');
    answered(
      await say(bob, `@anna_helps tell me about ${round}`),
      `You said: Bob: @anna_helps tell me about ${round}`,
    );
    answered(await say(bob, `photo with price ${round}`, { hasMedia: true }), 'It is free, Bob.');
    await say(cleo, '', { hasMedia: true });
    await say(robot, `the price is ${round}`);
    await say(logins[1]?.userId ?? '', `the price is ${round}`);
    await people.edit(old, `the price ${round}`);
    await people.say({ chatId: elsewhereId, from: bob, text: `price ${round}` });
    await people.say({ chatId: anna, from: bob, text: `price ${round}` });
    await people.say({ chatId, from: null, text: `price ${round}` });
    await sleep(1_000);
  }
  answered(await say(cleo, '/help'), 'Ask about the price.');
  await say(cleo, '/help@other_bot');
  answered((await people.join(chatId, [eve])).ref, 'Welcome to Garden, Eve!');
  await people.pin(old, bob);
  await people.retitle(chatId, 'Price Garden', bob);
  await say(dan, 'hush');
  await say(dan, 'price');
  await people.leave(chatId, eve);
  await eventually(60_000, async () => expect(sorted(await answers())).toEqual(sorted(expected)));
  const byFixedRule = expected.filter(([, text]) => !text.startsWith('You'));
  expect((await answers()).filter(([, text]) => !text.startsWith('You'))).toEqual(byFixedRule);
  const checked = await watched;
  console.log(checked.stdout);
  // Where other labs keep the machine busy, replies may be late: which the check says, with its
  // exit code.
  expect([0, 3]).toContain(checked.code);
  expect(checked.stdout).toMatch(/anna: \d+\.\d messages a minute, \d+ replies, P95/);
  expect(await answers()).toHaveLength(expected.length);
  await eventually(60_000, async () =>
    expect(await silences()).toMatchObject({
      ...{
        empty: 30,
        bot: 30,
        colleague: 30,
        edited: 30,
        private: 30,
        'not-allowed-chat': 30,
        anonymous: 30,
      },
      ...{ 'opt-out-now': 1, 'opted-out': 1 },
    }),
  );
  await expectExclusive(world, logins);
});

test('a full disk silences nobody: the account goes on answering, says what may be forgotten, and writes again when there is room', async () => {
  const { ref: welcomed } = await people.join(chatId, [eve]);
  await eventually(60_000, async () => expect((await answers()).at(-1)?.[0]).toBe(welcomed));
  const before = (await answers()).length;
  const optOutsOnDisk = async (): Promise<readonly string[]> => {
    const { stdout } = await world.lab.ssh(
      1,
      `cat /var/lib/private/fleet-accounts/${logins[0]?.keyId}/memory.json`,
    );
    return (JSON.parse(stdout) as { optOuts: [string, number][] }).optOuts.map(
      ([userId]) => userId,
    );
  };
  await fillForGood(world.lab, 1);
  const asked = await say(cleo, 'price, on a full disk?');
  await say(eve, 'hush');
  await eventually(60_000, async () =>
    expect((await answers()).slice(before)).toEqual([[asked, 'It is free, Cleo.']]),
  );
  await eventually(60_000, async () =>
    expect(await must(world, 'logs', 'anna', '--level', 'error', '--since', '5m')).toContain(
      'the state could not be written (ENOSPC)',
    ),
  );
  expect(await optOutsOnDisk()).toEqual([dan]);
  await unfillForGood(world.lab, 1);
  await eventually(60_000, async () => expect(await optOutsOnDisk()).toEqual([dan, eve]));
  noteFaultPoint('a full disk under accounts that answer');
});

test('a pause that Telegram asks for is kept, and the answer comes after it, once; outside working hours nothing is said', async () => {
  const before = (await answers()).length;
  await world.dc.fault({
    ...{ method: 'messages.sendMessage', userId: anna, times: 1 },
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_3' },
  });
  const flooded = await say(bob, 'price once more');
  const askedAt = Date.now();
  await eventually(60_000, async () =>
    expect((await answers()).slice(before)).toEqual([[flooded, 'It is free, Bob.']]),
  );
  expect(Date.now() - askedAt).toBeGreaterThanOrEqual(2_500);
  const closed = new Intl.DateTimeFormat('en-GB', { weekday: 'short', timeZone: 'UTC' })
    .format(Date.now() + 2 * 86_400_000)
    .toLowerCase();
  await writeScript(`hours: { time_zone: UTC, days: { ${closed}: "09:00-10:00" } }`);
  expect(await must(world, 'scripts', 'push')).toContain('script desk');
  await eventually(60_000, async () => {
    await say(cleo, 'price?');
    expect((await silences()).hours ?? 0).toBeGreaterThan(0);
  });
  const seen = world.operator.transcript.join('\n');
  for (const secret of [modelKey, 'idle talk', 'You help.']) expect(seen).not.toContain(secret);
});
