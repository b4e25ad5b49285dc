import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findInventory } from '../../src/inventory/find-inventory.ts';
import { chatNamed } from '../../src/workflows/accounts/account-control.ts';
import { makeFolder } from '../cli/fleet-command.ts';

async function makeTree(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'fleet-find-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, 'home/work/shop/sessions/new'), { recursive: true });
  return root;
}

test('the nearest inventory counts, up to the home and not beyond', async () => {
  const root = await makeTree();
  const home = join(root, 'home');
  const find = (folder: string): string | undefined =>
    findInventory({ cwd: join(root, folder), home, trustedUsers: null })?.slice(root.length + 1);
  await writeFile(join(root, 'inventory.yaml'), '');
  expect(find('home/work/shop')).toBeUndefined();
  await writeFile(join(home, 'inventory.yaml'), '');
  expect(find('home/work/shop/sessions/new')).toBe('home/inventory.yaml');
  await writeFile(join(home, 'work/shop/inventory.yaml'), '');
  await mkdir(join(home, 'work/shop/sessions/inventory.yaml'));
  expect(find('home/work/shop/sessions/new')).toBe('home/work/shop/inventory.yaml');
  expect(find('home/work/shop')).toBe('home/work/shop/inventory.yaml');
  expect(find('home/work')).toBe('home/inventory.yaml');
  // Outside of the home there is no such end.
  expect(findInventory({ cwd: join(home, 'work'), home: '/nonexistent', trustedUsers: null })).toBe(
    join(home, 'inventory.yaml'),
  );
});

test('an inventory above that belongs to somebody else is not obeyed; one in this folder was chosen', async () => {
  const root = await makeTree();
  const shop = join(root, 'home/work/shop');
  await writeFile(join(shop, 'inventory.yaml'), '');
  const options = { home: root, trustedUsers: [(process.geteuid?.() ?? 0) + 1] };
  expect(() => findInventory({ ...options, cwd: join(shop, 'sessions') })).toThrow(
    /belongs to another user/,
  );
  expect(findInventory({ ...options, cwd: shop })).toBe(join(shop, 'inventory.yaml'));
});

test('fleet says which one it took, and a named one wins', async () => {
  const { path, fleet } = await makeFolder();
  await mkdir(join(path, 'sessions'));
  expect((await fleet(['status'])).stderr).toBe('');
  const inside = async (args: readonly string[]) => {
    const program = new URL('../../bin/fleet', import.meta.url).pathname;
    return new Promise<{ stdout: string; stderr: string }>((resolve) =>
      execFile(
        program,
        args,
        { cwd: join(path, 'sessions'), env: { PATH: process.env.PATH, HOME: path } },
        (_, stdout, stderr) => resolve({ stdout, stderr }),
      ),
    );
  };
  const found = await inside(['status', '--json']);
  expect(found.stderr).toBe('using ../inventory.yaml\n');
  expect(JSON.parse(found.stdout)).toMatchObject({ command: 'status', ok: true });
  expect((await inside(['status', '-i', 'own.yaml'])).stderr).toContain('own.yaml does not exist');
});

test('a group is called by its name in the inventory or by its id', () => {
  const chats = [
    { id: '-1001', name: 'garden' },
    { id: '-1002', name: null },
  ];
  expect([chatNamed(chats, 'anna', 'garden'), chatNamed(chats, 'anna', '-1002')]).toEqual([
    '-1001',
    '-1002',
  ]);
  expect(() => chatNamed(chats, 'anna', 'kitchen')).toThrow('anna is not allowed in chat kitchen');
});
