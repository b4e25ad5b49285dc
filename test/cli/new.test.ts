/** `fleet new` and `fleet config`, as somebody meets them who has nothing yet. */
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { makeFolder } from './fleet-command.ts';
import { startOnTerminal } from './screen/on-terminal.ts';

const program = fileURLToPath(new URL('../../bin/fleet', import.meta.url));
const modeOf = async (path: string): Promise<string> =>
  ((await stat(path)).mode & 0o777).toString(8);

describe('fleet new', () => {
  test('writes an inventory and a key that every command takes, with nothing left over, and names the next command', async () => {
    const { path, fleet } = await makeFolder(null);
    const made = await fleet([
      'new',
      'root@192.0.2.1',
      'root@192.0.2.2:2222',
      '--name',
      'shop',
      '--api-id',
      '4711',
      '--api-hash',
      'env:HASH',
    ]);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('inventory.yaml written: 2 hosts (h1, h2).');
    expect(made.stdout).toMatch(/shop\.key created.*\nKeep a copy of the key elsewhere/);
    expect(made.stdout).toContain('HASH  api_hash');
    expect(made.stdout).toMatch(/Next: fleet hosts trust\n$/);
    expect(await readdir(path)).toEqual(['.config', 'inventory.yaml']);
    expect([
      await modeOf(join(path, 'inventory.yaml')),
      await modeOf(join(path, '.config/fleet/shop.key')),
      await modeOf(join(path, '.config/fleet')),
    ]).toEqual([...['600', '600', '700']]);
    expect((await fleet(['config', 'validate'])).stdout).toBe(
      'inventory.yaml is valid: 2 hosts, 0 groups, 0 accounts named, 1 profile, 0 scripts.\n',
    );
    expect((await fleet(['vault', 'create-key'])).stderr).toContain('exists already');
    const show = JSON.parse((await fleet(['config', 'show', 'h2', '--json'])).stdout);
    expect(show.subjects[0].settings).toContainEqual({
      ...{ key: 'ssh.port', value: 2222 },
      from: {
        kind: 'inventory',
        text: 'host',
        place: expect.stringMatching(/^inventory\.yaml:\d+$/),
      },
    });
  });

  test('never overwrites an inventory, whatever stands there, and changes nothing then', async () => {
    const { path, fleet } = await makeFolder();
    const before = await readFile(join(path, 'inventory.yaml'));
    const refused = await fleet(['new', '192.0.2.1']);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('inventory.yaml exists already: it is never overwritten');
    await symlink('/nonexistent/elsewhere', join(path, 'link.yaml'));
    expect((await fleet(['-i', 'link.yaml', 'new', '192.0.2.1'])).code).toBe(2);
    await mkdir(join(path, 'folder.yaml'));
    expect((await fleet(['-i', 'folder.yaml', 'new', '192.0.2.1'])).code).toBe(2);
    expect(await readFile(join(path, 'inventory.yaml'))).toEqual(before);
    expect(existsSync(join(path, '.config'))).toBe(false);
  });

  test('uses a key that is there, refuses one that is none, and never makes one for a vault that holds sessions', async () => {
    const { path, fleet } = await makeFolder(null);
    expect(
      (await fleet(['-i', 'one.yaml', 'new', '192.0.2.1', '--vault-key', 'file:k'])).code,
    ).toBe(0);
    const key = await readFile(join(path, 'k'), 'utf8');
    const second = await fleet([
      '-i',
      'two.yaml',
      'new',
      '192.0.2.1',
      '--vault-key',
      'file:k',
      '--json',
    ]);
    expect(JSON.parse(second.stdout)).toMatchObject({
      ok: true,
      vaultKey: { isNew: false },
      next: 'fleet -i two.yaml hosts trust',
    });
    expect(await readFile(join(path, 'k'), 'utf8')).toBe(key);
    await writeFile(join(path, 'bad'), 'nothing\n', { mode: 0o600 });
    expect(
      await fleet(['-i', 'three.yaml', 'new', '192.0.2.1', '--vault-key', 'file:bad']),
    ).toMatchObject({ code: 2 });
    await mkdir(join(path, 'vault'), { recursive: true });
    await writeFile(join(path, 'vault', 'anna.age'), 'x');
    expect(
      (await fleet(['-i', 'three.yaml', 'new', '192.0.2.1', '--vault-key', 'file:new'])).stderr,
    ).toContain('holds 1 session');
    expect(
      (await readdir(path)).filter((name) => name.includes('three') || name === 'new'),
    ).toEqual([]);
  });

  test('every mistake of the options at once; an API hash that was typed into one is not repeated', async () => {
    const { path, fleet } = await makeFolder(null);
    const wrong = await fleet([
      'new',
      '--name',
      'Big Shop',
      '--api-hash',
      '0123456789abcdef',
      '--api-id',
      'x',
    ]);
    expect(wrong.code).toBe(2);
    for (const word of ['no servers', '--name', '--api-hash', '--api-id'])
      expect(wrong.stderr).toContain(word);
    expect(wrong.stderr).not.toContain('0123456789abcdef');
    expect(
      (await fleet(['new', '--from-ansible', 'a', '--from-master-config', 'b'])).stderr,
    ).toContain('only one of them');
    expect((await fleet(['new', 'h', '--from-ansible', 'a'])).stderr).toContain('named twice');
    expect(await fleet(['new', '--from-ansible', 'missing.ini'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('missing.ini does not exist'),
    });
    expect(await readdir(path)).toEqual([]);
  });

  test('hosts of the ssh config by their names alone; those that fleet cannot reach are named', async () => {
    const { path, fleet } = await makeFolder(null);
    await mkdir(join(path, '.ssh'));
    await writeFile(
      join(path, '.ssh', 'config'),
      'Include more\nHost web-1 web-2\n HostName 192.0.2.1\n User root\nHost web-px\n ' +
        'ProxyCommand nc %h %p\nHost web-u\n ProxyJump web-u\nHost web-*\n Port 2200\n',
      { mode: 0o600 },
    );
    await writeFile(join(path, '.ssh', 'more'), 'Host WEB_3\n HostName 192.0.2.3\nHost db\n', {
      mode: 0o600,
    });
    const made = JSON.parse(
      (await fleet(['new', '--from-ssh-config', 'web-*,WEB*,!web-2', '--json'])).stdout,
    );
    expect(made).toMatchObject({
      ok: true,
      hosts: ['web-3', 'web-1', 'web-px'],
      notRead: [expect.stringContaining('web-u')],
    });
    const text = await readFile(join(path, 'inventory.yaml'), 'utf8');
    expect(text).toMatch(/hosts:\n {2}web-3:\n {4}address: WEB_3\n {2}web-1:\n {2}web-px:\n$/);
    const show = (await fleet(['config', 'show', 'web-1'])).stdout;
    expect(show).toMatch(/ssh\.port +2200 +ssh config \(DIR\/\.ssh\/config:10\)/);
    expect(show).toMatch(/address +192\.0\.2\.1 +ssh config/);
    expect(
      (await fleet(['-i', 'x.yaml', 'new', '--from-ssh-config', 'nobody-*'])).stderr,
    ).toContain('names no host that nobody-* matches');
  });

  test('asks on a terminal what nobody said, and keeps the API hash in a file of its own', async () => {
    const { path } = await makeFolder(null);
    const env = { HOME: path, PATH: process.env.PATH ?? '', TERM: 'xterm' };
    const run = startOnTerminal([program, 'new'], { cwd: path, env, columns: 120 });
    await run.shows('Name of the fleet');
    run.type('\u0015shop\r');
    await run.shows('Where are the servers listed?');
    run.type('\r');
    await run.shows('separated by spaces');
    run.type('192.0.2.1 home=192.0.2.2\r');
    await run.shows('User to log in as');
    run.type('root\r');
    await run.shows('api_id');
    run.type('4711\r');
    await run.shows('api_hash of it');
    run.type('c0ffee00c0ffee00\r');
    await run.shows('Next: fleet hosts trust');
    expect(await run.ends()).toBe(0);
    expect(run.shown()).not.toContain('c0ffee00');
    const text = await readFile(join(path, 'inventory.yaml'), 'utf8');
    expect(text).toContain('api_hash: file:~/.config/fleet/shop.api-hash');
    expect(text).toContain('ssh:\n  user: root\n');
    expect(await readFile(join(path, '.config/fleet/shop.api-hash'), 'utf8')).toBe(
      'c0ffee00c0ffee00\n',
    );
    expect(await modeOf(join(path, '.config/fleet/shop.api-hash'))).toBe('600');
  });
});

describe('fleet config', () => {
  test('validate names every mistake of profiles, scripts and the ssh config at once', async () => {
    const { path, fleet } = await makeFolder(`version: 1
fleet: shop
vault: { key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
ssh: { transport: ssh2 }
hosts: { a: { profile: nothing }, b: {} }
account_defaults: { script: missing, chats: [-1001] }
`);
    await mkdir(join(path, '.ssh'));
    await writeFile(join(path, '.ssh', 'config'), 'Host b\n ProxyCommand nc %h %p\n', {
      mode: 0o600,
    });
    const { code, stderr } = await fleet(['config', 'validate']);
    expect(code).toBe(2);
    for (const word of ['there is no profile nothing', 'missing', 'ProxyCommand'])
      expect(stderr).toContain(word);
    expect(await readdir(path)).toEqual(['.ssh', 'inventory.yaml']);
    expect((await fleet(['config', 'show', 'aa'])).stderr).toContain('Did you mean a?');
    expect(await fleet(['config', 'show', 'b'])).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('profile'),
      stderr: expect.stringContaining('ProxyCommand'),
    });
  });
});

