import { describe, expect, it } from 'vitest';
import { distanceKm } from '../../../src/planning/fleet/distance.ts';
import { loadScore } from '../../../src/planning/fleet/score.ts';
import { place } from '../sample-fleet.ts';

const weights = { cpu: 0.3, memory: 0.3, slots: 0.3, disk: 0.1 };
const use = {
  cpuCores: 2,
  cpuUsedCores: 1,
  memoryBytes: 4000,
  memoryUsedBytes: 1000,
  maxAccounts: 5,
  accounts: 2,
  diskUsedRatio: 0.4,
};

describe('loadScore', () => {
  it('adds up the weighted percentages of B1', () => {
    const { total, parts } = loadScore(use, weights);
    expect(parts.cpu).toBeCloseTo(15);
    expect(parts.memory).toBeCloseTo(7.5);
    expect(parts.slots).toBeCloseTo(12);
    expect(parts.disk).toBeCloseTo(4);
    expect(total).toBeCloseTo(38.5);
  });

  it('is not clamped, and counts a missing capacity as used up', () => {
    expect(loadScore({ ...use, cpuUsedCores: 6 }, weights).parts.cpu).toBeCloseTo(90);
    expect(loadScore({ ...use, maxAccounts: 0, accounts: 0 }, weights).parts.slots).toBeCloseTo(30);
  });
});

describe('distanceKm', () => {
  const check = (from: [number, number], to: [number, number], expectedKm: number) => {
    const distance = distanceKm(place('from', ...from), place('to', ...to));
    expect(Math.abs(distance - expectedKm)).toBeLessThan(0.01 * Math.max(1, expectedKm / 1000));
  };
  it('follows the great circle', () => {
    check([0, 0], [0, 0], 0);
    check([0, 0], [0, 90], (Math.PI / 2) * 6371.0088);
    check([90, 0], [-90, 0], Math.PI * 6371.0088);
    check([0, 179.5], [0, -179.5], (Math.PI / 180) * 6371.0088);
    check([52.37, 4.9], [40.71, -74.01], 5863.3282);
  });
});
