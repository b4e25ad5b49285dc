/**
 * Ctrl-C, other signals and output that nobody reads: on a real pseudo-terminal, with a real sshd
 * as the host.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { missingSshd, startSshd, type TestSshd } from '../../remote/sshd.ts';
import { type Folder, makeFolder } from '../fleet-command.ts';
import { ctrlC, type OnTerminal, startOnTerminal } from './on-terminal.ts';

vi.setConfig({ testTimeout: 150_000 });

const program = fileURLToPath(new URL('../../../bin/fleet', import.meta.url));
const cursorShown = '\u001b[?25h';

/** Processes on the "host", which is this machine, that sleep for so many seconds. */
function countRunning(mark: string): number {
  const listed = execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' }).split('\n');
  return listed.filter((line) => line.trim() === `sleep ${mark}`).length;
}

async function waitFor(look: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 60_000; !look(); await sleep(50))
    if (Date.now() > deadline) throw new Error('it never came');
}

describe.skipIf(missingSshd !== null)('a command that is interrupted', () => {
  let sshd: TestSshd;
  let connections = 0;
  const silent = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
  });
  let silentPort = 0;

  beforeAll(async () => {
    sshd = await startSshd();
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    silentPort = (silent.address() as { port: number }).port;
  });
  afterAll(async () => {
    await sshd?.stop();
    silent.close();
  });

  /** Two hosts: one is the sshd, the other accepts connections and never says a word. */
  async function makeFleet(): Promise<Folder & { readonly env: Record<string, string> }> {
    const ssh = `user: ${sshd.user}, identity_files: [${sshd.userKey}]`;
    const folder = await makeFolder(`version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts:
  here: { address: 127.0.0.1, ssh: { ${ssh}, port: ${sshd.port} } }
  mute: { address: 127.0.0.1, ssh: { ${ssh}, port: ${silentPort}, connect_timeout: 40s } }
`);
    const [type, key] = (await readFile(`${sshd.hostKey}.pub`, 'utf8')).split(' ');
    await writeFile(join(folder.path, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${type} ${key}\n`);
    return {
      ...folder,
      env: { PATH: process.env.PATH ?? '', HOME: folder.path, TERM: 'xterm-256color' },
    };
  }

  let marks = 4321;
  const mark = (): string => {
    marks += 1;
    return `${marks}.${process.pid}`;
  };

  test.each([
    ['Ctrl-C', 0, (run: OnTerminal, _pid: number) => run.type(ctrlC)],
    ['SIGTERM', 0, (_run: OnTerminal, pid: number) => process.kill(pid, 'SIGTERM')],
    ['a terminal that is closed', null, (run: OnTerminal, _pid: number) => run.vanishes()],
  ])('top ends by %s', async (_, code, end) => {
    const { path, env } = await makeFleet();
    const run = startOnTerminal(
      ['sh', '-c', `echo "its pid is $$ here"; exec ${program} top --interval 500ms`],
      { cwd: path, env },
    );
    await run.shows('hosts answer');
    const pid = Number(/its pid is (\d+) here/.exec(run.shown())?.[1]);
    const isThere = (): boolean =>
      execFileSync('ps', ['-eo', 'pid='], { encoding: 'utf8' })
        .split('\n')
        .some((line) => Number(line) === pid);
    expect(isThere()).toBe(true);
    end(run, pid);
    await waitFor(() => !isThere());
    if (code !== null)
      expect([
        await run.ends(),
        run.shown().endsWith(cursorShown) || run.shown().includes(`${cursorShown}\u001b[?1049l`),
      ]).toEqual([code, true]);
  });

  test('Ctrl-C ends exec with code 130, the command on the host with it, and the terminal is as it was', async () => {
    const { path, env } = await makeFleet();
    const seconds = mark();
    const run = startOnTerminal([program, 'exec', 'here', '--', 'sleep', seconds], {
      cwd: path,
      env,
    });
    await waitFor(() => countRunning(seconds) > 0);
    run.type(ctrlC);
    expect(await run.ends()).toBe(130);
    await waitFor(() => countRunning(seconds) === 0);
    expect(run.shown()).toContain('stopping after the acts that are under way');
    const hidden = run.shown().lastIndexOf('\u001b[?25l');
    expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(hidden);
  });

  test('a command on the host that ignores SIGTERM ends all the same', async () => {
    const { path, env } = await makeFleet();
    const seconds = mark();
    const run = startOnTerminal(
      [program, 'exec', 'here', '--', `trap "" TERM HUP; sleep ${seconds}; sleep ${seconds}`],
      {
        cwd: path,
        env,
      },
    );
    await waitFor(() => countRunning(seconds) > 0);
    run.type(ctrlC);
    expect(await run.ends()).toBe(130);
    await waitFor(() => countRunning(seconds) === 0);
  });

  test.for(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)(
    '%s without a terminal does the same',
    async (signal) => {
      const { path, env } = await makeFleet();
      const seconds = mark();
      const child = spawn(program, ['exec', 'here', '--json', '--', 'sleep', seconds], {
        cwd: path,
        env,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      child.stdout.on('data', (chunk) => {
        said += chunk;
      });
      await waitFor(() => countRunning(seconds) > 0);
      child.kill(signal);
      expect((await once(child, 'close'))[0]).toBe(130);
      await waitFor(() => countRunning(seconds) === 0);
      expect(JSON.parse(said)).toMatchObject({
        command: 'exec',
        ok: false,
        errors: [{ code: 'interrupted', host: 'here' }],
      });
    },
  );

  test('the first Ctrl-C waits for the act that is under way, the second leaves at once', async () => {
    const { path, env } = await makeFleet();
    const run = startOnTerminal([program, 'hosts', 'take-over', 'mute', '--yes'], {
      cwd: path,
      env,
    });
    await waitFor(() => connections > 0);
    run.type(ctrlC);
    await run.shows('press Ctrl-C again');
    const pressedAt = Date.now();
    run.type(ctrlC);
    expect(await run.ends()).toBe(130);
    // the host's connect_timeout alone is 40 s
    expect(Date.now() - pressedAt).toBeLessThan(30_000);
    expect(run.shown().endsWith(`${cursorShown}\u001b[0m`)).toBe(true);
  });

  /**
   * Every verb that is long because of hosts and holds nothing open on one while it connects. Those
   * that give and take accounts wait for their act, as above.
   */
  test.each([
    ['init', ['init'], 'interrupted before its first'],
    ['init --check', ['init', '--check'], 'interrupted before its first'],
    ['init --rollback', ['init', '--rollback'], 'interrupted before its first'],
    ['uninstall', ['uninstall', 'mute', '--yes'], 'interrupted before its first'],
    ['exec', ['exec', 'mute', '--', 'true'], 'interrupted'],
    ['doctor', ['doctor'], ''],
    ['metrics', ['metrics'], ''],
    ['hosts trust', ['hosts', 'trust'], 'interrupted'],
    ['reboot', ['reboot', 'mute', '--yes'], 'nothing was changed'],
    ['patch', ['patch', 'mute', '--yes'], 'nothing was changed'],
    ['logs', ['logs', '--host', 'mute'], ''],
  ])(
    'Ctrl-C while %s connects ends it with code 130 and gives the terminal back',
    async (_, argv, said) => {
      const { path, env } = await makeFleet();
      const before = connections;
      const takesLimit = ['init', 'doctor', 'metrics', 'hosts'].includes(argv[0] ?? '');
      const limit = takesLimit ? ['--limit', 'mute'] : [];
      const run = startOnTerminal([program, ...argv.slice(0, 1), ...limit, ...argv.slice(1)], {
        cwd: path,
        env,
      });
      await waitFor(() => connections > before);
      const pressedAt = Date.now();
      run.type(ctrlC);
      expect(await run.ends()).toBe(130);
      // the host's connect_timeout alone is 40 s
      expect(Date.now() - pressedAt).toBeLessThan(30_000);
      expect(run.shown()).toContain(said);
      expect(run.shown().lastIndexOf(cursorShown)).toBeGreaterThanOrEqual(
        run.shown().lastIndexOf('\u001b[?25l'),
      );
    },
  );

  test('Ctrl-C at a question: nothing was changed, code 130', async () => {
    const { path, env } = await makeFleet();
    await writeFile(join(path, 'known_hosts'), '');
    const run = startOnTerminal([program, 'hosts', 'trust', '--limit', 'here'], { cwd: path, env });
    await run.shows('Remember it');
    run.type(ctrlC);
    expect(await run.ends()).toBe(130);
    expect(run.shown()).toContain('nothing was changed');
    expect(await readFile(join(path, 'known_hosts'), 'utf8')).toBe('');
  });
});

describe('output that cannot be written', () => {
  test('a reader that has gone away is no failure and leaves no trace of a stack', async () => {
    const { path } = await makeFolder();
    const pipe = `"${program}" status | true; echo "\${PIPESTATUS[0]}" >&2`;
    const said = execFileSync('bash', ['-c', `{ ${pipe}; } 2>&1`], {
      cwd: path,
      encoding: 'utf8',
      env: { ...process.env, HOME: path },
    });
    expect(said).toBe('0\n');
  });

  test('a full disk is said, and the command has failed', async () => {
    const { path } = await makeFolder();
    const script = `"${program}" status >/dev/full; echo "$?" >&2`;
    const said = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], {
      cwd: path,
      encoding: 'utf8',
      env: { ...process.env, HOME: path },
    });
    expect(said).toMatch(/^✗ the output could not be written: .*\n3\n$/s);
  });
});
