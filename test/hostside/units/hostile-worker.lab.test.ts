import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type {
  ActReply,
  HostAct,
  HostSurvey,
  StateCopy,
} from '../../../hostside/protocol/host-acts.ts';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { unpackState } from '../../../hostside/protocol/state-archive.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { askHelper, installHost } from '../helper/lab-host.ts';

/**
 * Two accounts on a real host: one whose worker has fallen (hostile-worker.cjs), and one that is
 * good and must not notice.
 */
const good = 'b'.repeat(32);
const canary = 'CANARY-of-the-good-one';
/**
 * The lab's disks lie in memory, which counts as the account's: enough for what is written there.
 */
const limits = {
  memoryMaxBytes: 700_000_000,
  memoryHighBytes: 700_000_000,
  cpuMaxCores: 0.5,
  tasksMax: 64,
  filesMax: 3_000,
  logMax: 20,
};
/** Of the fallen one. */
let memoryMaxBytes = limits.memoryMaxBytes;
let diskMaxBytes = 64 * 1024 ** 2;

let lab: Lab;
let serial = 0;
/** Another account at each fall, so that nothing has to settle. */
let fallen = '';
let unit = '';
let falls = 0;

const run = async (command: string): Promise<string> =>
  (await lab.ssh(1, command, { timeoutMs: 120_000 })).stdout.trim();
const ask = async (...acts: HostAct[]): Promise<readonly ActReply[]> => {
  serial += 1;
  const authority = { id: 'ledger-1', serial, nonce: `n${serial}`, deadlineMs: 110_000 };
  return (await askHelper(lab, 1, { format: 1, authority, acts })).replies;
};
const stage = (keyId: string): HostAct => ({
  ...{
    act: 'stage',
    keyId,
    account: keyId === good ? 'good' : 'fallen',
    epoch: 1,
    moveId: 'm1',
    config: '{}',
    limits: { ...limits, memoryMaxBytes, diskMaxBytes },
  },
  session: keyId === good ? canary : 'own session',
});
const grant = (keyId: string): HostAct => ({
  ...{
    act: 'grant',
    keyId,
    account: keyId === good ? 'good' : 'fallen',
    epoch: 1,
    moveId: 'm1',
    vaultHash: 'a'.repeat(64),
  },
});
const release = (keyId: string): HostAct => ({
  act: 'release',
  keyId,
  epoch: 1,
  moveId: 'r1',
  successor: 'b',
});
const online = (keyId: string, states = /^online$/) => ({
  ok: true,
  result: { accounts: [{ keyId, state: expect.stringMatching(states), settled: true }] },
});
/** The watch may have ended a fallen one before anybody has seen it. */
const begun = (keyId: string) =>
  online(keyId, keyId === good ? /^online$/ : /^(?:online|contained)$/);
const start = async (keyId: string): Promise<void> => {
  const replies = await ask(stage(keyId), grant(keyId), {
    act: 'await',
    keyIds: [keyId],
    timeoutMs: 60_000,
  });
  expect(replies).toMatchObject([{ ok: true }, { ok: true }, begun(keyId)]);
};
const fall = async (mode: string, about = good): Promise<void> => {
  falls += 1;
  fallen = String(falls).padStart(32, 'a');
  unit = `fleet-account@${fallen}.service`;
  await run(`echo ${mode} ${about} >/opt/fallen.mode`);
  await start(fallen);
};
/** What the fallen worker has found out, once it is there. */
const reportOf = async (name: string): Promise<Record<string, string>> => {
  const path = `/var/lib/private/fleet-accounts/${fallen}/${name}`;
  await expect.poll(() => run(`cat ${path} || true`), { timeout: 30_000 }).toMatch(/^\{.*\}$/);
  return JSON.parse(await run(`cat ${path}`)) as Record<string, string>;
};
const survey = async (): Promise<HostSurvey> => {
  const { replies } = await askHelper(lab, 1, { format: 1, acts: [{ act: 'survey' }] });
  const result = replies[0]?.result;
  if (result?.kind !== 'survey') throw new Error(JSON.stringify(replies));
  return result.survey;
};

beforeAll(async () => {
  lab = await startLab({ hosts: 1 });
  await installHost(lab, 1);
  const input = readFileSync(new URL('hostile-worker.cjs', import.meta.url));
  expect(
    (await lab.ssh(1, 'cat >/opt/fallen.cjs && chmod 644 /opt/fallen.cjs', { input })).code,
  ).toBe(0);
  await start(good);
});
afterAll(() => lab.down());
afterEach(async () => {
  await ask(release(fallen));
  expect(
    await run(
      `systemctl is-active fleet-account@${good}.service; systemctl show -P NRestarts ` +
        `fleet-account@${good}.service`,
    ),
  ).toBe('active\n0');
});

