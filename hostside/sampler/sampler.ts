import { arch, hostname, release as kernelRelease, uptime } from 'node:os';
import { readRelease } from '../helper/acts/survey.ts';
import { readBootId, readBootInstanceId, readBootVerdict } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { protocolVersion } from '../protocol/host-acts.ts';
import { agentProtocol, type HostSample } from '../protocol/sample.ts';
import { type AccountUnit, accountKeys, lookAtAccount, readUnits } from './account-looks.ts';
import { kernelText, readClock, readDisk, readPressure } from './machine-look.ts';
import { type CpuTimes, parseCpu, parseLoad, parseMemory, parseOsName } from './proc.ts';
import { WindowedCounter } from './windows.ts';

/** Version of the agent's own code, apart from the release that carries it. */
export const agentVersion = '1';

export interface SamplerWorld {
  readonly places: Places;
  readonly readUnits: () => Promise<ReadonlyMap<string, AccountUnit>>;
  readonly readClock: () => Promise<HostSample['clock']>;
}

export const realSamplerWorld = (places: Places): SamplerWorld => ({
  places,
  readUnits,
  readClock,
});

/** Milliseconds between two questions to the time service. */
const clockAgeMs = 300_000;
/** Shortest span over which "now" is measured. */
const nowSpanMs = 1_000;

/**
 * Older than this, systemd is asked again before a sample: else a worker that has just started
 * seems to be dead.
 */
const unitsAgeMs = 1_000;

/**
 * Keeps the looks of the last 15 minutes. Call {@link Sampler.look} every 15 s; {@link
 * Sampler.sample} as often as somebody asks.
 */
export class Sampler {
  readonly #world: SamplerWorld;
  readonly #startedAtMs = Date.now();
  readonly #cpu = new WindowedCounter();
  readonly #accountCpu = new Map<string, WindowedCounter>();
  #units: ReadonlyMap<string, AccountUnit> = new Map();
  #unitsReadMs = Number.NEGATIVE_INFINITY;
  #clock: HostSample['clock'] = { synchronized: null, offsetMs: null };
  #clockReadMs = Number.NEGATIVE_INFINITY;
  #last: { readonly atMs: number; readonly times: CpuTimes };
  #nowRatio = 0;
  readonly #os = parseOsName(kernelText('/etc/os-release'));

  constructor(world: SamplerWorld) {
    this.#world = world;
    this.#last = { atMs: performance.now(), times: parseCpu(kernelText('/proc/stat')) };
  }

  /** One look at everything that is averaged. */
  async look(): Promise<void> {
    await this.#readUnits();
    const atMs = performance.now();
    const { busy, total } = this.#lookAtCpu(atMs);
    this.#cpu.add({ atMs, used: busy, available: total });
    for (const [keyId, { cpuNs }] of this.#units) {
      if (cpuNs === null) continue;
      const counter = this.#accountCpu.get(keyId) ?? new WindowedCounter();
      counter.add({ atMs, used: cpuNs, available: atMs * 1e6 });
      this.#accountCpu.set(keyId, counter);
    }
    for (const keyId of this.#accountCpu.keys())
      if (!this.#units.has(keyId)) this.#accountCpu.delete(keyId);
    if (atMs - this.#clockReadMs < clockAgeMs) return;
    this.#clockReadMs = atMs;
    this.#clock = await this.#world.readClock();
  }

  async sample(): Promise<HostSample> {
    if (performance.now() - this.#unitsReadMs > unitsAgeMs) await this.#readUnits();
    const { places } = this.#world;
    const { cores } = this.#lookAtCpu(performance.now());
    return {
      protocol: agentProtocol,
      takenAtMs: Date.now(),
      agent: {
        version: agentVersion,
        release: readRelease(places),
        startedAtMs: this.#startedAtMs,
        helperProtocol: protocolVersion,
      },
      host: this.#host(),
      cpu: { cores, busyRatio: { ...this.#cpu.windows(), now: this.#nowRatio } },
      memory: parseMemory(kernelText('/proc/meminfo')),
      disk: readDisk(places.claims),
      loadAverage: parseLoad(kernelText('/proc/loadavg')),
      pressure: readPressure(),
      clock: this.#clock,
      bootVerdict: readBootVerdict(places),
      accounts: accountKeys(places, this.#units).map((keyId) => ({
        ...lookAtAccount(places, keyId, this.#units.get(keyId)),
        cpuCores: this.#accountCpu.get(keyId)?.windows() ?? { m1: null, m5: null, m15: null },
      })),
    };
  }

  async #readUnits(): Promise<void> {
    this.#unitsReadMs = performance.now();
    this.#units = await this.#world.readUnits();
  }

  #host(): HostSample['host'] {
    const { places } = this.#world;
    return {
      name: hostname(),
      instanceId: readBootInstanceId(places) ?? '',
      bootId: readBootId() ?? '',
      uptimeSeconds: Math.round(uptime()),
      os: this.#os,
      kernel: kernelRelease(),
      arch: arch(),
    };
  }

  #lookAtCpu(atMs: number): CpuTimes {
    const times = parseCpu(kernelText('/proc/stat'));
    const spanned = times.total - this.#last.times.total;
    if (atMs - this.#last.atMs >= nowSpanMs && spanned > 0) {
      this.#nowRatio = Math.min(1, Math.max(0, (times.busy - this.#last.times.busy) / spanned));
      this.#last = { atMs, times };
    }
    return times;
  }
}
