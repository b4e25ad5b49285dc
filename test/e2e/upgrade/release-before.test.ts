import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { releaseBeforeCommit, unpackReleaseBefore } from './release-before.ts';

/** A clone without history has nothing to compare with. */
const hasCommit =
  spawnSync('git', ['cat-file', '-e', `${releaseBeforeCommit}^{commit}`]).status === 0;
const added = ['package-lock.json', 'node_modules'];

it.runIf(hasCommit)(
  'the archive of the release before is what that commit has',
  { timeout: 60_000 },
  async () => {
    const listed = execFileSync('git', ['ls-tree', '-r', releaseBeforeCommit], {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
    });
    const blobs = new Map(
      listed.split('\n').map((line) => [line.split('\t')[1], line.split(/\s+/)[2]]),
    );
    const release = await unpackReleaseBefore();
    try {
      const files = (await readdir(release.directory, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(release.directory.length + 1))
        .filter((path) => !added.includes(path.split('/')[0] ?? ''));
      expect(files.length).toBeGreaterThan(350);
      const changed: string[] = [];
      for (const path of files) {
        const content = await readFile(join(release.directory, path));
        const hash = createHash('sha1')
          .update(`blob ${content.length}\0`)
          .update(content)
          .digest('hex');
        if (blobs.get(path) !== hash) changed.push(path);
      }
      expect(changed).toEqual([]);
    } finally {
      await release.remove();
    }
  },
);
