import { lstat, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { writeReport } from '../../src/workflows/checkup/write-report.ts';

it.each(['a link to a file of the operator', 'a file that everybody may read'])(
  'what somebody has laid where the report is written, %s, is neither written to nor read by others',
  async (what) => {
    const folder = await mkdtemp(join(tmpdir(), 'fleet-report-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const [own, report] = [join(folder, 'authorized_keys'), join(folder, 'report.html')];
    await writeFile(own, 'mine');
    if (what.startsWith('a link')) await symlink(own, `${report}.part`);
    else await writeFile(`${report}.part`, 'theirs', { mode: 0o666 });
    expect(await writeReport(report, 'names of accounts')).toBe(report);
    const facts = await lstat(report);
    expect([await readFile(own, 'utf8'), facts.isFile(), facts.mode & 0o777]).toEqual([
      'mine',
      true,
      0o600,
    ]);
    expect(await readFile(report, 'utf8')).toBe('names of accounts');
  },
);
