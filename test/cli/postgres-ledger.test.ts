import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { startCluster } from '../ledger/contract/postgres-cluster.ts';
import { makeFolder } from './fleet-command.ts';

// It starts programs, and the machine may have other work.
vi.setConfig({ testTimeout: 180_000 });

const session = (): string => {
  const head = [Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80])];
  return `1${Buffer.concat([...head, randomBytes(256)]).toString('base64')}`;
};

test('a fleet with its ledger in PostgreSQL imports, looks, backs up, restores, and makes no file', async () => {
  const cluster = await startCluster();
  try {
    const { path, fleet } = await makeFolder();
    const must = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await fleet(args);
      expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({
        ...{ args, code: 0, stderr: '' },
      });
      return stdout;
    };
    await cluster.database('main');
    const file = join(path, 'inventory.yaml');
    const yaml = await readFile(file, 'utf8');
    const at = (database: string): Promise<void> =>
      writeFile(
        file,
        `${yaml.trimEnd()}\nledger: postgres://fleet@/${database}?host=${cluster.folder}\n`,
      );
    await at('main');
    await must('vault', 'create-key');
    await writeFile(join(path, 'anna.txt'), session());
    await must('accounts', 'import', 'anna.txt', '--yes');
    expect(await must('accounts', 'list')).toMatch(/anna.*stored/);
    expect(await must('backup')).toMatch(/1 accounts?, 1 sessions?, run 0\).*sound/);
    const [name = ''] = await readdir(join(path, 'backups'));
    await must('hosts', 'cordon', 'web-1', '--yes');
    expect(await must('restore', join('backups', name), '--dry-run')).toMatch(
      /The ledger that is in use stays as fleet_before_restore_\d{8}t\d{6}z/,
    );
    await must('restore', join('backups', name), '--yes');
    expect(await must('accounts', 'list')).toMatch(/anna.*stored/);
    expect(await must('hosts', 'list', '--json')).not.toContain('cordoned');
    const old = await fleet(['accounts', 'remove', 'anna', '--yes']);
    expect([old.code, old.stderr]).toEqual([3, expect.stringMatching(/old copy and read-only/)]);
    expect(await must('config', 'show')).toMatch(/^ledger +postgres:\/\/fleet@\/main\?host=/m);
    await at('absent');
    const absent = await fleet(['status']);
    expect([absent.code, absent.stderr]).toEqual([
      3,
      expect.stringMatching(/the server refuses \(database "absent" does not exist\)/),
    ]);
    expect((await readdir(path)).filter((each) => each.endsWith('.db'))).toEqual([]);
  } finally {
    await cluster.stop();
  }
});
