import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { helperCommand } from '../../src/facts/ask-host.ts';

/** The shipped command with another root. */
const exitBelow = (root: string): number | null =>
  spawnSync('sh', ['-c', helperCommand.replaceAll(/(^|[ ])\/(opt|var|sys)\//g, `$1${root}/$2/`)])
    .status;

it.each([['sys/fs/cgroup'], ['sys/fs/cgroup/systemd'], ['sys/fs/cgroup/unified']])(
  'a host whose folders were removed under living workers was not "never used": %s',
  (tree) => {
    const root = mkdtempSync(join(tmpdir(), 'fleet-host-'));
    expect(exitBelow(root)).toBe(121);
    const group = join(
      root,
      tree,
      'system.slice',
      'system-fleet\\x2daccount.slice',
      `fleet-account@${'a'.repeat(32)}.service`,
    );
    mkdirSync(group, { recursive: true });
    writeFileSync(join(group, 'cgroup.procs'), '');
    expect(exitBelow(root)).toBe(121);
    writeFileSync(join(group, 'cgroup.procs'), '4711\n');
    expect(exitBelow(root)).toBe(120);
  },
);

it('a host that has claims and no helper is not ready', () => {
  const root = mkdtempSync(join(tmpdir(), 'fleet-host-'));
  mkdirSync(join(root, 'var/lib/fleet/claims'), { recursive: true });
  expect(exitBelow(root)).toBe(120);
});
