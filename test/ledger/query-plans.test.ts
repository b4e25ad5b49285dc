/**
 * Every query of the ledger finds its rows by an index: each function runs once, and SQLite says
 * how it carries out what was prepared meanwhile.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, vi } from 'vitest';
import { openLedger } from '../../src/ledger/ledger.ts';
import * as accounts from '../../src/ledger/queries/accounts.ts';
import * as inputs from '../../src/ledger/queries/decision-inputs.ts';
import * as events from '../../src/ledger/queries/events.ts';
import * as machines from '../../src/ledger/queries/host-machine.ts';
import * as hosts from '../../src/ledger/queries/hosts.ts';
import * as meta from '../../src/ledger/queries/meta.ts';
import * as moves from '../../src/ledger/queries/moves.ts';
import * as records from '../../src/ledger/queries/records.ts';
import * as runs from '../../src/ledger/queries/runs.ts';
import * as serving from '../../src/ledger/queries/serving.ts';
import * as staleness from '../../src/ledger/queries/staleness.ts';
import { calls } from './contract/every-query.ts';

/** Those that read or change whole tables because that is what they are for. */
const readsAll =
  /^(?:select .* from "(?:hosts|accounts|forgotten_hosts)"|select \* from "events" where \("kind" like|select "at", "account", "host" from "history"|update "accounts" set "pinned_to" = \? where "pinned_to"|update "hosts" set "off_at" = \?, "off_kind" = \?, "destroyed_at" = \?, "contact_intent_at" = \?|update "(?:hosts|forgotten_hosts)" set "contact_intent_at" = "contact_intent_at" \+)/;

it('every query that looks for rows has an index', async () => {
  const exported = [
    accounts,
    events,
    inputs,
    hosts,
    machines,
    meta,
    moves,
    records,
    runs,
    serving,
    staleness,
  ].flatMap((room) =>
    Object.entries(room).flatMap(([name, value]) => (typeof value === 'function' ? [name] : [])),
  );
  // They make an error, a part of a query, and look at clocks.
  expect(Object.keys(calls).sort()).toEqual(
    exported
      .filter(
        (name) =>
          ![
            'staleError',
            'changedMeanwhile',
            'heardInstance',
            'clockStepMs',
            'ledgerVersion',
          ].includes(name),
      )
      .sort(),
  );

  const ledger = await openLedger(join(mkdtempSync(join(tmpdir(), 'fleet-ledger-')), 'fleet.db'));
  const prepared = vi.spyOn(Database.prototype, 'prepare');
  for (const call of Object.values(calls)) await call(ledger);
  const statements = [...new Set(prepared.mock.calls.map(([text]) => text))].filter((text) =>
    /^(?:select|update|delete) /.test(text),
  );
  prepared.mockRestore();
  await ledger.close();
  expect(statements.length).toBeGreaterThan(40);

  const file = new Database(ledger.place, { readonly: true });
  for (const text of statements) {
    const details = file
      .prepare<unknown[], { detail: string }>(`explain query plan ${text}`)
      .all(new Array((text.match(/\?/g) ?? []).length).fill(null))
      .map(({ detail }) => detail);
    const scans = details.filter(
      (detail) =>
        /^SCAN (?!.*USING (?:COVERING )?INDEX)/.test(detail) &&
        !/^SCAN (?:CONSTANT|days\b)/.test(detail),
    );
    expect(readsAll.test(text) ? [] : scans, text).toEqual([]);
  }
  file.close();
});
