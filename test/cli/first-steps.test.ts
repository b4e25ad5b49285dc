/** Small things that a new operator meets: the answer is the right one, short, and of one piece. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { setAccountState, setPlacement } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { tryCommand } from '../lab/run-command.ts';
import { makeFolder, program } from './fleet-command.ts';

vi.setConfig({ testTimeout: 120_000 });

const sessionText = (): string =>
  `1${Buffer.concat([Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80]), randomBytes(256)]).toString('base64')}`;

test('a command that does not exist is JSON where JSON was asked for', async () => {
  const { fleet } = await makeFolder();
  const { code, stdout } = await fleet(['nosuch', '--json']);
  expect([code, JSON.parse(stdout)]).toMatchObject([
    2,
    { ok: false, errors: [{ code: 'usage', message: "unknown command 'nosuch'" }] },
  ]);
});

test('of a vault whose ledger and key are gone: it is said, and no other key is made', async () => {
  const { path, fleet } = await makeFolder();
  for (const name of ['anna', 'ben']) await writeFile(join(path, `${name}.txt`), sessionText());
  expect((await fleet(['vault', 'create-key'])).code).toBe(0);
  expect((await fleet(['accounts', 'import', 'anna.txt', 'ben.txt', '--yes'])).code).toBe(0);

  const { db, close } = await openLedger(join(path, 'fleet.db'));
  await ensureHosts(db, ['web-1', 'web-2']);
  for (const [account, host] of [
    ['anna', 'web-1'],
    ['ben', 'web-2'],
  ] as const)
    await setPlacement(db, { account, host, epoch: 1, move_id: account, since: 1 });
  await setAccountState(db, 'anna', 'duplicated', 'another program used the session', 1);
  await close();
  const listed = await fleet(['accounts', 'list', '--limit', 'web-1', '--json']);
  expect(
    (JSON.parse(listed.stdout) as { accounts: { name: string }[] }).accounts.map(
      ({ name }) => name,
    ),
  ).toEqual(['anna']);
  const again = await fleet(['accounts', 'import', 'anna.txt', '--yes']);
  expect(again.stdout.replace(/\s+/g, ' ')).toMatch(
    /anna known .*session is dead \(duplicated\) and stays so; .*fleet accounts login anna/,
  );

  // `--wait` as a number of seconds is none of Node's business.
  const cordoned = await fleet(['hosts', 'cordon', 'web-1', '--wait', '10s', '--yes']);
  expect([cordoned.code, cordoned.stderr]).toEqual([0, expect.not.stringContaining('Warning')]);

  const gone = (await readdir(path)).filter((name) => /^fleet\.db|^vault\.key$/.test(name));
  for (const name of gone) await rm(join(path, name));
  const created = await fleet(['vault', 'create-key']);
  expect([created.code, created.stderr]).toEqual([
    2,
    expect.stringContaining('holds 2 sessions, which a new key could not read'),
  ]);
  for (const look of [['status'], ['doctor']]) {
    const { stdout, stderr } = await fleet(look);
    expect([look, `${stdout}${stderr}`.replace(/\s+/g, ' ')]).toEqual([
      look,
      expect.stringContaining('the ledger that knows where they run is missing'),
    ]);
  }
});

/** The checkout may lie where only its owner comes. */
const isOpenToOthers = (): boolean => {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('setpriv', ['--reuid', '54321', '--clear-groups', program, '--version'], {
      stdio: 'ignore',
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent' },
    });
    return true;
  } catch {
    return false;
  }
};

test.skipIf(!isOpenToOthers()).each([
  ['without HOME', {}],
  ['with variables that are empty', { HOME: '', TMPDIR: '', LANG: '', COLUMNS: '', USER: '' }],
  ['with folders that are gone', { HOME: '/nonexistent', TMPDIR: '/nonexistent' }],
])('a user without an entry in passwd, %s', async (_, env: Record<string, string>) => {
  const { path } = await makeFolder();
  const own = `${path}-54321`;
  await mkdir(own);
  try {
    await cp(path, own, { recursive: true });
    execFileSync('chown', ['-R', '54321:54321', own]);
    await chmod(own, 0o700);
    const clean = Object.entries({ PATH: process.env.PATH ?? '', ...env });
    const as = ['setpriv', '--reuid', '54321', '--regid', '54321', '--clear-groups', 'env', '-i'];
    const argv = [...as, ...clean.map(([name, value]) => `${name}=${value}`), program];
    const result = await tryCommand([...argv, 'exec', 'web-1', '--', 'true'], { cwd: own });
    const said = `${result.stdout}${result.stderr}`;
    expect([result.code, said]).toEqual([3, expect.not.stringMatching(/bug in fleet|Error:/)]);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
});
