/** `fleet cp` on a real sshd, by both transports. */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { freePort, missingSshd } from '../../remote/sshd.ts';
import { startTcpProxy, type TcpProxy } from '../../remote/tcp-proxy.ts';
import { type CopyWorld, makeCopyWorld, tree } from './copy-world.ts';

vi.setConfig({ testTimeout: 60_000 });

const names = [
  'plain',
  'with space',
  '-rf',
  'a:b',
  'Привет мир',
  `it's "quoted" $HOME \`id\` !x \\n`,
  'line\nend\n',
  '*',
  '(',
  'percent%s%b',
  `${'я'.repeat(127)}x`,
];

let world: CopyWorld;
let proxy: TcpProxy;
let here: string;
let there: string;
let turn = 0;

describe.skipIf(missingSshd !== null)('fleet cp', () => {
  beforeAll(async () => {
    const outer = await makeCopyWorld();
    proxy = await startTcpProxy(outer.sshd.port);
    const inner = await makeCopyWorld({ far: proxy.port, gone: await freePort() }, outer.sshd);
    world = {
      ...inner,
      close: async () => {
        await inner.close();
        await outer.close();
      },
    };
  });
  afterAll(async () => {
    await proxy?.close();
    await world?.close();
  });
  beforeEach(() => {
    turn += 1;
    here = join(world.here, String(turn));
    there = join(world.there, String(turn));
    for (const path of [here, there]) mkdirSync(path);
  });

  const ask = async (paths: readonly string[], how = {}) => {
    const { data, errors, isPlanOnly } = await world.cp(paths, how);
    return { data, errors, isPlanOnly, words: errors.map(({ message }) => message).join('\n') };
  };
  const refused = async (paths: readonly string[], how = {}) =>
    world.cp(paths, how).then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => error as Error & { problems: string[]; hint: string; code: string },
    );
  const leftovers = (): readonly string[] =>
    readdirSync(there, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.includes('.fleet-cp-'),
    );

  /** A folder with every kind of name, of size and of mode. */
  function makeSite(): string {
    const site = join(here, 'site');
    mkdirSync(join(site, 'sub dir', 'deep\nер'), { recursive: true });
    mkdirSync(join(site, 'empty'));
    for (const [index, name] of names.entries()) {
      writeFileSync(join(site, name), `${name}${index}`);
      writeFileSync(join(site, 'sub dir', 'deep\nер', name), Buffer.alloc(index * 30_000, index));
    }
    writeFileSync(join(site, 'nothing'), '');
    chmodSync(join(site, 'plain'), 0o755);
    chmodSync(join(site, '-rf'), 0o400);
    chmodSync(join(site, 'a:b'), 0o4711);
    for (const folder of [site, join(site, 'empty'), join(site, 'sub dir')])
      chmodSync(folder, 0o755);
    chmodSync(join(site, 'sub dir', 'deep\nер'), 0o755);
    return site;
  }
  const withoutSetuid = (found: readonly string[]): readonly string[] =>
    found.map((line) => line.replace(' f 4711 ', ' f 711 '));

  test.each(['eu-1', 'eu-2'])(
    '%s: a folder arrives whole, with its modes, and comes back the same; a second time nothing is sent',
    async (host) => {
      const site = makeSite();
      const all = withoutSetuid(tree(site));
      const first = await ask([site, `${host}:${there}/`]);
      expect(first.words).toBe('');
      expect(tree(join(there, 'site'))).toEqual(all);
      const files = 2 * names.length + 1;
      expect(first.data).toMatchObject({ done: [{ host, files, error: null }] });

      const inode = statSync(join(there, 'site', 'plain')).ino;
      writeFileSync(join(there, 'site', 'a:b'), 'other');
      chmodSync(join(there, 'site', 'with space'), 0o600);
      const second = await ask([site, `${host}:${there}/`]);
      expect(second.data).toMatchObject({ done: [{ files: 2 }], plan: { hosts: [{ files: 2 }] } });
      expect(tree(join(there, 'site'))).toEqual(all);
      expect(statSync(join(there, 'site', 'plain')).ino).toBe(inode);
      expect(await ask([site, `${host}:${there}/`])).toMatchObject({
        isPlanOnly: true,
        data: { done: null },
      });

      const back = await ask([`${host}:${there}/site`, join(here, 'back')]);
      expect([back.words, tree(join(here, 'back'))]).toEqual(['', all]);
      writeFileSync(join(here, 'back', 'plain'), 'PLAIN0');
      const again = await ask([`${host}:${there}/site`, join(here, 'back')]);
      expect(again.data).toMatchObject({ done: [{ files: 1 }] });
      expect(tree(join(here, 'back'))).toEqual(all);
    },
  );

  test('one file: its new name, into a folder, a folder that is made, on all hosts of a pattern; and back', async () => {
    const file = join(here, 'a.conf');
    writeFileSync(file, 'one\n');
    const end = await ask([file, `eu-*:${there}/b.conf`]);
    expect([end.words, end.data]).toMatchObject([
      '',
      { done: [{ host: 'eu-1' }, { host: 'eu-2' }] },
    ]);
    expect(await ask([file, `eu-1:${there}/new/`])).toMatchObject({ words: '' });
    writeFileSync(join(here, 'second'), 'two\n');
    expect(await ask([file, join(here, 'second'), `eu-2:${there}/x`])).toMatchObject({ words: '' });
    expect(tree(there).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'b.conf f 644',
      'new d 755',
      'new/a.conf f 644',
      'x d 755',
      'x/a.conf f 644',
      'x/second f 644',
    ]);
    expect(await ask([`eu-1:${there}/b.conf`, `${here}/.`])).toMatchObject({ words: '' });
    expect(readFileSync(join(here, 'b.conf'), 'utf8')).toBe('one\n');
    symlinkSync(join(there, 'b.conf'), join(there, 'named'));
    expect(await ask([`eu-2:${there}/named`, `${here}/c`])).toMatchObject({ words: '' });
    expect(readFileSync(join(here, 'c'), 'utf8')).toBe('one\n');
  });

  test('--dry-run says what goes where, and writes nothing', async () => {
    const end = await ask([makeSite(), `eu-1:${there}/www`], { dryRun: true });
    expect(end.data).toMatchObject({ done: null, plan: { hosts: [{ host: 'eu-1', folders: 4 }] } });
    expect(tree(there)).toEqual([]);
    writeFileSync(join(there, 'f'), 'x');
    await ask([`eu-1:${there}/f`, `${here}/f`], { dryRun: true });
    expect(existsSync(join(here, 'f'))).toBe(false);
  });

  test('links in a folder are named and not followed, special files are refused, both ways', async () => {
    const site = makeSite();
    writeFileSync(join(here, 'secret'), 'secret');
    symlinkSync('../secret', join(site, 'leak'));
    symlinkSync('..', join(site, 'up'));
    const end = await ask([site, `eu-1:${there}/`]);
    expect(end.data).toMatchObject({ plan: { links: [join(site, 'leak'), join(site, 'up')] } });
    expect(tree(there).join()).not.toMatch(/leak|up/);
    symlinkSync('/etc/passwd', join(there, 'site', 'leak'));
    const back = await ask([`eu-2:${there}/site`, join(here, 'back')]);
    expect(back.data).toMatchObject({ plan: { links: ['leak'] } });
    expect(existsSync(join(here, 'back', 'leak'))).toBe(false);

    execFileSync('mkfifo', [join(site, 'pipe')]);
    execFileSync('mkfifo', [join(there, 'site', 'pipe')]);
    expect(await refused([site, `eu-1:${there}/`])).toMatchObject({
      code: 'usage',
      message: `${site}/pipe is a pipe; only files and folders are copied`,
    });
    expect((await refused([`eu-1:${there}/site`, join(here, 'b2')])).message).toContain(
      'pipe is a special file',
    );
    expect(existsSync(join(here, 'b2'))).toBe(false);
  });

  test('a link in the way there is neither followed nor replaced', async () => {
    const site = makeSite();
    const outside = join(there, 'outside');
    mkdirSync(outside);
    mkdirSync(join(there, 'site'));
    symlinkSync(outside, join(there, 'site', 'sub dir'));
    symlinkSync(join(outside, 'x'), join(there, 'site', 'plain'));
    const end = await ask([site, `eu-1:${there}/`]);
    expect(end.words).toBe('eu-1: 2 things are in the way, and nothing was sent to it');
    expect(end.errors[0]?.problems).toEqual([
      `${there}/site/plain is a symbolic link there; none is followed or replaced`,
      `${there}/site/sub dir is a symbolic link there; none is followed or replaced`,
    ]);
    expect([tree(outside), readdirSync(join(there, 'site')).length]).toEqual([[], 2]);
  });

  test('nothing is written over a link or outside of the target here', async () => {
    writeFileSync(join(there, 'f'), 'x');
    writeFileSync(join(here, 'other'), 'mine');
    symlinkSync(join(here, 'other'), join(here, 'f'));
    expect((await refused([`eu-1:${there}/f`, `${here}/f`])).message).toBe(
      `${here}/f is a symbolic link; none is written over`,
    );
    mkdirSync(join(there, 'd'));
    writeFileSync(join(there, 'd', 'f'), 'x');
    mkdirSync(join(here, 'elsewhere'));
    symlinkSync(join(here, 'elsewhere'), join(here, 'd'));
    expect((await refused([`eu-1:${there}/d`, `${here}/d`])).message).toContain('symbolic link');
    expect([readFileSync(join(here, 'other'), 'utf8'), tree(join(here, 'elsewhere'))]).toEqual([
      'mine',
      [],
    ]);
    expect((await refused([`eu-1:${there}/d`, `${here}/d2`], { maxSize: '0.0001K' })).message).toBe(
      `eu-1: ${there}/d has 1 bytes, more than --max-size allows (0)`,
    );
  });

  test('all mistakes of the command line at once, and nothing is copied', async () => {
    const error = await refused([join(here, 'none'), 'eu-2:/x', `eu-1:${there.slice(1)}/../x`], {
      maxSize: 'much',
    });
    expect([error.code, error.message]).toEqual(['usage', 'nothing was copied: 4 mistakes']);
    expect(error.problems.join('\n')).toMatch(
      /begins with \/[\s\S]*both ends are on hosts[\s\S]*--max-size must be[\s\S]*no such file/,
    );
    for (const [words, message] of [
      [
        ['x', 'us-1:/x'],
        'us-1:/x: no host matches "us-1"; a file with a colon in its name is ./us-1:/x',
      ],
      [['eu-*:/x', here], 'eu-*:/x: "eu-*" means 2 hosts; a file is fetched from one'],
      [['eu-1:/x'], 'the target is missing'],
      [['eu-1:/x', 'eu-1:/y', here], 'only one file or folder of one host'],
      [['a', 'b'], 'b: neither the target nor a source is on a host (HOST:/PATH)'],
      [['eu-1:x', here], 'eu-1:x: the path on a host begins with / (got "x")'],
      [['eu-1:/', here], 'eu-1:/: name a file or a folder below /'],
    ] as const)
      expect((await refused(words)).message).toContain(message);
  });

  test('what a host refuses is said with the place, its own words and what next', async () => {
    const file = join(here, 'f');
    writeFileSync(file, 'x');
    mkdirSync(join(there, 'folder'));
    for (const [words, message] of [
      [
        [file, `eu-1:${there}/none/f`],
        /^eu-1: .*\/none was not read: ls: .*No such file or directory$/,
      ],
      [[file, `eu-1:${there}/folder`], /^eu-1: .*\/folder is a folder there; to copy into it, end/],
      [[file, 'eu-1:/sys/f'], /^eu-1: \/sys\/f was not written: .*(Permission denied|Read-only)/],
    ] as const)
      expect((await ask(words)).words).toMatch(message);
    for (const [words, message] of [
      [
        [`eu-1:${there}/none`, here],
        /^eu-1: .*\/none was not read: ls: .*No such file or directory$/,
      ],
      [['eu-1:/dev/null', `${here}/n`], /only files and folders are copied|it is a special file/],
      [[`eu-1:${file}`, here], /is a folder; to copy into it, end the target with \/$/],
      [[`eu-1:${file}`, `${here}/none/f`], /none: no such file or directory$/],
    ] as const)
      expect((await refused(words)).message).toMatch(message);
  });

  test.skipIf(process.getuid?.() !== 0)(
    'a full disk leaves the former file whole, and no rest',
    async () => {
      const small = join(there, 'small');
      mkdirSync(small);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]);
      try {
        writeFileSync(join(small, 'big'), 'former');
        writeFileSync(join(here, 'big'), Buffer.alloc(3_000_000, 7));
        const end = await ask([join(here, 'big'), `eu-*:${small}/`]);
        expect(end.errors.map(({ code, host }) => [code, host])).toEqual([
          ['host-space', 'eu-1'],
          ['host-space', 'eu-2'],
        ]);
        expect(end.errors[0]?.message).toContain('No space left on device');
        expect([readdirSync(small), readFileSync(join(small, 'big'), 'utf8')]).toEqual([
          ['big'],
          'former',
        ]);
      } finally {
        execFileSync('umount', ['-l', small]);
      }
    },
  );

  test('a link that is cut leaves the former file whole and no rest; the next run sends what is missing', async () => {
    const site = join(here, 'site');
    mkdirSync(site);
    writeFileSync(join(site, 'a'), 'first');
    writeFileSync(join(site, 'b'), Buffer.alloc(40_000_000, 3));
    mkdirSync(join(there, 'site'));
    writeFileSync(join(there, 'site', 'b'), 'former');
    const running = ask([site, `far:${there}/`]);
    // The small one is whole, the large one is on its way.
    const isUnderWay = () => existsSync(join(there, 'site', 'a')) && leftovers().length > 0;
    for (let tries = 0; !isUnderWay() && tries < 10_000; tries += 1) await sleep(2);
    proxy.reset();
    const end = await running;
    expect(end.errors.map(({ code }) => code)).toEqual(['ssh-lost']);
    for (let tries = 0; leftovers().length > 0 && tries < 500; tries += 1) await sleep(20);
    expect(leftovers()).toEqual([]);
    expect(readFileSync(join(there, 'site', 'b'), 'utf8')).toBe('former');
    const next = await ask([site, `far:${there}/`]);
    expect(next.data).toMatchObject({ done: [{ files: 1, error: null }] });
    expect(tree(join(there, 'site'))).toEqual(tree(site));
  });

  test.each(['eu-1', 'eu-2'])('%s: Ctrl-C ends it, and leaves no rest', async (host) => {
    writeFileSync(join(here, 'b'), Buffer.alloc(40_000_000, 3));
    const stop = new AbortController();
    const running = world.cp([join(here, 'b'), `${host}:${there}/`], { signal: stop.signal });
    for (let tries = 0; leftovers().length === 0 && tries < 2_000; tries += 1) await sleep(2);
    stop.abort();
    const { errors } = await running;
    expect(errors.map(({ code }) => code)).toEqual(['interrupted']);
    for (let tries = 0; leftovers().length > 0 && tries < 500; tries += 1) await sleep(20);
    expect(readdirSync(there)).toEqual([]);
  });

  test('a log that grows while it is fetched arrives as long as it was at first', async () => {
    const log = join(there, 'log');
    writeFileSync(log, 'x'.repeat(3_000_000));
    const growing = setInterval(() => appendFileSync(log, 'and more\n'), 1);
    try {
      const got = await ask([`eu-1:${log}`, join(here, 'log')]);
      expect(got.words).toBe('');
    } finally {
      clearInterval(growing);
    }
    const [whole, ours] = [readFileSync(log), readFileSync(join(here, 'log'))];
    expect(whole.length).toBeGreaterThan(ours.length);
    expect(whole.subarray(0, ours.length).equals(ours)).toBe(true);
  });

  test('a host that does not answer is named, and the others get theirs', async () => {
    writeFileSync(join(here, 'f'), 'x');
    const end = await ask([join(here, 'f'), `gone,eu-1:${there}/f`]);
    expect(end.errors.map(({ host }) => host)).toEqual(['gone']);
    expect(end.data).toMatchObject({ done: [{ host: 'eu-1', error: null }] });
  });
});
