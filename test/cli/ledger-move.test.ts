import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { ledgerPlaceText } from '../../src/model/ledger-place.ts';
import { cuttingProxy } from '../ledger/contract/cutting-proxy.ts';
import { startCluster } from '../ledger/contract/postgres-cluster.ts';
import { makeFolder, program } from './fleet-command.ts';

// It starts programs, and the machine may have other work.
vi.setConfig({ testTimeout: 180_000 });

const session = (): string => {
  const head = [Buffer.from([2, 0, 13]), Buffer.from('149.154.167.5'), Buffer.from([0, 80])];
  return `1${Buffer.concat([...head, randomBytes(256)]).toString('base64')}`;
};

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('close', resolve));

test('fleet ledger move: plan, move, what the old inventory is told, SIGKILL, and back', async () => {
  const cluster = await startCluster();
  const proxy = await cuttingProxy(await cluster.database('main'));
  try {
    const { path, fleet } = await makeFolder();
    const must = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await fleet(args);
      expect({ args, code, stderr: code === 0 ? '' : stderr }).toEqual({
        ...{ args, code: 0, stderr: '' },
      });
      return stdout;
    };
    const file = join(path, 'inventory.yaml');
    const yaml = (await readFile(file, 'utf8')).trimEnd();
    const named = (line: string): Promise<void> => writeFile(file, `${yaml}\n${line}\n`);
    const to = ledgerPlaceText(proxy.place);
    const nothing = await fleet(['ledger', 'move', '--to', to]);
    expect([nothing.code, nothing.stderr]).toEqual([
      2,
      expect.stringContaining('nothing is recorded'),
    ]);
    await must('vault', 'create-key');
    await writeFile(join(path, 'anna.txt'), session());
    await must('accounts', 'import', 'anna.txt', '--yes');

    const wrong = await fleet(['ledger', 'move', '--to', 'postgres://fleet:secret@/main']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/without a password/)]);
    expect(await must('ledger', 'move', '--to', to, '--dry-run')).toMatch(
      /DIR\/fleet\.db {2}-> {2}postgres:.*\nAll of it moves: 0 hosts, 1 account, 1 entry of the history, last run 0/s,
    );
    expect(await must('accounts', 'list')).toContain('anna');
    const unasked = await fleet(['ledger', 'move', '--to', to]);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('--yes')]);

    // Killed at some point, again and again: the ledger is in one place, and the command goes on.
    for (const at of [40, 200]) {
      proxy.plan(null);
      const args = ['ledger', 'move', '--to', to, '--yes'];
      const env = { ...process.env, HOME: path, FLEET_INVENTORY: file };
      const child = spawn(program, args, { cwd: path, env, detached: true, stdio: 'ignore' });
      const end = ended(child);
      while (proxy.statements() < at && child.exitCode === null) await sleep(1);
      if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL');
      await end;
      const list = await fleet(['accounts', 'list']);
      if (list.code === 0) expect(list.stdout).toContain('anna');
      else expect([list.code, list.stderr]).toEqual([3, expect.stringContaining(to)]);
    }
    // Two at once: one moves it, and none of them twice.
    const both = await Promise.all(
      [1, 2].map(() => fleet(['ledger', 'move', '--to', to, '--yes'])),
    );
    for (const { code, stdout, stderr } of both)
      expect(`${code} ${stdout}${stderr}`).toMatch(
        /^(0 (Moved: |The ledger was moved).*ledger: postgres:|[34] .*(at work|was moved|is writing|came to be))/s,
      );
    const again = JSON.parse(await must('ledger', 'move', '--to', to, '--json'));
    expect(again).toMatchObject({
      act: 'none',
      isChanged: false,
      to,
      inventory: { ledger: to },
    });

    // A second operator with the old line.
    for (const args of [['accounts', 'list'], ['status'], ['hosts', 'cordon', 'web-1', '--yes']]) {
      const old = await fleet(args);
      expect([old.code, old.stderr]).toEqual([3, expect.stringContaining(`was moved to ${to}`)]);
      expect(old.stderr.replaceAll(/\s+/g, ' ')).toContain(
        `write ledger: ${to} into the inventory`,
      );
    }
    await named(`ledger: ${to}`);
    expect(await must('accounts', 'list')).toMatch(/anna.*stored/);
    expect(await must('backup')).toMatch(/1 accounts?, 1 sessions?/);

    const back = JSON.parse(await must('ledger', 'move', '--to', 'fleet.db', '--yes', '--json'));
    expect(back).toMatchObject({
      ...{ act: 'move', isChanged: true, from: to, inventory: { ledger: 'fleet.db' } },
      ...{ authorityId: again.authorityId, rows: { accounts: 1 } },
      aside: expect.stringMatching(/fleet\.db\.before-move-/),
    });
    expect((await fleet(['accounts', 'list'])).code).toBe(3);
    await named('ledger: fleet.db');
    expect(await must('accounts', 'list')).toMatch(/anna.*stored/);
  } finally {
    await proxy.close();
    await cluster.stop();
  }
});
