/**
 * A hundred accounts on one host, at work: what they cost, what the agent costs beside them, and
 * how soon all are back after a boot.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Login } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  importNew,
  makeWorld,
  prepareFleet,
  type World,
} from '../world.ts';

/** An hour by hand: FLEET_HOST_MINUTES=60. */
const minutes = Number(process.env.FLEET_HOST_MINUTES ?? 10);
const count = 100;
const names = Array.from({ length: count }, (_, index) => `a${index}`);
const bob = '900001';
const groupOf = (index: number): string => String(1_710_000_000 + index);
/** What is counted for an account before it is measured: by default 18 of them fill such a host. */
const small = 'limits: { memory_reserve: 32M, cpu_reserve: 0.01 }';
const hostBytes = 4 * 2 ** 30;

let world: World;
let logins: readonly Login[];

beforeAll(async () => {
  const unlimited = '{ per_account: "off", per_chat: "off", per_user: "off", ceiling: 10000 }';
  const entries = names.map(
    (name, index) => `  ${name}: { chats: { desk: -100${groupOf(index)} } }`,
  );
  world = await makeWorld({
    hosts: [1],
    state: 'forgotten',
    accounts:
      `account_defaults: { script: desk, answer_limits: ${unlimited} ` +
      `}\naccounts:\n${entries.join('\n')}\n`,
  });
  const { directory } = world.operator;
  const inventory = join(directory, 'inventory.yaml');
  await writeFile(
    inventory,
    (await readFile(inventory, 'utf8')).replace(
      'max_accounts: 20',
      `max_accounts: ${count}, ${small}`,
    ),
  );
  await mkdir(join(directory, 'scripts'));
  await writeFile(
    join(directory, 'scripts/desk.yaml'),
    'version: 1\nrules: [{ name: price, on: { keyword: price }, say: It is free. ' +
      '}]\ndelay: { least: 0s, most: 0s, typing: false }\ndisclosure: "off"\n',
  );
  await limitHost();
  await prepareFleet(world);
  logins = await importNew(world, names);
  await world.dc.people.addPerson({ userId: bob, firstName: 'Bob' });
  for (const [index, { userId }] of logins.entries())
    await world.dc.people.addGroup({
      kind: 'supergroup',
      id: groupOf(index),
      members: [userId, bob],
    });
}, 900_000);
afterAll(() => world?.end());

const cgroup = '/sys/fs/cgroup/memory';

/**
 * Gives the host no more memory than it is to have: its whole control group, disk and caches
 * included. A boot takes the limit back.
 */
