import { expect } from 'vitest';
import './borders.ts';
import { addCounts } from './counted-kinds.ts';
import { allKinds } from './kinds.ts';
import { runSchedule, themeOf, themes } from './schedule.ts';
import { shortestFailure } from './shortest-failure.ts';

/** Where the seeds of a run begin. */
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);
/** How many there are in a run. */
const count = Number(process.env.FLEET_SIM_SCHEDULES ?? (process.env.CI === 'true' ? 10_000 : 400));

/** Seeds of a part of a run, from 0: every part meets every theme. */
export const seedsOf = (part: number, parts: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index).filter(
    (seed) => Math.floor(seed / themes.length) % parts === part,
  );

/** As many schedules meet every kind of fault. */
const enoughForAllKinds = 1_000;

/**
 * With the shortest run that still fails, so that a failure at night can be read in the morning.
 */
async function describeFailure(seed: number): Promise<string> {
  const { violations, trace, without } = await shortestFailure(seed);
  return [
    `seed ${seed} (${themeOf(seed)}), the shortest run that still fails; to see it again:`,
    `  FLEET_SIM_SEED=${seed} FLEET_SIM_WITHOUT='${without.join()}' npx vitest run ` +
      '--project fast test/simulator/random-schedules.test.ts',
    ...violations.map((text) => `  ${text}`),
    ...trace,
  ].join('\n');
}

/**
 * A key that was destroyed, two workers, a session that is gone, a false receipt: the promise
 * itself is broken. Anything else is an account that waits for somebody.
 */
const isBroken = (violations: readonly string[]): boolean =>
  violations.some((text) =>
    /killed|is lost|two workers|gives a receipt although|broke:|^epoch /.test(text),
  );

/**
 * How many of a thousand schedules may end with an account that is safe and stuck, until the fault
 * of the product behind it is mended. None is known: those that
 * were (3848, 6418, 9344) are mended, and tried by name in random-schedules.test.ts. Never raised.
 */
const mostStuckPerThousand = 0.1;

/**
 * Runs the schedules; stops at the third in which the promise was broken. Those that end stuck are
 * named, each with its seed, and are a
 * failure only where they are more than {@link mostStuckPerThousand}. A large run has to meet every
 * kind of fault.
 */
export async function checkSchedules(seeds: readonly number[]): Promise<void> {
  const startedMs = performance.now();
  const broken: string[] = [];
  const stuck: string[] = [];
  const kinds = new Map<string, number>();
  let done = 0;
  for (const seed of seeds) {
    const { violations, kinds: ofRun } = await runSchedule(seed);
    done += 1;
    for (const [kind, count] of ofRun) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    if (isBroken(violations)) broken.push(await describeFailure(seed));
    else if (violations.length > 0)
      stuck.push(`seed ${seed} (${themeOf(seed)}): ${violations.join('; ').slice(0, 300)}`);
    if (broken.length === 3) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${done} schedules in ${seconds.toFixed(0)} s, ${Math.round(done / seconds)} a second: ` +
      `${broken.length} broken, ${stuck.length} stuck`,
  );
  addCounts(done, kinds);
  if (stuck.length > 0) console.log(`Safe, but stuck at the end:\n${stuck.join('\n')}`);
  expect(broken.join('\n\n')).toBe('');
  const missing = allKinds.filter((kind) => (kinds.get(kind) ?? 0) === 0);
  if (done >= enoughForAllKinds)
    expect(missing, 'kinds of faults that no schedule has met').toEqual([]);
  expect(stuck.length, stuck.join('\n')).toBeLessThanOrEqual(
    Math.max(1, Math.ceil((done * mostStuckPerThousand) / 1000)),
  );
}
