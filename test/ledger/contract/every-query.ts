import type { Alert } from '../../../src/alerts/alert.ts';
import type { Message } from '../../../src/alerts/message.ts';
import type { Outgoing } from '../../../src/alerts/outbox.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import * as accounts from '../../../src/ledger/queries/accounts.ts';
import * as alerts from '../../../src/ledger/queries/alerts.ts';
import * as canaries from '../../../src/ledger/queries/canaries.ts';
import * as inputs from '../../../src/ledger/queries/decision-inputs.ts';
import * as events from '../../../src/ledger/queries/events.ts';
import * as hostLogins from '../../../src/ledger/queries/host-logins.ts';
import * as machines from '../../../src/ledger/queries/host-machine.ts';
import * as hosts from '../../../src/ledger/queries/hosts.ts';
import * as journal from '../../../src/ledger/queries/journal-facts.ts';
import * as logins from '../../../src/ledger/queries/logins.ts';
import * as meta from '../../../src/ledger/queries/meta.ts';
import * as moves from '../../../src/ledger/queries/moves.ts';
import * as records from '../../../src/ledger/queries/records.ts';
import * as runs from '../../../src/ledger/queries/runs.ts';
import * as serving from '../../../src/ledger/queries/serving.ts';
import * as staleness from '../../../src/ledger/queries/staleness.ts';
import type { LoginRow, MoveRow } from '../../../src/ledger/schema.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { DecisionInput } from '../../../src/planning/advice/decision-input.ts';

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

const answer = { token: 't', key: 'k' } as const;
const apiToken = {
  ...{ id: 't', name: 'ci', hash: 'h', scope: 'look', hosts: null },
  ...{ created_at: 1, created_by: 'me', expires_at: null },
} as const;

/**
 * One call of every function that exports a query, in an order that works. A function that is
 * missing here fails the test.
 */
export const calls: Readonly<Record<string, (ledger: Ledger) => Promise<unknown>>> = {
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
  readHistory: ({ db }) =>
    Promise.all(
      [
        {},
        { account: 'a' },
        { host: 'h' },
        { sinceMs: 1, untilMs: 2 },
        { account: 'a', untilMs: 2 },
      ].map((filter) => records.readHistory(db, { ...filter, limit: 5 })),
    ),
  countAddressChanges: ({ db }) => records.countAddressChanges(db, 1),
  recordEvent: ({ db }) => events.recordEvent(db, { at: 1, kind: 'host-left-out', host: 'h' }),
  changeAccountState: ({ db }) =>
    events.changeAccountState(db, { account: 'a', host: 'h', state: 'held', reason: '' }, 1),
  readEvents: ({ db }) =>
    Promise.all(
      [{}, { account: 'a' }, { host: 'h', kind: 'host-' }].map((filter) =>
        events.readEvents(db, 5, filter),
      ),
    ),
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
  insertToken: ({ db }) => serving.insertToken(db, apiToken),
  listTokens: ({ db }) => serving.listTokens(db),
  findToken: ({ db }) => serving.findToken(db, 't'),
  noteTokenUse: ({ db }) => serving.noteTokenUse(db, 't', 1_800_000_000_000),
  revokeToken: ({ db }) => serving.revokeToken(db, 'ci', 1_800_000_000_000),
  insertPlan: ({ db }) =>
    serving.insertPlan(db, {
      ...{ id: 'p', token: 't', verb: 'move', input_json: '{}', digest: 'd' },
      ...{ made_at: 1, expires_at: 2 },
    }),
  findPlan: ({ db }) => serving.findPlan(db, 'p'),
  claimPlan: ({ db }) => serving.claimPlan(db, 'p', null, 'j'),
  insertJob: ({ db }) =>
    serving.insertJob(db, {
      ...{ id: 'j', token: 't', verb: 'move', caller: 'c', state: 'running' },
      ...{ owner: 'o', begun_at: 1 },
    }),
  endJob: ({ db }) => serving.endJob(db, 'j', { state: 'done', nowMs: 2, answer: '{}' }),
  findJob: ({ db }) => serving.findJob(db, 'j'),
  listJobs: ({ db }) => serving.listJobs(db, 9),
  claimAnswer: ({ db }) => serving.claimAnswer(db, { ...answer, digest: 'd', at: 1, job: null }),
  keepAnswer: ({ db }) => serving.keepAnswer(db, answer, { status: 200, text: '{}' }),
  dropAnswer: ({ db }) => serving.dropAnswer(db, answer),
  pruneServing: ({ db }) => serving.pruneServing(db, 5),
  readRecords: ({ db }) => serving.readRecords(db, 0, 9),
  lastRecord: ({ db }) => serving.lastRecord(db),
};

