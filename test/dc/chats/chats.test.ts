import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { introduced, RawClient } from '../clients/raw-client.ts';
import { channelHash } from '../rpc/objects.ts';
import {
  type DataCentre,
  type ListenAddress,
  type LoginCredentials,
  startDataCentre,
} from '../server.ts';
import type { TlObject } from '../tl/codec.ts';

const [ann, bob] = ['777', '1001'];
const GET_STATE = { _: 'updates.getState' };

let dataCentre: DataCentre;
let login: LoginCredentials;
const clients: RawClient[] = [];

beforeEach(async () => {
  dataCentre = await startDataCentre({ socks: [] });
  login = dataCentre.addAccount({ userId: ann, firstName: 'Ann', username: 'ann_helps' });
  dataCentre.people.addPerson({ userId: bob, firstName: 'Bob' });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await dataCentre.stop();
});

async function online(from = login): Promise<RawClient> {
  const client = await RawClient.online(dataCentre.addresses[0] as ListenAddress, from.authKey);
  clients.push(client);
  await client.call(introduced(GET_STATE));
  return client;
}

function inputChannel(chatId: string): TlObject {
  const group = dataCentre.world.chats.groupOf(chatId);
  return {
    _: 'inputChannel',
    channel_id: group.id,
    access_hash: channelHash(group, dataCentre.world.accountOf(ann)),
  };
}

function inputPeer(chatId: string): TlObject {
  return { ...inputChannel(chatId), _: 'inputPeerChannel' };
}

const say = (chatId: string, text: string) => dataCentre.people.say({ chatId, from: bob, text });
const pushes = (client: RawClient) =>
  client.heard.flatMap(({ value }) => (value._ === 'updates' ? (value.updates as TlObject[]) : []));

async function pushed(client: RawClient, count: number): Promise<TlObject[]> {
  for (const deadline = Date.now() + 5000; pushes(client).length < count; await sleep(5)) {
    if (Date.now() > deadline) throw new Error(`only ${pushes(client).length} updates`);
  }
  return pushes(client);
}

/** What an update and a difference say about the same event must be the same. */
const essence = ({ message, pts }: TlObject) => ({ pts, message });

describe('counters', () => {
  test('of a supergroup: pushes, the difference and the history agree', async () => {
    const chatId = dataCentre.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
    const client = await online();
    const { ref } = say(chatId, 'one');
    say(chatId, 'two');
    dataCentre.people.edit(ref, 'first');
    const { ref: third } = say(chatId, 'three');
    dataCentre.people.remove(third);
    const updates = await pushed(client, 5);
    expect(updates.map(({ _, pts, pts_count }) => [_, pts, pts_count])).toEqual([
      ['updateNewChannelMessage', 2, 1],
      ['updateNewChannelMessage', 3, 1],
      ['updateEditChannelMessage', 4, 1],
      ['updateNewChannelMessage', 5, 1],
      ['updateDeleteChannelMessages', 6, 1],
    ]);
    const ask = (pts: number, limit = 100) =>
      client.call({
        _: 'updates.getChannelDifference',
        channel: inputChannel(chatId),
        filter: { _: 'channelMessagesFilterEmpty' },
        pts,
        limit,
      });
    const difference = await ask(2);
    expect(difference).toMatchObject({
      _: 'updates.channelDifference',
      final: true,
      pts: 6,
      new_messages: [{ message: 'two', id: 2 }],
    });
    expect((difference.other_updates as TlObject[]).map(({ _, pts }) => [_, pts])).toEqual([
      ['updateEditChannelMessage', 4],
      ['updateDeleteChannelMessages', 6],
    ]);
    expect(essence((difference.other_updates as TlObject[])[0] as TlObject)).toEqual(
      essence(updates[2] as TlObject),
    );
    const part = await ask(1, 2);
    expect([part.pts, part.final, (part.new_messages as TlObject[]).length]).toEqual([
      3,
      undefined,
      2,
    ]);
    expect(await ask(6)).toMatchObject({ _: 'updates.channelDifferenceEmpty', pts: 6 });
    expect(await ask(7)).toMatchObject({ error_code: 400 });
    const history = await client.call({
      _: 'messages.getHistory',
      peer: inputPeer(chatId),
      limit: 10,
    });
    expect(history).toMatchObject({ pts: 6, messages: [{ message: 'two' }, { message: 'first' }] });
    expect((await client.call(GET_STATE)).pts).toBe(1);
  });

  test('of an account: basic groups and private chats share one row, each account its own', async () => {
    const ben = dataCentre.addAccount({ userId: 888, firstName: 'Ben' });
    const both = dataCentre.people.addGroup({ kind: 'group', members: [ann, bob, '888'] });
    const client = await online();
    const other = await online(ben);
    say(ann, 'private');
    say(both, 'to both');
    await pushed(other, 1);
    expect(
      (await pushed(client, 2)).map(({ message, pts }) => [(message as TlObject).id, pts]),
    ).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(pushes(other)).toMatchObject([
      { _: 'updateNewMessage', pts: 2, message: { id: 1, message: 'to both' } },
    ]);
    const difference = await client.call({ _: 'updates.getDifference', pts: 1, date: 1, qts: 0 });
    expect(difference).toMatchObject({
      ...{
        _: 'updates.difference',
        new_messages: [{ message: 'private' }, { message: 'to both' }],
      },
      state: { pts: 3 },
    });
    expect(
      await client.call({ _: 'updates.getDifference', pts: 3, date: 1, qts: 0 }),
    ).toMatchObject({ _: 'updates.differenceEmpty' });
    expect((await client.call(GET_STATE)).pts).toBe(3);
  });

  test('what is too old is said to be', async () => {
    const chatId = dataCentre.people.addGroup({ kind: 'group', members: [ann, bob] });
    const client = await online();
    for (let index = 0; index < 1100; index += 1) say(chatId, 'x');
    expect(
      await client.call({ _: 'updates.getDifference', pts: 1, date: 1, qts: 0 }),
    ).toMatchObject({ _: 'updates.differenceTooLong' });
    const slice = await client.call({ _: 'updates.getDifference', pts: 150, date: 1, qts: 0 });
    expect(slice).toMatchObject({ _: 'updates.differenceSlice', intermediate_state: { pts: 250 } });
  });
});

