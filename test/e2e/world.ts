import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { hostPaths } from '../../hostside/protocol/paths.ts';
import { noteFinalFault } from '../final-faults.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import type { Suite } from '../lab/suites.ts';
import { type LabDataCentre, startLabDataCentre } from './lab-data-centre.ts';
import { type Login, logIn, makeOperator, type Operator } from './operator.ts';

/** An operator, hosts and Telegram, all inside the lab's network. */
export interface World {
  readonly lab: Lab;
  readonly dc: LabDataCentre;
  readonly operator: Operator;
  /** Hosts of the lab, counted from 1. */
  readonly hosts: readonly number[];
  end(): Promise<void>;
}

export interface WorldOptions {
  readonly hosts: readonly number[];
  /**
   * `wiped`: new disks. `equipped`: new disks with the packages of an account host. `forgotten`:
   * packages are there, nothing of fleet's accounts is, so that
   * `init` takes seconds.
   */
  readonly state: 'wiped' | 'equipped' | 'forgotten';
  readonly accounts?: string;
  /** Of disks that are made for this world; the lab's own by default. */
  readonly suite?: Suite;
  /** One that is there already; otherwise a data centre is started, and ended with the world. */
  readonly dc?: LabDataCentre;
}

/**
 * What an operator of another fleet would have to remove by hand before the host can be taken over.
 */
const forgetAll = `systemctl stop 'fleet-account@*' fleet-agent
rm -rf /var/lib/fleet /var/lib/fleet-accounts /var/lib/private/fleet-accounts /etc/fleet
rm -rf /etc/systemd/system/fleet-account@*.service.d /etc/systemd/system/multi-user.target.wants/fleet-account@*
systemctl daemon-reload; systemctl reset-failed
command -v ufw >/dev/null && echo equipped; true`;

async function prepare(
  lab: Lab,
  host: number,
  state: WorldOptions['state'],
  suite?: Suite,
): Promise<void> {
  await Promise.all([lab.heal(host), lab.unfill(host)]);
  await lab.start(host);
  if (state !== 'forgotten') return lab.wipe(host, state === 'wiped' ? 'bare' : state, suite);
  const { code, stdout, stderr } = await lab.ssh(host, forgetAll);
  if (code !== 0) throw new Error(`host ${host} could not be made ready for the test: ${stderr}`);
  if (!stdout.includes('equipped')) await lab.wipe(host, 'equipped');
}

let connected: Promise<Lab> | undefined;

/**
 * One for all worlds of a test file: a connection that is made while another test wipes a host
 * meets that host without a key.
 */
export function labOfThisFile(): Promise<Lab> {
  connected ??= connectLab();
  return connected;
}

export async function makeWorld(options: WorldOptions): Promise<World> {
  const { hosts, state, accounts = '', suite } = options;
  const lab = await labOfThisFile();
  await Promise.all(hosts.map((host) => prepare(lab, host, state, suite)));
  const dc = options.dc ?? (await startLabDataCentre(lab, false));
  const operator = await makeOperator({
    lab,
    hosts,
    accounts,
    ...(suite === undefined ? {} : { suite }),
  });
  const end = async (): Promise<void> => {
    if (options.dc === undefined) await dc.stop();
    // Workers without a data centre would keep the machine busy.
    await Promise.all(
      hosts.map((host) => prepare(lab, host, suite === undefined ? 'forgotten' : 'wiped')),
    );
    await operator.remove();
  };
  return { lab, dc, operator, hosts, end };
}

/** `fleet ARGS` that must succeed; its standard output. */
export async function must(world: Pick<World, 'operator'>, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await world.operator.fleet([...args, '--yes']);
  expect({ args, code, stderr: code === 0 ? '' : `${stderr}\n${stdout}` }).toEqual({
    args,
    code: 0,
    stderr: '',
  });
  return stdout;
}

/** Hosts trusted and ready, a vault with its key. */
export async function prepareFleet(world: World): Promise<void> {
  await must(world, 'hosts', 'trust');
  await must(world, 'init');
  await must(world, 'vault', 'create-key');
}

