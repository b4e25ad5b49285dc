/** Two programs write to one ledger file at the same time, as `fleet serve` and its acts do. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { ensureHosts, listHosts } from '../../src/ledger/queries/hosts.ts';

/** Writes one host as soon as it may. */
const other = `
const Database = require('better-sqlite3');
const database = new Database(process.argv[1], { timeout: 60000 });
process.stdout.write('ready');
database.exec("insert into hosts (name, cordoned, failures) values ('other', 0, 0)");
`;

test('a transaction that reads before it writes is not lost to another writer; the other waits', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-ledger-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'fleet.db');
  const ledger = await openLedger(path);
  onTestFinished(() => ledger.close());
  const child = spawn(process.execPath, ['-e', other, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill());
  const ended = once(child, 'exit');
  await ledger.db.transaction().execute(async (db) => {
    expect(await listHosts(db)).toEqual([]);
    await once(child.stdout, 'data');
    // Long enough for the other to write, if it could; what is proven does not depend on it.
    await sleep(300);
    await ensureHosts(db, ['own']);
  });
  expect(await ended).toEqual([0, null]);
  expect((await listHosts(ledger.db)).map(({ name }) => name).toSorted()).toEqual(['other', 'own']);
});
