/**
 * What takes minutes to see of the watch over accounts (bin/fleet-quota) and of the journal's
 * limits: what the watch costs with 1, 10 and 30 accounts, that it ends
 * whoever keeps systemd busy and nobody else, and that days of shouting leave what others have
 * said.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { HostAct } from '../../../hostside/protocol/host-acts.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { askHelper, installHost } from '../helper/lab-host.ts';

vi.setConfig({ testTimeout: 1_200_000 });

let lab: Lab;
let serial = 0;
const run = async (command: string): Promise<string> =>
  (await lab.ssh(1, command, { timeoutMs: 300_000 })).stdout.trim();
const key = (index: number, kind = 'b'): string => String(index).padStart(32, kind);
const limits = {
  memoryMaxBytes: 700_000_000,
  memoryHighBytes: 700_000_000,
  cpuMaxCores: 0.5,
  tasksMax: 64,
};

/** One that is good says how long it stood still; /opt/fallen.mode says what a fallen one does. */
const start = async (
  keyIds: readonly string[],
  account: 'good' | 'fallen',
  logMax = 20,
): Promise<void> => {
  const acts = keyIds.flatMap((keyId): HostAct[] => [
    {
      act: 'stage',
      keyId,
      account,
      epoch: 1,
      moveId: 'm1',
      config: '{}',
      session: 's',
      limits: { ...limits, filesMax: 50_000, logMax },
    },
    { act: 'grant', keyId, account, epoch: 1, moveId: 'm1', vaultHash: 'a'.repeat(64) },
  ]);
  serial += 1;
  const authority = { id: 'ledger-1', serial, nonce: `n${serial}`, deadlineMs: 110_000 };
  const { replies } = await askHelper(lab, 1, {
    format: 1,
    authority,
    acts: [...acts, { act: 'await', keyIds, timeoutMs: 100_000 }],
  });
  expect(replies.filter(({ ok }) => !ok)).toEqual([]);
};
const ended = (): Promise<string> => run('grep -H . /run/fleet-boot/full/* 2>/dev/null || true');
const longestStill = async (keyIds: readonly string[]): Promise<number> =>
  Math.max(
    ...(
      await run(
        `awk 1 ${keyIds.map((id) => `/var/lib/private/fleet-accounts/${id}/longest`).join(' ')}`,
      )
    )
      .split('\n')
      .map(Number),
  );

const goods: string[] = [];
let turns = 0;
beforeAll(async () => {
  lab = await startLab({ hosts: 1, diskMb: 3_000 });
  await installHost(lab, 1);
  const input = readFileSync(new URL('hostile-worker.cjs', import.meta.url));
  await lab.ssh(
    1,
    'cat >/opt/fallen.cjs; sed "s#/opt/fallen.mode#/opt/good.mode#" /opt/fallen.cjs ' +
      '>/opt/good.cjs; chmod 644 /opt/*.cjs',
    {
      input,
    },
  );
  await run('echo gaps >/opt/good.mode');
});
afterAll(() => lab.down());

test.each([1, 10, 30])(
  'what the watch costs with %i accounts of 3,000 files each',
  async (count) => {
    const added = Array.from({ length: count - goods.length }, (_, index) =>
      key(goods.length + index + 1),
    );
    await start(added, 'good');
    goods.push(...added);
    for (const id of added)
      await run(
        `cd /var/lib/private/fleet-accounts/${id} && for i in $(seq 3000); do echo $i ` +
          '>f$i; done; chown --reference=. f*',
      );
    // Of itself and of all that it has started and that has ended, ms; systemd does not count it
    // everywhere.
    const used = async (): Promise<number> =>
      10 * Number(await run(`awk '{ print $14 + $15 + $16 + $17 }' /proc/${pid}/stat`));
    const pid = await run('systemctl show -P MainPID fleet-quota');
    await sleep(5_000);
    const [quietMs, before] = [30_000, await used()];
    await sleep(quietMs);
    const quiet = (await used()) - before;
    // 20 MB at each turn: a look at all accounts every time.
    const busyFrom = await used();
    for (let turn = 0; turn < 5; turn += 1)
      await run('head -c 20000000 /dev/zero >/var/lib/grown; sleep 4; rm /var/lib/grown; sleep 3');
    const look = ((await used()) - busyFrom - (quiet * 35_000) / quietMs) / 5;
    // Its control group's also has the reserve, where the disk lies in memory.
    const memory = Number(/(\d+) kB/.exec(await run(`grep VmRSS /proc/${pid}/status`))?.[1]) / 1024;
    console.log(
      `fleet-quota with ${count} accounts: ${((quiet / quietMs) * 100).toFixed(2)} % of a ` +
        'core while nothing is written, ' +
        `${Math.round(look)} ms of CPU a look at ${count * 3_000} files, ` +
        `${memory.toFixed(1)} MiB of memory`,
    );
    expect(await ended()).toBe('');
    // It has a fifth of a core at most.
    expect(quiet / quietMs).toBeLessThan(0.2);
  },
);

