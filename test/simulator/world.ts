import './borders.ts';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readClaim } from '../../agent/claims/claim-file.ts';
import { readStaged } from '../../agent/host/world.ts';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { listAccounts, type PlacedAccount } from '../../src/ledger/accounts.ts';
import { ensureHosts, recordBootstrapped, setCordon } from '../../src/ledger/hosts.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { listOpenMoves } from '../../src/ledger/moves.ts';
import type { FleetError } from '../../src/model/errors.ts';
import type { Inventory } from '../../src/model/inventory.ts';
import { forEachHost } from '../../src/remote/for-each-host.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';
import { Controller, type Verb } from './controller.ts';
import { memoryVault } from './memory-vault.ts';
import { ModelDataCentre } from './model-dc.ts';
import { type HostWatch, ModelHost } from './model-host.ts';
import { stage } from './model-process.ts';
import { type CallFate, plainFate, type RemoteCall } from './model-remote.ts';
import { Simulation } from './simulation.ts';

export const accountNames = ['a1', 'a2', 'a3'] as const;
const hostNames = ['h1', 'h2', 'h3'] as const;

const sessions = accountNames.map((_, index) => fixtureSession({ authKey: fixtureKey(index + 1), userId: 7_000_000n + BigInt(index) }));
/** By account. */
export const keyIds: Readonly<Record<string, string>> = Object.fromEntries(
  accountNames.map((name, index) => [name, sessions[index]?.keyId ?? '']),
);
const sessionTexts = new Map(sessions.map((session) => [session.keyId as string, formatSession(session, 'gramjs-string')]));

const yaml = `version: 1
fleet: sim
vault: { key: env:VAULT_KEY }
telegram: { api_id: 12345, api_hash: env:API_HASH }
hosts:
${hostNames.map((name) => `  ${name}: { address: 192.0.2.1 }`).join('\n')}
`;

const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const base = mkdtempSync(join(memory, 'fleet-simulator-'));
process.once('exit', () => rmSync(base, { recursive: true, force: true }));

const inventory = parseInventory(yaml, { path: join(base, 'inventory.yaml'), home: base });
let worlds = 0;

/** Hosts, data centre and operators of one run. */
export class World implements HostWatch {
  readonly simulation: Simulation;
  readonly dataCentre: ModelDataCentre;
  readonly inventory: Inventory = inventory;
  /** Those that the operator knows. */
  readonly hosts: readonly ModelHost[];
  /** These and their clones. */
  readonly machines: ModelHost[];
  readonly vault: Vault = memoryVault();
  readonly #directory: string;
  readonly #ledgers = new Map<string, Ledger>();
  #controllers = 0;
  #exports = 0;
  #active: Controller[] = [];
  /** Of each key and epoch, where it was let through a gate, and to which moves receipts were given. */
  readonly #grantedAt = new Map<string, string>();
  readonly #receipts = new Map<string, string>();
  /** The one that the operator uses. */
  ledgerPath: string;
  /** False where two ledgers count epochs on their own. */
  areEpochsUnique = true;