test('security of every unit, and the properties that limit an account', async () => {
  await fall('quiet');
  // At most; fleet-credentials is for systemd 247, makes one folder before an account starts, and
  // ends.
  const bounds: Readonly<Record<string, number>> = {
    ...{
      'fleet-account@.service': 1.3,
      'fleet-agent.service': 0.2,
      'fleet-hold.service': 2,
      'fleet-quota.service': 2,
    },
    ...{ 'fleet-login@.service': 1.5, 'fleet-credentials@.service': 10 },
  };
  for (const file of readdirSync('templates/units')) {
    const name = file === 'fleet-account@.service' ? unit : file.replace('@', `@${'0'.repeat(16)}`);
    const rated = Number(
      /: ([\d.]+)/.exec(await run(`systemd-analyze security ${name} | grep Overall`))?.[1],
    );
    console.log(`systemd-analyze security ${file}: ${rated}`);
    expect([file, rated <= (bounds[file] ?? 0)]).toEqual([file, true]);
  }
  const shown = 'MemorySwapMax LimitFSIZE LimitCORE LimitMSGQUEUE LogRateLimitBurst TasksMax'.split(
    ' ',
  );
  const values = await run(shown.map((name) => `systemctl show -P ${name} ${unit}`).join('; '));
  expect(values.split('\n')).toEqual(['0', String(256 * 1024 ** 2), '0', '0', '20', '64']);
});

test('sees nothing of the other account: no lock, socket, process, name or size without limit; takes nothing that all share', async () => {
  await fall('look');
  const seen = await reportOf('report.json');
  console.log(JSON.stringify(seen));
  for (const [place, what] of Object.entries(seen))
    expect(`${place}: ${what}`).not.toContain(good.slice(0, 24));
  expect(seen).toMatchObject({
    ownLock: 'EACCES',
    otherLock: 'EACCES',
    large: 'EFBIG',
    users: 'not named',
  });
  for (const socket of [seen.agent, seen.bus]) expect(socket).not.toBe('connected');
  // What all of the host share, and one could use up or leave there: 1 is EPERM, 13 EACCES.
  const { signals, ...shared } = JSON.parse(seen.shared ?? '{}') as Record<string, string | number>;
  expect(shared).toEqual({
    ...{ inotify: '1', semaphores: '1', memory: '1', queue: '1', uring: '1', terminal: '13' },
  });
  expect(signals).toBeLessThanOrEqual(128);
  const left = '/run/lock /run/shm /dev/shm /dev/mqueue /run /dev/hugepages';
  expect(await run(`find ${left} -xdev -name 'of-*'`)).toBe('');
});

test('ignores SIGTERM and asks systemd for more time for ever: stopped and released all the same', async () => {
  await fall('stubborn');
  const startedMs = performance.now();
  expect(await ask(release(fallen))).toMatchObject([{ ok: true, claim: { state: 'released' } }]);
  console.log(`released after ${Math.round(performance.now() - startedMs)} ms`);
});

test('swaps files for links under the helper: nothing of the other account is read, hashed or destroyed', async () => {
  await fall('swap');
  const copy: HostAct = { act: 'copy-state', keyId: fallen, epoch: 1 };
  const { replies } = await askHelper(lab, 1, {
    format: 1,
    authority: { id: 'ledger-1', serial: ++serial, nonce: `n${serial}`, deadlineMs: 110_000 },
    acts: Array.from(
      { length: 60 },
      (_, index): HostAct => (index % 2 === 0 ? copy : { act: 'weigh-state', keyId: fallen }),
    ),
  });
  const copies = replies
    .map(({ result }) => (result as StateCopy | undefined)?.data ?? '')
    .filter(Boolean);
  console.log(`${replies.length} acts, ${copies.length} whole copies`);
  expect(replies.every(({ ok }) => ok)).toBe(true);
  const sealed = await run(`head -c 60 /var/lib/fleet/accounts/${good}/epochs/1/session`);
  const texts = copies.map((data) =>
    JSON.stringify(
      unpackState(Buffer.from(data, 'base64')).map(({ content }) =>
        Buffer.from(content).toString(),
      ),
    ),
  );
  for (const text of texts)
    for (const secret of [canary, sealed]) expect(text).not.toContain(secret);
  const read: HostAct = { act: 'read-state', keyId: fallen, epoch: 1, moveId: 'r1', part: 0 };
  expect(await ask(release(fallen), read, { act: 'wipe', keyId: fallen, epoch: 1 })).toMatchObject([
    { ok: true },
    { ok: true },
    { ok: true },
  ]);
  const left = `systemd-creds decrypt --name=session /var/lib/fleet/accounts/${good}/epochs/1/session -`;
  expect(await run(`${left}; ls -d /var/lib/private/fleet-accounts/${fallen}`)).toBe(canary);
});