test('fleet hosts add writes one entry, keeps the mode of the file, and repeats no password', async () => {
  const { path, fleet } = await makeFolder(
    `${'version: 1\nfleet: shop # mine\nvault: { key: file:k }\ntelegram: { api_id: 1, ' + 'api_hash: env:H }\n'}` +
      'hosts:\n  a: {}\n',
  );
  const file = join(path, 'inventory.yaml');
  await chmod(file, 0o640);
  const added = await fleet([
    'hosts',
    'add',
    'b',
    'root@192.0.2.9:2200',
    '--location',
    'fra',
    '--max-accounts',
    '3',
    '--label',
    'tier=vip',
    '--password',
    'env:PW',
  ]);
  expect(added).toMatchObject({
    code: 0,
    stdout: 'b added to inventory.yaml.\nNext: fleet hosts trust b, then fleet init --limit b\n',
  });
  expect(await readFile(file, 'utf8')).toMatch(
    /shop # mine[\s\S]*\n {2}a: \{\}\n {2}b:\n {4}address: 192\.0\.2\.9\n {4}labels: \{ tier: vip \}\n/,
  );
  expect(await modeOf(file)).toBe('640');
  const before = await readFile(file, 'utf8');
  const wrong = await fleet([
    'hosts',
    'add',
    'c',
    '999.9.9.9',
    '--password',
    'hunter22',
    '--label',
    'x',
  ]);
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('3 mistakes') });
  expect(wrong.stderr).not.toContain('hunter22');
  expect((await fleet(['hosts', 'add', 'b'])).code).toBe(2);
  expect((await fleet(['hosts', 'add', 'c', '--location', 'nowhere-at-all'])).code).toBe(2);
  expect(await readFile(file, 'utf8')).toBe(before);
  expect((await readdir(path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

test('from nothing to a vault with a new key: backups are listed with the key that opens them, hosts show what is known of one', async () => {
  const { path, fleet } = await makeFolder(null);
  await fleet(['new', 'root@192.0.2.1', '--name', 'shop', '--vault-key', 'file:k']);
  expect((await fleet(['backup', 'list'])).stdout).toContain('No backups of this fleet');
  expect((await fleet(['backup'])).code).toBe(0);
  const listed = async () => JSON.parse((await fleet(['backup', 'list', '--json'])).stdout).backups;
  expect(await listed()).toEqual([
    expect.objectContaining({ isOpenable: true, bytes: expect.any(Number) }),
  ]);
  expect((await fleet(['vault', 'rotate-key'])).code).toBe(2);
  const rotated = await fleet(['vault', 'rotate-key', '--yes']);
  expect(rotated).toMatchObject({ code: 0, stdout: expect.stringContaining('k.before-') });
  expect(await listed()).toEqual([expect.objectContaining({ isOpenable: false })]);
  const [former = ''] = (await readdir(path)).filter((name) => name.startsWith('k.before-'));
  await writeFile(
    join(path, 'k'),
    `${await readFile(join(path, 'k'), 'utf8')}${await readFile(join(path, former), 'utf8')}`,
  );
  expect(await listed()).toEqual([expect.objectContaining({ isOpenable: true })]);
  expect((await fleet(['vault', 'rotate-key', '--yes'])).stdout).toContain('Continued');
  expect((await fleet(['hosts', 'show', 'h1'])).stdout).toMatch(/^h1\nstate +not-ready/);
  expect((await fleet(['hosts', 'show', 'h9'])).code).toBe(2);
});
