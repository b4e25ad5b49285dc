/**
 * `fleet vault rotate-key`, killed at every write: the vault is whole at each moment with the key
 * as it lies there, and the same command ends it.
 */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fsPromises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import { readEvents } from '../../src/ledger/queries/events.ts';
import type { AccountName } from '../../src/model/names.ts';
import { sealFile, unsealFile } from '../../src/vault/backup-file.ts';
import { openStateStore } from '../../src/vault/state-store.ts';
import { openVault } from '../../src/vault/vault.ts';
import {
  createVaultKey,
  parseIdentities,
  readVaultKey,
  recipientOf,
} from '../../src/vault/vault-key.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import { noteHistoryHead } from '../../src/workflows/custody/history-head.ts';
import { type RotatedKey, rotateVaultKey } from '../../src/workflows/custody/rotate-vault-key.ts';
import { fixtureSession } from '../sessions/fixture-sessions.ts';
import { temporaryDirectory } from './session-files.ts';

const [anna, ben] = ['anna', 'ben'] as AccountName[] as [AccountName, AccountName];
const meta = {
  importedAt: '2026-01-02T03:04:05.000Z',
  sourceFormat: 'telethon',
  apiId: 1,
} as const;
const state = {
  keyId: 'a'.repeat(32),
  moveId: 'm',
  epoch: 3,
  stateHash: 'b'.repeat(64),
  takenAtMs: 5,
  settleMs: 6,
  archive: Buffer.from('state'),
};

interface World {
  readonly root: string;
  readonly key: string;
  readonly context: FleetContext;
  /** Everything in the vault, read with the key as it lies there. */
  readonly readAll: () => Promise<unknown>;
}

/** A world that was made, in another folder: `template` is copied; null: a new one is made. */
async function makeWorld(template: string | null = null): Promise<World> {
  const root = temporaryDirectory();
  const [key, directory] = [join(root, 'vault.key'), join(root, 'vault')];
  if (template === null) await createVaultKey(key);
  else cpSync(template, root, { recursive: true });
  const readIdentity = (): Promise<string> => readVaultKey(key);
  const isKnownAuthentic = async (): Promise<boolean> => true;
  const open = async () => ({
    vault: await openVault({ directory, readIdentity, isKnownAuthentic }),
    logins: await openVault({
      directory: join(directory, 'logins'),
      readIdentity,
      isKnownAuthentic,
    }),
    states: openStateStore({ directory, readIdentity, isKnownAuthentic }),
  });
  const ledger = await openLedger(join(root, 'fleet.db'));
  const inventory = { paths: { vault: directory }, vaultKey: { kind: 'file', target: key } };
  const context = {
    inventory,
    ledger,
    now: () => 1,
    readSecret: readIdentity,
  } as unknown as FleetContext;
  if (template === null) {
    const { vault, logins, states } = await open();
    await vault.put(anna, fixtureSession({ userId: 1n }), meta);
    await vault.put(anna, fixtureSession({ userId: 2n }), meta, { replace: true });
    await vault.put(ben, fixtureSession({ userId: 3n }), meta);
    await logins.put(ben, fixtureSession({ userId: 4n }), meta);
    await states.put({ account: anna, ...state });
    await noteHistoryHead(context, await readIdentity());
  }
  const readAll = async (): Promise<unknown> => {
    const now = await open();
    return [
      await now.vault.get(anna),
      await now.vault.get(ben),
      await now.logins.get(ben),
      await now.states.get(anna),
    ];
  };
  return { root, key, context, readAll };
}

const original = { ...fsPromises };
afterEach(() => {
  Object.assign(fsPromises, original);
  syncBuiltinESMExports();
});

/**
 * The process dies at its Nth change of a file, before or after it: nothing that comes later
 * happens, not even what a failure would clean up. Gives how many there were.
 */
async function killedAt(
  fatal: number,
  when: 'before' | 'after',
  act: () => Promise<unknown>,
): Promise<number> {
  let [count, dead] = [0, false];
  let die = (): void => undefined;
  const death = new Promise<void>((settle) => {
    die = settle;
  });
  const never = new Promise<never>(() => undefined);
  for (const name of ['open', 'rename', 'rm', 'link'] as const) {
    const real = original[name] as (...args: unknown[]) => Promise<unknown>;
    Object.assign(fsPromises, {
      [name]: async (...args: unknown[]) => {
        if (dead) return never;
        const isLook = name === 'open' && (typeof args[1] !== 'number' || (args[1] & 1) === 0);
        if (isLook) return real(...args);
        count += 1;
        if (count !== fatal) return real(...args);
        dead = true;
        const made = when === 'after' ? await real(...args) : null;
        if (made !== null && typeof made === 'object' && 'close' in made)
          await (made as fsPromises.FileHandle).close();
        die();
        return never;
      },
    });
  }
  syncBuiltinESMExports();
  await Promise.race([act(), death]);
  Object.assign(fsPromises, original);
  syncBuiltinESMExports();
  return count;
}

