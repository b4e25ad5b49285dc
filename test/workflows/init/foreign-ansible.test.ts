/** A folder of Ansible that comes from somebody else. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readServers } from '../../../src/workflows/new/read-servers.ts';

const hostile: readonly (readonly [string, (folder: string) => void, RegExp])[] = [
  [
    '2,001 files of variables',
    (folder) => many(folder, 2_001, 0),
    /group_vars has 2001 files, more than 2000$/,
  ],
  [
    'a hundred files of 16 MiB',
    (folder) => many(folder, 100, 16 * 1024 ** 2),
    /and the files beside it have more than 16 MiB$/,
  ],
  [
    'a link to a device',
    (folder) => symlinkSync('/dev/zero', join(folder, 'all.yml')),
    /all.yml is no file but a folder, a device or a pipe$/,
  ],
  [
    'aliases within aliases',
    (folder) => writeFileSync(join(folder, 'all.yml'), bomb()),
    /has .*mistakes?$/,
  ],
  [
    'brackets without end',
    (folder) => writeFileSync(join(folder, 'all.yml'), '['.repeat(1_000_000)),
    /has .*mistakes?$/,
  ],
  [
    'a tag that makes something',
    (folder) =>
      writeFileSync(join(folder, 'all.yml'), 'a: !!python/object/apply:os.system [touch pwned]'),
    /has .*mistakes?$/,
  ],
];

function many(folder: string, count: number, bytes: number): void {
  for (let index = 0; index < count; index += 1) {
    writeFileSync(join(folder, `g${index}.yml`), '');
    truncateSync(join(folder, `g${index}.yml`), bytes);
  }
}

const bomb = (): string =>
  Array.from(
    { length: 40 },
    (_, level) =>
      `a${level}: &a${level} [${
        level === 0
          ? '1'
          : Array(10)
              .fill(`*a${level - 1}`)
              .join(', ')
      }]`,
  ).join('\n');

it.each(hostile)('%s: refused soon, in bounded memory', async (_, put, words) => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-ansible-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'hosts.ini'), '[web]\nh1 ansible_host=192.0.2.1\n');
  mkdirSync(join(folder, 'group_vars'));
  put(join(folder, 'group_vars'));
  const before = process.memoryUsage().rss;
  const none = {} as never;
  await expect(
    readServers({ kind: 'ansible', file: join(folder, 'hosts.ini') }, none),
  ).rejects.toMatchObject({
    code: 'inventory',
    message: expect.stringMatching(words),
  });
  expect((process.memoryUsage().rss - before) / 1024 ** 2).toBeLessThan(400);
});
