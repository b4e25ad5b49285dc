/**
 * A profile's Python environment on a real host: from a bare one to nothing left, without any
 * package index.
 */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { HostInitOutcome } from '../../src/workflows/init/init.ts';
import {
  type InitMaterials,
  loadInitMaterials,
  loadLibrary,
} from '../../src/workflows/init/init-materials.ts';
import type { InitOptions } from '../../src/workflows/init/init-plan.ts';
import { planUninstall } from '../../src/workflows/init/uninstall.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { emptyBundle, packageDirectory } from '../workflows/init/init-fixture.ts';
import { initOnHost, labHost, runOnHost } from '../workflows/init/init-on-host.ts';
import { wheelOf } from './wheel.ts';

const index = 1;
const base = '/opt/fleet/python/bot';
const operator = mkdtempSync(join(tmpdir(), 'fleet-operator-'));
const put = (path: string, content: string | Buffer): void => {
  mkdirSync(join(operator, path, '..'), { recursive: true });
  writeFileSync(join(operator, path), content);
};
const wheel = (text: string): void => {
  const { file, content } = wheelOf('greeting', '1.0', `TEXT = ${JSON.stringify(text)}\n`);
  put(`bot/wheels/${file}`, content);
};
const profileWith = (settings: string): string =>
  `description: mine
extends: minimal
packages: [python3-venv]
python: { bot: { project: bot, run: main.py, requirements: requirements.txt, ${settings} } }
`;
let lab: Lab;

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  put('profiles/mine.yaml', profileWith('index: none, wheels: wheels'));
  put('bot/main.py', 'import sys\nimport lib.words\nprint(lib.words.text(), *sys.argv[1:])\n');
  put('bot/lib/words.py', 'import greeting\n\n\ndef text():\n    return greeting.TEXT\n');
  put('bot/lib/__init__.py', '');
  put('bot/requirements.txt', 'greeting==1.0\n');
  put('bot/.env', 'never sent');
  wheel('hello');
  return () => {
    rmSync(operator, { recursive: true });
    return lab.wipe(index);
  };
});

const read = (): Promise<InitMaterials> =>
  loadInitMaterials({
    root: packageDirectory,
    ownDirectory: operator,
    profiles: ['mine'],
    runtimeMirror: null,
    bundle: emptyBundle,
  });
const init = async (options: Partial<InitOptions> = {}): Promise<HostInitOutcome> =>
  initOnHost(lab, labHost(lab, index, 'mine'), await read(), {
    only: ['packages', 'python-bot'],
    ...options,
  });
const what = ({ steps }: HostInitOutcome): readonly string[] =>
  steps.find(({ id }) => id === 'python-bot')?.what ?? [];
const onHost = async (command: string): Promise<string> =>
  (await lab.ssh(index, command, { timeoutMs: 60_000 })).stdout.trim();
/** As an account runs it: without the right to write. */
const runAsAccount = (words = ''): Promise<string> =>
  onHost(`cd /; runuser -u nobody -- ${base}/current/run ${words} 2>&1`);

it('a bare host is told what it would get, and gets it: project, venv, and a program that runs', async () => {
  const look = await init({ check: true, diff: true });
  expect([look.state, look.error]).toEqual(['pending', null]);
  expect(what(look)).toEqual([
    expect.stringMatching(/^make the Python environment bot \(Python 3\.\d+\)$/),
    'make a venv from requirements.txt',
    'send lib/__init__.py, lib/words.py, main.py, requirements.txt, ' +
      'wheels/greeting-1.0-py3-none-any.whl',
  ]);
  expect(look.diffs).toHaveLength(3);
  expect(await onHost('ls -d /opt/fleet/python 2>&1')).toContain('No such file');

  const outcome = await init();
  expect([outcome.state, outcome.error]).toEqual(['changed', null]);
  expect(outcome.uploads).toHaveLength(5);
  expect(await runAsAccount('a b')).toBe('hello a b');
  expect(
    await onHost(
      `cd ${base}/current/project; find . -name .env; stat -c '%a %U:%G' main.py; ls ` +
        'lib/__pycache__',
    ),
  ).toMatch(/^644 root:root\n__init__\.cpython-3\d+\.pyc\nwords\.cpython-3\d+\.pyc$/);
});

it('the second time there is nothing to do and nothing is sent', async () => {
  const traces = `find ${base} -printf '%p %s %T@ %m\\n' | sort | sha256sum`;
  const before = await onHost(traces);
  const outcome = await init();
  expect([outcome.state, outcome.error, outcome.uploads]).toEqual(['ready', null, []]);
  expect(await onHost(traces)).toBe(before);
});

