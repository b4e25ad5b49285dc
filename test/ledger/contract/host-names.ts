import { describe, expect, it, onTestFinished } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import {
  findAccount,
  insertAccount,
  setPin,
  setPlacement,
} from '../../../src/ledger/queries/accounts.ts';
import { readEvents } from '../../../src/ledger/queries/events.ts';
import {
  ensureHosts,
  forgetHostOnPurpose,
  listForgottenHosts,
  listHosts,
  recordBootstrapped,
  recordContactIntent,
  recordDestroyed,
  recordOff,
  recordSeen,
} from '../../../src/ledger/queries/hosts.ts';
import { readJournalFacts } from '../../../src/ledger/queries/journal-facts.ts';
import { advanceMove, insertMove } from '../../../src/ledger/queries/moves.ts';
import { latestSamples, recordSample } from '../../../src/ledger/queries/records.ts';
import type { HostRow } from '../../../src/ledger/schema.ts';
import { rosterFor } from '../../../src/ownership/roster.ts';
import type { FleetContext } from '../../../src/workflows/context.ts';
import { renamedHosts } from '../../../src/workflows/hosts/host-identity.ts';
import { executeRename, planRename } from '../../../src/workflows/hosts/rename-host.ts';
import { executeForget, planForget } from '../../../src/workflows/ownership/forget-host.ts';
import type { TestEngine } from './engines.ts';

