import { it } from 'vitest';
import { checkSchedules, seedsOf } from './check-schedules.ts';

const seeds = seedsOf(3, 4);

it(
  `${seeds.length} schedules: nothing runs twice, no session is lost, and accounts come online`,
  { timeout: 120_000 + seeds.length * 2_000 },
  () => checkSchedules(seeds),
);
