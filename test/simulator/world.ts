import './borders.ts';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClaim } from '../../hostside/claims/claim-file.ts';
import { readStaged } from '../../hostside/helper/world.ts';
import type { LoginEnd, LoginKey } from '../../hostside/protocol/login.ts';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import type { ClockReading, OperatorClock } from '../../src/ledger/operator-clock.ts';
import { listAccounts, type PlacedAccount } from '../../src/ledger/queries/accounts.ts';
import {
  ensureHosts,
  listHosts,
  recordBootstrapped,
  setCordon,
} from '../../src/ledger/queries/hosts.ts';
import { listLogins } from '../../src/ledger/queries/logins.ts';
import { listOpenMoves } from '../../src/ledger/queries/moves.ts';
import { markStale } from '../../src/ledger/queries/staleness.ts';
import type { SerialCopy } from '../../src/ledger/serial-copy.ts';
import type { FleetError } from '../../src/model/errors.ts';
import type { Inventory } from '../../src/model/inventory.ts';
import type { AccountName } from '../../src/model/names.ts';
import type { AdoptionProblem } from '../../src/ownership/adoption-plan.ts';
import { forEachHost } from '../../src/remote/for-each-host.ts';
import { keyIdOf } from '../../src/sessions/auth-key.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';
import { Controller, type Verb } from './controller.ts';

import { memoryVault } from './model/memory-vault.ts';
import { ModelDataCentre } from './model/model-dc.ts';
import { copyTree, modelRoot, mountDisk } from './model/model-disk.ts';
import { type HostWatch, ModelHost } from './model/model-host.ts';
import {
  ledgerBytes,
  loseLastCommit,
  putBlankLedger,
  putLedger,
  removeLedgers,
} from './model/model-ledger.ts';
import { stage } from './model/model-process.ts';
import { type CallFate, plainFate, type RemoteCall } from './model/model-remote.ts';
import { type Chance, Simulation } from './simulation.ts';

export const accountNames: readonly string[] = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7', 'a8'];
const hostNames: readonly string[] = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];

/**
 * What goes wrong with fences: they do nothing, or nobody can be asked whether a machine is off.
 */
export interface FenceLuck {
  readonly fails: boolean;
  readonly isUnknown: boolean;
}

/** How many hosts and accounts there are. */
export interface WorldSize {
  readonly hosts: number;
  readonly accounts: number;
}

const usual: WorldSize = { hosts: 3, accounts: 3 };

const sessions = accountNames.map((_, index) =>
  fixtureSession({ authKey: fixtureKey(index + 1), userId: 7_000_000n + BigInt(index) }),
);
/** By account. */
export const keyIds: Readonly<Record<string, string>> = Object.fromEntries(
  accountNames.map((name, index) => [name, sessions[index]?.keyId ?? '']),
);
const sessionTexts = new Map(
  sessions.map((session) => [session.keyId as string, formatSession(session, 'gramjs-string')]),
);

const yamlOf = (hosts: number): string => `version: 1
fleet: sim
vault: { key: env:VAULT_KEY }
telegram: { api_id: 12345, api_hash: env:API_HASH }
placement: { threshold: 4, cooldown: 0s }
rebalance: { measured_for: 0s, cross_country: true, address_changes_per_week: 1000 }
sweep: { down_after: 2m }
defaults: { fence: { off: [switch-off, "{host}"], verify: [is-off, "{host}"] } }
hosts:
${hostNames
  .slice(0, hosts)
  .map((name, index) => `  ${name}: { address: 192.0.2.${index + 1} }`)
  .join('\n')}
`;

/** For session files, which are imported with real I/O; all else is on the model disk. */
const base = mkdtempSync(join(tmpdir(), 'fleet-simulator-'));
process.once('exit', () => rmSync(base, { recursive: true, force: true }));

const inventories = hostNames.map((_, index) =>
  parseInventory(yamlOf(index + 1), { path: join(base, 'inventory.yaml'), home: base }),
);
let worlds = 0;

