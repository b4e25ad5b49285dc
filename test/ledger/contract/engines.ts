import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { type Ledger, openLedger, type PostgresAccess } from '../../../src/ledger/ledger.ts';
import type { migrations } from '../../../src/ledger/migrations/all.ts';
import type { SerialCopy } from '../../../src/ledger/serial-copy.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

/** How the contract makes ledgers of one engine. */
export interface TestEngine {
  readonly name: 'sqlite' | 'postgres';
  /** A new, empty ledger. */
  open(steps?: typeof migrations, serialCopy?: SerialCopy): Promise<Ledger>;
  /** Another program's connection to the same ledger. */
  again(ledger: Ledger, steps?: typeof migrations, serialCopy?: SerialCopy): Promise<Ledger>;
}

/**
 * Both engines for one test file: a folder for files, and a PostgreSQL of its own that lives as
 * long as the file's tests.
 */
export function testEngines(): readonly TestEngine[] {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-contract-'));
  const state: { cluster: Cluster | null; count: number } = { cluster: null, count: 0 };
  beforeAll(async () => {
    state.cluster = await startCluster();
  }, 120_000);
  afterAll(async () => {
    await state.cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);
  const accessOf = (database: string): PostgresAccess => ({
    place: {
      ...{ kind: 'postgres', host: state.cluster?.folder ?? '', port: 5432, user: 'fleet' },
      ...{ database, password: null, caPath: null, isPlain: true },
    },
    readPassword: async () => null,
  });
  return [
    {
      name: 'sqlite',
      open: (...options) => {
        state.count += 1;
        return openLedger(join(folder, `ledger-${state.count}.db`), ...options);
      },
      again: ({ place }, ...options) => openLedger(place, ...options),
    },
    {
      name: 'postgres',
      open: async (...options) => {
        state.count += 1;
        const name = `ledger${state.count}`;
        await state.cluster?.database(name);
        return openLedger(accessOf(name), ...options);
      },
      again: ({ place }, ...options) =>
        openLedger(accessOf(/@\/(\w+)\?/.exec(place)?.[1] ?? ''), ...options),
    },
  ];
}