/** What `describe` runs on each engine. */
export const hostNamesContract = (engines: readonly TestEngine[]): void =>
  describe.each(engines)('host names on $name', (engine) => {
    /** An operator whose inventory has these hosts; alice is on h1 at epoch 3 and pinned there. */
    async function fleetWith(listed: readonly string[]): Promise<{
      ledger: Ledger;
      context: FleetContext;
      row: (name: string) => Promise<HostRow | undefined>;
    }> {
      const ledger = await engine.open();
      onTestFinished(() => ledger.close());
      const { db } = ledger;
      await ensureHosts(db, ['h1', 'h2']);
      await recordBootstrapped(db, 'h1', 10, {
        release: 'r',
        holdAfterMs: 600_000,
        instanceId: 'i1',
        machineId: 'm1',
      });
      await recordContactIntent(db, 'h1', 20, 600_000);
      const account = {
        name: 'alice',
        key_id: 'k1',
        user_id: null,
        data_centre: 2,
        is_bot: 0,
        source_format: 'x',
        vault_hash: 'v',
        imported_at: 1,
      };
      await insertAccount(db, account);
      await setPlacement(db, { account: 'alice', host: 'h1', epoch: 3, move_id: 'm0', since: 5 });
      await setPin(db, 'alice', 'h1');
      await recordSample(db, 'h1', 30, '{}');
      const inventory = {
        path: 'inventory.yaml',
        hosts: listed.map((name) => ({ name })),
        hold: { holdAfterMs: 600_000 },
      };
      const context = { ledger, inventory, now: () => 1_000 } as unknown as FleetContext;
      return {
        ledger,
        context,
        row: async (name) => (await listHosts(db)).find((host) => host.name === name),
      };
    }

    async function openMove({ db }: Ledger, from: string | null, to: string) {
      const move = {
        id: 'move',
        account: 'alice',
        key_id: 'k1',
        kind: 'manual',
        from_host: from,
        to_host: to,
        epoch: 4,
        decision_json: '{}',
        created_at: 1,
      } as const;
      await insertMove(db, move);
      return { ...move, phase: 'planned', problem: null, updated_at: 1 } as const;
    }

    describe('fleet hosts rename', () => {
      it('takes accounts, pins, measurements, contacts and identity along, and remembers what the host was told', async () => {
        const { ledger, context, row } = await fleetWith(['garden', 'h2']);
        await ensureHosts(ledger.db, ['garden']);
        const before = await row('h1');
        await executeRename(context, await planRename(context, 'h1', 'garden'));
        expect(await row('h1')).toBeUndefined();
        expect(await row('garden')).toEqual({ ...before, name: 'garden', told_name: 'h1' });
        expect(await findAccount(ledger.db, 'alice')).toMatchObject({
          host: 'garden',
          epoch: 3,
          pinned_to: 'garden',
        });
        expect((await latestSamples(ledger.db)).map(({ host }) => host)).toEqual(['garden']);
        expect(await readEvents(ledger.db, 1)).toMatchObject([
          { kind: 'host-renamed', host: 'garden', before: 'h1' },
        ]);
        expect(rosterFor('garden', await readJournalFacts(ledger.db)).owned).toEqual([
          { keyId: 'k1', epoch: 3, moveId: 'm0' },
        ]);
        await recordBootstrapped(ledger.db, 'garden', 2_000, { release: 'r', holdAfterMs: 1 });
        expect(await row('garden')).toMatchObject({ told_name: null, machine_id: 'm1' });
      });

      it('two renames in a row: the host still knows the first name; back again: nothing is left to tell', async () => {
        const { ledger, context, row } = await fleetWith(['b']);
        await executeRename(context, await planRename(context, 'h1', 'b'));
        const then = {
          ...context,
          inventory: { ...context.inventory, hosts: [{ name: 'c' }] },
        } as unknown as FleetContext;
        await executeRename(then, await planRename(then, 'b', 'c'));
        expect(await row('c')).toMatchObject({ told_name: 'h1' });
        const back = {
          ...context,
          inventory: { ...context.inventory, hosts: [{ name: 'h1' }] },
        } as unknown as FleetContext;
        await executeRename(back, await planRename(back, 'c', 'h1'));
        expect(await row('h1')).toMatchObject({ told_name: null });
        expect((await findAccount(ledger.db, 'alice'))?.host).toBe('h1');
      });

      it('a sweep that met it under the new name before does not stand in the way; both contacts count, and it is not off any more', async () => {
        const { ledger, context, row } = await fleetWith(['garden', 'h2']);
        await ensureHosts(ledger.db, ['garden']);
        await recordOff(ledger.db, 'h1', 'powered-off', 25);
        await recordContactIntent(ledger.db, 'garden', 700_000, 600_000);
        await expect(planRename(context, 'h1', 'garden')).rejects.toMatchObject({
          message: expect.stringContaining('has been in use'),
        });
        await recordSeen(ledger.db, 'garden', 700_001, { instanceId: 'i1' });
        await executeRename(context, await planRename(context, 'h1', 'garden'));
        expect(await row('garden')).toMatchObject({
          contact_intent_at: 700_000,
          may_boot_until: 1_300_000,
          contacts: 2,
          off_at: null,
          instance_id: 'i1',
        });
        expect((await findAccount(ledger.db, 'alice'))?.host).toBe('garden');
      });

      it('refuses names that do not fit, a name that is in use, and open moves; nothing is changed', async () => {
        const { ledger, context, row } = await fleetWith(['garden', 'h2']);
        const refused = (before: string, after: string) =>
          planRename(context, before, after).catch((error: unknown) => error);
        expect(await refused('h1', 'h1')).toMatchObject({ code: 'usage' });
        expect(await refused('h1', 'nobody')).toMatchObject({
          code: 'usage',
          hint: expect.stringContaining('inventory.yaml'),
        });
        expect(await refused('h2', 'garden')).toMatchObject({
          code: 'usage',
          message: 'the inventory still has h2',
        });
        expect(await refused('h7', 'garden')).toMatchObject({
          code: 'usage',
          message: 'the ledger knows no host h7',
        });
        await recordContactIntent(ledger.db, 'h2', 30, 1);
        expect(await refused('h1', 'h2')).toMatchObject({
          code: 'usage',
          message: expect.stringContaining('has been in use'),
        });
        await openMove(ledger, 'h1', 'h2');
        expect(await refused('h1', 'garden')).toMatchObject({
          code: 'claim-refused',
          problems: ['alice: h1 -> h2, planned'],
        });
        expect(await row('h1')).toMatchObject({ name: 'h1' });
      });
    });

    describe('fleet hosts forget', () => {
      it('refuses a host that owns accounts, that a move names, or about which nobody can say', async () => {
        const { ledger, context } = await fleetWith(['h2']);
        const refused = (name: string) =>
          planForget(context, name).catch((error: unknown) => error);
        expect(await refused('h7')).toMatchObject({ code: 'usage' });
        expect(await refused('h1')).toMatchObject({
          code: 'claim-refused',
          message: expect.stringContaining('alice'),
        });
        const move = await openMove(ledger, 'h1', 'h2');
        expect(await refused('h2')).toMatchObject({
          code: 'claim-refused',
          hint: expect.stringContaining('fleet resume'),
        });
        await advanceMove(ledger.db, move, 'aborted', 2);
        expect(await planForget(context, 'h2')).toBe('never used');
        await setPlacement(ledger.db, {
          account: 'alice',
          host: 'h2',
          epoch: 4,
          move_id: 'm1',
          since: 6,
        });
        // Not in the inventory, so it cannot be asked; it may still run what it was given.
        expect(await refused('h1')).toMatchObject({
          code: 'survey-incomplete',
          hint: expect.stringContaining('--destroyed'),
        });
        expect(
          await planForget(
            {
              ...context,
              inventory: { ...context.inventory, hosts: [{ name: 'h1' }] },
            } as unknown as FleetContext,
            'h1',
          ),
        ).toBe('ask');
      });

      it('a destroyed host that was forgotten and comes back is destroyed still, and hears that its claims are over', async () => {
        const { ledger, context, row } = await fleetWith(['h2']);
        const { db } = ledger;
        await setPlacement(db, { account: 'alice', host: 'h2', epoch: 4, move_id: 'm1', since: 6 });
        await recordOff(db, 'h1', 'destroyed', 100);
        await recordDestroyed(db, 'h1', 100);
        expect(await planForget(context, 'h1')).toBe('destroyed');
        await executeForget(context, 'h1', 'destroyed');
        expect(await row('h1')).toBeUndefined();
        expect(await latestSamples(db)).toEqual([]);
        await ensureHosts(db, ['h1', 'new']);
        expect(await row('h1')).toMatchObject({
          destroyed_at: 100,
          off_kind: 'destroyed',
          instance_id: 'i1',
          contact_intent_at: 20,
          may_boot_until: 600_020,
        });
        expect(await row('new')).toMatchObject({ destroyed_at: null, instance_id: null });
        expect(rosterFor('h1', await readJournalFacts(db)).gone).toEqual([
          { keyId: 'k1', epoch: 3 },
        ]);
      });

      it('one that comes back under another name is renamed to it, and fenced the same', async () => {
        const { ledger, context, row } = await fleetWith(['again', 'h2']);
        await setPlacement(ledger.db, {
          account: 'alice',
          host: 'h2',
          epoch: 4,
          move_id: 'm1',
          since: 6,
        });
        await recordOff(ledger.db, 'h1', 'destroyed', 100);
        await recordDestroyed(ledger.db, 'h1', 100);
        await executeForget(context, 'h1', 'destroyed');
        await executeRename(context, await planRename(context, 'h1', 'again'));
        expect(await row('again')).toMatchObject({ destroyed_at: 100, instance_id: 'i1' });
        // From then on nothing speaks against its name.
        expect(await listForgottenHosts(ledger.db)).toEqual([]);
        expect(await renamedHosts(context)).toEqual(new Map());
      });

      it('a second name that is taken out of the inventory again can go, once the machine answered under both', async () => {
        const { ledger, context, row } = await fleetWith(['h1']);
        await recordContactIntent(ledger.db, 'h2', 30, 1);
        await expect(planForget(context, 'h2')).rejects.toMatchObject({
          code: 'survey-incomplete',
        });
        await recordSeen(ledger.db, 'h2', 40, { instanceId: 'i1' });
        expect(await planForget(context, 'h2')).toBe('second name');
        await executeForget(context, 'h2', 'second name');
        expect(await row('h2')).toBeUndefined();
        expect(await renamedHosts(context)).toEqual(new Map());
        expect(await listForgottenHosts(ledger.db)).toEqual([]);
      });

      it('the ledger itself refuses to forget an owner', async () => {
        const { ledger, row } = await fleetWith([]);
        const owner = await row('h1');
        if (owner === undefined) throw new Error('no host');
        await expect(
          ledger.db
            .transaction()
            .execute((transaction) => forgetHostOnPurpose(transaction, owner, 1)),
        ).rejects.toThrow(/foreign key/i);
        expect(await row('h1')).toBeDefined();
      });
    });
  });