const message: Message = {
  ...{ format: 1, id: 'message', fleet: 'f', at: 5, title: 't', severity: 'info', text: 'x' },
  items: [
    {
      ...{ key: 'k', rule: 'host-down', status: 'firing', severity: 'info', kind: 'host' },
      ...{ subject: 'h', host: 'h', since: 1, endedAt: null, text: 'x', command: 'fleet look' },
    },
  ],
};
const outgoing: Outgoing = {
  ...{ id: 'message', route: ['c'], message, attempts: 0, isRefused: false, nextTryAt: 5 },
};
const alert: Alert = {
  ...{ key: 'k', rule: 'host-down', measure: 'down', kind: 'host', subject: 'h', host: 'h' },
  ...{ state: 'firing', severity: 'critical', value: 1.5, reason: 'r', since: 1, firedAt: 2 },
  ...{ resolvedAt: null, heldMs: 1, seenAt: 3, clean: 0, told: null, toldAt: null },
  ...{ tellings: 0, endToldAt: null },
} as unknown as Alert;
const canary: Parameters<typeof canaries.insertCanary>[1] = {
  ...{ kind: 'scripts', mark: 'd', accounts: ['a'], others: ['b'] },
  ...{ before: new Map([['a', '{}']]), watchMs: 5, maxErrors: 0.25, begunAtMs: 7 },
};
const login: LoginRow = {
  ...{ account: 'l', host: 'h', way: 'qr', old_key_id: null, key_id: null },
  ...{ phase: 'open', started_at: 3 },
};
const about = {
  ...{ userId: '7', username: null, dataCentre: 2, isBot: false, vaultHash: 'v2' },
} as const;

/** The same for modules whose tables stay small, so that nobody asks how they are read. */
export const smallCalls: Readonly<Record<string, (ledger: Ledger) => Promise<unknown>>> = {
  saveAlerts: ({ db }) => alerts.saveAlerts(db, [alert]),
  listAlerts: ({ db }) => alerts.listAlerts(db),
  insertMessage: ({ db }) => alerts.insertMessage(db, ['c'], message),
  changeMessage: ({ db }) => alerts.changeMessage(db, outgoing),
  recordTry: ({ db }) => alerts.recordTry(db, 'message'),
  recordRefusal: ({ db }) => alerts.recordRefusal(db, 'message', 1, 9, 'no'),
  waitingMessages: ({ db }) => alerts.waitingMessages(db),
  recordDelivery: ({ db }) => alerts.recordDelivery(db, 'message', 'c', 8),
  sentMessages: ({ db }) => alerts.sentMessages(db, 5),
  pruneMessages: ({ db }) => alerts.pruneMessages(db, 3),
  addSilence: ({ db }) =>
    alerts.addSilence(db, {
      ...{ rule: '*', subject: 'h', until: 50, reason: 'r', by: 'me', createdAt: 5 },
    }),
  listSilences: ({ db }) => alerts.listSilences(db, 6),
  endSilence: ({ db }) => alerts.endSilence(db, 1, 7),
  takeFresh: async ({ db }) => [
    await alerts.takeFresh(db),
    await events.recordEvent(db, { at: 2, kind: 'host-left-out', host: 'h' }),
    await alerts.takeFresh(db),
  ],
  recordChannelFailure: async ({ db }) => {
    const row = { name: 'c', failed_at: 5, problem: 'p', hint: 'h', rest_until: null };
    await alerts.recordChannelFailure(db, row);
    await alerts.recordChannelFailure(db, { ...row, failed_at: 6, rest_until: 9 });
  },
  failingChannels: ({ db }) => alerts.failingChannels(db),
  recordChannelWell: ({ db }) => alerts.recordChannelWell(db, 'c'),
  earlierSamples: async ({ db }) => {
    await records.recordSample(db, 'h', 4, '{}');
    return alerts.earlierSamples(db, 1, 5);
  },
  insertCanary: async ({ db }) => ({ ...(await canaries.insertCanary(db, canary)), id: '' }),
  lastCanary: async ({ db }) => ({ ...(await canaries.lastCanary(db, 'scripts')), id: '' }),
  advanceCanary: async ({ db }) => {
    const last = await canaries.lastCanary(db, 'scripts');
    if (last === null) throw new Error('no canary');
    return { ...(await canaries.advanceCanary(db, last, 'watching', 8, 'note')), id: '' };
  },
  insertLogin: ({ db }) => logins.insertLogin(db, login),
  findLogin: ({ db }) => logins.findLogin(db, 'l'),
  listLogins: ({ db }) => logins.listLogins(db),
  setLoginKey: async ({ db }) => {
    await logins.setLoginKey(db, 'l', null, 'new-key', 'h');
    await logins.setLoginKey(db, 'l', 'new-key', 'newer-key', 'h');
    return logins.setLoginKey(db, 'l', 'new-key', 'other-key', 'h').catch(codeOf);
  },
  takeLoginKey: async ({ db }) => {
    await accounts.insertAccount(db, {
      ...{ name: 'l', key_id: 'old', user_id: null, data_centre: 2, is_bot: 0 },
      ...{ source_format: 'pyrogram', vault_hash: 'v', imported_at: 1 },
    });
    const taken = { ...login, old_key_id: 'old', key_id: 'newer-key' };
    await logins.takeLoginKey(db, taken, about, 9);
    return logins.takeLoginKey(db, taken, about, 9).catch(codeOf);
  },
  markLoginTaken: ({ db }) => logins.markLoginTaken(db, 'l'),
  deleteLogin: ({ db }) => logins.deleteLogin(db, 'l'),
  recordRefused: async ({ db }) => {
    await hostLogins.recordRefused(db, 'h', '{}', 5);
    await hostLogins.recordRefused(db, 'h', '{}', 6);
  },
  recordReached: ({ db }) => hostLogins.recordReached(db, 'h'),
  recordLetIn: ({ db }) => hostLogins.recordLetIn(db, 'h'),
  readJournalFacts: ({ db }) => journal.readJournalFacts(db),
};

const codeOf = (error: unknown): unknown =>
  error instanceof FleetError ? error.code : String(error);

/** Every module of queries, for whoever checks that none of its functions is missing here. */
export const smallRooms = [alerts, canaries, hostLogins, journal, logins];