/** Hosts, data centre and operators of one run. */
export class World implements HostWatch {
  readonly simulation: Simulation;
  readonly dataCentre: ModelDataCentre;
  /** Those that were imported. */
  readonly accounts: readonly string[];
  /** Those that the operator knows. */
  readonly hosts: readonly ModelHost[];
  /** These and their clones. */
  readonly machines: ModelHost[];
  readonly vault = memoryVault();
  readonly logins = memoryVault();
  readonly #made = new Map<string, string>();
  readonly #loggedIn = new Map<string, string>();
  readonly #size: WorldSize;
  readonly #directory: string;
  readonly #ledgers = new Map<string, Ledger>();
  readonly #serials = new Map<string, number>();
  readonly #clocks = new Map<string, ClockReading>();
  #controllers = 0;
  #exports = 0;
  #active: Controller[] = [];
  /**
   * Of each key and epoch, where it was let through a gate, and to which moves receipts were given.
   */
  readonly #grantedAt = new Map<string, string>();
  readonly #receipts = new Map<string, string>();
  /** The one that the operator uses. */
  ledgerPath: string;
  /** Machines that will never boot again. */
  readonly gone = new Set<string>();
  /** Accounts that had something to remember. */
  readonly remembering = new Set<string>();
  /** The operator's ledger is not, or perhaps not, the one that the hosts obey. */
  isLedgerOld = false;
  /**
   * Accounts that some host claims although their session is not in the vault, as the last adoption
   * said.
   */
  strangers: readonly string[] = [];
  /** Hosts of which the last adoption asked whether the machine from before still runs. */
  doubted: readonly string[] = [];
  /** Machines to which the addresses of hosts lead instead, by name. */
  readonly leadsTo = new Map<string, ModelHost>();
  /** What the last command told the operator to do. */
  hints: readonly string[] = [];
  /** What the last sweep told to do about hosts, besides. */
  remedies: readonly string[] = [];
  /** The inventory that the operator uses now; it may have forgotten hosts. */
  inventory: Inventory;
  /** False where two ledgers count epochs on their own. */
  areEpochsUnique = true;

