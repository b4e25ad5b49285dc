/** What `fleet accounts import FOLDER` takes for sessions, and what it leaves whole. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { expandFolders } from '../../src/vault/expand-folders.ts';
import { temporaryDirectory } from './session-files.ts';

function folderOf(names: readonly string[]): string {
  const root = temporaryDirectory();
  for (const name of names) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), '');
  }
  return root;
}

test('sessions of a folder by name, with folders that are a login; descriptions, companions and other files stay out', async () => {
  const root = folderOf([
    ...[
      'b.session',
      'a.session',
      'a.session-wal',
      'a.json',
      'c.txt',
      'README.md',
      '.hidden.session',
      'key',
      '小王.session',
    ],
    ...[
      'desk/tdata/key_datas',
      'desk/tdata/D877F783D5D3EF8Cs',
      'store/name%3AauthKey',
      'notes/x.session',
      'empty/.keep',
    ],
  ]);
  const found = await expandFolders([root]);
  expect(found.map((path) => path.slice(root.length + 1))).toEqual([
    'a.session',
    'b.session',
    'c.txt',
    'desk',
    'key',
    'store',
    '小王.session',
  ]);
});

test('a login, a file, what does not exist and a folder without sessions stay as they are; nothing is named twice', async () => {
  const root = folderOf(['tdata/key_datas', 'a.session', 'docs/x.md']);
  const own = [
    join(root, 'tdata'),
    join(root, 'a.session'),
    join(root, 'nothing'),
    join(root, 'docs'),
  ];
  expect(await expandFolders(own)).toEqual(own);
  expect(await expandFolders([root, join(root, 'a.session')])).toEqual([
    root,
    join(root, 'a.session'),
  ]);
  const plain = folderOf(['a.session']);
  expect(await expandFolders([plain, join(plain, 'a.session')])).toEqual([
    join(plain, 'a.session'),
  ]);
});