test('the one who says it is not told again, every other session of every member is', async () => {
  const chatId = dataCentre.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
  const phone = dataCentre.addAccount({ userId: ann });
  const [client, other] = [await online(), await online(phone)];
  const answer = await client.call({
    _: 'messages.sendMessage',
    peer: inputPeer(chatId),
    message: 'hi',
    random_id: 5n,
  });
  expect(answer).toMatchObject({
    _: 'updates',
    updates: [
      { _: 'updateMessageID', random_id: 5n },
      { _: 'updateNewChannelMessage', pts: 2 },
    ],
  });
  expect(answer.chats).toMatchObject([
    { megagroup: true, access_hash: inputChannel(chatId).access_hash },
  ]);
  expect(await pushed(other, 1)).toMatchObject([{ message: { out: true, message: 'hi' } }]);
  await client.call(GET_STATE);
  expect(pushes(client)).toEqual([]);
});

test.each([
  ['a wrong access hash', (peer: TlObject) => ({ ...peer, access_hash: 1n }), 'CHANNEL_INVALID'],
  ['no such group', (peer: TlObject) => ({ ...peer, channel_id: 1n }), 'CHANNEL_INVALID'],
  ['no such basic group', () => ({ _: 'inputPeerChat', chat_id: 1n }), 'CHAT_ID_INVALID'],
  ['no such user', () => ({ _: 'inputPeerUser', user_id: 1n }), 'PEER_ID_INVALID'],
])('%s is refused by name', async (_name, change, error) => {
  const chatId = dataCentre.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
  const client = await online();
  const answer = await client.call({
    _: 'messages.sendMessage',
    peer: change(inputPeer(chatId)),
    message: 'hi',
    random_id: 5n,
  });
  expect(answer).toMatchObject({ error_message: Buffer.from(error) });
});

test('messages by their numbers', async () => {
  const chatId = dataCentre.people.addGroup({ kind: 'supergroup', members: [ann, bob] });
  const basic = dataCentre.people.addGroup({ kind: 'group', members: [ann, bob] });
  say(chatId, 'one');
  say(basic, 'two');
  const client = await online();
  const id = [1, 9].map((one) => ({ _: 'inputMessageID', id: one }));
  const expected = (message: string) => [{ message }, { _: 'messageEmpty', id: 9 }];
  expect(
    await client.call({ _: 'channels.getMessages', channel: inputChannel(chatId), id }),
  ).toMatchObject({ messages: expected('one') });
  expect(await client.call({ _: 'messages.getMessages', id })).toMatchObject({
    messages: expected('two'),
  });
});

test('thirty thousand messages do not stay in memory', () => {
  const chatId = dataCentre.people.addGroup({ kind: 'group', members: [ann, bob] });
  let last: number | undefined;
  for (let index = 0; index < 30_000; index += 1) {
    last = dataCentre.people.say({
      chatId,
      from: bob,
      text: `${index}`,
      ...(last === undefined ? {} : { replyTo: last }),
    }).ref;
  }
  const { chats } = dataCentre.world;
  expect([chats.groupOf(chatId).history.length, chats.said.length]).toEqual([2000, 20_000]);
  expect(dataCentre.world.accountOf(ann).feed.log.length).toBe(1000);
  expect(() => chats.messageOf(1)).toThrow('there is no message 1');
  let depth = 0;
  for (
    let message = chats.messageOf(last ?? 0).replyTo;
    message !== null;
    message = message.replyTo
  )
    depth += 1;
  expect(depth).toBeLessThan(2001);
  expect(dataCentre.people.said({ chatId, afterRef: 29_999 })).toMatchObject([
    { text: '29999', userId: bob, replyTo: 29_999, keyId: null },
  ]);
});

test('mistakes of a test are named', () => {
  const chatId = dataCentre.people.addGroup({ kind: 'group', members: [ann] });
  const { people } = dataCentre;
  expect(() => people.addGroup({ kind: 'group', members: ['5'] })).toThrow('there is no user 5');
  expect(() => people.addGroup({ kind: 'group', id: chatId.slice(1) })).toThrow(
    `there is a chat ${chatId} already`,
  );
  expect(() => say(chatId, 'hi')).toThrow('user 1001 is not in chat');
  expect(() => say('-100', 'hi')).toThrow('there is no chat -100');
  expect(() => people.say({ chatId, from: ann, text: 'hi', mentions: [bob] })).toThrow(
    'does not hold the name Bob',
  );
  expect(() => people.join(chatId, [ann, bob])).toThrow('one at a time');
});