test('says 20,000 lines at once: what others have said stays', async () => {
  await run(`logger -t neighbour 'still here'; journalctl --sync`);
  await fall('flood');
  await expect
    .poll(() => run(`journalctl --sync; journalctl -u ${unit} -o cat | grep -c '^flood'`), {
      timeout: 60_000,
    })
    .not.toBe('0');
  const lines = Number(await run(`journalctl -u ${unit} -o cat | grep -c '^flood'`));
  console.log(`${lines} lines of the flood are in the journal`);
  // journald allows a multiple of the limit where the disk has much room.
  expect(lines).toBeLessThan(3_000);
  expect(await run('journalctl -t neighbour -o cat')).toContain('still here');
});

test('lines of 40 KB, of every priority, and messages of 8 MB to journald itself: what others have said stays', async () => {
  // journald hands lines on to it before it limits them.
  await run(
    'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy ' +
      '--no-install-recommends install rsyslog',
  );
  const rule = readFileSync(new URL('../../../templates/rsyslog.conf', import.meta.url));
  await lab.ssh(
    1,
    'cat >/etc/rsyslog.d/10-fleet.conf; systemctl restart rsyslog; mkdir -p ' +
      '/etc/systemd/journald.conf.d',
    { input: rule },
  );
  const input = readFileSync(new URL('../../../templates/journald.conf', import.meta.url));
  await lab.ssh(
    1,
    'cat >/etc/systemd/journald.conf.d/50-fleet.conf; systemctl restart systemd-journald',
    { input },
  );
  const used = async (): Promise<number> =>
    Number(
      await run(
        'journalctl --sync; du -sk /var/log/journal /run/log/journal 2>/dev/null | awk ' +
          `'{s+=$1} END {print s}'`,
      ),
    );
  await run(`logger -t neighbour 'still here'`);
  await fall('shout');
  const said = await reportOf('shout.json');
  const bytes = Number(await run(`journalctl --sync; journalctl -u ${unit} -o cat | wc -c`));
  console.log(
    `${JSON.stringify(said)}, ${bytes} bytes of it are kept, the journal has ${await used()} KB`,
  );
  expect(said).toEqual({ native: '1', syslog: '1' });
  expect(bytes).toBeLessThan(5 * 4 * 20 * 2_100);
  expect(await run('journalctl -t neighbour -o cat | tail -1')).toContain('still here');
  expect(await run('grep -c neighbour /var/log/syslog; grep -c fleet-run /var/log/syslog')).toBe(
    '1\n0',
  );
});

const whyEnded = async (): Promise<string> => {
  let why = '';
  for (
    const startedMs = performance.now();
    why === '' && performance.now() - startedMs < 120_000;
    await sleep(500)
  )
    why = await run(`cat /run/fleet-boot/full/${fallen} || true`);
  // A watch that does not end an account has to say what it saw.
  if (why === '')
    throw new Error(
      `not ended: ${await run('df -k /var/lib /tmp /run; systemctl status -n 20 fleet-quota')}`,
    );
  return why;
};

test.each([
  ['hidden,300', /may have 64 MiB \(limits.disk_max\)/],
  ['tmp,300', /may have 64 MiB \(limits.disk_max\)/],
  ['files,9000', /more than 3000 files \(limits.files_max\)/],
  ['run,60', /MiB in \d+ files in \/run/],
])('fills the disk (%s): ended, and not started again', async (what, words) => {
  await fall('fill', what);
  expect(await whyEnded()).toMatch(words);
  await expect
    .poll(() => run(`systemctl show -P ActiveState ${unit}`), { timeout: 40_000 })
    .toBe('failed');
  expect(await run(`systemctl show -P ExecMainStatus,StatusText ${unit}`)).toMatch(words);
});

/**
 * Takes 100 MiB of the disk, and waits until the watch, which looks every 2 s where something was
 * taken, has begun a look since.
 */
