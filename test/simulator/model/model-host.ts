import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { claimedKeyIds, readClaim } from '../../../hostside/claims/claim-file.ts';
import { isIdle } from '../../../hostside/helper/units.ts';
import { readBootVerdict } from '../../../hostside/machine/boot.ts';
import { bootIdentity } from '../../../hostside/machine/boot-identity.ts';
import { fsyncDirectory } from '../../../hostside/machine/durable-file.ts';
import { authorityLockPath, type Places, placesBelow } from '../../../hostside/machine/places.ts';
import type { HostConfig } from '../../../hostside/protocol/host.ts';
import type { LoginEnd, LoginKey } from '../../../hostside/protocol/login.ts';
import type { Chance, Simulation } from '../simulation.ts';
import { type HostPrograms, programsToday } from './host-programs.ts';
import type { ModelDataCentre } from './model-dc.ts';
import { copyTree, losePower, mountDisk } from './model-disk.ts';
import { type Machine, type ModelProcess, running } from './model-process.ts';
import { ModelUnits } from './model-units.ts';

/** What chance decides inside a host. */
export interface HostLuck {
  /** A worker does not end on SIGTERM in time. */
  stopNeedsKill(): boolean;
  /** How long something of a stopped unit stays in its cgroup, ms. */
  stopLagMs(): number;
  /** For somebody who starts the unit again behind fleet's back. */
  afterStop(host: ModelHost, keyId: string, helper: ModelProcess | undefined): void;
  /** What of a stopped unit lives on with its connection; null: nothing. */
  leavesBehind(): Remains | null;
  /** How long a worker that ignores SIGTERM asks for more time, ms; 0: it obeys. */
  stubbornMs(): number;
  /** A custom worker does not look at the claim before it connects; only the gate keeps it. */
  readonly isCustomWorker: boolean;
}

/**
 * A process that a stop has missed: in the unit's cgroup, or somewhere else under the account's
 * user.
 */
export interface Remains {
  readonly where: 'cgroup' | 'elsewhere';
  readonly forMs: number;
}

export const goodLuck: HostLuck = {
  stopNeedsKill: () => false,
  stopLagMs: () => 0,
  afterStop: () => undefined,
  leavesBehind: () => null,
  stubbornMs: () => 0,
  isCustomWorker: false,
};

/** Who looks over the hosts' shoulders: the world with its invariants. */
export interface HostWatch {
  passedGate(host: ModelHost, keyId: string, epoch: number): void;
  /** Nobody has said of it that it will never boot again. */
  mayBoot(host: ModelHost): boolean;
  /** A line of the root helper. */
  said(host: ModelHost, line: unknown): void;
  /** The session's text that belongs to the key. */
  sessionOf(keyId: string): string;
  /** A new key for a login, with which nobody is logged in. */
  makeKey(account: string): LoginKey;
  /** The login program on the host shows the key, and somebody proves whose it is. */
  logIn(host: string, account: string, key: LoginKey): LoginEnd;
  isLoggedIn(key: LoginKey): boolean;
  logOut(account: string, key: LoginKey): void;
}

export interface HelperFate {
  /** Changes of the disk after which it is killed; null: it is not. */
  readonly writesLeft: number | null;
  /** The machine loses its power at that moment instead. */
  readonly powerLost: boolean;
  /** Whether anybody reads what it says. */
  readonly isHeard: () => boolean;
}

export interface HelperResult {
  readonly exitCode: number | null;
  readonly lines: readonly unknown[];
}

const settings: Omit<HostConfig, 'host'> = {
  ...{
    format: 1,
    fleet: 'sim',
    holdAfterMs: 600_000,
    requireClockSync: false,
    settleMs: 5_000,
    settleUncleanMs: 30_000,
  },
};

/**
 * Looks and waits of the shipped code in steps of at least this: a slow machine, and far fewer
 * events.
 */
const leastSleepMs = 1_000;

const holdName = 'hold oneshot';

/**
 * Since when, and in which way, a machine stands still: suspended or hibernated, or paused by what
 * it runs on.
 */
