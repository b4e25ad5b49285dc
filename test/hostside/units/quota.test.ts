/**
 * Whom bin/fleet-quota ends for what it has on the disk, in a folder that stands in for a host,
 * with real processes.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

/** A host with accounts `anna` and `ben`. */
class Host {
  readonly root = mkdtempSync(join(tmpdir(), 'fleet-quota-'));
  readonly #children: ChildProcess[] = [];

  /** `diskMb`: on a disk of its own, in memory. */
  constructor(diskMb?: number) {
    if (diskMb !== undefined)
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMb}m`, 'fleet-quota', this.root]);
    onTestFinished(() => {
      for (const child of this.#children) child.kill('SIGKILL');
      if (diskMb !== undefined) execFileSync('umount', ['--lazy', this.root]);
      rmSync(this.root, { recursive: true, force: true });
    });
    for (const place of ['run/fleet-boot', 'var/lib/fleet/init', 'tmp', 'var/tmp', 'proc/1'])
      this.#folder(place);
    writeFileSync(join(this.root, 'proc/1/stat'), `1 (systemd) S ${'0 '.repeat(20)}\n`);
  }

  #folder(...names: string[]): string {
    const path = join(this.root, ...names);
    mkdirSync(path, { recursive: true });
    return path;
  }

  /** A process of the account, and so many files. */
  run(name: string, files: number): void {
    const keyId = Host.keyOf(name);
    const child = spawn('sleep', ['1000'], { stdio: 'ignore' });
    this.#children.push(child);
    this.#belongsTo(name, child);
    const state = this.#folder('var/lib/private/fleet-accounts', keyId);
    for (let index = 0; index < files; index += 1) writeFileSync(join(state, `f${index}`), '');
  }

  #belongsTo(name: string, { pid }: ChildProcess): void {
    const group = this.#folder(
      'sys/fs/cgroup/system.slice/system-fleet\\x2daccount.slice',
      `fleet-account@${Host.keyOf(name)}.service`,
    );
    writeFileSync(join(group, 'cgroup.procs'), `${pid}\n`);
  }

  /** Its process is one that holds so many sockets, and says so once it does. */
  async hold(name: string, sockets: number): Promise<void> {
    const program = `const u=require('node:dgram');let left=${sockets};const s=[];
      for(let i=0;i<${sockets};i++)s.push(u.createSocket('udp4').bind(0,'127.0.0.1',()=>--left||console.log('held')))`;
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#children.push(child);
    await once(child.stdout, 'data');
    this.#belongsTo(name, child);
  }

  /** What the kernel says of all programs. */
  sockets(open: number): void {
    writeFileSync(
      join(this.#folder('proc/1/net'), 'sockstat'),
      `sockets: used ${open}\nTCP: inuse 1\n`,
    );
  }

  limit(name: string, files: number | null): void {
    const folder = this.#folder(
      'etc/systemd/system',
      `fleet-account@${Host.keyOf(name)}.service.d`,
    );
    writeFileSync(
      join(folder, 'limits.conf'),
      `[Service]\nEnvironment=FLEET_ACCOUNT=${name}` +
        `\n${files === null ? '' : `[X-Fleet]\nDiskMax=1000000000\nFilesMax=${files}\n`}`,
    );
  }

  /** One look, until it is over. */
  async look(): Promise<void> {
    const env = { ...process.env, FLEET_ROOT: this.root, FLEET_RESERVE_KB: '64' };
    const watch = spawn('bash', ['templates/bin/fleet-quota'], { env, stdio: 'ignore' });
    this.#children.push(watch);
    const looked = join(this.root, 'var/lib/fleet/init/reserve');
    rmSync(looked, { force: true });
    // The reserve is made after the first look.
    await expect.poll(() => existsSync(looked), { timeout: 60_000 }).toBe(true);
    watch.kill('SIGKILL');
    await new Promise((resolve) => watch.once('exit', resolve));
  }

  /** All the time, with so much kept. The first look is over, and the reserve is there. */
  async watch(reserveKb: number): Promise<void> {
    const env = {
      ...process.env,
      FLEET_ROOT: this.root,
      FLEET_RESERVE_KB: String(reserveKb),
      FLEET_MOST_SOCKETS: '400',
    };
    this.#children.push(spawn('bash', ['templates/bin/fleet-quota'], { env, stdio: 'ignore' }));
    await this.hasReserve(true);
  }

  hasReserve = (is: boolean): Promise<void> =>
    expect
      .poll(() => existsSync(join(this.root, 'var/lib/fleet/init/reserve')), { timeout: 60_000 })
      .toBe(is);

  freeKb(): number {
    const { bavail, bsize } = statfsSync(this.root);
    return Math.floor((bavail * bsize) / 1024);
  }

  /** More of a file in its state; `others`: of something else on this host. */
  write(name: string, kb: number): void {
    const folder =
      name === 'others'
        ? this.#folder('var/log')
        : this.#folder('var/lib/private/fleet-accounts', Host.keyOf(name));
    appendFileSync(join(folder, 'grows'), Buffer.alloc(kb * 1024));
  }

  /** The operator's start, with a new process. */
  startAgain(name: string): void {
    this.run(name, 0);
    rmSync(join(this.root, 'run/fleet-boot/full', Host.keyOf(name)));
  }

  ended = (name: string): string => this.#words('full', name);
  over = (name: string): string => this.#words('over', name);

  #words(folder: string, name: string): string {
    const path = join(this.root, 'run/fleet-boot', folder, Host.keyOf(name));
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  }

  static readonly keyOf = (name: string): string =>
    Buffer.from(name).toString('hex').padStart(32, '0');
}

it('what an account had before its limit came it keeps, and a sixteenth more; a new one has the limit at once', async () => {
  const host = new Host();
  // Of a release without limits.
  host.run('anna', 1_500);
  host.limit('anna', null);
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual(['', '']);
  host.limit('anna', 1_000);
  host.run('ben', 1_500);
  host.limit('ben', 1_000);
  await host.look();
  expect(host.over('anna')).toMatch(
    /^anna has had 150\d files where it may have 1000 \(limits.files_max\) since before that limit came/,
  );
  expect(host.ended('anna')).toBe('');
  expect(host.ended('ben')).toBe('it has more than 1000 files (limits.files_max)');
  // A boot: what lies in /run is gone.
  rmSync(join(host.root, 'run/fleet-boot/over'), { recursive: true });
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual([
    '',
    expect.stringContaining('anna has had'),
  ]);
  host.run('anna', 1_800);
  await host.look();
  expect(host.ended('anna')).toBe('it has more than 1000 files (limits.files_max)');
  // A limit that is higher, and still too low for it.
  rmSync(join(host.root, 'run/fleet-boot/full'), { recursive: true });
  host.limit('ben', 1_200);
  await host.look();
  expect(host.ended('ben')).toBe('it has more than 1200 files (limits.files_max)');
});

it('whoever has come back within its limit has no more than that', async () => {
  const host = new Host();
  host.run('anna', 1_500);
  host.limit('anna', 1_000);
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual([
    '',
    expect.stringContaining('anna has had'),
  ]);
  rmSync(join(host.root, 'var/lib/private/fleet-accounts', Host.keyOf('anna')), {
    recursive: true,
  });
  host.run('anna', 10);
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual(['', '']);
  host.run('anna', 1_200);
  await host.look();
  expect(host.ended('anna')).not.toBe('');
});

it('one that holds more sockets than it may is ended, once there are that many; one with a tenth of them is not', async () => {
  const host = new Host();
  for (const name of ['anna', 'ben']) {
    host.run(name, 1);
    host.limit(name, 1_000);
  }
  await host.hold('anna', 420);
  await host.hold('ben', 40);
  host.sockets(399);
  await host.watch(64);
  expect(host.ended('anna')).toBe('');
  host.sockets(470);
  await expect
    .poll(() => host.ended('anna'), { timeout: 60_000 })
    .toBe('it holds more than 400 sockets, and others need the ports');
  expect(host.ended('ben')).toBe('');
});

/** A disk of its own takes root's rights. */
describe.skipIf(process.getuid?.() !== 0)('a disk that is full', () => {
  const reserveKb = 1_024;
  const start = async (): Promise<Host> => {
    const host = new Host(16);
    for (const name of ['anna', 'ben']) {
      host.run(name, 1);
      host.limit(name, 1_000);
    }
    await host.watch(reserveKb);
    return host;
  };
  const isFull = /^the disk of this host is full, and /;

  it('because of others: who then takes of the room that was kept is ended, at once or bit by bit, and nobody else', async () => {
    const host = await start();
    host.write('anna', 64);
    host.write('ben', 64);
    host.write('others', host.freeKb() - 500);
    await host.hasReserve(false);
    expect([host.ended('anna'), host.ended('ben')]).toEqual(['', '']);
    // A twentieth of what others have taken, in pieces of less than a look would be made for.
    for (let piece = 0; piece < 8; piece += 1) {
      host.write('anna', 100);
      if (piece % 4 === 0) host.write('ben', 20);
      await sleep(300);
    }
    await expect.poll(() => host.ended('anna'), { timeout: 30_000 }).toMatch(isFull);
    // The operator's start, while it still is full: with what it has, and no more.
    host.startAgain('anna');
    host.write('others', 16);
    await sleep(5_000);
    expect([host.ended('anna'), host.ended('ben')]).toEqual(['', '']);
    host.write('anna', 160);
    await expect.poll(() => host.ended('anna'), { timeout: 30_000 }).toMatch(isFull);
    expect(host.ended('ben')).toBe('');
  });

  it('because of an account: it is ended, although others have taken as much meanwhile', async () => {
    const host = await start();
    const half = Math.floor((host.freeKb() - 500) / 2);
    host.write('others', half);
    host.write('anna', half);
    await expect
      .poll(() => host.ended('anna'), { timeout: 30_000 })
      .toMatch(/^the disk of this host is full, and it has just written \d+ MiB of that$/);
    expect(host.ended('ben')).toBe('');
  });
});
