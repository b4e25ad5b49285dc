/** Whom bin/fleet-quota ends for what it has on the disk, in a folder that stands in for a host, with real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';

vi.setConfig({ testTimeout: 120_000 });

/** A host with accounts `anna` and `ben`. */
class Host {
  readonly root = mkdtempSync(join(tmpdir(), 'fleet-quota-'));
  readonly #children: ChildProcess[] = [];

  constructor() {
    onTestFinished(() => {
      for (const child of this.#children) child.kill('SIGKILL');
      rmSync(this.root, { recursive: true, force: true });
    });
    for (const place of ['run/fleet-boot', 'var/lib/fleet/init', 'tmp', 'var/tmp', 'proc/1']) this.#folder(place);
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
    const group = this.#folder('sys/fs/cgroup/system.slice/system-fleet\\x2daccount.slice', `fleet-account@${keyId}.service`);
    writeFileSync(join(group, 'cgroup.procs'), `${child.pid}\n`);
    const state = this.#folder('var/lib/private/fleet-accounts', keyId);
    for (let index = 0; index < files; index += 1) writeFileSync(join(state, `f${index}`), '');
  }

  limit(name: string, files: number | null): void {
    const folder = this.#folder('etc/systemd/system', `fleet-account@${Host.keyOf(name)}.service.d`);
    writeFileSync(
      join(folder, 'limits.conf'),
      `[Service]\nEnvironment=FLEET_ACCOUNT=${name}\n${files === null ? '' : `[X-Fleet]\nDiskMax=1000000000\nFilesMax=${files}\n`}`,
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

  ended = (name: string): string => this.#words('full', name);
  over = (name: string): string => this.#words('over', name);

  #words(folder: string, name: string): string {
    const path = join(this.root, 'run/fleet-boot', folder, Host.keyOf(name));
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  }

  static readonly keyOf = (name: string): string => Buffer.from(name).toString('hex').padStart(32, '0');
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
  expect(host.over('anna')).toMatch(/^anna has had 150\d files where it may have 1000 \(limits.files_max\) since before that limit came/);
  expect(host.ended('anna')).toBe('');
  expect(host.ended('ben')).toBe('it has more than 1000 files (limits.files_max)');
  // A boot: what lies in /run is gone.
  rmSync(join(host.root, 'run/fleet-boot/over'), { recursive: true });
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual(['', expect.stringContaining('anna has had')]);
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
  expect([host.ended('anna'), host.over('anna')]).toEqual(['', expect.stringContaining('anna has had')]);
  rmSync(join(host.root, 'var/lib/private/fleet-accounts', Host.keyOf('anna')), { recursive: true });
  host.run('anna', 10);
  await host.look();
  expect([host.ended('anna'), host.over('anna')]).toEqual(['', '']);
  host.run('anna', 1_200);
  await host.look();
  expect(host.ended('anna')).not.toBe('');
});