  /** When a fence was last asked whether a machine is off. */
  askedFenceAtMs = Number.NEGATIVE_INFINITY;
  /** The faults are over. */
  isCalm = false;
  /** How fences behave. */
  fences: FenceLuck = { fails: false, isUnknown: false };
  /** How far the operator's clock is ahead. */
  operatorClockMs = 0;
  private constructor(seed: number, size: WorldSize, removed: ReadonlySet<string>) {
    this.#size = size;
    this.accounts = accountNames.slice(0, size.accounts);
    this.inventory = inventories[size.hosts - 1] as Inventory;
    worlds += 1;
    this.simulation = new Simulation(seed, removed);
    this.dataCentre = new ModelDataCentre(this.simulation);
    this.#directory = join(modelRoot, String(worlds));
    mkdirSync(this.#directory);
    this.ledgerPath = join(this.#directory, 'ledger.db');
    this.hosts = hostNames
      .slice(0, size.hosts)
      .map(
        (name) =>
          new ModelHost(name, join(this.#directory, name), this.simulation, this.dataCentre, this),
      );
    this.machines = [...this.hosts];
    for (const account of this.accounts) this.dataCentre.owners.set(keyIds[account] ?? '', account);
  }

  /** Hosts are up and initialised, accounts are imported, nothing is placed. */
  static async create(
    seed: number,
    size: WorldSize = usual,
    removed: ReadonlySet<string> = new Set(),
  ): Promise<World> {
    const world = new World(seed, size, removed);
    stage.nowMs = () => world.operatorMs;
    stage.identity = () => world.simulation.identity();
    for (const [index, session] of sessions.slice(0, size.accounts).entries()) {
      const meta = {
        sourceFormat: 'pyrogram-string',
        apiId: null,
        importedAt: '2023-11-14T00:00:00.000Z',
      } as const;
      await world.vault.put(accountNames[index] as never, session, meta);
    }
    await blankLedger(world.ledgerPath, size);
    for (const host of world.hosts) {
      mkdirSync(host.root);
      host.install();
      host.boot();
    }
    await world.simulation.pass(5_000);
    return world;
  }

  /** For what a command meets by chance. */
  chanceOf(controller: string): Chance {
    return this.simulation.branch(controller);
  }

  /** The operator's clock. */
  get operatorMs(): number {
    return this.simulation.nowMs + this.operatorClockMs;
  }

  stepOperatorClock(byMs: number): void {
    if (byMs === 0) return;
    this.operatorClockMs += byMs;
    this.simulation.note(`the operator's clock steps by ${byMs} ms`);
  }

  /** Every command dies; what was committed last may be gone. */
  losePowerOfOperator(): void {
    this.killControllers();
    const isLost = loseLastCommit(this.ledgerPath);
    this.simulation.note(
      `the operator's machine loses its power${isLost ? ', and the ledger its last commit' : ''}`,
    );
    if (isLost) this.isLedgerOld = true;
  }

  /**
   * Connections are shared between the controllers of a ledger: opening one costs as much as a
   * command.
   */
  async ledgerAt(path: string): Promise<Ledger> {
    const open =
      this.#ledgers.get(path) ?? (await openLedger(path, undefined, this.serialCopyOf(path)));
    this.#ledgers.set(path, open);
    return open;
  }

  /** What the operator's machine keeps outside of the ledger at this path. */
  serialCopyOf(path: string): SerialCopy {
    const clock: OperatorClock = {
      machine: () => ({ bootId: 'operator', upMs: this.simulation.nowMs }),
      last: () => this.#clocks.get(path) ?? null,
      keep: (_, reading) => void this.#clocks.set(path, reading),
    };
    return {
      read: () => this.#serials.get(path) ?? null,
      write: (_, serial) => void this.#serials.set(path, serial),
      clock,
    };
  }

  /** The operator's machine has nothing outside of his ledgers any more. */
  forgetSerials(): void {
    this.#serials.clear();
  }

  async destroy(): Promise<void> {
    for (const ledger of this.#ledgers.values()) await ledger.close();
    stage.nowMs = null;
    stage.identity = null;
    removeLedgers(this.#directory);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  host(name: string): ModelHost {
    const host = this.hosts.find((candidate) => candidate.name === name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  /** A copy of the ledger as it is now, as a backup or a synced folder makes one. */
  copyLedger(name: string): string {
    const path = join(this.#directory, `${name}.db`);
    putLedger(path, ledgerBytes(this.ledgerPath));
    return path;
  }

  /** The inventory as it is meant to be. */
  get wholeInventory(): Inventory {
    return inventories[this.#size.hosts - 1] as Inventory;
  }

  /** It knows nothing of the last host any more. */
  forgetLastHost(): void {
    this.inventory = inventories[this.#size.hosts - 2] ?? this.inventory;
  }

  /** A second operator with the same sessions and hosts, who knows nothing of the first. */
  async secondLedger(size = this.#size): Promise<string> {
    const path = join(this.#directory, 'second.db');
    await blankLedger(path, size);
    const ledger = await openLedger(path);
    await ledger.db
      .updateTable('meta')
      .set({ value: 'second-ledger' })
      .where('key', '=', 'authority-id')
      .execute();
    await ledger.close();
    return path;
  }

  exportPath(): string {
    this.#exports += 1;
    return join(this.#directory, `export-${this.#exports}`);
  }

  sessionFileOf(account: string): string {
    return join(base, `${account}.txt`);
  }

  /** Keeps the disk of a host as it is. */
  snapshotDisk(host: ModelHost): string {
    const copy = this.placeFor(`${host.name}-disk`);
    host.beat(0);
    copyTree(host.root, copy);
    mountDisk(copy);
    return copy;
  }

  restoreDisk(host: ModelHost, copy: string): void {
    rmSync(host.root, { recursive: true, force: true });
    copyTree(copy, host.root);
    host.clearMemory();
  }

  start(
    verb: Verb,
    options: {
      ledgerPath?: string;
      fateOf?: (call: RemoteCall) => CallFate;
      queriesLeft?: number;
      withLock?: boolean;
      isBefore?: boolean;
    } = {},
  ): Started {
    this.#controllers += 1;
    const name = `c${this.#controllers}`;
    // What leaves the fleet has no state there any more.
    if (verb.verb === 'remove' || verb.verb === 'export') this.remembering.delete(verb.account);
    // Whoever imports a session has been asked whether anything else uses it.
    if (verb.verb === 'import') this.dataCentre.strangerLeaves(keyIds[verb.account] ?? '');
    const {
      ledgerPath = this.ledgerPath,
      fateOf = () => plainFate,
      queriesLeft = null,
      withLock = false,
      isBefore = false,
    } = options;
    const controller = new Controller(this, {
      name,
      ledgerPath,
      vault: this.vault,
      fateOf,
      queriesLeft,
      withLock,
      isBefore,
    });
    this.#active.push(controller);
    this.simulation.note(`${name}: ${verb.verb}${'account' in verb ? ` ${verb.account}` : ''}`);
    const started: Started = {
      controller,
      isOver: () => outcome !== undefined || !controller.isAlive,
      problem: () => outcome ?? null,
    };
    let outcome: FleetError | null | undefined;
    const work = controller.run(verb).then(
      (problem) => {
        outcome = problem;
      },
      (error: unknown) => {
        outcome = null;
        this.simulation.violate(
          `${name} broke: ` +
            `${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      },
    );
    this.lastWork = Promise.race([work, controller.killed]);
    return started;
  }

  /** For commands that wait for real I/O (import); over when they were killed. */
  lastWork: Promise<void> = Promise.resolve();

  /** One command, until it has ended or was killed. */
  async command(
    verb: Verb,
    options: Parameters<World['start']>[1] = {},
  ): Promise<FleetError | null> {
    const started = this.start(verb, options);
    if (verb.verb === 'import') await this.lastWork;
    // A reboot waits for its hosts, one after the other where it is rolling.
    const limitMs = verb.verb === 'reboot' ? 3_600_000 * verb.hosts.length : 600_000;
    if (!(await this.simulation.run(started.isOver, limitMs)))
      this.simulation.violate(`${started.controller.name} never ends`);
    return started.problem();
  }

  /** For a copy of something. */
  placeFor(what: string): string {
    return join(this.#directory, this.simulation.nameOf(what));
  }

  /** One command of a story that may be left out of it. */
  async tell(verb: Verb, options: Parameters<World['start']>[1] = {}): Promise<FleetError | null> {
    return this.simulation.happens(this.simulation.nameOf(`told ${verb.verb}`))
      ? this.command(verb, options)
      : null;
  }

  /** Something of a fault that takes place later, unless the faults are over by then. */
  later(delayMs: number, act: () => void): void {
    this.simulation.at(delayMs, () => (this.isCalm ? undefined : act()));
  }

  /**
   * A machine from the image of another, without a way to the operator. `keeps`: nothing of its
   * identity but the machine id, all but the network card, or
   * all of it.
   */
  clone(host: ModelHost, keeps: 'system' | 'ids' | 'everything' = 'system'): ModelHost {
    const name = this.simulation.nameOf(`${host.name}-clone`);
    const copy = new ModelHost(
      name,
      this.snapshotDisk(host),
      this.simulation,
      this.dataCentre,
      this,
    );
    copy.clearMemory();
    if (keeps === 'system') copy.identify(`machine-${copy.name}`);
    else copy.dmiUuid = host.dmiUuid;
    if (keeps === 'everything') copy.macs = host.macs;
    copy.link = { hears: false, isHeard: false };
    copy.luck = host.luck;
    [copy.programs, copy.agentPrograms] = [host.programs, host.programs];
    this.machines.push(copy);
    return copy;
  }

  /** Whether the ledger has the host. */
  async knows(name: string): Promise<boolean> {
    const { db } = await this.ledgerAt(this.ledgerPath);
    return (await listHosts(db)).some((row) => row.name === name);
  }

  async cordon(name: string, path = this.ledgerPath): Promise<void> {
    const { db } = await this.ledgerAt(path);
    await setCordon(db, name, 'by the operator');
  }

  /** As `fleet restore` leaves a ledger. */
  async markRestored(path: string): Promise<void> {
    const { db } = await this.ledgerAt(path);
    await markStale(db, 'it was restored from a backup');
    await db.deleteFrom('lock').execute();
  }

  /** Drains, and operators who disagree, leave cordons behind. */
  async uncordonAll(): Promise<void> {
    const { db } = await this.ledgerAt(this.ledgerPath);
    for (const { name } of this.hosts) await setCordon(db, name, null);
  }

  killControllers(): void {
    for (const controller of this.#active.filter(({ isDone }) => !isDone))
      controller.kill('in the end');
    this.#active = [];
  }

  heardAtAdoption(problems: readonly AdoptionProblem[]): void {
    this.doubted = this.hosts
      .map(({ name }) => name)
      .filter((name) => problems.some(({ hint }) => hint.includes(`--replaced ${name}`)));
    for (const { text, hint } of problems) this.simulation.note(`adopt: ${text}; ${hint}`);
    const strange = problems.filter(({ hint }) => hint.includes('import that session'));
    this.strangers = this.accounts.filter((name) =>
      strange.some(({ text }) => text.includes(`"${name}"`)),
    );
  }

  mayBoot({ name }: ModelHost): boolean {
    return !this.gone.has(name);
  }

  passedGate(host: ModelHost, keyId: string, epoch: number): void {
    for (const other of this.machines) {
      const worker = other === host ? null : other.units.workerOf(keyId);
      if (worker?.isPastGate() && other.standstill === null)
        this.simulation.violate(
          `two workers of ${keyId.slice(0, 4)}: ${other.name} and ${host.name}`,
        );
    }
    if (this.areEpochsUnique)
      this.#once(this.#grantedAt, `${keyId} ${epoch}`, host.name, 'let through on two hosts');
  }

  said(host: ModelHost, line: unknown): void {
    const claim = (
      line as { claim?: { state: string; keyId: string; epoch: number; moveId: string } | null }
    ).claim;
    if (claim?.state !== 'released' || !(line as { ok?: boolean }).ok) return;
    if (host.units.workerOf(claim.keyId) !== null)
      this.simulation.violate(
        `${host.name} gives a receipt although ${claim.keyId.slice(0, 4)} runs`,
      );
    this.#once(this.#receipts, `${claim.keyId} ${claim.epoch}`, claim.moveId, 'given to two moves');
  }

  sessionOf(keyId: string): string {
    return sessionTexts.get(keyId) ?? this.#made.get(keyId) ?? '';
  }

  #once(known: Map<string, string>, what: string, who: string, fault: string): void {
    const before = known.get(what) ?? who;
    known.set(what, before);
    if (before !== who)
      this.simulation.violate(
        `epoch ${what.slice(0, 4)} ${what.split(' ')[1]} ${fault}: ${before} and ${who}`,
      );
  }

  /** The key that the account has now, as far as anybody has logged it in. */
  keyIdOf(account: string): string {
    return this.#loggedIn.get(account) ?? keyIds[account] ?? '';
  }

  /** All keys that there are. */
  get allKeyIds(): readonly string[] {
    return [...Object.values(keyIds), ...this.#made.keys()];
  }

  /** A key with which nobody is logged in yet. */
  makeKey(account: string): LoginKey {
    const session = fixtureSession({
      authKey: fixtureKey(100 + this.#made.size),
      userId: this.#userOf(account),
    });
    this.#made.set(session.keyId, formatSession(session, 'gramjs-string'));
    this.dataCentre.loggedOut.add(session.keyId);
    this.dataCentre.owners.set(session.keyId, account);
    return {
      dataCentre: session.dataCentre,
      authKey: Buffer.from(session.authKey).toString('base64'),
    };
  }

  /** The login program of that host shows the key, for a moment. */
  logIn(host: string, account: string, key: LoginKey): LoginEnd {
    const keyId = keyIdOf(Buffer.from(key.authKey, 'base64'));
    const connection = this.dataCentre.connect(keyId, `${host} (login)`, 20_000, () => undefined);
    if (connection === 'duplicated')
      return {
        end: 'failed',
        why: 'refused',
        message: 'AUTH_KEY_DUPLICATED',
        seconds: null,
        lingerMs: 0,
      };
    this.dataCentre.loggedOut.delete(keyId);
    this.#loggedIn.set(account, keyId);
    this.dataCentre.end(connection);
    return {
      end: 'done',
      key,
      userId: String(this.#userOf(account)),
      username: null,
      isBot: false,
      lingerMs: 0,
    };
  }

  isLoggedIn({ authKey }: LoginKey): boolean {
    return !this.dataCentre.loggedOut.has(keyIdOf(Buffer.from(authKey, 'base64')));
  }

  /** A login is given up: nobody has that key any more. */
  logOut(account: string, { authKey }: LoginKey): void {
    const keyId = keyIdOf(Buffer.from(authKey, 'base64'));
    this.dataCentre.revoke(keyId);
    if (this.#loggedIn.get(account) === keyId) this.#loggedIn.delete(account);
  }

  #userOf(account: string): bigint {
    return 7_000_000n + BigInt(accountNames.indexOf(account));
  }

  /** What the ledger says. */
  async read(): Promise<{
    accounts: PlacedAccount[];
    openMoves: string[];
    leaving: string[];
    destroyed: string[];
    logins: string[];
  }> {
    const { db } = await this.ledgerAt(this.ledgerPath);
    const accounts = await listAccounts(db);
    const moves = await listOpenMoves(db);
    const leaving = moves
      .filter(({ to_host }) => to_host === 'detached')
      .map(({ account }) => account);
    const hosts = await listHosts(db);
    return {
      accounts,
      logins: (await listLogins(db)).map(({ account }) => account),
      leaving,
      destroyed: hosts.filter(({ destroyed_at }) => destroyed_at !== null).map(({ name }) => name),
      openMoves: moves.map(
        ({ account, phase, to_host, problem }) => `${account} -> ${to_host} ${phase}: ${problem}`,
      ),
    };
  }

  /**
   * What must be true when all faults are over and an operator has done what an operator does:
   * every account that is in the fleet runs once, where
   * the ledger says, the others nowhere; nothing is left over.
   */
  async checkSettled(): Promise<void> {
    const { accounts, openMoves, logins } = await this.read();
    for (const name of logins) this.simulation.violate(`a login of ${name} is still open`);
    for (const host of this.hosts.filter(
      ({ name, programs }) => programs.isBefore && !this.gone.has(name),
    ))
      this.simulation.violate(`nobody was told to upgrade ${host.name}`);
    for (const move of openMoves) this.simulation.violate(`a move is still open: ${move}`);
    for (const name of this.accounts) {
      const account = accounts.find((candidate) => candidate.name === name);
      const keyId = this.keyIdOf(name);
      const isOut = account === undefined || account.state === 'detached';
      await this.#checkSession(name, isOut);
      const running = this.dataCentre.usersOf(keyId);
      const expected = isOut ? [] : [account.host];
      if (JSON.stringify(running) !== JSON.stringify(expected)) {
        this.simulation.violate(
          `${name} (${account?.state ?? 'removed'}, ${account?.state_reason ?? ''}) runs ` +
            `on [${running.join()}], not on [${expected.join()}]`,
        );
      }
      if (!isOut && account.state !== 'online')
        this.simulation.violate(`${name} is online, but the ledger says ${account.state}`);
      for (const host of this.hosts.filter((each) => !this.gone.has(each.name)))
        this.#checkFiles(host, keyId, host.name === account?.host ? account.epoch : null);
    }
  }

  /** A session that is in the fleet is in the vault, and Telegram still knows its key. */
  async #checkSession(name: string, isOut: boolean): Promise<void> {
    if (this.dataCentre.killedKeys.has(this.keyIdOf(name)))
      this.simulation.violate(`the session of ${name} is lost: its key was killed`);
    const isKept = await this.vault.get(name as AccountName).then(
      ({ session }) => session.keyId === this.keyIdOf(name),
      () => false,
    );
    if (!isOut && !isKept)
      this.simulation.violate(`the session of ${name} is lost: it is not in the vault`);
  }

  #checkFiles(host: ModelHost, keyId: string, epoch: number | null): void {
    const [staged, { claim }] = [
      readStaged(host.places, keyId).map((files) => files.epoch),
      readClaim(host.places, keyId),
    ];
    const expected = epoch === null ? [] : [epoch];
    if (JSON.stringify(staged) !== JSON.stringify(expected))
      this.simulation.violate(
        `${host.name} holds session files of ${keyId.slice(0, 4)} at epochs ` +
          `[${staged.join()}], not [${expected.join()}]`,
      );
    const isOwner = claim?.state === 'active';
    if (isOwner !== (epoch !== null))
      this.simulation.violate(
        `${host.name}: claim ${claim?.state ?? 'none'} of ${keyId.slice(0, 4)}`,
      );
  }
}

export interface Started {
  readonly controller: Controller;
  readonly isOver: () => boolean;
  readonly problem: () => FleetError | null;
}

const templates = new Map<string, Buffer>();

/**
 * A ledger of initialised hosts with all accounts imported, by the shipped import. Each size is
 * made once; every world starts from a copy.
 */
async function blankLedger(path: string, size: WorldSize): Promise<void> {
  const name = `template-${size.hosts}-${size.accounts}`;
  const content = templates.get(name) ?? (await makeTemplate(join(modelRoot, `${name}.db`), size));
  templates.set(name, content);
  putBlankLedger(path, content, name);
}

async function makeTemplate(path: string, size: WorldSize): Promise<Buffer> {
  const ledger = await openLedger(path);
  const hosts = hostNames.slice(0, size.hosts);
  await ensureHosts(ledger.db, hosts);
  const inventory = inventories[size.hosts - 1] as Inventory;
  const { holdAfterMs } = inventory.hold;
  for (const name of hosts)
    await recordBootstrapped(ledger.db, name, Date.now(), {
      holdAfterMs,
      release: 'r1',
      arch: 'x64',
      os: 'model',
    });
  const simulation = new Simulation(0);
  const world = {
    simulation,
    operatorMs: simulation.nowMs,
    inventory,
    hosts: [],
    ledgerAt: async () => ledger,
    sessionFileOf: (account: string) => join(base, `${account}.txt`),
  };
  for (const [index, name] of accountNames.slice(0, size.accounts).entries()) {
    const session = sessions[index];
    if (session === undefined) throw new Error('an account without a session');
    writeFileSync(join(base, `${name}.txt`), formatSession(session, 'pyrogram-string'), {
      mode: 0o600,
    });
    const options = {
      name: 'import',
      ledgerPath: path,
      vault: memoryVault(),
      fateOf: () => plainFate,
    };
    const problem = await new Controller(world as unknown as World, options).run({
      verb: 'import',
      account: name,
    });
    if (problem !== null) throw problem;
  }
  await ledger.close();
  // Modules that are loaded by their first use would make a simulated moment wait for the real
  // disk.
  await Promise.all([
    forEachHost([], 1, async () => undefined),
    import('../../src/facts/agent-sample.ts'),
  ]);
  return ledgerBytes(path);
}