export interface Standstill {
  readonly how: 'suspend' | 'pause';
  readonly sinceMs: number;
}

/**
 * A server with a real directory tree as its disk; runs the shipped helper, gate and hold oneshot.
 */
export class ModelHost implements Machine {
  readonly name: string;
  readonly root: string;
  readonly places: Places;
  readonly simulation: Simulation;
  readonly dataCentre: ModelDataCentre;
  readonly watch: HostWatch;
  /** Decides what happens inside it. */
  readonly chance: Chance;
  luck: HostLuck = goodLuck;
  units = new ModelUnits(this);
  /** The release that is current: its helper, gate and hold oneshot. */
  programs: HostPrograms = programsToday;
  /** The release whose agent runs, which is started anew after the others. */
  agentPrograms: HostPrograms = programsToday;
  isUp = false;
  /** sshd accepts: a little after power on. */
  isListening = false;
  bootId = '';
  /** It boots without a new boot id, because the machine around it stays up. */
  isContainer = false;
  #identity = '';
  /** What the firmware says, and the addresses of the network cards. */
  dmiUuid: string;
  macs: readonly string[];
  clockOffsetMs = 0;
  isClockSynchronized = true;
  /** fleet-agent answers on its socket. */
  isAgentUp = true;
  /** Packets from the operator do not arrive, packets to the operator do not. */
  link = { hears: true, isHeard: true };
  disk: 'good' | 'full' | 'broken' = 'good';
  /**
   * How long it takes from its shut-down to its next boot, ms; null: somebody has to switch it on.
   */
  firmwareMs: number | null = 15_000;
  /** How long its next helper stands still before it does anything, ms. */
  stallMs = 0;
  /** Whoever talks with its login program, by account. */
  readonly logins = new Map<string, { readonly isAlive: boolean }>();
  /** Packets between it and Telegram vanish. */
  isWayDead = false;
  wayDeadAtMs = 0;
  /** How its processes came to stand still; null: they run. */
  standstill: Standstill | null = null;
  /** Told when a worker would notice that its way is dead. */
  readonly wayListeners = new Set<() => void>();
  #bootedAtMs = 0;
  #crashedAtMs = Number.NEGATIVE_INFINITY;
  /** How long it was paused and suspended in this boot. */
  #pausedMs = 0;
  #suspendedMs = 0;
  /**
   * New for everything that starts from nothing: a boot, and that of a container, which has no boot
   * id of its own.
   */
  life: object = {};
  #waiting: { life: object; leftMs: number; act: () => void }[] = [];
  #whenHealed: (() => void)[] = [];
  #locks = new Map<string, { process: ModelProcess; shared: boolean }[]>();
  #processes = new Set<ModelProcess>();

  constructor(
    name: string,
    root: string,
    simulation: Simulation,
    dataCentre: ModelDataCentre,
    watch: HostWatch,
  ) {
    this.name = name;
    this.root = root;
    this.places = placesBelow(root);
    this.simulation = simulation;
    this.dataCentre = dataCentre;
    this.watch = watch;
    this.chance = simulation.branch(`host ${name}`);
    const digits = createHash('sha256').update(name).digest('hex');
    this.dmiUuid = [
      digits.slice(0, 8),
      digits.slice(8, 12),
      digits.slice(12, 16),
      digits.slice(16, 20),
      digits.slice(20, 32),
    ].join('-');
    this.macs = [`02:${digits.slice(32, 42).match(/../g)?.join(':')}`];
  }

  /** What `fleet init` leaves on a new machine. */
  install(): void {
    this.repair();
    const machineId = join(this.root, 'etc/machine-id');
    for (const path of [
      this.places.hostConfig,
      this.places.current,
      join(this.enabledLinks, 'x'),
      this.#cloudId,
      machineId,
    ])
      mkdirSync(dirname(path), { recursive: true });
    writeFileSync(
      machineId,
      `${createHash('sha256').update(this.name).digest('hex').slice(0, 32)}\n`,
    );
    symlinkSync('releases/r1', this.places.current);
    this.configure({});
    this.identify(`machine-${this.name}`);
    mountDisk(this.root);
  }

