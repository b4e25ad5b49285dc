/** A ledger with hosts, accounts on them and a history, as a dashboard shows them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLedger } from '../../src/ledger/ledger.ts';
import { insertAccount, setAccountState } from '../../src/ledger/queries/accounts.ts';
import { ensureHosts } from '../../src/ledger/queries/hosts.ts';
import { recordSample } from '../../src/ledger/queries/records.ts';
import { accountReply, hostReply } from '../facts/sample-reply.ts';

const zones = ['eu-west', 'eu-north', 'asia'] as const;
/** What a host or a person may have written; nothing of it may become markup. */
export const hostile = '<img src=x onerror="document.title=\'taken\'"> \u202eevil';
const hour = 3_600_000;

export interface Shown {
  readonly hosts: number;
  readonly accounts: number;
}

const hostName = (index: number): string => `web-${index + 1}`;
const accountName = (index: number): string => `shop-${index + 1}`;
const keyOf = (index: number): string => `${index}`.padStart(32, '0');

const inventoryOf = ({ hosts, accounts }: Shown): string =>
  [
    ...['version: 1', 'fleet: shop', 'vault: { path: vault, key: file:vault.key }'],
    ...['telegram: { api_id: 1, api_hash: env:API_HASH }', 'placement: { sample_max_age: 1h }'],
    ...['ssh: { port: 1, connect_timeout: 2s }', 'hosts:'],
    ...Array.from({ length: hosts }, (_, index) => {
      const address = `127.${(index >> 16) + 1}.${(index >> 8) & 255}.${(index & 255) + 1}`;
      return `  ${hostName(index)}: { address: ${address}, zone: ${zones[index % zones.length]} }`;
    }),
    'accounts:',
    ...Array.from({ length: accounts }, (_, index) => `  ${accountName(index)}: {}`),
  ].join('\n');

/** Accounts lie on the first nine tenths of the hosts, so that a rebalance has something to do. */
export async function makeFleetToShow(folder: string, shown: Shown): Promise<void> {
  writeFileSync(join(folder, 'inventory.yaml'), `${inventoryOf(shown)}\n`);
  const { db, close } = await openLedger(join(folder, 'fleet.db'));
  const now = Date.now();
  const names = Array.from({ length: shown.hosts }, (_, index) => hostName(index));
  await ensureHosts(db, names);
  const used = Math.max(1, Math.floor(shown.hosts * 0.9));
  const ownOf = (host: number): readonly number[] => {
    const own: number[] = [];
    for (let at = host; at < shown.accounts && host < used; at += used) own.push(at);
    return own;
  };
  await db.transaction().execute(async (each) => {
    await each.updateTable('hosts').set({ release: 'r1', bootstrapped_at: 1 }).execute();
    for (let index = 0; index < shown.accounts; index += 1) {
      const [name, host] = [accountName(index), hostName(index % used)];
      await insertAccount(each, {
        ...{ name, key_id: keyOf(index), user_id: null, data_centre: 2, is_bot: 0 },
        ...{ source_format: 'telethon', vault_hash: 'h', imported_at: 1 },
        display_name: index === 0 ? '小商店' : null,
      });
      if (index % 11 === 5) await setAccountState(each, name, 'needs-login', hostile, now);
      else await setAccountState(each, name, 'online', '', now - hour);
      const move_id = `m${index}`;
      await each
        .insertInto('placements')
        .values({ account: name, host, epoch: 1, move_id, since: now - 240 * hour })
        .execute();
      await each
        .insertInto('history')
        .values({
          ...{ at: now - hour, account: name, host, from_host: null, type: 'initial', score: 12 },
          ...{ strategy: 'load', reason: `${host} has the lowest score`, move_id },
          decision_json: '{}',
        })
        .execute();
    }
    for (const [index, name] of names.entries()) {
      const { host, cpu } = hostReply();
      const busy = ((index * 37) % 90) / 100;
      const accounts = ownOf(index).map((at) =>
        accountReply({ keyId: keyOf(at), account: accountName(at) }),
      );
      const sample = hostReply({
        host: { ...host, name, instanceId: name },
        cpu: { ...cpu, busyRatio: { m1: busy, m5: busy, m15: busy, now: busy } },
        accounts,
      });
      await recordSample(each, name, now, JSON.stringify(sample));
    }
    await each
      .insertInto('events')
      .values({
        ...{ at: now - hour, kind: 'host-down', host: hostName(0), account: null },
        text: JSON.stringify({ reason: hostile }),
      })
      .execute();
  });
  await close();
}
