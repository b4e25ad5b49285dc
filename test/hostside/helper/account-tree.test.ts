import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withRightsOf } from '../../../hostside/helper/account-rights.ts';
import { hashTree, readTree, weighTree } from '../../../hostside/helper/read-tree.ts';
import { emptyTree, replaceTree } from '../../../hostside/helper/replace-tree.ts';
import { hashEntries, packState, unpackState } from '../../../hostside/protocol/state-archive.ts';
import { account, asAccount, canary, hostileHost } from './hostile-tree.ts';
import { raceReads, raceRemovals } from './race-tree.ts';

const isRoot = process.getuid?.() === 0;

describe.runIf(isRoot)('what root does with the files of an account that has fallen', () => {
  test('happens with the rights of the account, and only there', () => {
    const { other } = hostileHost();
    expect(
      withRightsOf(account, () => [
        process.geteuid?.(),
        process.getegid?.(),
        process.getgroups?.(),
      ]),
    ).toEqual([54_321, 54_321, [54_321]]);
    expect(() => withRightsOf(account, () => readFileSync(join(other, 'session')))).toThrow(
      /EACCES/,
    );
    expect(() =>
      withRightsOf(account, () => {
        throw new Error('in the act');
      }),
    ).toThrow('in the act');
    expect([process.geteuid?.(), process.getegid?.()]).toEqual([0, 0]);
  });

  test('reads nothing through links, waits for nothing, and takes no holes for content', async () => {
    const host = hostileHost();
    await asAccount(
      host,
      `import os, socket, sys
open('kept', 'w').write('own')
os.symlink(sys.argv[1], 'd'); os.symlink(sys.argv[1] + '/session', 'f'); os.symlink('/etc/shadow', 'g')
os.mkfifo('fifo'); socket.socket(socket.AF_UNIX).bind('socket')
open('holes', 'w').truncate(1 << 42)
open('twice', 'w').write('x'); os.link('twice', 'again')
open('secret', 'w').write('x'); os.chmod('secret', 0)
os.mkdir('closed'); open('closed/in', 'w').write('x'); os.chmod('closed', 0)
open(b'not-utf8-\\xff', 'w').write('x')
os.chmod('.', 0)`,
    ).ended;
    const { entries, isWhole } = readTree(host.state, []);
    expect(entries.map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'link d',
      'link f',
      'link g',
      'file kept',
    ]);
    expect(isWhole).toBe(false);
    expect(
      JSON.stringify(entries.map(({ content }) => Buffer.from(content).toString())),
    ).not.toContain(canary);
    expect(unpackState(packState(entries))).toHaveLength(4);
    expect(weighTree(host.state, []).bytes).toBeGreaterThanOrEqual(2 ** 42);
    emptyTree(host.state, ['kept']);
    expect(readdirSync(host.state)).toEqual(['kept']);
    expect(readFileSync(join(host.other, 'deep/session'), 'utf8')).toBe(canary);
  });

  test('a state beyond every limit is cut, carried as what is left, and goes away', async () => {
    const host = hostileHost();
    await asAccount(
      host,
      `import os
for i in range(25000): open('n%d' % i, 'w').close()
os.mkdir('big')
for i in range(12): open('big/%d' % i, 'wb').write(bytes(1 << 20))
for i in range(300):
    os.mkdir('d' * 200); os.chdir('d' * 200)
open('bottom', 'w').write('x')`,
    ).ended;
    const { entries, isWhole } = readTree(host.state, []);
    expect([isWhole, entries.length <= 20_000]).toEqual([false, true]);
    expect(hashTree(host.state, [])).toBe(hashEntries(unpackState(packState(entries))));
    expect(weighTree(host.state, []).files).toBeLessThanOrEqual(20_000);
    emptyTree(host.state);
    expect(readdirSync(host.state)).toEqual([]);
  });

  test('a state that is put belongs to the account, and goes through no link that lay there', () => {
    const host = hostileHost();
    mkdirSync(join(host.state, 'mark'));
    symlinkSync(host.other, join(host.state, 'deep'));
    linkSync(join(host.other, 'session'), join(host.state, 'session'));
    const file = (path: string, text: string) => ({
      path,
      kind: 'file' as const,
      mode: 0o640,
      content: Buffer.from(text),
    });
    replaceTree(
      host.state,
      ['mark'],
      [
        file('deep/session', 'own'),
        file('session', 'own'),
        { ...file('to', '/etc/shadow'), kind: 'link', mode: 0 },
      ],
    );
    expect(readFileSync(join(host.other, 'deep/session'), 'utf8')).toBe(canary);
    expect(readdirSync(host.state).sort()).toEqual(['deep', 'mark', 'session', 'to']);
    const stats = ['deep', 'deep/session', 'session', 'to'].map((path) =>
      lstatSync(join(host.state, path)),
    );
    expect(stats.map(({ uid, gid }) => [uid, gid])).toEqual(
      stats.map(() => [account.uid, account.gid]),
    );
    expect(stats[1]?.mode.toString(8)).toBe('100640');
    writeFileSync(join(host.state, 'deep/session'), 'changed');
    expect(existsSync(join(host.state, 'deep/session'))).toBe(true);
  });

  test('a worker that swaps directories, files and links all the time gets nothing of anybody else, and destroys nothing', async () => {
    expect(await raceReads(3_000)).toMatchObject({ leaks: 0 });
    expect(await raceRemovals(2_000)).toMatchObject({ lost: 0 });
  });
});
