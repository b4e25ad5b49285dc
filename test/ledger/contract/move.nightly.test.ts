import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { cuttingProxy } from './cutting-proxy.ts';
import { access, cutEach, small } from './moving.ts';
import { startCluster } from './postgres-cluster.ts';

const every = (all: number): number[] => Array.from({ length: all }, (_, index) => index + 1);

it.each(['new', 'old'] as const)(
  'a ledger moves whole or stays, wherever the link to its %s place is cut',
  async (side) => {
    const folder = mkdtempSync(join(tmpdir(), 'fleet-cuts-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const cluster = await startCluster();
    const direct = access(await cluster.database('main'));
    const proxy = await cuttingProxy(direct.place);
    let count = 0;
    try {
      const ends = await cutEach({ cluster, proxy, direct, chosen: every }, async () => {
        count += 1;
        const file = join(folder, `${count}.db`);
        await small(side === 'new' ? file : direct);
        const there = access(proxy.place);
        return side === 'new'
          ? { from: file, to: there, real: [file, direct] }
          : { from: there, to: file, real: [direct, file] };
      });
      expect([...ends].sort()).toEqual(
        side === 'new' ? ['after', 'before', 'between'] : ['before', 'between'],
      );
    } finally {
      await proxy.close();
      await cluster.stop();
    }
  },
  1_800_000,
);
