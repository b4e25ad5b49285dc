import { appendFileSync } from 'node:fs';
import { it } from 'vitest';
import '../simulator/borders.ts';
import { runSchedule } from '../simulator/schedule.ts';

/** Names of mutants, with commas between them; seeds that may notice; how many others each meets then; where to write what noticed which. */
const { FLEET_MUTANTS = '', FLEET_MUTANT_KNOWN = '', FLEET_MUTANT_SEEDS = '120', FLEET_MUTANT_REPORT = '/dev/stdout' } = process.env;
const known = FLEET_MUTANT_KNOWN.split(',').map(Number).filter(Number.isFinite);
const seeds = [...known.filter((seed) => seed > 0), ...Array.from({ length: Number(FLEET_MUTANT_SEEDS) }, (_, index) => index + 1)];

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
async function noticed(): Promise<string | null> {
  for (const seed of seeds) {
    const fault = await faultOf(seed);
    if (fault !== null && (await isSound(seed))) return `seed ${seed}: ${fault}`;
  }
  return null;
}

it('random schedules', { timeout: 7_200_000 }, async () => {
  for (const name of FLEET_MUTANTS.split(',')) {
    globalThis.fleetMutant = name;
    const what = await noticed();
    globalThis.fleetMutant = '';
    appendFileSync(FLEET_MUTANT_REPORT, `${JSON.stringify({ name, what })}\n`);
  }
});
