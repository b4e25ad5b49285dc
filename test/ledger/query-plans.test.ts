/**
 * Every query of the ledger finds its rows by an index: each function runs once, and SQLite says
 * how it carries out what was prepared meanwhile.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, vi } from 'vitest';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import * as accounts from '../../src/ledger/queries/accounts.ts';
import * as inputs from '../../src/ledger/queries/decision-inputs.ts';
import * as events from '../../src/ledger/queries/events.ts';
import * as machines from '../../src/ledger/queries/host-machine.ts';
import * as hosts from '../../src/ledger/queries/hosts.ts';
import * as meta from '../../src/ledger/queries/meta.ts';
import * as moves from '../../src/ledger/queries/moves.ts';
import * as records from '../../src/ledger/queries/records.ts';
import * as runs from '../../src/ledger/queries/runs.ts';
import * as staleness from '../../src/ledger/queries/staleness.ts';
import type { MoveRow } from '../../src/ledger/schema.ts';
import type { DecisionInput } from '../../src/planning/advice/decision-input.ts';

const move = {
  id: 'm',
  account: 'a',
  key_id: 'k',
  kind: 'manual',
  from_host: 'h',
  to_host: 'g',
  epoch: 2,
  decision_json: '{}',
  created_at: 1,
} as const;
const row: MoveRow = { ...move, phase: 'planned', problem: null, updated_at: 1 };
const entry = {
  at: 1,
  account: 'a',
  host: 'h',
  from_host: 'g',
  type: 'initial',
  score: 1,
  strategy: 'load',
  reason: '',
  move_id: 'm',
  decision_json: '{}',
} as const;

/**
 * One call of every function that exports a query, in an order that works. A function that is
 * missing here fails the test.
 */