const untilWatched = async (): Promise<void> => {
  await run('touch /root/before; head -c 100M /dev/zero >/root/others');
  const look = '[ /var/lib/fleet/init/quota/.looked -nt /root/before ] && echo seen || true';
  await expect.poll(() => run(look), { timeout: 60_000, interval: 500 }).toBe('seen');
};

test('has no limit that the disk could bear, and fills it: ended, the others have room, and its start is the operator’s', async () => {
  const free = async (): Promise<number> =>
    Number(await run('df --output=avail -k /var/lib | tail -1'));
  const reserve = () =>
    expect.poll(() => run('ls /var/lib/fleet/init/reserve || true'), { timeout: 60_000 });
  await reserve().not.toBe('');
  diskMaxBytes = 10 * 1024 ** 3;
  try {
    await lab.fill(1, 300 * 1024);
    // From now on the watch knows how little is free, before the account writes.
    await untilWatched();
    await fall('fill', 'named,400');
    expect(await whyEnded()).toMatch(
      /the disk of this host is full, and it has just written \d+ MiB/,
    );
    await expect.poll(free, { timeout: 60_000 }).toBeGreaterThan(8 * 1024);
  } finally {
    diskMaxBytes = 64 * 1024 ** 2;
    await lab.unfill(1);
    await run('rm -f /root/before /root/others');
  }
  await expect
    .poll(() => run(`systemctl show -P ActiveState ${unit}`), { timeout: 60_000 })
    .toBe('failed');
  await run('echo quiet >/opt/fallen.mode');
  expect(
    await ask(
      { act: 'start', keyId: fallen },
      { act: 'await', keyIds: [fallen], timeoutMs: 60_000 },
    ),
  ).toMatchObject([{ ok: true }, online(fallen)]);
  await reserve().not.toBe('');
});

test('keeps systemd busy without end: ended, and the host can be reached and told again', async () => {
  await fall('notify');
  await expect
    .poll(() => run(`cat /run/fleet-boot/full/${fallen} || true`).catch(() => ''), {
      timeout: 300_000,
      interval: 1_000,
    })
    .toMatch(/kept systemd busy/);
  expect(await run(`timeout 20 systemctl is-active fleet-account@${good}.service`)).toBe('active');
});

test('neither the agent’s user nor a login user writes what the helper or a boot believes: claims, contact, announcement, verdict', async () => {
  const { claims, locks, authority, contact, announcement, hostConfig, bootVerdict } = hostPaths;
  const believed = [
    authority,
    contact,
    announcement,
    hostConfig,
    bootVerdict,
    '/run/fleet-boot/full/x',
    '/var/lib/fleet/init/quota/x',
  ];
  const places = [
    ...believed,
    `${claims}/${good}.claim`,
    `${claims}/x`,
    `${locks}/x`,
    `/run/fleet-users/${good}`,
  ];
  for (const user of ['_fleet', 'ubuntu']) {
    const script =
      `for each in /tmp/own-${user} ${places.join(' ')}; do echo forged >>$each && echo ` +
      'wrote $each; mv -f $each $each.old && echo moved $each; done 2>/dev/null; true';
    expect([user, await run(`runuser -u ${user} -- sh -c '${script}'`)]).toEqual([
      user,
      `wrote /tmp/own-${user}\nmoved /tmp/own-${user}`,
    ]);
  }
});

test('64 idle connections of a user: the agent answers all the same', async () => {
  const look = `const n=require('node:net'),h=require('node:http');const at='/run/fleet/agent.sock';let left=64;const end=(w)=>{console.log(w);process.exit()};
    const ask=()=>h.get({socketPath:at,path:'/health'},(r)=>end(r.statusCode)).on('error',(e)=>end(e.code));
    for(let i=0;i<64;i++)n.connect(at,()=>--left||ask()).on('error',()=>{})`;
  const { stdout } = await lab.ssh(
    1,
    `/opt/fleet/current/runtime/bin/node -e "${look.replaceAll('\n', '')}"`,
    {
      user: 'ubuntu',
      timeoutMs: 30_000,
    },
  );
  expect(stdout.trim()).toBe('200');
});

