import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadInventory } from '../../../src/inventory/load-inventory.ts';
import { readSecret } from '../../../src/inventory/read-secret.ts';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { fileRisks } from '../../../src/model/file-trust.ts';
import {
  examinePermissions,
  permissionFindings,
  watchedPaths,
} from '../../../src/workflows/checkup/examine-permissions.ts';

let folder: string;
const at = (name: string): string => join(folder, name);
const text = `version: 1
fleet: test
vault: { path: vault, key: file:keys/vault.key }
telegram: { api_id: 1, api_hash: env:HASH }
hosts: { h1: { ssh: { identity_files: [keys/ssh] } } }
`;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet-permissions-'));
  for (const name of ['vault', 'vault/states', 'keys', 'backups'])
    await mkdir(at(name), { mode: 0o700 });
  await writeFile(at('inventory.yaml'), text, { mode: 0o644 });
  await writeFile(at('keys/vault.key'), 'AGE-SECRET-KEY-1X', { mode: 0o600 });
  await writeFile(at('keys/ssh'), 'key', { mode: 0o600 });
  await writeFile(at('known_hosts'), '', { mode: 0o644 });
  await (await openLedger(at('fleet.db'))).close();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('what others may do with a file', () => {
  const [me, other] = [1000, 1001];
  it.each([
    [{ mode: 0o600, uid: me, gid: 100 }, me, {}],
    [{ mode: 0o640, uid: me, gid: 100 }, me, { isReadable: true }],
    [{ mode: 0o660, uid: me, gid: 100 }, me, { isReadable: true, isWritable: true }],
    [{ mode: 0o660, uid: me, gid: me }, me, {}],
    [{ mode: 0o606, uid: me, gid: me }, me, { isReadable: true, isWritable: true }],
    [{ mode: 0o1777, uid: 0, gid: 0 }, me, { isReadable: true }],
    [{ mode: 0o777, uid: me, gid: me }, me, { isReadable: true, isWritable: true }],
    [{ mode: 0o600, uid: other, gid: other }, me, { isForeign: true }],
    [{ mode: 0o600, uid: 0, gid: 0 }, me, {}],
    [{ mode: 0o600, uid: other, gid: other }, 0, {}],
  ])('%j, seen by %d: %j', (facts, who, risks) => {
    expect(fileRisks(facts, who)).toEqual({
      isForeign: false,
      isWritable: false,
      isReadable: false,
      ...risks,
    });
  });
});

describe('fleet doctor', () => {
  it('finds nothing where everything is one’s own', async () => {
    expect(
      (await examinePermissions(await loadInventory(at('inventory.yaml')))).map(
        ({ level }) => level,
      ),
    ).toEqual(['ok']);
  });

  it.each([
    ['known_hosts', 0o666, 'critical', 'go-w'],
    ['fleet.db', 0o644, 'warning', 'go-rwx'],
    ['fleet.db', 0o660, 'critical', 'go-rwx'],
    ['keys/vault.key', 0o644, 'warning', 'go-rwx'],
    ['keys/vault.key', 0o622, 'critical', 'go-rwx'],
    ['keys/ssh', 0o604, 'warning', 'go-rwx'],
    ['keys', 0o777, 'critical', 'go-w'],
    ['vault', 0o755, 'warning', 'go-rwx'],
    ['vault', 0o777, 'critical', 'go-rwx'],
    ['vault/states', 0o707, 'critical', 'go-rwx'],
    ['backups', 0o755, 'warning', 'go-rwx'],
    ['', 0o777, 'critical', 'go-w'],
  ] as const)(
    'finds %s of mode %o: %s, with the command that mends it',
    async (name, mode, level, change) => {
      const inventory = await loadInventory(at('inventory.yaml'));
      const { uid } = await stat(folder);
      if ((mode & 0o007) === 0) await chown(at(name), uid, uid + 1).catch(() => undefined);
      await chmod(at(name), mode);
      const worst = (await examinePermissions(inventory)).find((found) => found.level === level);
      const isGroupOnly = (mode & 0o007) === 0 && (await stat(at(name))).gid === uid;
      if (!isGroupOnly)
        expect(worst).toMatchObject({ level, remedy: expect.stringMatching(`^chmod ${change} '`) });
    },
  );

  it('looks at the inventory, its ledger, vault, keys and known_hosts, and at the folders of all of them', async () => {
    const paths = watchedPaths(await loadInventory(at('inventory.yaml')), folder).map(({ path }) =>
      path.slice(folder.length + 1),
    );
    expect([...new Set(paths)].sort()).toEqual(
      [
        '',
        'backups',
        'fleet.db',
        'fleet.db-shm',
        'fleet.db-wal',
        'inventory.yaml',
        'keys',
        'keys/ssh',
        'keys/vault.key',
      ].concat(
        ['known_hosts', 'vault', 'vault/', 'vault/removed', 'vault/states'].filter((name) =>
          paths.includes(name),
        ),
      ),
    );
  });

  it('says whose a file is that belongs to somebody else', () => {
    const watched = { path: '/x/vault.key', what: 'the vault key', kind: 'secret' } as const;
    expect(permissionFindings(watched, { mode: 0o600, uid: 1001, gid: 1001 }, 1000)).toMatchObject([
      {
        level: 'critical',
        text: expect.stringContaining('belongs to somebody else'),
        remedy: expect.stringContaining('chown'),
      },
    ]);
  });
});

describe('commands that use them', () => {
  it('refuse a vault key that others may read or change, with the command that mends it', async () => {
    const reference = { kind: 'file', target: 'keys/vault.key' } as const;
    const read = () => readSecret(reference, { cwd: folder, env: {} });
    for (const mode of [0o604, 0o602, 0o666]) {
      await chmod(at('keys/vault.key'), mode);
      await expect(read()).rejects.toMatchObject({
        code: 'secret',
        hint: expect.stringContaining('chmod'),
      });
    }
    await chmod(at('keys/vault.key'), 0o600);
    expect(await read()).toBe('AGE-SECRET-KEY-1X');
  });

  it('refuse an inventory and a ledger that every user may change', async () => {
    await chmod(at('inventory.yaml'), 0o646);
    await expect(loadInventory(at('inventory.yaml'))).rejects.toMatchObject({
      code: 'inventory',
      hint: expect.stringContaining('chmod go-w'),
    });
    await chmod(at('fleet.db'), 0o606);
    await expect(openLedger(at('fleet.db'))).rejects.toMatchObject({
      code: 'ledger-readonly',
      hint: expect.stringContaining('chmod'),
    });
    await chmod(at('fleet.db'), 0o600);
    await (await openLedger(at('fleet.db'))).close();
  });

  it('refuse an inventory without end', async () => {
    await expect(loadInventory('/dev/zero')).rejects.toMatchObject({
      code: 'inventory',
      message: expect.stringContaining('longer than'),
    });
  });
});
