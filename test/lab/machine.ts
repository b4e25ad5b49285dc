import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeHostGroups } from './cgroups.ts';
import { type DiskSetup, diskRoot, dropDisk, makeDisk, readMachineId } from './host-disk.ts';
import { linkDown, plugIn, unplug } from './network/network.ts';
import { childrenOf, waitUntilGone } from './processes.ts';
import { type Suite, suiteFacts } from './suites.ts';
import type { DiskContent } from './tree/golden-tree.ts';

/** What systemd-nspawn ends with when the system inside asked for a reboot. */
const rebootRequested = 133;
/** systemd as first process takes this signal (SIGRTMIN+5) as an orderly reboot. */
const rebootSignal = 39;
const bootTimeoutMs = 90_000;
const killTimeoutMs = 20_000;
const pollMs = 30;

export interface MachineSetup {
  readonly lab: string;
  /** 1, 2, ... */
  readonly index: number;
  readonly disk: DiskSetup;
  /** Of its first disk. */
  readonly suite: Suite;
  /** File that takes what the host's console says. */
  readonly console: string;
}

/**
 * One lab host: a disk, a cable and, while it is on, a systemd-nspawn process. Acts are not to be
 * mixed on one machine at the same time; the
 * supervisor queues them.
 */
export class Machine {
  readonly #setup: MachineSetup;
  #nspawn: ChildProcess | undefined;
  /**
   * Set while the machine is being killed, so that the end of its process is not taken for a
   * reboot.
   */
  #killing = false;
  #boots = 0;
  #suite: Suite;
  /** From the end of a system that asked for a reboot until its kernel starts again, ms. */
  firmwareMs = 0;
  /**
   * Done when what follows from the end of the last process (a boot after a reboot) has been done.
   */
  #settled: Promise<void> = Promise.resolve();

  constructor(setup: MachineSetup) {
    this.#setup = setup;
    this.#suite = setup.suite;
  }

  get name(): string {
    return this.#setup.disk.name;
  }

  get on(): boolean {
    return this.#nspawn !== undefined;
  }