test('link-local addresses and metadata services are denied, and with a list everything else; what is refused is counted', async () => {
  await run(
    'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy ' +
      '--no-install-recommends install nftables',
  );
  // The machine has them all, so whatever is not denied answers.
  const denied = [
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    'fd00:ec2::254',
    'fd20:ce::254',
  ];
  const others = ['203.0.113.7', '198.51.100.9'];
  for (const address of [...denied, ...others])
    await run(`ip address add ${address}/${address.includes(':') ? '128 nodad' : '32'} dev lo`);
  await run(
    'systemd-run --unit web /opt/fleet/current/runtime/bin/node -e ' +
      `'require("node:net").createServer((s)=>s.end()).listen(80,"::")'`,
  );
  const reach = async (): Promise<Record<string, string>> => {
    await fall('reach', [...denied, ...others].join(','));
    return reportOf('reach.json');
  };
  const reached = await reach();
  await ask(release(fallen));
  await run(`printf 'allow 203.0.113.0/24\nallow localhost\n' >/etc/fleet/egress`);
  const listed = await reach();
  await run('rm /etc/fleet/egress; systemctl stop web');
  console.log(
    `without a list ${JSON.stringify(reached)}; with one ${JSON.stringify(listed)}; ` +
      `${await run('nft list counter inet fleet refused')}`,
  );
  for (const address of denied)
    expect([address, reached[address], listed[address]]).not.toContain('connected');
  expect(others.map((address) => [reached[address], listed[address]])).toEqual([
    ['connected', 'connected'],
    ['connected', 'ECONNREFUSED'],
  ]);
  expect(
    Number(/packets (\d+)/.exec(await run('nft list counter inet fleet refused'))?.[1]),
  ).toBeGreaterThanOrEqual(11);
});

test('takes processes, descriptors and memory until it is stopped: at its limits', async () => {
  memoryMaxBytes = 120_000_000;
  await fall('most');
  const got = await reportOf('most.json');
  const descriptorLimit = Number(await run(`systemctl show -P LimitNOFILESoft ${unit}`));
  await expect
    .poll(async () => Number(await run(`systemctl show -P NRestarts ${unit}`)), { timeout: 60_000 })
    .toBeGreaterThan(0);
  const ended = await run(
    `journalctl -u ${unit} -o cat | grep -E 'oom-kill|status=9/KILL' | head -1`,
  );
  memoryMaxBytes = limits.memoryMaxBytes;
  console.log(`${JSON.stringify(got)}; then: ${ended}`);
  expect(got).toMatchObject({ refusal: 'EAGAIN', opened: 'EMFILE' });
  expect(Number(got.processes)).toBeLessThan(64);
  expect(Number(got.descriptors)).toBeLessThanOrEqual(descriptorLimit);
  expect(ended).not.toBe('');
});

test('begins thousands of connections: the table that all of the host share does not fill', async () => {
  const entries = async (): Promise<number> =>
    Number(await run('cat /proc/sys/net/netfilter/nf_conntrack_count'));
  // A firewall that looks at connections makes the table.
  await run(
    "nft add table inet wall; nft add chain inet wall in '{ type filter hook input " +
      "priority 0; }'; nft add rule inet wall in ct state established accept",
  );
  const before = await entries();
  await fall('flows', '203.0.113.7');
  await reportOf('flows.json');
  const most = (await entries()) - before;
  console.log(`8,000 datagrams to as many ports: ${most} entries more`);
  expect(most).toBeLessThan(1_500);
});

test('a leftover of its user counts, also when the state directory belongs to nobody and after it had been restarted', async () => {
  await fall('quiet');
  const user = await run(`systemctl show -P UID ${unit}`);
  expect(await run(`cat /run/fleet-users/${fallen} | tail -1`)).toBe(user);
  const leftover = await run(
    `setpriv --reuid ${user} --clear-groups sleep 300 </dev/null >/dev/null 2>&1 & echo $!`,
  );
  await run(`systemctl stop ${unit}; chown -R 65534 /var/lib/private/fleet-accounts/${fallen}`);
  expect(await ask(release(fallen))).toMatchObject([
    { refusal: 'not-stopped', message: expect.stringMatching(/1 processes of the account's user/) },
  ]);
  await run(`kill ${leftover}`);
  expect(await ask(release(fallen))).toMatchObject([{ ok: true }]);
});

test('all files of fleet removed under a living worker: the survey still knows that it lives', async () => {
  await fall('quiet');
  await run(`mkdir -p /root/kept && cp -a /var/lib/fleet /etc/systemd/system /root/kept/ && rm -rf /var/lib/fleet/claims/* /var/lib/fleet/accounts/* /var/lib/fleet/locks/*
    rm -rf /etc/systemd/system/fleet-account@* && systemctl daemon-reload`);
  const seen = (await survey()).accounts.find(({ keyId }) => keyId === fallen);
  await run(
    'cp -a /root/kept/fleet /var/lib/ && cp -a /root/kept/system /etc/systemd/ && ' +
      'systemctl daemon-reload',
  );
  expect(seen).toMatchObject({ claim: null, processes: 1 });
});
