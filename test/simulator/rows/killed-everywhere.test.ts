import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readStaged } from '../../../hostside/helper/world.ts';
import type { Verb } from '../controller.ts';
import { type CallFate, plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { keyIds, World } from '../world.ts';

interface Case {
  readonly verb: Verb;
  /** What the operator has done before. */
  readonly before: readonly Verb[];
}

const allocate: Verb = { verb: 'allocate' };
const cases: readonly Case[] = [
  { verb: allocate, before: [] },
  { verb: { verb: 'remove', account: 'a1' }, before: [allocate] },
  { verb: { verb: 'export', account: 'a2' }, before: [allocate] },
  { verb: { verb: 'stop', account: 'a3' }, before: [allocate] },
  { verb: { verb: 'start', account: 'a1' }, before: [allocate, { verb: 'stop', account: 'a1' }] },
];

/** All queries and all faults at each call; without it every fourth of them, in turn. */
const isExhaustive = process.env.FLEET_SIM_EXHAUSTIVE === '1';
const endless = 1_000_000;

/** A world in which `before` has been done. */
async function prepared(before: readonly Verb[]): Promise<World> {
  const world = await World.create(1);
  for (const verb of before) await world.command(verb);
  return world;
}

/** Calls and queries of an undisturbed run. */
async function extentOf({ verb, before }: Case): Promise<{ calls: number; queries: number }> {
  const world = await prepared(before);
  let calls = 0;
  const started = world.start(verb, {
    fateOf: () => {
      calls += 1;
      return plainFate;
    },
    queriesLeft: endless,
  });
  await world.simulation.run(started.isOver, 600_000);
  await world.destroy();
  return { calls, queries: started.controller.queries };
}

/**
 * Runs the command with a fault, then again without, then checks everything. Returns what is wrong.
 */
async function survives(
  { verb, before }: Case,
  fault: Parameters<World['start']>[1],
  label: string,
): Promise<string[]> {
  const world = await prepared(before);
  await world.command(verb, fault);
  await world.simulation.pass(1_000);
  await world.command(verb);
  if (verb.verb === 'stop') await world.command({ verb: 'start', account: verb.account });
  await settle(world);
  const { violations, trace } = world.simulation;
  await world.destroy();
  return violations.length === 0 ? [] : [`${label}: ${violations.join('; ')}\n${trace.join('\n')}`];
}

/** A fate for the n-th call, from 1. */
const atCall = (wanted: number, fate: Partial<CallFate>) => {
  let calls = 0;
  return { fateOf: () => ({ ...plainFate, ...(++calls === wanted ? fate : {}) }) };
};

const nameOf = ({ verb }: Case): string => verb.verb;

describe.each(cases.map((each) => [nameOf(each), each] as const))('%s', (_, each) => {
  it('survives the death of the operator before and after every remote call', {
    timeout: 120_000,
  }, async () => {
    const { calls } = await extentOf(each);
    expect(calls).toBeGreaterThan(0);
    for (let call = 1; call <= calls; call += 1) {
      for (const kill of ['before', 'after'] as const)
        expect(await survives(each, atCall(call, { kill }), `${kill} call ${call}`)).toEqual([]);
    }
  });

  it('survives the death of the operator after every query to the ledger', {
    timeout: 240_000,
  }, async () => {
    const { queries } = await extentOf(each);
    expect(queries).toBeGreaterThan(0);
    for (let query = 1; query <= queries; query += isExhaustive ? 1 : 4)
      expect(await survives(each, { queriesLeft: query }, `after query ${query}`)).toEqual([]);
  });

  it('survives lost, late and repeated messages at every remote call', {
    timeout: 240_000,
  }, async () => {
    const { calls } = await extentOf(each);
    const fates: readonly Partial<CallFate>[] = [
      { request: 'lost' },
      { reply: 'lost' },
      { request: 'late', lateMs: 20_000 },
      { request: 'twice', lateMs: 500 },
    ];
    for (let call = 1; call <= calls; call += 1) {
      const chosen = isExhaustive
        ? fates
        : fates.filter((_fate, index) => index === call % fates.length);
      for (const fate of chosen)
        expect(
          await survives(each, atCall(call, fate), `${JSON.stringify(fate)} at call ${call}`),
        ).toEqual([]);
    }
  });
});

describe('the helper', () => {
  const acts = { grant: allocate, release: { verb: 'remove', account: 'a1' } as Verb };

  it.each(Object.keys(acts) as (keyof typeof acts)[])(
    '%s: dies, alone or with its machine, before every change of the disk',
    { timeout: 240_000 },
    async (act) => {
      const each: Case = { verb: acts[act], before: act === 'grant' ? [] : [allocate] };
      for (const powerLost of [false, true]) {
        for (let writes = 0; ; writes += 1) {
          let isHit = false;
          const fateOf = ({ what, host }: { what: string; host: string }): CallFate => {
            const isIt = what.includes(act) && host === 'h1' && !isHit;
            isHit ||= isIt;
            return isIt ? { ...plainFate, helperWrites: writes, powerLost } : plainFate;
          };
          const world = await prepared(each.before);
          await world.command(each.verb, { fateOf });
          await world.simulation.pass(30_000);
          const wasKilled = world.simulation.trace.some(
            (line) => line.includes('fleet-host is killed') || line.includes('loses power'),
          );
          await world.command(each.verb);
          await settle(world);
          const { violations } = world.simulation;
          await world.destroy();
          expect(
            violations,
            `${act} killed before change ${writes}${powerLost ? ' with its machine' : ''}`,
          ).toEqual([]);
          if (!wasKilled) {
            expect(writes).toBeGreaterThan(5);
            break;
          }
        }
      }
    },
  );
});

describe('files that come late', () => {
  it('of the last account, which has left the fleet since, go with the next sweep', async () => {
    const world = await World.create(1, { hosts: 2, accounts: 1 });
    const [keyId, host] = [keyIds.a1 ?? '', world.host('h1')];
    const late = { ...plainFate, request: 'late', lateMs: 100_000 } as const;
    await world.command(allocate, { fateOf: ({ what }) => (what === 'stage' ? late : plainFate) });
    await world.command({ verb: 'remove', account: 'a1' });
    await world.simulation.pass(200_000);
    expect(readStaged(host.places, keyId)).toHaveLength(1);
    await world.command({ verb: 'sweep' });
    expect(readStaged(host.places, keyId)).toEqual([]);
    await settle(world);
    expect(world.simulation.violations).toEqual([]);
    await world.destroy();
  });
});
