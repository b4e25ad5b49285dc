/** `fleet cp` where it takes longer: foreign login shells, many files, a large one. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { missingSshd, startSshd } from '../../remote/sshd.ts';
import { makeCopyWorld, tree } from './copy-world.ts';

vi.setConfig({ testTimeout: 300_000 });

test.skipIf(missingSshd !== null).each(['tcsh', 'fish', 'zsh'])(
  'the login shell is %s',
  async (shell) => {
    expect(existsSync(`/usr/bin/${shell}`)).toBe(true);
    // The login shell runs what it is given: sshd's ForceCommand stands in for it.
    const sshd = await startSshd([
      `ForceCommand exec /usr/bin/${shell} -c "$SSH_ORIGINAL_COMMAND"`,
    ]);
    const world = await makeCopyWorld({}, sshd);
    try {
      const site = join(world.here, 'site');
      mkdirSync(join(site, 'line\nend', `it's !x \\n $HOME`), { recursive: true });
      writeFileSync(join(site, 'line\nend', `it's !x \\n $HOME`, '"a": !b'), 'x');
      const end = await world.cp([site, `eu-*:${world.there}/`]);
      expect([end.errors, tree(world.there)]).toEqual([[], tree(world.here)]);
      const back = await world.cp([`eu-1:${world.there}/site`, `${world.folder}/back`]);
      expect([back.errors, tree(join(world.folder, 'back'))]).toEqual([[], tree(site)]);
    } finally {
      await world.close();
      await sshd.stop();
    }
  },
);

test.skipIf(missingSshd !== null)(
  '3,000 files and 600 MB arrive, and memory does not grow with them',
  async () => {
    const world = await makeCopyWorld();
    try {
      const site = join(world.here, 'site');
      mkdirSync(site);
      for (let index = 0; index < 3_000; index += 1)
        writeFileSync(join(site, `file ${index}`), `${index}`);
      for (let part = 0; part < 300; part += 1)
        writeFileSync(join(site, 'large'), Buffer.alloc(2_000_000, part % 251), { flag: 'a' });
      const before = process.memoryUsage().rss;
      let most = before;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss);
      }, 50);
      try {
        const end = await world.cp([site, `eu-1:${world.there}/`]);
        expect(end.errors).toEqual([]);
        const back = await world.cp([`eu-2:${world.there}/site`, join(world.folder, 'back')]);
        expect(back.errors).toEqual([]);
      } finally {
        clearInterval(watch);
      }
      expect(tree(join(world.folder, 'back'))).toEqual(tree(site));
      expect((most - before) / 1e6).toBeLessThan(200);
    } finally {
      await world.close();
    }
  },
);
