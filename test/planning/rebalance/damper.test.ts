import { describe, expect, it } from 'vitest';
import type { FleetView } from '../../../src/planning/fleet/fleet-view.ts';
import {
  type Damped,
  type DamperState,
  dampen,
  defaultDamping,
  undamped,
} from '../../../src/planning/rebalance/damper.ts';
import { planRebalance } from '../../../src/planning/rebalance/rebalance.ts';
import { account, fleetOf, host, nowMs, policy } from '../sample-fleet.ts';

const minute = 60_000;
const full = Array.from({ length: 5 }, (_, index) => account(`x${index}`, 'a'));
const uneven = fleetOf([host('a'), host('b')], full);
const even = fleetOf([host('a'), host('b')], full.slice(0, 2));

/** Feeds one view every five minutes and returns what each evaluation said. */
function feed(views: readonly FleetView[], start: DamperState = undamped): Damped[] {
  let state = start;
  return views.map((view, index) => {
    const damped = dampen(state, { ...view, nowMs: nowMs + index * 5 * minute }, policy);
    state = damped.state;
    return damped;
  });
}

const verdicts = (views: readonly FleetView[]): string[] =>
  feed(views).map(({ verdict }) => verdict);
const times = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);

describe('dampen', () => {
  it('acts at the third evaluation in a row over the threshold, then rests for half an hour', () => {
    expect(verdicts(times(10, uneven))).toEqual([
      'wait',
      'wait',
      'act',
      ...times(5, 'rest'),
      'act',
      'rest',
    ]);
  });

  it('starts counting again after a good evaluation', () => {
    expect(verdicts([uneven, uneven, even, uneven, uneven, uneven])).toEqual([
      'wait',
      'wait',
      'calm',
      'wait',
      'wait',
      'act',
    ]);
  });

  it('says what it counted', () => {
    const [first, , third] = feed(times(3, uneven));
    expect(first?.reason).toBe('smoothed spread 44.8, threshold 30.0; 1 of 3 evaluations in a row');
    expect(third?.reason).toBe('smoothed spread 44.8, threshold 30.0; 3 evaluations in a row');
  });

  it('halves the weight of what it saw after the half-life', () => {
    const cpuOf = (cores: number): FleetView =>
      fleetOf([host('a', { baseCpuCores: cores })], [account('x', 'a', { cpuCores: cores })]);
    const first = dampen(undamped, cpuOf(0), policy);
    const later = { ...cpuOf(1), nowMs: nowMs + defaultDamping.halfLifeMs };
    const { view } = dampen(first.state, later, policy);
    expect(view.accounts[0]?.cpuCores).toBeCloseTo(0.5);
    expect(view.hosts[0]?.baseCpuCores).toBeCloseTo(0.5);
  });

  it('lets one burst pass that would move accounts if it were believed', () => {
    const calm = fleetOf([host('a'), host('b')], full.slice(0, 2));
    const burst = fleetOf([host('a', { baseCpuCores: 1.5 }), host('b')], full.slice(0, 2));
    expect(planRebalance(burst, policy).verdict).toBe('planned');
    expect(new Set(verdicts([...times(6, calm), ...times(3, burst), ...times(6, calm)]))).toEqual(
      new Set(['calm']),
    );
  });

  it('never plans with less memory than was measured', () => {
    const memoryOf = (bytes: number): FleetView =>
      fleetOf([host('a')], [account('x', 'a', { memoryBytes: bytes })]);
    const first = dampen(undamped, memoryOf(100), policy);
    const more = dampen(first.state, { ...memoryOf(900), nowMs: nowMs + minute }, policy);
    expect(more.view.accounts[0]?.memoryBytes).toBe(900);
    const less = dampen(more.state, { ...memoryOf(10), nowMs: nowMs + 2 * minute }, policy);
    expect(less.view.accounts[0]?.memoryBytes).toBeGreaterThan(10);
  });

  it('keeps a state that survives JSON and forgets who is gone', () => {
    const [, second] = feed([uneven, even]);
    expect(JSON.parse(JSON.stringify(second?.state))).toEqual(second?.state);
    expect(Object.keys(second?.state.accounts ?? {})).toEqual(['x0', 'x1']);
  });
});
