import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseInventory } from '../../../src/inventory/parse-inventory.ts';
import { type Ledger, openLedger } from '../../../src/ledger/ledger.ts';
import { ensureHosts } from '../../../src/ledger/queries/hosts.ts';
import type { HostSpec } from '../../../src/model/inventory.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import { requireFresh } from '../../../src/workflows/moves/move-accounts.ts';
import { loadPlan, type MovePlan, savePlan } from '../../../src/workflows/moves/plan-file.ts';
import { planMove } from '../../../src/workflows/moves/plan-moves.ts';
import { recheckPlan } from '../../../src/workflows/moves/recheck-plan.ts';
import { accountReply, bytesOf, hostReply, keyId } from '../../facts/sample-reply.ts';
import { FakeRemote } from '../../fakes/fake-remote.ts';

let folder: string;
let ledger: Ledger;
/** Free memory of the hosts, bytes. */
let freeBytes = 3e9;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleet-plan-'));
  ledger = await openLedger(join(folder, 'fleet.db'));
  freeBytes = 3e9;
  await ensureHosts(ledger.db, ['h1', 'h2']);
  // Machines of their own, each with one name.
  await ledger.db
    .updateTable('hosts')
    .set(({ ref }) => ({ release: 'r1', instance_id: ref('name') }))
    .execute();
  const account = {
    key_id: keyId,
    data_centre: 2,
    is_bot: 0,
    source_format: 'pyrogram',
    vault_hash: 'x',
    imported_at: 1,
    state_since: 1,
    wanted: 1,
  };
  await ledger.db
    .insertInto('accounts')
    .values({ name: 'alice', user_id: '42', state: 'online', state_reason: '', ...account })
    .execute();
  await ledger.db
    .insertInto('placements')
    .values({ account: 'alice', host: 'h1', epoch: 1, move_id: 'm', since: 1 })
    .execute();
});
afterEach(async () => {
  await ledger.close();
  await rm(folder, { recursive: true, force: true });
});

const inventory = (pin = '') =>
  parseInventory(
    'version: 1\nfleet: test\nvault: { key: env:KEY }\ntelegram: { api_id: 1, api_hash: ' +
      `env:HASH }\nhosts: { h1: {}, h2: {} }\naccounts: { alice: {${pin}} }\n`,
    { path: join(folder, 'inventory.yaml'), home: folder },
  );

/** A context whose hosts answer with a sample each; alice runs on h1. */
function contextOf(): FleetContext {
  const sampleOf = (host: HostSpec) => {
    const reply = hostReply({ accounts: host.name === 'h1' ? [accountReply()] : [] });
    return {
      ...reply,
      host: { ...reply.host, name: host.name, instanceId: host.name },
      memory: { ...reply.memory, availableBytes: freeBytes },
    };
  };
  const remoteFor = (host: HostSpec) =>
    new FakeRemote({
      host: host.name,
      agent: () => ({ status: 200, body: bytesOf(sampleOf(host)) }),
    });
  const none = {} as never;
  return {
    ...{
      inventory: inventory(),
      ledger,
      vault: none,
      logins: none,
      states: none,
      fence: none,
      remoteFor,
      remoteThrough: remoteFor,
      now: () => Date.now(),
    },
    ...{
      readSecret: async () => '',
      pause: async () => {},
      report: () => {},
      signal: new AbortController().signal,
    },
  };
}

const path = (): string => join(folder, 'plan.json');
const planOf = async (): Promise<MovePlan> => (await planMove(contextOf(), 'alice', 'h2')).plan;