async function limitHost(): Promise<void> {
  const { code, stderr } = await world.lab.ssh(
    1,
    `echo ${hostBytes} >${cgroup}/memory.limit_in_bytes; echo 0 ` +
      `>${cgroup}/memory.max_usage_in_bytes`,
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
}

/** What the whole host took at its height, and of it now what is neither cache nor disk; bytes. */
async function readHostUse(): Promise<{
  readonly most: number;
  readonly resident: number;
  readonly kills: number;
}> {
  const look =
    `cat ${cgroup}/memory.max_usage_in_bytes; sed -n 's/^total_rss //p' ` +
    `${cgroup}/memory.stat; sed -n 's/^oom_kill //p' ${cgroup}/memory.oom_control`;
  const [most = Number.NaN, resident = Number.NaN, kills = Number.NaN] = (
    await world.lab.ssh(1, look)
  ).stdout
    .trim()
    .split('\n')
    .map(Number);
  return { most, resident, kills };
}

/**
 * Private memory in bytes and processor time in ms so far, of the agent and of all accounts
 * together.
 */
interface Use {
  readonly agent: { readonly bytes: number; readonly ms: number };
  readonly accounts: { readonly bytes: number; readonly ms: number; readonly processes: number };
}

/**
 * Main processes by unit: private memory from smaps_rollup, processor time from stat, in hundredths
 * of a second.
 */
const lookAtUse = `for unit in fleet-agent.service $(systemctl list-units --no-legend --plain 'fleet-account@*' | cut -d' ' -f1); do
  pid=$(systemctl show -p MainPID --value $unit); [ "$pid" != 0 ] || continue
  echo "\${unit%%[@.]*} $(awk '/^Private/ { sum += $2 } END { print sum }' /proc/$pid/smaps_rollup) $(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f12,13)"
done`;

const readUse = async (): Promise<Use> => {
  const { stdout } = await world.lab.ssh(1, lookAtUse);
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const of = (unit: string) => rows.filter(([name]) => name === unit);
  const sum = (unit: string, column: number): number =>
    of(unit).reduce((total, row) => total + Number(row[column]), 0);
  const use = (unit: string) => ({
    bytes: 1024 * sum(unit, 1),
    ms: 10 * (sum(unit, 2) + sum(unit, 3)),
    processes: of(unit).length,
  });
  return { agent: use('fleet-agent'), accounts: use('fleet-account') };
};

const describe = ({ accounts, agent }: Use): string =>
  `${accounts.processes} accounts, ${megabytes(accounts.bytes)} private, ${accounts.ms} ` +
  `ms; agent ${megabytes(agent.bytes)}, ${agent.ms} ms`;

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MB`;

const liveNow = async (): Promise<number> => {
  const { accounts } = await world.dc.report();
  return accounts.filter(({ liveNow: live }) => live === 1).length;
};

test(`a hundred accounts answer for ${minutes} minutes in less than 4 GB, and the agent costs less than they do`, {
  timeout: 5_400_000,
}, async () => {
  const allocatedMs = performance.now();
  // It waits a minute for each, in which a hundred starts on two cores may not be over: what counts
  // is that all come.
  await world.operator.fleet(['allocate', '--all', '--yes']);
  await eventually(900_000, async () => expect(await liveNow()).toBe(count));
  console.log(
    `${count} accounts online ${((performance.now() - allocatedMs) / 1000).toFixed(0)} s ` +
      'after allocate began',
  );
  await sleep(30_000);
  const [before, startedMs] = [await readUse(), performance.now()];
  let asked = 0;
  for (let minute = 0; minute < minutes; minute += 1)
    for (let index = 0; index < count; index += 1) {
      await world.dc.people.say({
        chatId: `-100${groupOf(index)}`,
        from: bob,
        text: 'what is the price?',
      });
      asked += 1;
      await sleep(Math.max(0, startedMs + asked * (60_000 / count) - performance.now()));
      if (asked % (10 * count) === 0)
        console.log(`after ${asked} questions: ${describe(await readUse())}`);
    }
  await eventually(120_000, async () => {
    const answers = (await world.dc.people.said()).filter(
      ({ userId, replyTo }) => userId !== bob && replyTo !== null,
    );
    expect(answers).toHaveLength(asked);
  });
  const [after, ms] = [await readUse(), performance.now() - startedMs];
  const share = (from: number, to: number): string =>
    `${((100 * (to - from)) / ms).toFixed(2)} % of a core`;
  const host = await readHostUse();
  console.log(
    [
      `${asked} questions answered in ${(ms / 60_000).toFixed(1)} minutes`,
      `accounts: ${megabytes(after.accounts.bytes)} private, ` +
        `${megabytes(after.accounts.bytes / count)} each; ` +
        `${share(before.accounts.ms, after.accounts.ms)}`,
      `the whole host: ${megabytes(host.resident)} now, ${megabytes(host.most)} at its ` +
        `height with disk and caches, of ${megabytes(hostBytes)}`,
      `agent: ${megabytes(after.agent.bytes)} private; ${share(before.agent.ms, after.agent.ms)}`,
    ].join('\n'),
  );
  expect(after.accounts.processes).toBe(count);
  expect(host.kills).toBe(0);
  expect(host.resident).toBeLessThan(hostBytes);
  expect(after.accounts.bytes / count).toBeLessThan(40 * 2 ** 20);
  expect(after.agent.ms - before.agent.ms).toBeLessThan(after.accounts.ms - before.accounts.ms);
  await expectExclusive(world, logins);
});

test('after a boot all are back, each once', { timeout: 900_000 }, async () => {
  // As cron's sweeps are: a boot long after the last contact holds its accounts until the next one.
  await world.operator.fleet(['sweep', '--yes']);
  await world.lab.reboot(1);
  const bootedMs = performance.now();
  await limitHost();
  await eventually(600_000, async () => expect(await liveNow()).toBe(count));
  console.log(
    `${count} accounts online again ${((performance.now() - bootedMs) / 1000).toFixed(0)} ` +
      's after the host took logins',
  );
  const { kills, violations } = await world.dc.report();
  expect([kills, violations]).toEqual([[], []]);
});
