/**
 * Pure readers of kernel text files. All numbers are as the kernel counts them unless a unit is
 * named.
 */

export interface CpuTimes {
  /** Ticks since boot, over all cores. */
  readonly busy: number;
  readonly total: number;
  readonly cores: number;
}

/**
 * /proc/stat: `cpu user nice system idle iowait irq softirq steal guest guest_nice`; guest times
 * are already within user.
 */
export const parseCpu = (text: string): CpuTimes => {
  const ticks = (/^cpu\s+(.*)$/m.exec(text)?.[1] ?? '').split(/\s+/).slice(0, 8).map(Number);
  const total = ticks.reduce((sum, value) => sum + value, 0);
  const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busy: total - idle, total, cores: text.match(/^cpu\d+ /gm)?.length ?? 1 };
};

/** /proc/meminfo in bytes; a field that is missing is 0. */
export const parseMemory = (text: string) => {
  const bytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024;
  return {
    totalBytes: bytes('MemTotal'),
    availableBytes: bytes('MemAvailable'),
    swapTotalBytes: bytes('SwapTotal'),
    swapFreeBytes: bytes('SwapFree'),
  };
};

/**
 * /proc/pressure/*: share of the last 10 s in which some task waited, 0-1; null when the text has
 * none.
 */
export const parsePressure = (text: string): number | null => {
  const percent = /^some avg10=([\d.]+)/m.exec(text)?.[1];
  return percent === undefined ? null : Number(percent) / 100;
};

/** /proc/loadavg. */
export const parseLoad = (text: string): readonly [number, number, number] => {
  const [one = 0, five = 0, fifteen = 0] = text.split(' ').slice(0, 3).map(Number);
  return [one, five, fifteen];
};

/** `PRETTY_NAME` of /etc/os-release. */
export const parseOsName = (text: string): string =>
  (/^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? 'unknown').slice(0, 128);

/**
 * Units of systemd's time spans, in ms; a year and a month as systemd counts them. Newer versions
 * write micro with either letter.
 */
const spanUnits: Readonly<Record<string, number>> = {
  ...{ us: 0.001, µs: 0.001, μs: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000 },
  ...{ d: 86_400_000, w: 604_800_000, month: 2_629_800_000, y: 31_557_600_000 },
};

/**
 * Offset of the clock in ms from `timedatectl timesync-status` ("Offset: +1.2ms", "Offset: -1h 2min
 * 40.001s"); null when it tells none.
 */
export const parseTimesyncOffset = (text: string): number | null => {
  const [, sign, span = ''] =
    /Offset:[ \t]*([+-]?)(0$|(?:[\d.]+[a-z\u00b5\u03bc]+ ?){1,9})/m.exec(text) ?? [];
  if (span === '') return null;
  const parts = [...span.matchAll(/(\d+(?:\.\d+)?)([a-z\u00b5\u03bc]+)/g)];
  const ms = parts.reduce(
    (sum, [, count, unit = '']) => sum + Number(count) * (spanUnits[unit] ?? Number.NaN),
    0,
  );
  return Number.isNaN(ms) ? null : sign === '-' ? -ms : ms;
};
