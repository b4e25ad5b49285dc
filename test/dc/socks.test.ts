import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type DataCentre, type ListenAddress, startDataCentre } from './server.ts';

let dataCentre: DataCentre;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  dataCentre = await startDataCentre({
    listen: [],
    onEvent: ({ event, detail }) => void (event === 'opened' && asked.push(detail)),
  });
});
afterEach(() => dataCentre.stop());

/**
 * Sends the greeting in pieces of `size` bytes; resolves with all that came back until nothing more
 * does.
 */
async function greet(hex: string, size: number): Promise<string> {
  const { host, port } = dataCentre.socksAddresses[0] as ListenAddress;
  const socket = createConnection(port, host).setNoDelay(true);
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk)).on('error', () => {});
  const bytes = Buffer.from(hex, 'hex');
  for (let at = 0; at < bytes.length; at += size) {
    socket.write(bytes.subarray(at, at + size));
    await sleep(2);
  }
  await sleep(30);
  socket.destroy();
  return Buffer.concat(received).toString('hex');
}

const IPV4 = '05010001959aa7330050';
const ACCEPTED = '05000001000000000000';

test.each([1, 3, 1000])(
  'a user name that is an address becomes the peer, in pieces of %i',
  async (size) => {
    const user = Buffer.from('10.1.2.3').toString('hex');
    expect(await greet(`05020002${`0108${user}0170`}${IPV4}`, size)).toBe(`05020100${ACCEPTED}`);
    expect(asked[0]).toMatch(/^10\.1\.2\.3:\d+ -> 149\.154\.167\.51:80$/);
  },
);

test.each([
  ['IPv4 without user', `050100${IPV4}`, `0500${ACCEPTED}`, '127.0.0.1:N -> 149.154.167.51:80'],
  [
    'a name',
    `05010005010003${'03'}${Buffer.from('a.b').toString('hex')}01bb`,
    `0500${ACCEPTED}`,
    '127.0.0.1:N -> a.b:443',
  ],
  [
    'IPv6',
    `05010005010004${'20010db8000000000000000000000001'}01bb`,
    `0500${ACCEPTED}`,
    '127.0.0.1:N -> 2001:db8:0:0:0:0:0:1:443',
  ],
  [
    'a user that is no address',
    `0501020103626f620170${IPV4}`,
    `05020100${ACCEPTED}`,
    '127.0.0.1:N -> 149.154.167.51:80',
  ],
  [
    'something else than CONNECT',
    '0501000502000195 9aa7330050'.replace(' ', ''),
    '050005070001000000000000',
    undefined,
  ],
  ['no method that is known', '050107', '05ff', undefined],
  ['no SOCKS5 at all', '474554202f20', '', undefined],
])('%s', async (_name, greeting, answer, opened) => {
  expect(await greet(greeting, 1000)).toBe(answer);
  expect(asked[0]?.replace(/:\d+ ->/, ':N ->')).toBe(opened);
});

test('an address that is taken fails the start and frees the others', async () => {
  const [taken] = dataCentre.socksAddresses as [ListenAddress];
  const free = await startDataCentre({ socks: [] });
  const [other] = free.addresses as [ListenAddress];
  await free.stop();
  await expect(startDataCentre({ listen: [other, taken] })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
  await (await startDataCentre({ listen: [other] })).stop();
});