  async makeDisk(): Promise<void> {
    await makeDisk(this.#setup.disk, this.#suite);
  }

  /**
   * Powers the machine on and waits until its sshd takes logins. Nothing to do for one that is on
   * and up.
   */
  async start(): Promise<void> {
    await this.#settled;
    if (this.on && (await this.#comesUp(this.#boots))) return;
    if (!this.on) await this.#boot();
    await this.#untilUp(this.#boots);
  }

  /**
   * Power loss: the cable goes dead first, so that peers see silence; then everything in it is
   * killed. The disk stays.
   */
  async kill(): Promise<void> {
    await linkDown(this.#setup.index);
    await this.#end();
  }

  /**
   * Everything in it is killed while the network works: the kernel closes its connections, peers
   * see that at once.
   */
  async crash(): Promise<void> {
    await this.#end(50);
  }

  /** An orderly reboot from inside, as `systemctl reboot`. */
  async reboot(): Promise<void> {
    const leader = this.#leader();
    const boots = this.#boots;
    process.kill(leader, rebootSignal);
    await this.#untilUp(boots + 1);
  }

  /** A new machine in the same place: same name and address, new disk, machine id and host key. */
  async wipe(content: DiskContent, suite: Suite = this.#setup.suite): Promise<void> {
    await this.kill();
    await dropDisk(this.#setup.disk);
    await makeDisk(this.#setup.disk, suite, content);
    this.#suite = suite;
    await this.start();
  }

  async #boot(): Promise<void> {
    const { lab, index, disk, console } = this.#setup;
    const namespace = await plugIn(index);
    const groups = makeHostGroups(lab, disk.name);
    const output = openSync(console, 'a');
    const nspawn = spawn(
      'sh',
      // its own control groups, so that its processes are counted and limited as one host; its own
      // network already around
      // nspawn, because /sys/class/net inside shows the network in which nspawn mounts it
      [
        '-c',
        'for group in $HOST_GROUPS; do echo 0 >"$group/cgroup.procs" || exit; done; exec ' +
          'nsenter --net="$0" systemd-nspawn "$@"',
        namespace,
        ...(await this.#nspawnArgs(namespace)),
      ],
      {
        stdio: ['ignore', output, output],
        env: { ...process.env, ...this.#nspawnSettings(), HOST_GROUPS: groups.join(' ') },
      },
    );
    closeSync(output);
    this.#nspawn = nspawn;
    this.#boots += 1;
    nspawn.on('exit', (code) => {
      this.#nspawn = undefined;
      if (!this.#killing)
        this.#settled = this.#ended(code).catch((error) =>
          appendFileSync(console, `lab: ${error}\n`),
        );
    });
  }

  #nspawnSettings(): Record<string, string> {
    return suiteFacts(this.#suite).needsUnifiedGroups
      ? { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' }
      : {};
  }

  async #nspawnArgs(namespace: string): Promise<string[]> {
    const { disk } = this.#setup;
    return [
      '--quiet',
      '--register=no',
      '--keep-unit',
      `--directory=${diskRoot(disk)}`,
      `--machine=${disk.name}`,
      `--uuid=${await readMachineId(disk)}`,
      `--network-namespace-path=${namespace}`,
      '--capability=CAP_NET_ADMIN',
      '--link-journal=no',
      '--timezone=off',
      '--resolv-conf=off',
      '--kill-signal=SIGRTMIN+3',
      '--console=pipe',
      '/sbin/lab-init',
    ];
  }

  async #ended(code: number | null): Promise<void> {
    await unplug(this.#setup.index);
    if (code !== rebootRequested) return;
    await sleep(this.firmwareMs);
    await this.#boot();
  }

  /** The machine's first process, as this namespace numbers it. */
  #leader(): number {
    const [leader] = this.#nspawn?.pid === undefined ? [] : childrenOf(this.#nspawn.pid);
    if (leader === undefined) throw new Error(`${this.name} is off`);
    return leader;
  }

  async #end(lingerMs = 0): Promise<void> {
    await this.#settled;
    const pid = this.#nspawn?.pid;
    if (pid !== undefined) {
      this.#killing = true;
      const leaders = childrenOf(pid);
      // nspawn first, or it would see its child die and tidy up (or boot it again)
      for (const victim of [pid, ...leaders]) process.kill(victim, 'SIGKILL');
      await waitUntilGone([pid, ...leaders], killTimeoutMs);
      this.#killing = false;
    }
    await sleep(lingerMs);
    await unplug(this.#setup.index);
  }

  async #untilUp(boots: number): Promise<void> {
    if (!(await this.#comesUp(boots)))
      throw new Error(`${this.name} did not boot; its console ends with: ${this.#consoleTail()}`);
  }

  /** Waits until the boot of that number takes logins; false when the machine goes off instead. */
  async #comesUp(boots: number): Promise<boolean> {
    const deadline = Date.now() + bootTimeoutMs;
    while (this.#boots < boots || !this.#takesLogins()) {
      if (this.#boots >= boots && !this.on) return false;
      if (Date.now() > deadline)
        throw new Error(
          `${this.name} took no logins within ${bootTimeoutMs} ms; its console ends with: ` +
            `${this.#consoleTail()}`,
        );
      await sleep(pollMs);
    }
    return true;
  }

  #takesLogins(): boolean {
    const [leader] = this.#nspawn?.pid === undefined ? [] : childrenOf(this.#nspawn.pid);
    if (leader === undefined) return false;
    // sshd writes its pid once it listens; systemd removes nologin when others than root may log in
    const run = `/proc/${leader}/root/run`;
    return existsSync(`${run}/sshd.pid`) && !existsSync(`${run}/nologin`);
  }

  #consoleTail(): string {
    return readFileSync(this.#setup.console, 'utf8').trim().split('\n').slice(-5).join('\n');
  }
}
