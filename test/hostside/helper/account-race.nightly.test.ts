import { expect, test } from 'vitest';
import { raceReads, raceRemovals } from './race-tree.ts';

const minutes = Number(process.env.FLEET_RACE_MINUTES ?? 5);

test.runIf(process.getuid?.() === 0)(
  `state is raced for ${minutes} minutes`,
  async () => {
    const reads = await raceReads(minutes * 30_000);
    const removals = await raceRemovals(minutes * 30_000);
    console.log(
      `${reads.reads} reads, ${reads.links} with a link in the way, ${reads.leaks} leaks; ` +
        `${removals.removals} removals, ${removals.lost} lost`,
    );
    expect([reads.leaks, removals.lost]).toEqual([0, 0]);
    expect(reads.links).toBeGreaterThan(0);
  },
  minutes * 60_000 + 60_000,
);