test('systemd is kept busy by others, in loops of many rhythms: no account is ended', async () => {
  for (const pause of ['0', '0.2', '0.5', '0.8', '1.3'])
    await run(
      `timeout 45 sh -c 'while :; do systemctl daemon-reload; sleep ${pause}; done' || true`,
    );
  console.log(
    `loops of daemon-reload: nobody ended; ${goods.length} accounts stood still for ` +
      `${await longestStill(goods)} ms at most`,
  );
  expect(await ended()).toBe('');
});

test.each([
  ['without a pause', 'notify', 1],
  ['and keep quiet whenever they have noticed that somebody looks', 'sly', 1],
  ['two at a time', 'notify', 2],
])('accounts keep systemd busy %s: they are ended, and nobody else', async (_, mode, count) => {
  turns += 1;
  const fallen = Array.from({ length: count }, (__, index) => key(10 * turns + index, 'a'));
  await run(`echo ${mode} >/opt/fallen.mode`);
  const startedMs = performance.now();
  await start(fallen, 'fallen');
  await expect
    .poll(async () => (await ended()).match(/a{8}\w*:it kept systemd busy/g)?.length ?? 0, {
      timeout: 900_000,
      interval: 3_000,
    })
    .toBe(count);
  console.log(
    `${mode}: ended after ${Math.round((performance.now() - startedMs) / 1000)} s; others ` +
      `stood still for ${await longestStill(goods)} ms at most`,
  );
  expect((await ended()).split('\n').filter((line) => !line.includes('/aaaa'))).toEqual([]);
  await run(
    `systemctl stop ${fallen.map((id) => `fleet-account@${id}`).join(' ')}; rm -f ` +
      '/run/fleet-boot/full/*',
  );
});

test('one takes all ports from which connections begin: ended, and others connect again', async () => {
  const id = key(888, 'a');
  await run('echo ports >/opt/fallen.mode');
  await start([id], 'fallen');
  await expect.poll(ended, { timeout: 120_000 }).toContain('more than 4000 sockets');
  console.log(await run(`journalctl -u fleet-quota -o cat | tail -1; head -1 /proc/net/sockstat`));
  const dial = (kind: string, port: number) => `(exec 3<>/dev/${kind}/127.0.0.1/${port})`;
  await run(`bash -c '${dial('udp', 53)} && ${dial('tcp', 22)}'`);
  expect((await ended()).split('\n')).toHaveLength(1);
  await run(`systemctl stop fleet-account@${id}; rm -f /run/fleet-boot/full/*`);
});

test('48 intervals of shouting, as two days are: each is limited, and what others have said in them stays', async () => {
  const [intervals, seconds, burst] = [48, 4, 20];
  // The hour as four seconds; the journal and the lines smaller in the same ratio as the limit (500
  // lines).
  const conf = readFileSync(new URL('../../../templates/journald.conf', import.meta.url), 'utf8');
  const input = conf
    .replace(/^SystemMaxUse=.*$/m, 'SystemMaxUse=40M')
    .replace(/^SystemMaxFileSize=.*$/m, 'SystemMaxFileSize=4M');
  await lab.ssh(
    1,
    'mkdir -p /etc/systemd/journald.conf.d /var/log/journal; cat ' +
      '>/etc/systemd/journald.conf.d/50-fleet.conf',
    { input },
  );
  const dropIn = '/etc/systemd/system/fleet-account@.service.d';
  await run(`mkdir -p ${dropIn}; printf '[Service]\\nLogRateLimitIntervalSec=${seconds}s\\n' >${dropIn}/90-short.conf; systemctl daemon-reload
    systemctl restart systemd-journald; echo babble >/opt/fallen.mode; logger -t neighbour interval-0; journalctl --sync`);
  const id = key(999, 'a');
  await start([id], 'fallen', burst);
  for (let interval = 1; interval <= intervals; interval += 1) {
    await run(`logger -t neighbour interval-${interval}`);
    await sleep(seconds * 1000);
  }
  await run(`systemctl stop fleet-account@${id}; journalctl --sync`);
  const unit = `journalctl -u fleet-account@${id} -o cat`;
  const lines = Number(await run(`${unit} | grep -c ^babble`));
  const suppressed = Number(
    await run(`journalctl -o cat -t systemd-journald | grep -c 'Suppressed .*fleet-account@${id}'`),
  );
  const kept = (await run('journalctl -t neighbour -o cat | grep -c interval-')) || '0';
  const size = await run(`du -sm /var/log/journal | cut -f1`);
  console.log(
    `${intervals} intervals: ${lines} lines kept, limited ${suppressed} times, the journal ` +
      `has ${size} MB of 40, ${kept} of ${intervals + 1} lines of others stay`,
  );
  expect(suppressed).toBeGreaterThan(intervals);
  // Five groups of priorities, and journald's factor of at most 4 while it has room.
  expect(lines).toBeLessThan((intervals + 2) * 5 * 4 * burst);
  expect(Number(kept)).toBe(intervals + 1);
});
