/**
 * A first day with `egress.allow`: init, import, allocate, answers by a model, a move, the doctor;
 * what an account tries elsewhere is refused and counted.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../model-server/model-server.ts';
import { findFaults } from '../doctor.ts';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  prepareFleet,
  type World,
} from '../world.ts';

const bob = '900001';
const chatId = '-1001700000009';
const script = `version: 1
system_prompt: You help.
rules:
  - { name: price, on: { keyword: price }, say: It is free. }
  - { name: ask, on: mention, ask_model: true }
delay: { least: 0s, most: 0s, typing: false }
disclosure: "off"
`;

let world: World;
let model: ModelServer;
let logins: readonly Login[];
beforeAll(async () => {
  const accounts = `egress: { allow: [telegram, model] }
accounts:
  anna: { script: desk, chats: { garden: ${chatId} } }
  ben: {}
`;
  world = await makeWorld({ hosts: [1, 2], state: 'wiped', accounts });
  model = await startModelServer(world.lab.gateway);
  await world.operator.append(
    `model: { base_url: "${model.url}", model: tiny, api_key: env:MODEL_KEY, timeout: 8s }\n`,
  );
  await mkdir(join(world.operator.directory, 'scripts'));
  await writeFile(join(world.operator.directory, 'scripts/desk.yaml'), script);
});
afterAll(async () => {
  await model?.stop();
  await world?.end();
});

const onHost = async (host: number, command: string): Promise<string> =>
  (await world.lab.ssh(host, command)).stdout.trim();
const anna = async () => {
  const found = (await listAccounts(world)).find(({ name }) => name === 'anna');
  if (!found) throw new Error('no anna');
  return { ...found, host: Number(found.host?.slice(1)) };
};
const expectAnswers = async (question: string, answer: string): Promise<void> => {
  const { ref } = await world.dc.people.say({ chatId, from: bob, text: question });
  await eventually(60_000, async () => {
    const said = await world.dc.people.said({ userId: logins[0]?.userId ?? '' });
    expect(said.filter(({ replyTo }) => replyTo === ref).map(({ text }) => text)).toEqual([answer]);
  });
};

test('init, import, allocate: all are online, and the doctor finds nothing', async () => {
  await prepareFleet(world);
  logins = await importNew(world, ['anna', 'ben'], { anna: 'anna_helps' });
  await world.dc.people.addPerson({ userId: bob, firstName: 'Bob' });
  await world.dc.people.addGroup({
    ...{ kind: 'supergroup', id: 1_700_000_009, title: 'Garden' },
    members: [...logins.map(({ userId }) => userId), bob],
  });
  await must(world, 'allocate', '--all');
  await must(world, 'scripts', 'push');
  expect(await liveStates(world)).toEqual({ anna: 'online', ben: 'online' });
  await must(world, 'backup');
  expect(await findFaults(world.operator)).toEqual([]);
});

test('it answers by rule and by model, here and where it moves', async () => {
  await expectAnswers('the price?', 'It is free.');
  await expectAnswers('@anna_helps hello', 'You said: Bob: @anna_helps hello');
  await must(world, 'move', 'anna', (await anna()).host === 1 ? 'h2' : 'h1');
  await expectAnswers('@anna_helps and now', 'You said: Bob: @anna_helps and now');
  await expectExclusive(world, logins);
});

test('what runs as its user reaches nothing else: refused, counted, and said by the doctor', async () => {
  const { host, keyId } = await anna();
  const user = await onHost(host, `systemctl show -P UID fleet-account@${keyId}`);
  const dial = (address: string, port: number): Promise<string> =>
    onHost(
      host,
      `setpriv --reuid ${user} --clear-groups timeout 5 bash -c ` +
        `'</dev/tcp/${address}/${port}' 2>&1 && echo connected || echo refused`,
    );
  // Its own sshd answers; the model's machine does on the model's port.
  await onHost(
    host,
    'ip address add 203.0.113.7/32 dev lo; ip address add 169.254.169.254/32 dev lo',
  );
  const answers = await Promise.all(
    ['203.0.113.7', '169.254.169.254'].map((address) => dial(address, 22)),
  );
  for (const answer of answers) expect(answer).toMatch(/refused$/);
  expect(await dial(new URL(model.url).hostname, Number(new URL(model.url).port))).toBe(
    'connected',
  );
  expect(await findFaults(world.operator)).toEqual([
    expect.stringMatching(
      new RegExp(`^h${host}: [1-9]\\d* packets of its accounts were refused since its boot$`),
    ),
  ]);
});
