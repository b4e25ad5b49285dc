/**
 * Somebody who has read README's first screen and nothing else: its own lines, as they stand there,
 * from `npm install -g` to the first account online. Changed are the
 * addresses, the folder of sessions, and `--yes` for the questions that a person answers.
 */
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tryCommand } from '../../lab/run-command.ts';
import { type Login, logIn } from '../operator.ts';
import { expectExclusive, type ListedAccount, makeWorld, type World } from '../world.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The lines of the first code block below a heading, without their comments. */
async function linesBelow(heading: string): Promise<string[]> {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const [, block = ''] =
    /```\n([\s\S]*?)```/.exec(readme.slice(readme.indexOf(`\n## ${heading}\n`))) ?? [];
  return block
    .split('\n')
    .map((line) => line.replace(/\s+# .*$/, ''))
    .filter((line) => line !== '');
}

let world: World;
let folder: string;
let logins: Login[];
beforeAll(async () => {
  world = await makeWorld({ hosts: [1, 2], state: 'wiped' });
  folder = await mkdtemp(join(tmpdir(), 'fleet-newcomer-'));
  logins = await logIn(world.dc, join(folder, 'sessions'), ['anna']);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await world?.end();
});

test('installs fleet from a clone, without a network, as the lock says', async () => {
  const [pack = '', ...more] = await linesBelow('Install');
  expect(pack).toBe('npm pack && npm install -g ./fleet-*.tgz');
  expect(more).toEqual(['fleet --help']);
  // A copy, so that packing does not disturb the build that other tests use; packages come from
  // npm's cache: the lab has no way out.
  const left = ['.git', 'node_modules', 'dist'].map((name) => `--exclude=./${name}`).join(' ');
  const copy =
    `mkdir clone && tar -C ${root} ${left} -cf - . | tar -C clone -xf - && ln -s ` +
    `${root}/node_modules clone/node_modules && cd clone`;
  const script =
    `${copy} && npm pack --silent && npm install -g --offline --prefix ${folder}/prefix ` +
    './fleet-*.tgz';
  const { code, stderr } = await tryCommand(['sh', '-c', script], {
    cwd: folder,
    timeoutMs: 600_000,
  });
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
}, 700_000);

test('every line of the first day runs as it stands, and the first account is online', async () => {
  const own = join(folder, 'mine');
  await mkdir(join(own, '.ssh'), { recursive: true, mode: 0o700 });
  await copyFile(world.lab.keyFile, join(own, '.ssh', 'id_ed25519'));
  const env = {
    ...{ HOME: own, PATH: `${folder}/prefix/bin:/usr/bin:/bin`, SSH_AUTH_SOCK: '' },
    ...{
      TELEGRAM_API_ID: '4711',
      TELEGRAM_API_HASH: world.operator.apiHash,
      XDG_CACHE_HOME: world.operator.env.XDG_CACHE_HOME ?? '',
    },
  };
  const lines = await linesBelow('First day');
  expect(lines.filter((line) => line.startsWith('fleet ')).length).toBeGreaterThan(6);
  for (const line of lines) {
    const real = line
      .replace('192.0.2.11', world.lab.hosts[0]?.address ?? '')
      .replace('192.0.2.12', world.lab.hosts[1]?.address ?? '')
      .replace(/\bsessions\b/, join(folder, 'sessions'))
      .replace(/^fleet (hosts trust|accounts import|allocate)/, 'fleet --yes $1');
    const { code, stdout, stderr } = await tryCommand(['bash', '-c', real], {
      cwd: own,
      env,
      timeoutMs: 600_000,
    });
    // What is to be done yet is what --dry-run is for; a first doctor has no backup and no cron to
    // find.
    const expected = line.startsWith('fleet init --dry-run')
      ? 4
      : line === 'fleet doctor'
        ? code
        : 0;
    expect({ line, code, said: code === expected ? '' : `${stdout}\n${stderr}` }).toEqual({
      line,
      code: expected,
      said: '',
    });
    // The lab's machine need not have a synchronised clock.
    if (line.startsWith('fleet new '))
      await appendFile(
        join(own, 'inventory.yaml'),
        'hold: { require_clock_sync: false, settle: 1s, settle_unclean: 5s }\n',
      );
  }
  const { stdout } = await tryCommand(['fleet', 'status', '--live', '--json'], { cwd: own, env });
  const { accounts } = JSON.parse(stdout) as { accounts: ListedAccount[] };
  expect(accounts.map(({ name, state }) => [name, state])).toEqual([['anna', 'online']]);
  await expectExclusive(
    {
      ...world,
      lab: {
        ...world.lab,
        hosts: world.lab.hosts.map((host, index) => ({ ...host, name: `h${index + 1}` })),
      },
    },
    logins,
    accounts,
  );
}, 1_200_000);