  private constructor(seed: number) {
    worlds += 1;
    this.simulation = new Simulation(seed);
    this.dataCentre = new ModelDataCentre(this.simulation);
    this.#directory = join(base, String(worlds));
    mkdirSync(this.#directory);
    this.ledgerPath = join(this.#directory, 'ledger.db');
    this.hosts = hostNames.map((name) => new ModelHost(name, join(this.#directory, name), this.simulation, this.dataCentre, this));
    this.machines = [...this.hosts];
  }

  /** Hosts are up and initialised, accounts are imported, nothing is placed. */
  static async create(seed: number): Promise<World> {
    const world = new World(seed);
    stage.nowMs = () => world.simulation.nowMs;
    stage.identity = () => world.simulation.identity();
    for (const [index, session] of sessions.entries()) {
      const meta = { sourceFormat: 'pyrogram-string', apiId: null, importedAt: '2023-11-14T00:00:00.000Z' } as const;
      await world.vault.put(accountNames[index] as never, session, meta);
    }
    copyFileSync(await ledgerTemplate(), world.ledgerPath);
    for (const host of world.hosts) {
      mkdirSync(host.root);
      host.install();
      host.boot();
    }
    await world.simulation.pass(5_000);
    return world;
  }

  /** Connections are shared between the controllers of a ledger: opening one costs as much as a command. */
  async ledgerAt(path: string): Promise<Ledger> {
    const open = this.#ledgers.get(path) ?? (await openLedger(path));
    this.#ledgers.set(path, open);
    return open;
  }

  async destroy(): Promise<void> {
    for (const ledger of this.#ledgers.values()) await ledger.close();
    stage.nowMs = null;
    stage.identity = null;
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
    for (const suffix of ['', '-wal']) if (existsSync(this.ledgerPath + suffix)) copyFileSync(this.ledgerPath + suffix, path + suffix);
    return path;
  }

  /** A second operator with the same sessions and hosts, who knows nothing of the first. */
  async secondLedger(): Promise<string> {
    const path = join(this.#directory, 'second.db');
    copyFileSync(await ledgerTemplate(), path);
    const ledger = await openLedger(path);
    await ledger.db.updateTable('meta').set({ value: 'second-ledger' }).where('key', '=', 'authority-id').execute();
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
    const copy = join(this.#directory, `${host.name}-disk-${this.simulation.elapsedMs}`);
    cpSync(host.root, copy, { recursive: true, verbatimSymlinks: true });
    return copy;
  }

  restoreDisk(host: ModelHost, copy: string): void {
    rmSync(host.root, { recursive: true, force: true });
    cpSync(copy, host.root, { recursive: true, verbatimSymlinks: true });
  }

  start(verb: Verb, options: { ledgerPath?: string; fateOf?: (call: RemoteCall) => CallFate; queriesLeft?: number } = {}): Started {
    this.#controllers += 1;
    const name = `c${this.#controllers}`;
    const { ledgerPath = this.ledgerPath, fateOf = () => plainFate, queriesLeft = null } = options;
    const controller = new Controller(this, { name, ledgerPath, vault: this.vault, fateOf, queriesLeft });
    this.#active.push(controller);
    this.simulation.note(`${name}: ${verb.verb}${'account' in verb ? ` ${verb.account}` : ''}`);
    const started: Started = { controller, isOver: () => outcome !== undefined || !controller.isAlive, problem: () => outcome ?? null };
    let outcome: FleetError | null | undefined;
    const work = controller.run(verb).then(
      (problem) => {
        outcome = problem;
      },
      (error: unknown) => {
        outcome = null;
        this.simulation.violate(`${name} broke: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      },
    );
    this.lastWork = work;
    return started;
  }

  /** For commands that wait for real I/O (import). */
  lastWork: Promise<void> = Promise.resolve();

  /** One command, until it has ended or was killed. */
  async command(verb: Verb, options: Parameters<World['start']>[1] = {}): Promise<FleetError | null> {
    const started = this.start(verb, options);
    if (verb.verb === 'import') await this.lastWork;
    if (!(await this.simulation.run(started.isOver, 600_000))) this.simulation.violate(`${started.controller.name} never ends`);
    return started.problem();
  }

  /** A machine from the image of another, with an identity of its own and without a way to the operator. */
  clone(host: ModelHost): ModelHost {
    const copy = new ModelHost(`${host.name}-clone`, this.snapshotDisk(host), this.simulation, this.dataCentre, this);
    copy.identify(`machine-${copy.name}`);
    copy.link = { hears: false, isHeard: false };
    copy.luck = host.luck;
    this.machines.push(copy);
    return copy;
  }

  async cordon(name: string, path = this.ledgerPath): Promise<void> {
    const { db } = await this.ledgerAt(path);
    await setCordon(db, name, 'by the operator');
  }

  killControllers(): void {
    for (const controller of this.#active.filter(({ isDone }) => !isDone)) controller.kill('in the end');
    this.#active = [];
  }

  passedGate(host: ModelHost, keyId: string, epoch: number): void {
    for (const other of this.machines) {
      const worker = other === host ? null : other.units.workerOf(keyId);
      if (worker?.isPastGate()) this.simulation.violate(`two workers of ${keyId.slice(0, 4)}: ${other.name} and ${host.name}`);
    }
    if (this.areEpochsUnique) this.#once(this.#grantedAt, `${keyId} ${epoch}`, host.name, 'let through on two hosts');
  }

  said(host: ModelHost, line: unknown): void {
    const claim = (line as { claim?: { state: string; keyId: string; epoch: number; moveId: string } | null }).claim;
    if (claim?.state !== 'released' || !(line as { ok?: boolean }).ok) return;
    if (host.units.workerOf(claim.keyId) !== null)
      this.simulation.violate(`${host.name} gives a receipt although ${claim.keyId.slice(0, 4)} runs`);
    this.#once(this.#receipts, `${claim.keyId} ${claim.epoch}`, claim.moveId, 'given to two moves');
  }

  sessionOf(keyId: string): string {
    return sessionTexts.get(keyId) ?? '';
  }

  #once(known: Map<string, string>, what: string, who: string, fault: string): void {
    const before = known.get(what) ?? who;
    known.set(what, before);
    if (before !== who) this.simulation.violate(`epoch ${what.slice(0, 4)} ${what.split(' ')[1]} ${fault}: ${before} and ${who}`);
  }

  /** What the ledger says. */
  async read(): Promise<{ accounts: PlacedAccount[]; openMoves: string[]; leaving: string[] }> {
    const { db } = await this.ledgerAt(this.ledgerPath);
    const accounts = await listAccounts(db);
    const moves = await listOpenMoves(db);
    const leaving = moves.filter(({ to_host }) => to_host === 'detached').map(({ account }) => account);
    return {
      accounts,
      leaving,
      openMoves: moves.map(({ account, phase, to_host, problem }) => `${account} -> ${to_host} ${phase}: ${problem}`),
    };
  }

  /**
   * What must be true when all faults are over and an operator has done what an operator does: every account that is in the fleet runs once, where
   * the ledger says, the others nowhere; nothing is left over.
   */
  async checkSettled(): Promise<void> {
    const { accounts, openMoves } = await this.read();
    for (const move of openMoves) this.simulation.violate(`a move is still open: ${move}`);
    for (const name of accountNames) {
      const account = accounts.find((candidate) => candidate.name === name);
      const keyId = keyIds[name] ?? '';
      const isOut = account === undefined || account.state === 'detached';
      const running = this.dataCentre.usersOf(keyId);
      const expected = isOut ? [] : [account.host];
      if (JSON.stringify(running) !== JSON.stringify(expected)) {
        this.simulation.violate(
          `${name} (${account?.state ?? 'removed'}, ${account?.state_reason ?? ''}) runs on [${running.join()}], not on [${expected.join()}]`,
        );
      }
      if (!isOut && account.state !== 'online') this.simulation.violate(`${name} is online, but the ledger says ${account.state}`);
      for (const host of this.hosts) this.#checkFiles(host, keyId, host.name === account?.host ? account.epoch : null);
    }
  }

  #checkFiles(host: ModelHost, keyId: string, epoch: number | null): void {
    const [staged, { claim }] = [readStaged(host.places, keyId).map((files) => files.epoch), readClaim(host.places, keyId)];
    const expected = epoch === null ? [] : [epoch];
    if (JSON.stringify(staged) !== JSON.stringify(expected))
      this.simulation.violate(
        `${host.name} holds session files of ${keyId.slice(0, 4)} at epochs [${staged.join()}], not [${expected.join()}]`,
      );
    const isOwner = claim?.state === 'active';
    if (isOwner !== (epoch !== null)) this.simulation.violate(`${host.name}: claim ${claim?.state ?? 'none'} of ${keyId.slice(0, 4)}`);
  }
}

export interface Started {
  readonly controller: Controller;
  readonly isOver: () => boolean;
  readonly problem: () => FleetError | null;
}

let template: string | null = null;

/** A ledger of initialised hosts with all accounts imported, by the shipped import. Made once; every world starts from a copy. */
async function ledgerTemplate(): Promise<string> {
  if (template !== null) return template;
  const path = join(base, 'template.db');
  const ledger = await openLedger(path);
  await ensureHosts(ledger.db, hostNames);
  for (const name of hostNames)
    await recordBootstrapped(ledger.db, name, Date.now(), {
      holdAfterMs: inventory.hold.holdAfterMs,
      release: 'r1',
      arch: 'x64',
      os: 'model',
    });
  const world = {
    simulation: new Simulation(0),
    inventory,
    hosts: [],
    ledgerAt: async () => ledger,
    sessionFileOf: (account: string) => join(base, `${account}.txt`),
  };
  for (const [index, name] of accountNames.entries()) {
    const session = sessions[index];
    if (session === undefined) throw new Error('an account without a session');
    writeFileSync(join(base, `${name}.txt`), formatSession(session, 'pyrogram-string'), { mode: 0o600 });
    const options = { name: 'import', ledgerPath: path, vault: memoryVault(), fateOf: () => plainFate };
    const problem = await new Controller(world as unknown as World, options).run({ verb: 'import', account: name });
    if (problem !== null) throw problem;
  }
  await forEachHost([], 1, async () => undefined);
  // Closing brings everything from the write-ahead log into the one file that is copied.
  await ledger.close();
  template = path;
  return path;
}
