import type * as z from 'zod';
import type { AccountLimits } from '../../model/inventory.ts';
import { decimal, mapping, size, whole } from './schema-leaves.ts';

/** What an account may use on a host, as it is written. */
export const limits = () =>
  mapping({
    memory_max: size('64M', '64G').optional(),
    memory_high: size('48M', '64G').optional(),
    memory_reserve: size('16M', '64G').optional(),
    cpu_max: decimal(0.05, 64, ' cores').optional(),
    cpu_reserve: decimal(0.01, 64, ' cores').optional(),
    tasks_max: whole(16, 32_768).optional(),
    disk_max: size('16M', '1024G').optional(),
    files_max: whole(100, 200_000).optional(),
    log_max: whole(10, 1_000_000).optional(),
  });

type LimitsYaml = z.infer<ReturnType<typeof limits>>;

const mebibyte = 1_048_576;

/** 0.2 core and 200 MB at least, 0.5 core and 512 MB recommended. */
export const standardLimits: AccountLimits = {
  memoryMaxBytes: 512 * mebibyte,
  memoryHighBytes: 460 * mebibyte,
  memoryReserveBytes: 200 * mebibyte,
  cpuMaxCores: 0.5,
  cpuReserveCores: 0.2,
  tasksMax: 128,
  diskMaxBytes: 1024 * mebibyte,
  filesMax: 20_000,
  logMax: 500,
};

/** The key, where it is written down. */
export const given = <Value>(
  key: string,
  value: Value | undefined,
): Readonly<Record<string, Value>> => (value === undefined ? {} : { [key]: value });

/**
 * The limits that are written down. `memory_high` follows a written `memory_max` at nine tenths, so
 * that the kernel slows a worker down before it kills it.
 */
export const partialLimits = (yaml: LimitsYaml): Partial<AccountLimits> => {
  const high =
    yaml.memory_high ??
    (yaml.memory_max === undefined
      ? undefined
      : Math.floor((yaml.memory_max * 0.9) / mebibyte) * mebibyte);
  return {
    ...given('memoryMaxBytes', yaml.memory_max),
    ...given('memoryHighBytes', high),
    ...given('memoryReserveBytes', yaml.memory_reserve),
    ...given('cpuMaxCores', yaml.cpu_max),
    ...given('cpuReserveCores', yaml.cpu_reserve),
    ...given('tasksMax', yaml.tasks_max),
    ...given('diskMaxBytes', yaml.disk_max),
    ...given('filesMax', yaml.files_max),
    ...given('logMax', yaml.log_max),
  };
};

/** A reserve or a brake above the ceiling means nothing: both end at it. */
export const boundedLimits = (limits: AccountLimits): AccountLimits => ({
  ...limits,
  memoryHighBytes: Math.min(limits.memoryHighBytes, limits.memoryMaxBytes),
  memoryReserveBytes: Math.min(limits.memoryReserveBytes, limits.memoryMaxBytes),
  cpuReserveCores: Math.min(limits.cpuReserveCores, limits.cpuMaxCores),
});