  /** What `fleet init` puts right on a host whose folders were removed. */
  repair(): void {
    for (const directory of ['fleet/claims', 'fleet/locks', 'fleet/accounts', 'fleet-agent'].map(
      (part) => join(this.root, 'var/lib', part),
    ))
      mkdirSync(directory, { recursive: true });
    mountDisk(this.root);
  }

  /** Keys that it believes to own. */
  claimsOf(): readonly string[] {
    return claimedKeyIds(this.places).filter(
      (keyId) => readClaim(this.places, keyId).claim?.state === 'active',
    );
  }

  /** fleet's files as they are now, as a backup of files takes them. */
  backUpFiles(to: string): void {
    copyTree(this.#files, to);
  }

  /** While it runs, and its agent has been writing heartbeats. */
  restoreFiles(from: string): void {
    this.beat(0);
    this.simulation.note(`${this.name} fleet's files are restored from a backup`);
    this.removeFiles();
    copyTree(from, this.#files);
    mountDisk(this.root);
  }

  removeFiles(): void {
    rmSync(this.#files, { recursive: true, force: true });
  }

  get #files(): string {
    return join(this.root, 'var/lib/fleet');
  }

  /** Both slots of the claim hold something else than what was written. */
  damageClaim(keyId: string): void {
    writeFileSync(join(this.places.claims, `${keyId}.claim`), 'x'.repeat(8192));
  }

  /** As the release before leaves a new machine, which boots. */
  installBefore(programs: HostPrograms): void {
    this.shutDown();
    rmSync(this.root, { recursive: true, force: true });
    [this.programs, this.agentPrograms] = [programs, programs];
    this.install();
    this.boot();
  }

  /** Whether fleet's programs are there: `fleet uninstall` takes the link to them first. */
  get hasPrograms(): boolean {
    return lstatSync(this.places.current, { throwIfNoEntry: false }) !== undefined;
  }

  /**
   * As `fleet uninstall` closes a host for accounts, under the lock of acts. Null, or why it may
   * not.
   */
  closeForAccounts(): string | null {
    const closing = this.spawn('fleet uninstall');
    const lock = authorityLockPath(this.places);
    try {
      if (!this.takeLock(closing, lock, false)) return 'an act on an account is under way';
      const held = claimedKeyIds(this.places).filter((keyId) => !this.#isGone(keyId));
      if (held.length > 0) return `this host owns accounts: ${held.join(', ')}`;
      rmSync(this.places.current, { force: true });
      mountDisk(this.root);
      return null;
    } finally {
      this.freeLocks(closing, [lock]);
      this.end(closing);
    }
  }

  #isGone(keyId: string): boolean {
    const { claim, fault } = readClaim(this.places, keyId);
    const isClosed = claim === null || claim.state === 'released' || claim.state === 'revoked';
    return isIdle(this.units.show(keyId)) && fault === null && isClosed;
  }

  /** The rest of `fleet uninstall`; claims stay as tombstones unless they are forgotten. */
  takeOff(forgetsClaims: boolean): void {
    this.simulation.note(`${this.name} fleet is taken off`);
    this.simulation.count('uninstall');
    this.isAgentUp = false;
    const { accounts, locks, behaviour, hostConfig, claims, authority } = this.places;
    for (const path of [this.enabledLinks, accounts, locks, behaviour, hostConfig])
      rmSync(path, { recursive: true, force: true });
    if (forgetsClaims || claimedKeyIds(this.places).length === 0)
      for (const path of [claims, authority]) rmSync(path, { recursive: true, force: true });
    mkdirSync(this.enabledLinks, { recursive: true });
    mountDisk(this.root);
  }

  /** `fleet init`, or its `--rollback`: what is started from now on is of that release. */
  putPrograms(programs: HostPrograms): void {
    if (!this.hasPrograms) {
      this.repair();
      mkdirSync(dirname(this.places.hostConfig), { recursive: true });
      symlinkSync('releases/r1', this.places.current);
      this.configure({});
      this.isAgentUp = true;
      mountDisk(this.root);
    }
    this.simulation.note(
      `${this.name} has the programs of ${programs.isBefore ? 'the release before' : 'today'}`,
    );
    this.programs = programs;
  }

  /** Its agent is started anew. */
  restartAgent(): void {
    this.agentPrograms = this.programs;
    // `fleet init` starts fleet-hold.service where this boot had none.
    if (readBootVerdict(this.places) === null) void this.#hold();
  }

  /** Whether the unit of an account has a session to start with, and whether a boot starts it. */
  waysToStart(keyId: string): readonly [boolean, boolean] {
    const has = (directory: string, name: string): boolean => readdirSync(directory).includes(name);
    return [has(join(this.places.accounts, keyId), 'current'), has(this.enabledLinks, keyId)];
  }

  /** As root does in a shell. false: something of it failed. */
  retire(keyId: string): boolean {
    const directory = join(this.places.accounts, keyId);
    try {
      this.units.setEnabled(keyId, false);
      rmSync(join(directory, 'current'), { force: true });
      if (existsSync(directory)) fsyncDirectory(directory);
      this.units.stop(keyId);
      return true;
    } catch (error) {
      this.simulation.note(`${this.name} ${keyId.slice(0, 4)} is not stopped: ${String(error)}`);
      return false;
    }
  }

  /** A worker of the release before runs, or anything of it may be started. */
  hasProgramsBefore(): boolean {
    return this.programs.isBefore || this.units.hasWorkerBefore();
  }

  /** Another machine takes its name and place. */
  reinstall(cloudId: string): void {
    rmSync(this.root, { recursive: true, force: true });
    this.install();
    this.identify(cloudId);
    mountDisk(this.root);
  }

  /** Another machine, as a clone is one. null: cloud-init was removed. */
  identify(cloudId: string | null): void {
    if (cloudId === null) rmSync(this.#cloudId, { force: true });
    else writeFileSync(this.#cloudId, `${cloudId}\n`);
  }

  /** What another program's init, or the operator's own, tells it about itself. */
  configure(change: Partial<HostConfig>): void {
    writeFileSync(
      this.places.hostConfig,
      JSON.stringify({ ...settings, host: this.name, ...change }),
    );
  }

  get #cloudId(): string {
    return join(this.root, 'var/lib/cloud/data/instance-id');
  }

  get enabledLinks(): string {
    return join(this.root, 'enabled');
  }

  get uptimeMs(): number {
    return this.simulation.nowMs - this.#bootedAtMs - this.#pausedMs;
  }

  get monotonicMs(): number {
    return this.uptimeMs - this.#suspendedMs;
  }

  get wallMs(): number {
    return this.simulation.nowMs + this.clockOffsetMs;
  }

  /** Power on. `firstContactMs`: when sshd accepts, which may be before the verdict. */
  boot(sshAfterMs = 1_000, holdAfterMs = 500): void {
    if (this.isUp) return;
    // The release before waits for 30 s after a boot, while Telegram counts its workers for longer:
    // a fault of its own, which no upgrade brings.
    const tooEarlyMs = this.programs.isBefore
      ? this.#crashedAtMs + this.programs.lingerMs - this.simulation.nowMs
      : 0;
    if (tooEarlyMs > 0) {
      this.simulation.at(tooEarlyMs, () =>
        this.watch.mayBoot(this) ? this.boot(sshAfterMs, holdAfterMs) : undefined,
      );
      return;
    }
    if (!this.isContainer || this.bootId === '') {
      this.#bootedAtMs = this.simulation.nowMs - 2_000;
      [this.#pausedMs, this.#suspendedMs] = [0, 0];
      this.bootId = this.simulation.identity();
    }
    this.simulation.note(`${this.name} boots`);
    if (this.programs.isBefore && this.claimsOf().length > 0)
      this.simulation.count('boot-of-before');
    this.#comeUp(sshAfterMs, holdAfterMs);
  }

  #comeUp(sshAfterMs: number, holdAfterMs: number): void {
    this.isUp = true;
    mkdirSync(join(this.root, 'proc/1'), { recursive: true });
    writeFileSync(join(this.root, 'proc/boot-id'), `${this.bootId}\n`);
    writeFileSync(
      join(this.root, 'proc/1/stat'),
      `1 (init (1)) S ${'0 '.repeat(18)}${Math.floor(this.uptimeMs / 10)} 0`,
    );
    this.#identity = '';
    if (!this.programs.isBefore) this.#nameBoot();
    const cards = this.macs.map(
      (mac, index) => [`sys/class/net/eth${index}/address`, mac] as const,
    );
    for (const [path, text] of [
      ['sys/class/dmi/id/product_uuid', this.dmiUuid] as const,
      ...cards,
    ]) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      writeFileSync(join(this.root, path), `${text}\n`);
    }
    this.after(sshAfterMs, () => {
      this.isListening = true;
    });
    this.after(holdAfterMs, () => void this.#hold());
  }

  /**
   * What the current release calls this boot; the release before knows only the kernel's own name
   * for it.
   */
  #nameBoot(): string {
    if (this.programs.isBefore) return this.bootId;
    if (this.#identity !== '') return this.#identity;
    // Before any fault of a disk: it lies in memory.
    const early = this.spawn('early boot');
    this.#identity = this.inside(early, () => bootIdentity(this.places)) ?? '';
    this.end(early);
    return this.#identity;
  }

  /**
   * Does something on this machine later: not after it went down, and only once it goes on when it
   * stands still then.
   */
  after(ms: number, act: () => void, life = this.life): void {
    this.simulation.at(ms, () => {
      if (life !== this.life || !this.isUp) return;
      if (this.standstill === null) act();
      else
        this.#waiting.push({ life, leftMs: this.simulation.nowMs - this.standstill.sinceMs, act });
    });
  }

  /** As soon as it no longer stands still. */
  whenItGoesOn(act: () => void): void {
    this.#waiting.push({ life: this.life, leftMs: 0, act });
  }

  /** As soon as a packet from Telegram can reach a program here. */
  whenItHears(act: () => void): void {
    if (this.standstill !== null) this.whenItGoesOn(() => this.whenItHears(act));
    else if (this.isWayDead) this.#whenHealed.push(act);
    else act();
  }

  /** No program gets on; connections fall silent. `pause`: both clocks stand still as well. */
  standStill(how: Standstill['how']): void {
    if (!this.isUp || this.standstill !== null) return;
    this.simulation.note(`${this.name} stands still (${how})`);
    this.standstill = { how, sinceMs: this.simulation.nowMs };
    this.units.sleepAll();
    this.dataCentre.silence(this.name);
  }

  /** In the same boot. */
  goOn(): void {
    const { standstill } = this;
    if (standstill === null) return;
    const stoodMs = this.simulation.nowMs - standstill.sinceMs;
    this.simulation.note(`${this.name} goes on after ${stoodMs} ms`);
    this.standstill = null;
    if (standstill.how === 'suspend') this.#suspendedMs += stoodMs;
    else {
      this.#pausedMs += stoodMs;
      this.clockOffsetMs -= stoodMs;
      // The time service finds out after a while.
      this.after(this.chance.between(500, 120_000), () => {
        this.clockOffsetMs += stoodMs;
      });
    }
    if (!this.isWayDead) this.dataCentre.hear(this.name);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { life, leftMs, act } of waiting) this.after(leftMs, act, life);
  }

  /** Packets between it and Telegram vanish without a word, until {@link mendWay}. */
  breakWay(): void {
    if (this.isWayDead) return;
    this.simulation.note(`${this.name} way to Telegram is dead`);
    this.isWayDead = true;
    this.wayDeadAtMs = this.simulation.nowMs;
    this.dataCentre.silence(this.name);
    const noticed = [...this.wayListeners];
    // A ping has no answer.
    this.after(this.chance.between(12_000, 21_000), () => {
      if (this.isWayDead)
        for (const listener of noticed) if (this.wayListeners.delete(listener)) listener();
    });
  }

  mendWay(): void {
    if (!this.isWayDead) return;
    this.simulation.note(`${this.name} way to Telegram is whole`);
    this.isWayDead = false;
    if (this.standstill === null) this.dataCentre.hear(this.name);
    const waiting = this.#whenHealed;
    this.#whenHealed = [];
    for (const act of waiting) act();
  }

  async #hold(): Promise<void> {
    if (!this.hasPrograms) return;
    const oneshot = this.spawn(holdName);
    const name = this.#nameBoot();
    const verdict = await this.inside(oneshot, () => this.programs.judgeBoot(this.places, name));
    if (!oneshot.isAlive) return;
    this.simulation.note(`${this.name} verdict: ${verdict.verdict} ${verdict.reasons.join('; ')}`);
    for (const keyId of readdirSync(this.enabledLinks).sort()) this.units.start(keyId);
  }

  /** The agent's last heartbeat before this moment, `agoMs` ago. */
  beat(agoMs: number): void {
    const { beat } = this.agentPrograms;
    if (beat === null || !this.isUp || !this.isAgentUp || this.standstill !== null) return;
    const agent = this.spawn('fleet-agent');
    this.clockOffsetMs -= agoMs;
    try {
      this.inside(agent, () => beat(this.places));
    } catch (error) {
      this.simulation.note(`${this.name} no heartbeat: ${String(error)}`);
    } finally {
      this.clockOffsetMs += agoMs;
      this.end(agent);
    }
  }

  /**
   * Power off, without a word to anybody; of the disk is left what was synced, and some of the
   * rest.
   */
  crash(): void {
    if (!this.isUp) return;
    this.simulation.note(`${this.name} loses power`);
    this.simulation.count('power-loss');
    this.beat(this.chance.between(0, 15_000));
    if (this.units.hasWorkerBefore()) this.#crashedAtMs = this.simulation.nowMs;
    this.#goDown();
    if (losePower(this.root, this.chance)) this.simulation.count('unsynced-disk');
    this.clearMemory();
  }

  /** In order: units are stopped, the disk is synced. */
  shutDown(): void {
    if (!this.isUp) return;
    this.simulation.note(`${this.name} shuts down`);
    this.beat(0);
    this.units.stopAll();
    this.#goDown();
    mountDisk(this.root);
    this.clearMemory();
  }

  /**
   * `systemctl reboot`: units are stopped, then the firmware takes its time, {@link firmwareMs};
   * null: the machine does not come up by itself.
   */
  rebootInOrder(): void {
    this.simulation.count('announced-reboot');
    this.simulation.at(1_000, () => {
      if (!this.isUp) return;
      this.shutDown();
      if (this.firmwareMs !== null) {
        this.simulation.at(this.firmwareMs, () => {
          if (this.watch.mayBoot(this)) this.boot();
        });
      }
    });
  }

  /**
   * A container: everything in it starts anew, its disk loses nothing, and the kernel's boot id
   * stays.
   */
  restartContainer(sshAfterMs = 1_000, holdAfterMs = 500): void {
    if (!this.isUp) return;
    this.simulation.note(`${this.name} restarts as a container`);
    this.beat(0);
    this.#goDown();
    this.clearMemory();
    this.#comeUp(sshAfterMs, holdAfterMs);
  }

  #goDown(): void {
    this.isUp = false;
    this.isListening = false;
    this.agentPrograms = this.programs;
    this.standstill = null;
    this.life = {};
    this.#waiting = [];
    this.wayListeners.clear();
    for (const process of this.#processes) process.isAlive = false;
    this.#processes.clear();
    this.units.vanish();
    this.units = new ModelUnits(this);
    this.#locks.clear();
  }

  /** What lies in memory only: no disk has it, nor a copy of one. */
  clearMemory(): void {
    for (const name of ['run', 'proc', 'sys']) {
      rmSync(join(this.root, name), { recursive: true, force: true });
      mkdirSync(join(this.root, name));
    }
    mountDisk(this.root);
  }

  spawn(name: string): ModelProcess {
    const process: ModelProcess = {
      machine: this,
      name,
      isAlive: true,
      writesLeft: null,
      onWrite: null,
      onKilled: null,
      frozen: null,
    };
    this.#processes.add(process);
    return process;
  }

  end(process: ModelProcess): void {
    process.isAlive = false;
    this.#processes.delete(process);
  }

  inside<T>(process: ModelProcess, act: () => T): T {
    return running.run(process, act);
  }

  /** One run of the root helper. `onEnd` is not called when the machine dies under it. */
  runHelper(request: string, fate: HelperFate, onEnd: (result: HelperResult) => void): void {
    const process = this.spawn('fleet-host');
    const lines: unknown[] = [];
    const startedMs = this.monotonicMs;
    process.writesLeft = fate.writesLeft;
    process.onKilled = () => {
      this.end(process);
      if (fate.powerLost) return this.simulation.at(0, () => this.crash());
      this.simulation.note(`${this.name} fleet-host is killed`);
      onEnd({ exitCode: null, lines: [...lines] });
    };
    const { programs } = this;
    const parsed = programs.parseRequest(JSON.parse(request));
    if ('fault' in parsed) {
      this.end(process);
      onEnd({ exitCode: 2, lines });
      return;
    }
    const emit = (line: unknown): boolean => {
      if (process.isAlive) {
        lines.push(line);
        this.watch.said(this, line);
      }
      return process.isAlive && fate.isHeard();
    };
    const world = {
      places: this.places,
      units: this.units,
      bootId: this.#nameBoot(),
      proofMs: 5_000,
      emit,
    };
    const stallMs = this.stallMs;
    this.stallMs = 0;
    if (stallMs > 0) this.simulation.note(`${this.name} fleet-host stands still for ${stallMs} ms`);
    const work = this.inside(process, async () => {
      if (stallMs > 0) await this.sleep(process, stallMs);
      return programs.runRequest(parsed.request, {
        ...world,
        instanceId: programs.instanceId(this.places),
        now: () => new Date(this.wallMs),
        elapsedMs: () => this.monotonicMs - startedMs,
      });
    });
    const end = (exitCode: number): void => {
      if (!process.isAlive) return;
      this.end(process);
      onEnd({ exitCode, lines });
    };
    work.then(end, (error: unknown) => {
      if (process.isAlive) this.simulation.note(`${this.name} fleet-host fails: ${String(error)}`);
      end(1);
    });
  }

  isLocked(path: string): boolean {
    return this.#holders(path).length > 0;
  }

  takeLock(process: ModelProcess, path: string, shared: boolean): boolean {
    const holders = this.#holders(path);
    if (holders.length > 0 && !(shared && holders.every((holder) => holder.shared))) return false;
    this.#locks.set(path, [...holders, { process, shared }]);
    return true;
  }

  freeLocks(process: ModelProcess, paths: readonly string[]): void {
    for (const path of paths)
      this.#locks.set(
        path,
        this.#holders(path).filter((holder) => holder.process !== process),
      );
  }

  #holders(path: string): { process: ModelProcess; shared: boolean }[] {
    return (this.#locks.get(path) ?? []).filter(({ process }) => process.isAlive);
  }

  /**
   * Writing in place needs no new block, so a full disk does not stop it, and what lies in memory
   * is on none; the hold oneshot only writes there.
   */
  diskFault(process: ModelProcess, act: string, path: string): 'ENOSPC' | 'EIO' | null {
    if (process.name === holdName || process.name === 'early boot') return null;
    if (this.disk === 'broken' && act === 'fsyncSync') return 'EIO';
    const needsSpace =
      act === 'create' || act === 'mkdirSync' || act === 'symlinkSync' || act === 'writeFileSync';
    return this.disk === 'full' && needsSpace && !path.startsWith(join(this.root, 'run/'))
      ? 'ENOSPC'
      : null;
  }

  sleep(process: ModelProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        if (process.frozen !== null) process.frozen.push(wake);
        else if (process.isAlive) resolve();
      };
      this.after(Math.max(ms, leastSleepMs), wake);
    });
  }
}