const calls: Readonly<Record<string, (ledger: Ledger) => Promise<unknown>>> = {
  ensureHosts: ({ db }) => hosts.ensureHosts(db, ['h', 'g', 'x']),
  listHosts: ({ db }) => hosts.listHosts(db),
  recordContactIntent: ({ db }) => hosts.recordContactIntent(db, 'h', 5, 1),
  recordSeen: ({ db }) => hosts.recordSeen(db, 'h', 5),
  recordBootstrapped: ({ db }) =>
    hosts.recordBootstrapped(db, 'h', 5, { release: 'r', holdAfterMs: 1 }),
  recordFailure: ({ db }) => hosts.recordFailure(db, 'h', 'no'),
  recordUnreachable: ({ db }) => hosts.recordUnreachable(db, 'h', 5),
  setHealth: ({ db }) => hosts.setHealth(db, 'h', 'down'),
  setCordon: ({ db }) => hosts.setCordon(db, 'h', 'why'),
  recordOff: ({ db }) => hosts.recordOff(db, 'h', 'fenced', 5),
  recordAnnouncement: ({ db }) => hosts.recordAnnouncement(db, 'h', { untilMs: 5, bootId: 'b' }),
  rememberHosts: ({ db }) => hosts.rememberHosts(db, [{ name: 'r', instanceId: '' }]),
  shiftContacts: ({ db }) => hosts.shiftContacts(db, 5),
  endAnnouncement: ({ db }) => hosts.endAnnouncement(db, 'h'),
  withdrawOff: ({ db }) => hosts.withdrawOff(db, 'h'),
  recordDestroyed: ({ db }) => hosts.recordDestroyed(db, 'h', 5),
  insertAccount: ({ db }) =>
    accounts.insertAccount(db, {
      name: 'a',
      key_id: 'k',
      user_id: '1',
      data_centre: 2,
      is_bot: 0,
      source_format: 'pyrogram',
      vault_hash: 'v',
      imported_at: 1,
    }),
  listUsedKeys: ({ db }) => accounts.listUsedKeys(db),
  listAccounts: ({ db }) => accounts.listAccounts(db),
  listDisplayNames: ({ db }) => accounts.listDisplayNames(db),
  findAccount: ({ db }) => accounts.findAccount(db, 'a'),
  findAccountByKey: ({ db }) => accounts.findAccountByKey(db, 'k'),
  accountsOfUser: ({ db }) => accounts.accountsOfUser(db, '1'),
  setAccountState: ({ db }) => accounts.setAccountState(db, 'a', 'stored', '', 5),
  setWanted: ({ db }) => accounts.setWanted(db, 'a', true),
  setPin: ({ db }) => accounts.setPin(db, 'a', 'h'),
  setUserId: ({ db }) => accounts.setUserId(db, 'a', '1'),
  setStateSince: ({ db }) => accounts.setStateSince(db, 'a', 'online', 2),
  setUsername: ({ db }) => accounts.setUsername(db, 'a', 'anna'),
  setPaused: ({ db }) => accounts.setPaused(db, 'a', true),
  setScript: ({ db }) => accounts.setScript(db, 'a', 'faq'),
  setBehaviourHash: ({ db }) => accounts.setBehaviourHash(db, 'a', 'f'),
  setPlacement: ({ db }) =>
    accounts.setPlacement(db, { account: 'a', host: 'h', epoch: 1, move_id: 'm', since: 1 }),
  deletePlacement: ({ db }) => accounts.deletePlacement(db, 'a'),
  hasBegunElsewhere: ({ db }) => accounts.hasBegunElsewhere(db, 'k', 'h', 1),
  raiseEpoch: ({ db }) => accounts.raiseEpoch(db, 'k', 2),
  highestEpoch: ({ db }) => accounts.highestEpoch(db, 'k'),
  deleteAccount: ({ db }) => accounts.deleteAccount(db, 'a'),
  insertMove: ({ db }) => moves.insertMove(db, move),
  findMove: ({ db }) => moves.findMove(db, 'm'),
  listOpenMoves: ({ db }) => moves.listOpenMoves(db),
  listMovedKeys: ({ db }) => moves.listMovedKeys(db),
  advanceMove: ({ db }) => moves.advanceMove(db, row, 'staged', 2),
  setMoveEpoch: ({ db }) => moves.setMoveEpoch(db, row, 3, 2).catch(() => undefined),
  closeMove: ({ db }) => moves.closeMove(db, { ...row, phase: 'granted' }, null, 2),
  epochGivenUp: ({ db }) => moves.epochGivenUp(db, 'k'),
  setMoveProblem: ({ db }) => moves.setMoveProblem(db, 'm', 'why', 2),
  turnMove: ({ db }) =>
    moves.turnMove(db, row, { host: 'h', epoch: 4, decisionJson: '{}' }, 2).catch(() => undefined),
  correctMove: ({ db }) => moves.correctMove(db, 'm', 'released', null, 2),
  recordHistory: ({ db }) => records.recordHistory(db, entry),
  readHistory: async ({ db }) => {
    for (const filter of [
      {},
      { account: 'a' },
      { host: 'h' },
      { sinceMs: 1, untilMs: 2 },
      { account: 'a', untilMs: 2 },
    ]) {
      await records.readHistory(db, { ...filter, limit: 5 });
    }
  },
  countAddressChanges: ({ db }) => records.countAddressChanges(db, 1),
  recordEvent: ({ db }) => events.recordEvent(db, { at: 1, kind: 'host-left-out', host: 'h' }),
  changeAccountState: ({ db }) =>
    events.changeAccountState(db, { account: 'a', host: 'h', state: 'held', reason: '' }, 1),
  readEvents: ({ db }) => events.readEvents(db, 5),
  readEventsAfter: ({ db }) => events.readEventsAfter(db, 1),
  readStateEvents: ({ db }) => events.readStateEvents(db),
  readGrants: ({ db }) => records.readGrants(db),
  recordSample: ({ db }) => records.recordSample(db, 'h', 1, '{}'),
  sampleBefore: ({ db }) => records.sampleBefore(db, 'h', 2),
  latestSamples: ({ db }) => records.latestSamples(db),
  dailySamples: ({ db }) => records.dailySamples(db, 1),
  pruneSamples: ({ db }) => records.pruneSamples(db, 1),
  recordInstance: ({ db }) => machines.recordInstance(db, 'x', 'i'),
  recordAcknowledged: ({ db }) => machines.recordAcknowledged(db, 'x', 2, 1, 3),
  trustMachine: ({ db }) => machines.trustMachine(db, 'x', 'i'),
  forgetHostOnPurpose: async ({ db }) => {
    const [row] = (await hosts.listHosts(db)).filter(({ name }) => name === 'x');
    if (row !== undefined) await hosts.forgetHostOnPurpose(db, row, 1);
  },
  listForgottenHosts: ({ db }) => hosts.listForgottenHosts(db),
  takeBackHost: ({ db }) => hosts.takeBackHost(db, 'x'),
  renameHost: async ({ db }) => {
    const [row] = (await hosts.listHosts(db)).filter(({ name }) => name === 'g');
    if (row !== undefined) await hosts.renameHost(db, row, 'g2');
  },
  forgetHost: ({ db }) => hosts.forgetHost(db, 'x'),
  forgetStatements: ({ db }) => hosts.forgetStatements(db, 1),
  saveDecisionInput: ({ db }) => inputs.saveDecisionInput(db, {} as DecisionInput, 1),
  readDecisionInput: ({ db }) => inputs.readDecisionInput(db, 'x'),
  writeMeta: ({ db }) => meta.writeMeta(db, 'key', 'value'),
  readMeta: ({ db }) => meta.readMeta(db, 'key'),
  beginRun: (ledger) => runs.beginRun(ledger, 'test', 1),
  lastRunOf: ({ db }) => runs.lastRunOf(db, 'test'),
  takeLock: async (ledger) => (await runs.takeLock(ledger, 0)).release(),
  markStale: ({ db }) => staleness.markStale(db, 'why'),
  readStaleness: ({ db }) => staleness.readStaleness(db),
  beginAdoption: (ledger) => runs.beginAdoption(ledger, 1, { isOld: true, heardSerial: 7 }),
  markDoubt: ({ db }) => staleness.markDoubt(db, 'why'),
  readDoubt: ({ db }) => staleness.readDoubt(db),
  clearDoubt: ({ db }) => staleness.clearDoubt(db),
  clearStaleness: ({ db }) => staleness.clearStaleness(db),
  lastSerial: ({ db }) => staleness.lastSerial(db),
};

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
    staleness,
  ].flatMap((room) =>
    Object.entries(room).flatMap(([name, value]) => (typeof value === 'function' ? [name] : [])),
  );
  // They make an error, a part of a query, and look at clocks.
  expect(Object.keys(calls).sort()).toEqual(
    exported
      .filter(
        (name) =>
          !['staleError', 'changedMeanwhile', 'heardInstance', 'clockStepMs'].includes(name),
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

  const file = new Database(ledger.path, { readonly: true });
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
