/**
 * Names that people have become names that accounts can have; what people call them stays visible.
 */
import { randomBytes } from 'node:crypto';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { isAccountName } from '../../../src/model/names.ts';
import { keyIdOf } from '../../../src/sessions/auth-key.ts';
import { exportSession } from '../../../src/vault/export-session.ts';
import { proposeName } from '../../../src/workflows/accounts/propose-name.ts';
import { makeFolder } from '../../cli/fleet-command.ts';

vi.setConfig({ testTimeout: 120_000 });

test.each([
  ['anna', 'anna', null],
  ['Anna', 'anna', null],
  ['My Account', 'my-account', 'My Account'],
  ['Мой аккаунт', 'moy-akkaunt', 'Мой аккаунт'],
  ['Щука', 'shchuka', 'Щука'],
  ['Львів', 'lviv', 'Львів'],
  ['José Müller', 'jose-muller', 'José Müller'],
  ['小明', 'account-df3ea25a', '小明'],
  ['小明 shop', 'shop-6f5300', '小明 shop'],
  ['+49 151 234567', '49-151-234567', '+49 151 234567'],
  ['...', 'account-ab5df625', '...'],
])('%s becomes %s', (called, name, displayName) => {
  expect(proposeName(called)).toEqual({ name, displayName });
});

test('whatever a file is called, the name can be one, is the same each time, and differs where the short form is taken', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }), (called) => {
      const { name } = proposeName(called);
      expect(isAccountName(name)).toBe(true);
      expect(proposeName(called).name).toBe(name);
      expect(isAccountName(proposeName(called, true).name)).toBe(true);
    }),
  );
  expect(proposeName('小明').name).not.toBe(proposeName('小红').name);
  expect(proposeName('Анна', true).name).toMatch(/^anna-[0-9a-f]{6}$/);
});

test('files of such names are imported, known again, and shown with both names', async () => {
  const { path, fleet } = await makeFolder();
  const write = async (name: string): Promise<string> => {
    const authKey = randomBytes(256);
    const session = {
      dataCentre: 2,
      authKey,
      userId: 77n,
      isBot: false,
      testMode: false,
      keyId: keyIdOf(authKey),
    };
    await exportSession(join(path, name), session, 'telethon', 4711);
    return name;
  };
  const names = [
    await write('小明.session'),
    await write('Мой аккаунт.session'),
    await write('anna.session'),
    await write('Анна.session'),
  ];
  await fleet(['vault', 'create-key']);
  const imported = async (files: readonly string[]) => {
    const { stdout } = await fleet(['accounts', 'import', ...files, '--yes', '--json']);
    const { files: outcomes } = JSON.parse(stdout) as {
      files: { account: string; displayName: string | null; result: string }[];
    };
    return outcomes.map(({ account, displayName, result }) => [account, displayName, result]);
  };
  const anna = proposeName('Анна', true).name;
  expect(await imported(names)).toEqual([
    [proposeName('小明').name, '小明', 'imported'],
    ['moy-akkaunt', 'Мой аккаунт', 'imported'],
    ['anna', null, 'imported'],
    [anna, 'Анна', 'imported'],
  ]);
  await rename(join(path, '小明.session'), join(path, '小明 (1).session'));
  expect(await imported(['小明 (1).session', 'Анна.session'])).toEqual([
    [proposeName('小明').name, '小明', 'known'],
    [anna, 'Анна', 'known'],
  ]);
  const { stdout: list } = await fleet(['accounts', 'list']);
  expect(list).toContain(`${anna} (Анна)`);
  expect(list).toContain('(小明)');
  expect((await fleet(['accounts', 'show', 'moy-akkaunt'])).stdout).toMatch(/called +Мой аккаунт/);
});