/** The vault is under the new key alone, the former one is kept, and nothing lies about. */
async function expectDone(
  { root, key, readAll }: World,
  former: string,
  before: unknown,
): Promise<void> {
  const [now, ...others] = parseIdentities(await readVaultKey(key));
  expect(others).toEqual([]);
  expect(now).not.toBe(former);
  expect(await readAll()).toEqual(before);
  const kept = readdirSync(root).filter((name) => name.startsWith('vault.key.before-'));
  expect(kept).toEqual([`vault.key.before-${(await recipientOf(former)).slice(4, 12)}`]);
  expect(parseIdentities(await readVaultKey(join(root, kept[0] ?? '')))).toEqual([former]);
  expect(statSync(key).mode & 0o777).toBe(0o600);
  const left = readdirSync(root, { recursive: true }).map(String);
  expect(
    left.filter((name) => name.endsWith('.tmp') && !name.includes(`.${process.pid}.`)),
  ).toEqual([]);
}

test('every record is written anew, the former key is kept and noted, and the former key opens nothing any more', async () => {
  const world = await makeWorld();
  const former = parseIdentities(await readVaultKey(world.key))[0];
  const before = await world.readAll();
  const done = await rotateVaultKey(world.context, world.key);
  // Two sessions, one that was replaced, a login, a state, two marks, the history's head.
  expect(done).toMatchObject({ changed: 8, sound: 8, left: [], isResumed: false, path: world.key });
  await expectDone(world, former, before);
  expect((await readEvents(world.context.ledger.db, 9))[0]).toMatchObject({
    kind: 'vault-key-changed',
    formerPath: done.formerPath,
  });
  writeFileSync(world.key, `${former}\n`);
  await expect(world.readAll()).rejects.toMatchObject({ code: 'vault-key' });
  await world.context.ledger.close();
});

test('killed at every write, before and after it', async () => {
  const template = await makeWorld();
  await template.context.ledger.close();
  const first = await makeWorld(template.root);
  const writes = await killedAt(0, 'before', () => rotateVaultKey(first.context, first.key));
  await first.context.ledger.close();
  expect(writes).toBeGreaterThan(20);
  for (let at = 1; at <= writes; at += 1) {
    for (const when of ['before', 'after'] as const) {
      const world = await makeWorld(template.root);
      const former = parseIdentities(await readVaultKey(world.key))[0];
      const before = await world.readAll();
      await killedAt(at, when, () => rotateVaultKey(world.context, world.key));
      expect(await world.readAll(), `killed ${when} write ${at}`).toEqual(before);
      // The same command again. Where the first one had only to clean up, this one is a second
      // change.
      const isOver =
        parseIdentities(await readVaultKey(world.key)).length === 1 &&
        !(await readVaultKey(world.key)).includes(former);
      if (!isOver) await rotateVaultKey(world.context, world.key);
      await expectDone(world, former, before);
      await world.context.ledger.close();
    }
  }
}, 120_000);

describe('what else may be so', () => {
  test('a link to the key stays a link, and what neither key opens is named and stays', async () => {
    const world = await makeWorld();
    const link = join(world.root, 'link.key');
    symlinkSync(world.key, link);
    const strange = join(world.root, 'vault', 'carla.age');
    writeFileSync(strange, 'nothing that age made');
    const done: RotatedKey = await rotateVaultKey(world.context, link);
    expect(done).toMatchObject({ left: [strange], path: world.key });
    expect(readFileSync(strange, 'utf8')).toBe('nothing that age made');
    expect(parseIdentities(await readVaultKey(link))).toHaveLength(1);
    await world.context.ledger.close();
  });

  test('a key that is no file: the operator puts the new one in front, and takes the former away', async () => {
    const world = await makeWorld();
    await expect(rotateVaultKey(world.context, null)).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('age-keygen'),
    });
    const former = await readVaultKey(world.key);
    const other = join(world.root, 'other.key');
    await createVaultKey(other);
    writeFileSync(world.key, `${await readVaultKey(other)}${former}`);
    expect(await rotateVaultKey(world.context, null)).toMatchObject({
      changed: 8,
      path: null,
      formerPath: null,
    });
    writeFileSync(world.key, await readVaultKey(other));
    await world.readAll();
    expect(existsSync(`${world.key}.before`)).toBe(false);
    await world.context.ledger.close();
  });

  test('a backup of the former key opens with its line below the new one, and with none but these', async () => {
    const world = await makeWorld();
    const [source, backup] = [join(world.root, 'source'), join(world.root, 'backup')];
    writeFileSync(source, 'the ledger');
    const former = await readVaultKey(world.key);
    await sealFile(source, backup, former);
    await rotateVaultKey(world.context, world.key);
    const now = await readVaultKey(world.key);
    await expect(unsealFile(backup, join(world.root, 'no'), now)).rejects.toMatchObject({
      code: 'vault-key',
      hint: expect.stringContaining('below the one in vault.key'),
    });
    await unsealFile(backup, join(world.root, 'yes'), `${now}${former}`);
    expect(readFileSync(join(world.root, 'yes'), 'utf8')).toBe('the ledger');
    await world.context.ledger.close();
  });
});
