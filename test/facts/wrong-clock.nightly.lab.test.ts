/**
 * A real chrony, which answers root only, and a real timesyncd, which answers everybody: how far
 * the clock is off by their servers, and that there is no server to ask.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTimesyncOffset } from '../../hostside/sampler/proc.ts';
import { checkupCommand, checkupFindings, parseCheckup } from '../../src/facts/host-checkup.ts';
import { connectLab, type Lab } from '../lab/lab.ts';

const index = 1;
let lab: Lab;
let server: Socket;
/** What the time server says beyond this machine's time, s. */
let aheadSeconds = 0;

/** Seconds from NTP's epoch (1900) to the one of Unix. */
const epochSeconds = 2_208_988_800;

function stamp(packet: Buffer, at: number): void {
  const now = Date.now() / 1000 + aheadSeconds + epochSeconds;
  packet.writeUInt32BE(Math.floor(now), at);
  packet.writeUInt32BE(Math.floor((now % 1) * 2 ** 32), at + 4);
}

/** Answers one question of the protocol (RFC 5905): version 4, mode 4, stratum 2. */
function answer(question: Buffer): Buffer {
  const packet = Buffer.alloc(48);
  packet.set([0b00_100_100, 2, 6, 0xec]);
  packet.write('LAB0', 12, 'latin1');
  stamp(packet, 16);
  question.copy(packet, 24, 40, 48);
  stamp(packet, 32);
  stamp(packet, 40);
  return packet;
}

const onHost = async (command: string): Promise<string> => {
  const { code, stdout, stderr } = await lab.ssh(index, command, { timeoutMs: 120_000 });
  expect({ command, code, stderr: code === 0 ? '' : stderr }).toEqual({
    command,
    code: 0,
    stderr: '',
  });
  return stdout;
};
const look = async () =>
  parseCheckup(
    (await lab.ssh(index, checkupCommand('149.154.167.51'), { timeoutMs: 60_000 })).stdout,
  );
/** With the clock of the machine left alone (-x): it is everybody's. */
const startChrony = (sources: string): Promise<string> =>
  onHost(`systemctl stop chrony-test 2>/dev/null; printf '%s\\n' '${sources}' 'bindcmdaddress /run/chrony/chronyd.sock' 'maxchange 1e9 1 -1' >/etc/chrony-test.conf
systemd-run --quiet --unit=chrony-test --collect -p RuntimeDirectory=chrony -p RuntimeDirectoryMode=0700 chronyd -d -x -u root -f /etc/chrony-test.conf`);

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  await onHost(
    'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y ' +
      '--no-install-recommends install chrony >/dev/null',
  );
  server = createSocket('udp4');
  server.on('message', (question, peer) => server.send(answer(question), peer.port, peer.address));
  server.bind(123, lab.gateway);
  await once(server, 'listening');
});
afterAll(async () => {
  server?.close();
  await lab.wipe(index);
});

test.each([0, 100])('a server that is %i s ahead', { timeout: 120_000 }, async (seconds) => {
  aheadSeconds = seconds;
  await startChrony(`server ${lab.gateway} iburst minpoll 0 maxpoll 2`);
  await expect
    .poll(async () => (await look()).chronyOffsetSeconds, { timeout: 60_000, interval: 2000 })
    .not.toBeNull();
  const checkup = await look();
  console.log(
    `${seconds} s ahead: ${JSON.stringify(checkup.chronyOffsetSeconds)} ` +
      `${await onHost('chronyc -c tracking')}`,
  );
  const said = checkupFindings('h1', checkup)
    .map(({ text }) => text)
    .filter((text) => text.includes('clock'));
  if (seconds === 0) expect(said).toEqual([]);
  else
    expect(said).toEqual([
      expect.stringMatching(/^its clock is off by -?(?:99|100)\.\d s, as chrony finds$/),
    ]);
});

test('a server that does not answer: nothing is claimed', { timeout: 60_000 }, async () => {
  await startChrony('server 10.77.0.254 iburst');
  expect(await onHost('chronyc -c tracking')).toMatch(/^0{8},/);
  expect((await look()).chronyOffsetSeconds).toBeNull();
});

test.each([0, 100, -4_000])(
  'timesyncd with a server that is %i s ahead, asked by a user without rights',
  { timeout: 180_000 },
  async (seconds) => {
    aheadSeconds = seconds;
    // It may not set the clock of the machine, which is everybody's.
    await onHost(`systemctl stop chrony-test 2>/dev/null
DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install systemd-timesyncd >/dev/null 2>&1
mkdir -p /etc/systemd/system/systemd-timesyncd.service.d
printf '%s\\n' '[Unit]' ConditionCapability= ConditionVirtualization= '[Service]' AmbientCapabilities= CapabilityBoundingSet= Type=simple WatchdogSec=0 \
  >/etc/systemd/system/systemd-timesyncd.service.d/lab.conf
printf '%s\\n' '[Time]' NTP=${lab.gateway} FallbackNTP= >/etc/systemd/timesyncd.conf
systemctl daemon-reload; systemctl restart systemd-timesyncd`);
    const offset = async () =>
      parseTimesyncOffset(
        await onHost('setpriv --reuid nobody --clear-groups timedatectl timesync-status'),
      );
    await expect.poll(offset, { timeout: 60_000, interval: 1000 }).not.toBeNull();
    expect(Math.abs(((await offset()) ?? 0) / 1000 - seconds)).toBeLessThan(5);
  },
);