describe('a plan that was saved', () => {
  it('is carried out as it was saved', async () => {
    const plan = await planOf();
    await savePlan(path(), plan, ledger.db);
    const loaded = await loadPlan(path(), ledger.db);
    expect(loaded.moves).toEqual(plan.moves);
    await requireFresh(contextOf(), loaded);
    await recheckPlan(contextOf(), loaded);
  });

  const edits: readonly [string, (text: string) => string][] = [
    ['another target', (text) => text.replace('"to": "h2"', '"to": "h1"')],
    [
      'another summary over the same moves',
      (text) => text.replace(/"summary": "[^"]*"/, '"summary": "Nothing to do"'),
    ],
    [
      'a move that was added',
      (text) =>
        text.replace(
          '"moves": [',
          '"moves": [{"account":"bob","keyId":"b","from":"h1","fromEpoch":1,"to":"h2","kind":"manual","reason":"","idle":false,"stateBefore":"online","reasonBefore":"","details":{}},',
        ),
    ],
    ['one blank more', (text) => `${text} `],
    ['a field nobody knows', (text) => text.replace('{', '{"more": 1,')],
    ['a prototype', (text) => text.replace('{', '{"__proto__": {"moves": []},')],
    ['a byte order mark', (text) => `\ufeff${text}`],
  ];
  it.each(edits)('is refused when it was edited: %s', async (_, edit) => {
    await savePlan(path(), await planOf(), ledger.db);
    const text = await readFile(path(), 'utf8');
    expect(edit(text)).not.toBe(text);
    await writeFile(path(), edit(text));
    await expect(loadPlan(path(), ledger.db)).rejects.toMatchObject({
      code: expect.stringMatching(/^(plan-stale|usage)$/),
    });
    await writeFile(path(), text);
    expect((await loadPlan(path(), ledger.db)).verb).toBe('move');
  });

  it('is refused by a ledger that has not saved it', async () => {
    await savePlan(path(), await planOf(), ledger.db);
    const other = await openLedger(join(folder, 'other.db'));
    await expect(loadPlan(path(), other.db)).rejects.toMatchObject({ code: 'plan-stale' });
    await other.close();
  });

  it('is no device, no folder and no endless file', async () => {
    for (const wrong of ['/dev/zero', '/dev/stdin', folder, join(folder, 'none')])
      await expect(loadPlan(wrong, ledger.db), wrong).rejects.toMatchObject({ code: 'usage' });
    await symlink('/dev/zero', path());
    await expect(loadPlan(path(), ledger.db)).rejects.toMatchObject({ code: 'usage' });
    await rm(path());
    await writeFile(path(), '['.repeat(1_000_000));
    await expect(loadPlan(path(), ledger.db)).rejects.toMatchObject({ code: 'plan-stale' });
  });

  const move =
    '{"account":"alice","keyId":"b","from":"h1","fromEpoch":1,"to":"h2","kind":"manual","reason":"","details":{}}';
  it.each([
    ['a hundred thousand moves', `{"format":1,"moves":[${Array(100_000).fill(move).join(',')}]}`],
    [
      'numbers without end',
      `{"format":1e999,"lowerBound":NaN,"spreadBefore":${'9'.repeat(100_000)}}`,
    ],
    [
      'keys of a prototype',
      '{"__proto__":{"format":1,"moves":[]},"constructor":{"prototype":{"isAdmin":true}}}',
    ],
    ['what a terminal obeys', '{"format":1,"summary":"\u001b]52;c;QUJD\u0007Nothing to do"}'],
  ])('of somebody else is refused before a word of it is read: %s', async (_, text) => {
    await savePlan(path(), await planOf(), ledger.db);
    await writeFile(path(), text);
    const error = await loadPlan(path(), ledger.db).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'plan-stale',
      message: expect.stringContaining('plan.json is not a plan as this ledger has saved it'),
    });
    expect(String(error)).not.toContain('Nothing to do');
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it('is not carried out twice, also when the account is back where it was', async () => {
    const plan = await planOf();
    await savePlan(path(), plan, ledger.db);
    await ledger.db.updateTable('placements').set({ epoch: 3 }).execute();
    await expect(
      requireFresh(contextOf(), await loadPlan(path(), ledger.db)),
    ).rejects.toMatchObject({
      code: 'plan-stale',
      problems: ['alice: the plan has it on h1 at epoch 1, it is on h1 at 3'],
    });
  });

  it('is refused when a rule forbids it by what is measured now', async () => {
    const plan = await planOf();
    await recheckPlan(contextOf(), plan);
    freeBytes = 1e7;
    await ledger.db.deleteFrom('samples').execute();
    await expect(recheckPlan(contextOf(), plan)).rejects.toMatchObject({
      code: 'plan-stale',
      problems: [expect.stringContaining('h2 cannot take alice')],
    });
  });

  it('is refused when the account is pinned elsewhere since', async () => {
    const plan = await planOf();
    const pinned = { ...contextOf(), inventory: inventory(' pinned_to: h1 ') };
    await expect(requireFresh(pinned, plan)).rejects.toMatchObject({ code: 'plan-stale' });
    await expect(recheckPlan(pinned, plan)).rejects.toMatchObject({ code: 'plan-stale' });
  });

  it('hundreds of plans are remembered, not all for ever', async () => {
    const plan = await planOf();
    await ledger.db
      .insertInto('meta')
      .values({ key: 'saved-plans', value: JSON.stringify(Array(900).fill('0'.repeat(64))) })
      .execute();
    await savePlan(path(), plan, ledger.db);
    const { value } = await ledger.db
      .selectFrom('meta')
      .select('value')
      .where('key', '=', 'saved-plans')
      .executeTakeFirstOrThrow();
    expect(JSON.parse(value)).toHaveLength(500);
    expect((await loadPlan(path(), ledger.db)).moves).toHaveLength(1);
  });
});