it('a changed file is shown, only it is sent, and the venv stays; what runs keeps its own release', async () => {
  const [former, venv] = (
    await onHost(`readlink ${base}/current; readlink -f ${base}/current/venv`)
  ).split('\n');
  put('bot/main.py', 'import lib.words\nprint(lib.words.text().upper())\n');
  const look = await init({ check: true, diff: true });
  expect(what(look)).toEqual(['send main.py']);
  expect(look.diffs).toEqual([
    {
      path: `${base}/current/project/main.py`,
      text: expect.stringMatching(/^-import sys$[\s\S]*^\+print\(lib\.words\.text\(\)\.upper/m),
    },
  ]);
  const outcome = await init();
  expect([outcome.state, outcome.error]).toEqual(['changed', null]);
  expect(outcome.uploads).toHaveLength(1);
  expect(await runAsAccount()).toBe('HELLO');
  expect(await onHost(`readlink -f ${base}/current/venv; ${base}/${former}/run x`)).toBe(
    `${venv}\nhello x`,
  );
});

it('requirements that cannot be had leave everything as it was, with the reason', async () => {
  put('bot/requirements.txt', 'greeting==2.0\n');
  const { error } = await init();
  expect(error).toMatchObject({
    code: 'host-step',
    hint: expect.stringContaining('correct the requirements') as unknown,
  });
  expect(error?.message).toContain('greeting==2.0');
  expect(await runAsAccount()).toBe('HELLO');
  put('bot/requirements.txt', 'greeting==1.0\n');
  expect((await init()).state).toBe('ready');
});

it('another wheel makes another venv, also where /tmp takes nothing; releases that nothing needs any more go away', async () => {
  wheel('good day');
  await onHost('mount -t tmpfs -o nr_inodes=1,noexec full /tmp');
  expect(what(await init())).toEqual([
    'make a venv from requirements.txt',
    'send wheels/greeting-1.0-py3-none-any.whl',
  ]);
  await onHost('umount /tmp');
  expect(await onHost(`ls -A ${base}/venvs/*/.build 2>&1`)).toContain('No such file');
  expect(await runAsAccount()).toBe('GOOD DAY');
  expect(
    await onHost(
      `ls ${base}/releases | wc -l; ls ${base}/venvs | wc -l; ls ${base}/projects | wc -l`,
    ),
  ).toBe('2\n2\n2');
});

it('an index is asked when the profile names one, and the one of the host’s pip configuration otherwise', async () => {
  const { file, content } = wheelOf('greeting', '3.0', 'TEXT = "from the index"\n');
  const index = createServer((request, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(
      request.url?.endsWith('.whl') ? content : `<a href="/simple/greeting/${file}">${file}</a>`,
    );
  });
  index.listen(0, lab.gateway);
  await once(index, 'listening');
  const { port } = index.address() as AddressInfo;
  const address = `http://${lab.gateway}:${port}/simple`;
  put('bot/requirements.txt', 'greeting==3.0\n');
  put('profiles/mine.yaml', profileWith(`index: "${address}"`));
  expect((await init()).error).toBeNull();
  expect(await runAsAccount()).toBe('FROM THE INDEX');

  await onHost(
    `printf '[global]\\nindex-url = ${address}\\ntrusted-host = ${lab.gateway}\\n' >/etc/pip.conf`,
  );
  put('profiles/mine.yaml', profileWith(''));
  const outcome = await init();
  index.close();
  expect(outcome.error).toBeNull();
  expect(what(outcome)).toEqual(['make a venv from requirements.txt']);
  expect(await runAsAccount()).toBe('FROM THE INDEX');
});

it('what somebody damaged on the host is mended', async () => {
  put('bot/requirements.txt', 'greeting==1.0\n');
  put('profiles/mine.yaml', profileWith('index: none, wheels: wheels'));
  await init();
  await onHost(
    `echo 'print(0)' >>${base}/current/project/main.py; rm ${base}/current/venv/bin/python`,
  );
  const outcome = await init();
  expect(outcome.error).toBeNull();
  expect(what(outcome)).toEqual([
    'repair 1 files of the project',
    expect.stringMatching(/^make the venv \(Python 3\.\d+\) again$/),
  ]);
  await onHost('umount /tmp');
  expect(await onHost(`ls -A ${base}/venvs/*/.build 2>&1`)).toContain('No such file');
  expect(await runAsAccount()).toBe('GOOD DAY');
});

it('uninstall leaves nothing of it', async () => {
  const library = await loadLibrary(packageDirectory, ['uninstall']);
  const plans = planUninstall([labHost(lab, index, 'mine')], {
    purgePackages: false,
    forgetClaims: false,
    check: false,
    library,
  });
  const outcome = await runOnHost(lab, plans, (await read()).openBlob);
  expect(outcome.error).toBeNull();
  expect(await onHost('ls -d /opt/fleet /var/lib/fleet 2>&1 | grep -vc "No such"')).toBe('0');
});
