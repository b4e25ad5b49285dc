import { appendFileSync } from 'node:fs';
import { it } from 'vitest';
import '../simulator/borders.ts';
import { runSchedule } from '../simulator/schedule.ts';

/**
 * Names of mutants, each with seeds that may notice; how many others each meets then; where to
 * write what noticed which.
 */
const {
  FLEET_MUTANTS = '[]',
  FLEET_MUTANT_SEEDS = '120',
  FLEET_MUTANT_REPORT = '/dev/stdout',
} = process.env;
const asked = JSON.parse(FLEET_MUTANTS) as readonly (readonly [string, readonly number[]])[];
const others = Array.from({ length: Number(FLEET_MUTANT_SEEDS) }, (_, index) => index + 1);

const faultOf = async (seed: number): Promise<string | null> => {
  try {
    const { violations } = await runSchedule(seed);
    return violations[0] ?? null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

/** Seeds that find a fault without any mutant tell nothing. */
const soundSeeds = new Map<number, boolean>();

async function isSound(seed: number): Promise<boolean> {
  const mutant = globalThis.fleetMutant;
  globalThis.fleetMutant = '';
  const sound = soundSeeds.get(seed) ?? (await faultOf(seed)) === null;
  globalThis.fleetMutant = mutant;
  soundSeeds.set(seed, sound);
  return sound;
}

/** null: no schedule noticed. */
async function noticed(known: readonly number[]): Promise<string | null> {
  for (const seed of [...known, ...others.filter((each) => !known.includes(each))]) {
    const fault = await faultOf(seed);
    if (fault !== null && (await isSound(seed))) return `seed ${seed}: ${fault}`;
  }
  return null;
}

it('random schedules', { timeout: 7_200_000 }, async () => {
  for (const [name, known] of asked) {
    globalThis.fleetMutant = name;
    const what = await noticed(known);
    globalThis.fleetMutant = '';
    appendFileSync(FLEET_MUTANT_REPORT, `${JSON.stringify({ name, what })}\n`);
  }
});
