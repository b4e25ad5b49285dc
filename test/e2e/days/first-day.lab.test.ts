/**
 * The first day from end to end: bare servers and a folder of sessions become accounts that are
 * online, sandboxed, explained, and nowhere leaked.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cronLines, exampleFolder, pipelineLines } from '../../cli/documents/example-lines.ts';
import { ctrlC, startOnTerminal } from '../../cli/screen/on-terminal.ts';
import { tryCommand } from '../../lab/run-command.ts';
import { countsMemory, suiteOfRun } from '../../lab/suites.ts';
import { found, needlesOf, searchFiles, searchHost, watchProcesses } from '../canary.ts';
import { findFaults } from '../doctor.ts';
import { type Login, logIn } from '../operator.ts';
import {
  eventually,
  expectExclusive,
  listAccounts,
  liveStates,
  makeWorld,
  must,
  type World,
} from '../world.ts';

const names = [
  'anna',
  'ben',
  'carla',
  'dimitri',
  'elif',
  'farid',
  'greta',
  'hugo',
  'ines',
  'jonas',
  'kaja',
  'luca',
];
const accounts = `egress: { allow: [telegram] }
accounts:
  anna: { telegram: { device_model: Pixel 8, system_version: Android 15, app_version: "11.4.2", lang_code: de } }
`;

let world: World;
let logins: Login[];
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2, 3, 4], state: 'wiped', accounts });
});
afterAll(() => world?.end());

interface InitHosts {
  readonly hosts: readonly {
    readonly host: string;
    readonly state: string;
    readonly uploads: readonly unknown[];
  }[];
}

describe('bare servers become hosts', () => {
  test('host keys are trusted once; without that no login is tried', async () => {
    const refused = await world.operator.fleet(['init']);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('fleet hosts trust');
    await must(world, 'hosts', 'trust');
  });

  test('Ctrl-C in the first init ends each host after the step under way, says what is left, and leaves nothing behind', async () => {
    const { operator, lab } = world;
    const { directory: cwd, env } = operator;
    const run = startOnTerminal(operator.argv(['init', '--limit', 'h1']), {
      cwd,
      env: { ...env, PATH: process.env.PATH ?? '', TERM: 'xterm' },
    });
    await run.shows(' of ');
    await run.shows('packages');
    run.type(ctrlC);
    expect(await run.ends(300_000)).toBe(130);
    expect(run.shown()).toMatch(
      /h1: interrupted (after \d+ of \d+ steps, \d+ left|before its first of)/,
    );
    expect(run.shown()).toContain('fleet init --limit h1');
    const left =
      'ls -d /run/fleet-init.* 2>/dev/null; cat /run/lock/fleet-init.lock; fuser ' +
      '/run/lock/fleet-init.lock /var/lib/dpkg/lock 2>/dev/null; dpkg --audit';
    expect((await lab.ssh(1, `${left}; true`)).stdout).toBe('');
  });

  test('check says what would change (4), init does it (0), then there is nothing left to do', async () => {
    expect((await world.operator.fleet(['init', '--check', '--diff'])).code).toBe(4);
    await must(world, 'init');
    const again = await world.operator.json<InitHosts>(['init']);
    expect(again.hosts.map(({ host, state, uploads }) => [host, state, uploads.length])).toEqual(
      ['h1', 'h2', 'h3', 'h4'].map((host) => [host, 'ready', 0]),
    );
    expect((await world.operator.fleet(['init', '--check'])).code).toBe(0);
  });
});

describe('a folder of sessions becomes accounts', () => {
  test('import knows six formats; a second import of the same files does nothing', async () => {
    await must(world, 'vault', 'create-key');
    logins = await logIn(world.dc, join(world.operator.directory, 'sessions'), names);
    const paths = logins.map(({ path }) => path);
    await must(world, 'accounts', 'import', ...paths);
    expect(
      (await listAccounts(world)).map(({ name, format, state }) => [name, format, state]),
    ).toEqual(logins.map(({ account, format }) => [account, format, 'stored']));
    const { files } = await world.operator.json<{ files: { result: string }[] }>([
      'accounts',
      'import',
      ...paths,
    ]);
    expect(new Set(files.map(({ result }) => result))).toEqual(new Set(['known']));
  });

  test('allocate brings all online; while it runs no process shows a session or the vault key', async () => {
    const vaultKey =
      readFileSync(join(world.operator.directory, 'vault.key'), 'utf8').match(
        /AGE-SECRET-KEY-\S+/,
      )?.[0] ?? 'no vault key';
    const needles = [
      ...logins.flatMap(({ account, authKey }) => needlesOf(account, authKey)),
      { name: 'vault key', bytes: Buffer.from(vaultKey) },
    ];
    const { leaks, looks } = await watchProcesses(needles, () => must(world, 'allocate', '--all'));
    expect(leaks).toEqual([]);
    expect(looks).toBeGreaterThan(3);
    expect(await liveStates(world)).toEqual(
      Object.fromEntries(names.map((name) => [name, 'online'])),
    );
    await expectExclusive(world, logins);
  });

  test('Telegram sees the parameters of the inventory, on its own addresses only', async () => {
    const { accounts: seen, refusals } = await world.dc.report();
    const init = (name: string) =>
      seen.find(({ firstName }) => firstName === name)?.connections[0]?.init;
    expect(init('anna')).toMatchObject({
      apiId: 4711,
      deviceModel: 'Pixel 8',
      systemVersion: 'Android 15',
      appVersion: '11.4.2',
      langCode: 'de',
    });
    expect(init('ben')).toMatchObject({ apiId: 4711, deviceModel: 'fleet worker', langCode: 'en' });
    expect(refusals).toEqual([]);
    for (const { connections } of seen)
      expect(connections[0]?.asked).toMatch(/^(?:149\.154\.1[67]\d|91\.108\.\d+)\.\d+:(?:80|443)$/);
  });

  test('allocating again does nothing', async () => {
    const before = (await world.dc.report()).connectionsOpened;
    expect(await must(world, 'allocate', '--all')).toContain('Nothing to allocate');
    expect((await world.dc.report()).connectionsOpened).toBe(before);
    const { history } = await world.operator.json<{ history: unknown[] }>(['history']);
    expect(history).toHaveLength(names.length);
  });
});

describe('the operator sees and understands', () => {
  test('status, rankings, why, why-not, history, moves, logs, exec, verify', async () => {
    const { operator } = world;
    const host = (await listAccounts(world)).find(({ name }) => name === 'anna')?.host ?? '';
    const other = ['h1', 'h2', 'h3', 'h4'].find((name) => name !== host) ?? '';
    const ranked = await operator.json<{ hosts: { host: string; total: number }[] }>(['rankings']);
    expect(ranked.hosts).toHaveLength(4);
    expect(await operator.json(['why', 'anna'])).toMatchObject({
      ok: true,
      account: 'anna',
      type: 'initial',
      decision: { host },
    });
    expect(await operator.json(['why-not', 'anna', other])).toMatchObject({
      ok: true,
      host: other,
    });
    expect(await operator.json(['moves'])).toMatchObject({ ok: true, moves: [] });
    const now = await operator.json<{
      hosts: { sample: unknown }[];
      accounts: { state: string; memoryBytes: number | null }[];
    }>(['top']);
    expect(now.hosts.filter(({ sample }) => sample !== null)).toHaveLength(4);
    const isSound = (bytes: number | null): boolean =>
      countsMemory(suiteOfRun()) ? (bytes ?? 0) > 10_000_000 : bytes === null;
    expect(
      now.accounts.filter(({ state, memoryBytes }) => state === 'online' && isSound(memoryBytes)),
    ).toHaveLength(names.length);
    expect(JSON.stringify(await operator.json(['logs', 'anna', '--lines', '20']))).toContain(
      'online, user',
    );
    const everywhere = await operator.fleet(['--json', 'exec', 'h*', '--', 'true']);
    expect(JSON.parse(everywhere.stdout)).toMatchObject({
      ok: true,
      hosts: Array(4).fill({ exitCode: 0 }),
    });
    expect((await operator.fleet(['exec', host, '--', 'exit', '7'])).code).toBe(3);
    expect(await operator.json(['accounts', 'verify', 'anna', 'carla'])).toMatchObject({
      accounts: [
        { account: 'anna', state: 'online', isExpectedUser: true },
        { account: 'carla', state: 'online', userId: logins[2]?.userId },
      ],
    });
    const screen = await must(world, 'status');
    for (const name of ['h1', 'h4', ...names]) expect(screen).toContain(name);
    expect(await must(world, 'why', 'anna')).toContain(`anna is on ${host}`);
  });
});

test('the acceptance: every account runs on its host and nowhere else, and every host may be lost; that one has moved is not shown', async () => {
  interface Check {
    readonly stage: string;
    readonly where: string;
    readonly verdict: string;
    readonly text: string;
  }
  const { checks } = await world.operator.json<{ checks: Check[] }>([
    'check',
    '--stage',
    'accounts',
    '--stage',
    'hosts',
  ]);
  const inStage = (stage: string) => checks.filter((check) => check.stage === stage);
  const accepted = inStage('accounts').filter(({ verdict }) => verdict === 'passed');
  expect(accepted.map(({ where }) => where)).toEqual(names.toSorted());
  expect(inStage('accounts').filter(({ verdict }) => verdict !== 'passed')).toEqual([]);
  const [move, ...hosts] = inStage('hosts').toReversed();
  expect(hosts.map(({ verdict }) => verdict)).toEqual(world.hosts.map(() => 'passed'));
  expect(move).toMatchObject({ verdict: 'not-shown', text: 'no account has moved yet' });
});

test('the doctor finds the host whose agent is ended, the port that is open and the backup that is missing, and nothing where all is well', async () => {
  const { lab, operator } = world;
  await lab.ssh(
    1,
    'systemctl stop fleet-agent; systemd-run --unit=opener python3 -m http.server 8099; ' +
      'until ss -Hltn | grep -q :8099; do sleep 0.1; done',
  );
  await must(world, 'backup');
  const ill = await findFaults(operator);
  expect(ill).toContainEqual(expect.stringMatching(/^h1: .*agent/));
  expect(ill).toContain('h1: it listens on 0.0.0.0:8099 python3');
  await lab.ssh(1, 'systemctl stop opener; systemctl start fleet-agent');
  await eventually(60_000, async () => {
    expect(await findFaults(operator)).toEqual([]);
  });
});

test('every line of the example pipeline and crontab runs as it stands, on hosts with accounts', async () => {
  const { operator } = world;
  const bin = join(operator.directory, 'bin');
  await mkdir(bin);
  await symlink(operator.argv([])[0] ?? '', join(bin, 'fleet'));
  const before = (await world.dc.report()).connectionsOpened;
  for (const line of [...(await pipelineLines()), ...(await cronLines())]) {
    const argv = ['bash', '-c', line.replaceAll(exampleFolder, operator.directory)];
    const env = {
      ...operator.env,
      PATH: `${bin}:/usr/bin:/bin`,
      FLEET_INVENTORY: join(operator.directory, 'inventory.yaml'),
    };
    const { code, stderr } = await tryCommand(argv, {
      cwd: operator.directory,
      env,
      timeoutMs: 120_000,
    });
    expect({ line, code, stderr: code === 0 ? '' : stderr }).toEqual({ line, code: 0, stderr: '' });
  }
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(operator.directory, name), 'utf8'));
  expect(await read('drift.json')).toMatchObject({ command: 'init', ok: true });
  expect(await read('sweep.json')).toMatchObject({
    command: 'sweep',
    ok: true,
    hosts: world.hosts.map(() => ({ health: 'healthy' })),
  });
  // Nothing of it touches what runs.
  expect((await world.dc.report()).connectionsOpened).toBe(before);
});

describe('what runs on a host is small and locked in', () => {
  const onEach = (command: string) =>
    Promise.all(
      world.hosts.map(async (host) =>
        (await world.lab.ssh(host, command)).stdout.trim().split('\n'),
      ),
    );

  test('the sandbox of account and agent is rated 3.0 or better', async () => {
    const units = (
      await onEach(
        `systemctl list-units --plain --no-legend 'fleet-account@*' fleet-agent.service | ` +
          `cut -d' ' -f1`,
      )
    ).flat();
    expect(units).toHaveLength(names.length + 4);
    const rated = await onEach(
      `for u in $(systemctl list-units --plain --no-legend 'fleet-account@*' ` +
        `fleet-agent.service | cut -d' ' -f1); do systemd-analyze security --no-pager $u | ` +
        'tail -1; done',
    );
    for (const line of rated.flat())
      expect(Number(/: ([\d.]+) /.exec(line)?.[1] ?? 10), line).toBeLessThanOrEqual(3);
  });

  test('nothing but sshd listens', async () => {
    for (const lines of await onEach('ss -Hltnp')) {
      for (const line of lines) expect(line).toMatch(/:22\s.*"sshd"/);
    }
    expect((await onEach('ss -Hlun')).flat().filter(Boolean)).toEqual([]);
  });

  test('agent and workers are nobody in particular, and each account is somebody else', async () => {
    const listed = await listAccounts(world);
    for (const [index, lines] of (
      await onEach(`ps -eo uid,user,args | grep '[/]opt/fleet/' | grep -v bin/fleet-quota`)
    ).entries()) {
      const uids = lines.map((line) => Number(line.trim().split(/\s+/)[0]));
      // Root's alone is the watch on accounts. The agent and what was allocated to this host: how
      // many these are depends on how busy the hosts were.
      expect(uids).toHaveLength(1 + listed.filter(({ host }) => host === `h${index + 1}`).length);
      expect(uids).not.toContain(0);
      expect(new Set(uids).size).toBe(uids.length);
    }
  });

  test('an account cannot look into another', async () => {
    const byHost = Map.groupBy(await listAccounts(world), ({ host }) => host ?? '');
    const [crowded = '', { length } = []] =
      [...byHost].toSorted(([, a], [, b]) => b.length - a.length)[0] ?? [];
    expect(length).toBeGreaterThan(1);
    const { stdout } = await world.lab.ssh(
      Number(crowded.slice(1)),
      `set -- $(systemctl show -p MainPID --value 'fleet-account@*' | grep .)
for file in environ mem maps root/run/credentials; do
  nsenter -t $1 -m -U -p --preserve-credentials setpriv --reuid=$(stat -c %u /proc/$1) --clear-groups head -c 1 /proc/$2/$file >/dev/null 2>&1 && echo "$file is open"
  setpriv --reuid=$(stat -c %u /proc/$1) --clear-groups head -c 1 /proc/$2/$file >/dev/null 2>&1 && echo "$file is open"
done; echo looked`,
    );
    expect(stdout.trim()).toBe('looked');
  });

  test('no way leads out of the lab', async () => {
    for (const lines of await onEach(
      'ip route get 192.0.2.1 2>&1; ip -6 route get 2001:db8::1 2>&1; true',
    ))
      expect(lines.join()).toMatch(/unreachable|10\.77\.0\.1/);
    expect((await world.lab.exec(['ip', 'route', 'get', '192.0.2.1'])).code).not.toBe(0);
  });

  test('the agent stays below 60 MB and 0.5 % of a core', async () => {
    const look =
      `p=$(systemctl show -p MainPID --value fleet-agent); cut -d' ' -f14-17 /proc/$p/stat; ` +
      'grep VmRSS /proc/$p/status; cat /proc/uptime';
    const read = async () =>
      (await onEach(look)).map(([ticks = '', rss = '', uptime = '']) => ({
        ticks: ticks.split(' ').reduce((sum, value) => sum + Number(value), 0),
        rssMb: Number(/\d+/.exec(rss)?.[0]) / 1024,
        seconds: Number.parseFloat(uptime),
      }));
    let before = await read();
    const measure = async (): Promise<void> => {
      await sleep(20_000);
      const after = await read();
      const starts = before;
      before = after;
      for (const [index, { ticks, rssMb, seconds }] of after.entries()) {
        const start = starts[index] ?? { ticks: 0, seconds: 0 };
        const share = (ticks - start.ticks) / 100 / (seconds - start.seconds);
        console.log(
          `agent of h${index + 1}: ${rssMb.toFixed(1)} MB, ${(share * 100).toFixed(2)} % of a core`,
        );
        expect(rssMb).toBeLessThanOrEqual(60);
        expect(share).toBeLessThanOrEqual(0.005);
      }
    };
    // What an agent does once in five minutes may fall into one such time, not into two.
    await measure().catch(measure);
  });
});

describe('single accounts', () => {
  const stateOf = async (name: string) =>
    (await listAccounts(world)).find((account) => account.name === name);
  const openOf = async (name: string) =>
    (await world.dc.report()).accounts
      .find(({ firstName }) => firstName === name)
      ?.connections.filter(({ closedAt }) => closedAt === null) ?? [];

  test('stop closes the connection, start opens one', async () => {
    await must(world, 'accounts', 'stop', 'elif');
    expect(await stateOf('elif')).toMatchObject({ state: 'stopped' });
    expect(await openOf('elif')).toEqual([]);
    expect((await world.operator.fleet(['accounts', 'verify', 'elif'])).code).toBe(3);
    await must(world, 'accounts', 'start', 'elif');
    expect(await stateOf('elif')).toMatchObject({ state: 'online', epoch: 1 });
  });

  test('export gives the session back and stops the account; import takes it back; its epoch rises', async () => {
    const output = join(world.operator.directory, 'sessions', 'elif-exported.txt');
    await must(
      world,
      'accounts',
      'export',
      'elif',
      '--format',
      'telethon-string',
      '--output',
      output,
    );
    expect(await openOf('elif')).toEqual([]);
    expect(await stateOf('elif')).toMatchObject({ state: 'detached', host: null });
    expect((await world.operator.fleet(['allocate', '--all', '--yes'])).code).toBe(0);
    expect(await stateOf('elif')).toMatchObject({ state: 'detached' });
    await must(world, 'accounts', 'import', output);
    await must(world, 'allocate', '--all');
    expect(await stateOf('elif')).toMatchObject({ state: 'online', epoch: 2 });
    await expectExclusive(world, logins);
  });

  test('remove takes an account off its host, files and all; imported again it starts at a higher epoch', async () => {
    const { keyId, host } = (await stateOf('luca')) ?? { keyId: '', host: '' };
    await must(world, 'accounts', 'remove', 'luca');
    expect(await openOf('luca')).toEqual([]);
    expect(await stateOf('luca')).toBeUndefined();
    const index = Number(host?.slice(1));
    const left = await world.lab.ssh(
      index,
      `ls -d /var/lib/fleet/accounts/${keyId} /var/lib/private/fleet-accounts/${keyId} 2>/dev/null`,
    );
    expect(left.stdout).toBe('');
    await must(
      world,
      'accounts',
      'import',
      logins.find(({ account }) => account === 'luca')?.path ?? '',
    );
    await must(world, 'allocate', '--all');
    expect(await stateOf('luca')).toMatchObject({ state: 'online', epoch: 2 });
    await eventually(60_000, () => expectExclusive(world, logins));
  });
});

describe('secrets are found nowhere', () => {
  const secrets = () => {
    const vaultKey =
      /AGE-SECRET-KEY-\S+/.exec(
        readFileSync(join(world.operator.directory, 'vault.key'), 'utf8'),
      )?.[0] ?? '';
    expect(vaultKey).not.toBe('');
    return [
      ...logins.flatMap(({ account, authKey }) => needlesOf(`key of ${account}`, authKey)),
      ...needlesOf('vault key', Buffer.from(vaultKey)),
      ...needlesOf('api hash', Buffer.from(world.operator.apiHash)),
      { name: 'vault key', bytes: Buffer.from(vaultKey.slice(20)) },
      { name: 'api hash', bytes: Buffer.from(world.operator.apiHash) },
    ];
  };

  test('the search itself finds what is there', async () => {
    const secret = randomBytes(256);
    await world.lab.ssh(1, 'cat > /var/log/planted', {
      input: `x${Buffer.concat([Buffer.from('y'), secret]).toString('base64')}`,
    });
    await world.lab.ssh(1, `logger ${secret.toString('hex')}`);
    const { leaks } = await searchHost(world.lab, 1, needlesOf('planted', secret));
    await world.lab.ssh(1, 'rm /var/log/planted');
    expect(leaks).toContainEqual(expect.stringMatching(/^\/var\/log\/planted: planted in base64 /));
    expect(leaks).toContainEqual('journal: planted in hex');
  });

  test('not on any host', async () => {
    const results = await Promise.all(
      world.hosts.map((host) => searchHost(world.lab, host, secrets())),
    );
    for (const { leaks, files, held } of results) {
      expect(leaks).toEqual([]);
      expect(files).toBeGreaterThan(100);
      for (const file of held) expect(file).toMatch(/^600 0 /);
    }
    // These hosts' systemd encrypts even what only root can read: sessions are there, and were
    // searched with all else.
    const sessions = results
      .flatMap(({ held }) => held)
      .filter((file) => /epochs\/\d+\/session$/.test(file));
    expect(sessions.length).toBeGreaterThanOrEqual(names.length);
  });

  test('not in what fleet has printed, nor in the ledger, its log, the vault, or a temporary file', () => {
    const needles = secrets();
    expect(found('output', Buffer.from(world.operator.transcript.join('\n')), needles)).toEqual([]);
    const { directory } = world.operator;
    const own = new Set(['sessions', 'vault.key'].map((name) => join(directory, name)));
    expect(searchFiles(directory, needles, (path) => own.has(path))).toEqual([]);
    const isOthers = (path: string): boolean =>
      !/^\/tmp\/(?:fleet-(?!labs|build)|tmp)/.test(path) || path.startsWith(directory);
    expect(searchFiles('/tmp', needles, isOthers)).toEqual([]);
  });
});
