import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity } from 'age-encryption';
import { describe, expect, test } from 'vitest';
import type { AccountName } from '../../src/model/names.ts';
import { openStateStore, type StateRecord, type StateStore } from '../../src/vault/state-store.ts';

const anna = 'anna' as AccountName;
const record = (fields: Partial<StateRecord> = {}): StateRecord => ({
  ...{
    account: anna,
    keyId: '0'.repeat(32),
    moveId: 'm1',
    epoch: 3,
    stateHash: 'a'.repeat(64),
    takenAtMs: 1_700_000_000_000,
    settleMs: 1_000,
  },
  archive: Buffer.from('STATE-CANARY '.repeat(1000)),
  ...fields,
});

async function newStore(): Promise<{
  store: StateStore;
  directory: string;
  again: () => Promise<StateStore>;
}> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-states-'));
  const identity = await generateX25519Identity();
  const again = async (): Promise<StateStore> =>
    openStateStore({ directory, readIdentity: async () => generateX25519Identity() });
  return {
    store: openStateStore({ directory, readIdentity: async () => identity }),
    directory,
    again,
  };
}

describe('states beside the vault', () => {
  test('what is kept comes back; a newer state takes the place of the older', async () => {
    const { store, directory } = await newStore();
    expect(await store.get(anna)).toBeNull();
    await store.put(record());
    const kept = await store.get(anna);
    expect({ ...kept, archive: Buffer.from(kept?.archive ?? []).toString() }).toEqual({
      ...record(),
      archive: record().archive.toString(),
    });
    await store.put(record({ moveId: 'm2', archive: new Uint8Array() }));
    expect(await store.get(anna)).toMatchObject({ moveId: 'm2' });
    expect(await readdir(join(directory, 'states'))).toEqual(['anna.age']);
    expect(await store.freeBytes()).toBeGreaterThan(0);
  });

  test('is readable by its owner only, and by nobody without the key', async () => {
    const { store, directory, again } = await newStore();
    await store.put(record());
    const path = join(directory, 'states', 'anna.age');
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe('600');
    expect((await readFile(path)).includes('CANARY')).toBe(false);
    await expect((await again()).get(anna)).rejects.toMatchObject({
      code: 'vault-key',
      account: 'anna',
    });
  });

  test('a file that is cut off, or of another account, is named and not used', async () => {
    const { store, directory } = await newStore();
    await store.put(record());
    const path = join(directory, 'states', 'anna.age');
    const whole = await readFile(path);
    await writeFile(join(directory, 'states', 'ben.age'), whole);
    await expect(store.get('ben' as AccountName)).rejects.toMatchObject({
      code: 'vault',
      account: 'ben',
    });
    await writeFile(path, whole.subarray(0, -10));
    await expect(store.get(anna)).rejects.toMatchObject({
      code: 'vault',
      message: expect.stringContaining(path),
    });
  });
});