/** New logins, imported. `usernames`: of those that have one, by name of the account. */
export async function importNew(
  { dc, operator }: World,
  names: readonly string[],
  usernames = {},
): Promise<Login[]> {
  const logins = await logIn(dc, `${operator.directory}/sessions`, names, usernames);
  await must({ operator }, 'accounts', 'import', ...logins.map(({ path }) => path));
  return logins;
}

export interface ListedAccount {
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly host: string | null;
  readonly epoch: number | null;
  readonly userId: string | null;
  readonly keyId: string;
  readonly format: string;
}

export const listAccounts = async ({
  operator,
}: Pick<World, 'operator'>): Promise<readonly ListedAccount[]> =>
  (await operator.json<{ accounts: ListedAccount[] }>(['accounts', 'list'])).accounts;

/** State of each account, by name, from the agents. */
export async function liveStates({
  operator,
}: Pick<World, 'operator'>): Promise<Record<string, string>> {
  const { accounts } = await operator.json<{ accounts: ListedAccount[] }>(['status', '--live']);
  return Object.fromEntries(accounts.map(({ name, state }) => [name, state]));
}

/**
 * The host's record of its last contact says that a boot holds after `ms` already, as if more time
 * than that had passed since.
 */
export async function expireContact(
  { lab }: Pick<World, 'lab'>,
  host: number,
  ms = 1,
): Promise<void> {
  const { code, stderr } = await lab.ssh(
    host,
    `sed -i 's/"holdAfterMs": *[0-9]*/"holdAfterMs":${ms}/' ${hostPaths.contact}`,
  );
  if (code !== 0) throw new Error(`the contact of host ${host} could not be aged: ${stderr}`);
}

const noteKills = (kills: readonly unknown[]): void => {
  if (kills.length > 0)
    noteFinalFault(
      `the data centre destroyed ${kills.length} keys: ${JSON.stringify(kills).slice(0, 500)}`,
    );
};

/**
 * What the data centre saw against what the ledger says: each key on one connection, from its
 * owner's address, never on two.
 */
export async function expectExclusive(
  world: World,
  logins: readonly Login[],
  accounts?: readonly ListedAccount[],
): Promise<void> {
  const listed = new Map(
    (accounts ?? (await listAccounts(world))).map(({ name, host }) => [name, host]),
  );
  const report = await world.dc.report();
  noteKills(report.kills);
  const seen = logins.map(({ account, dcKeyId }) => {
    const key = report.accounts.find(({ keyId }) => keyId === dcKeyId);
    const open = key?.connections.filter(({ closedAt }) => closedAt === null) ?? [];
    return { account, maxLive: key?.maxLive, from: open.map(({ peer }) => peer.ip) };
  });
  const address = (account: string) =>
    world.lab.hosts.find(({ name }) => name === listed.get(account))?.address;
  expect(seen).toEqual(
    logins.map(({ account }) => ({ account, maxLive: 1, from: [address(account)] })),
  );
  expect(report.kills).toEqual([]);
  expect(report.violations).toEqual([]);
}

/**
 * No key was destroyed, and no old connection spoke after a newer one was open. For worlds in which
 * a link was cut: the data centre keeps what it cannot
 * know to be dead.
 */
export async function expectNoKills(world: World): Promise<void> {
  const { kills, violations, accounts } = await world.dc.report();
  noteKills(kills);
  expect([kills, violations]).toEqual([[], []]);
  expect(
    accounts.flatMap(({ overlaps }) => overlaps.filter(({ olderSpokeAfter }) => olderSpokeAfter)),
  ).toEqual([]);
}

/**
 * `look` until it holds, at most `limitMs`; the last failure otherwise. A look is often a whole
 * command, so that looking takes at most a third of the time: what
 * is waited for has to run on the same machine.
 */
export async function eventually(limitMs: number, look: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const startedMs = Date.now();
    try {
      return await look();
    } catch (failure) {
      if (Date.now() > deadline) throw failure;
    }
    await sleep(Math.min(3_000, Math.max(500, 2 * (Date.now() - startedMs))));
  }
}
