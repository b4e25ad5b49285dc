import { afterEach, describe, expect, it } from 'vitest';
import '../borders.ts';
import { listHosts } from '../../../src/ledger/queries/hosts.ts';
import type { Verb } from '../controller.ts';
import { plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { keyIds, World } from '../world.ts';

const allocate: Verb = { verb: 'allocate' };
const hour = 3_600_000;

interface Case {
  readonly name: string;
  readonly verb: Verb;
  /** What was done before, and what happened to hosts. */
  before(world: World): Promise<void>;
}

const placed = async (world: World): Promise<void> => {
  await world.command(allocate);
};
const withoutH1 = async (world: World): Promise<void> => {
  await placed(world);
  world.host('h1').crash();
  await world.simulation.pass(hour);
  // Suspect, then down.
  await world.command({ verb: 'sweep' });
  await world.simulation.pass(hour);
  await world.command({ verb: 'sweep' });
};
const held = async (world: World): Promise<void> => {
  await placed(world);
  world.host('h1').crash();
  await world.simulation.pass(hour);
  world.host('h1').boot();
  await world.simulation.pass(60_000);
};

const cases: readonly Case[] = [
  { name: 'allocate', verb: allocate, before: async () => undefined },
  { name: 'sweep', verb: { verb: 'sweep' }, before: placed },
  { name: 'sweep of a host that holds', verb: { verb: 'sweep' }, before: held },
  { name: 'sweep without a host', verb: { verb: 'sweep' }, before: withoutH1 },
  {
    name: 'failover',
    verb: { verb: 'failover', host: 'h1', statement: 'powered-off' },
    before: withoutH1,
  },
  { name: 'move', verb: { verb: 'move', account: 'a1', host: 'h2' }, before: placed },
  {
    name: 'reboot',
    verb: { verb: 'reboot', hosts: ['h1', 'h2'], isRolling: true },
    before: placed,
  },
];

let world: World;
afterEach(() => world?.destroy());

/**
 * Ctrl-C at the n-th remote call, hosts being asked one after the other. Whether the command came
 * so far.
 */
async function interruptAt({ verb, before }: Case, wanted: number): Promise<boolean> {
  world = await World.create(1);
  await before(world);
  const healthBefore = await health();
  const stateOf = (): readonly (readonly string[])[] =>
    ['a1', 'a2', 'a3'].map((name) => world.dataCentre.usersOf(keyIds[name] ?? ''));
  const usersBefore = stateOf();
  world.inventory = { ...world.inventory, concurrency: 1 };
  let calls = 0;
  const started = world.start(verb, {
    fateOf: () => {
      calls += 1;
      if (calls === wanted) started.controller.interrupt();
      return plainFate;
    },
  });
  expect(await world.simulation.run(started.isOver, hour)).toBe(true);
  const label = `interrupted at call ${wanted}: ${world.simulation.trace.slice(-12).join('\n')}`;
  const said = world.simulation.trace
    .filter((line) => line.includes(`${started.controller.name} `))
    .join('\n');
  // Hosts that were not asked are not silent, and nobody is told to give them up.
  expect(said, label).not.toMatch(/survey-incomplete|did not answer|might be running/);
  expect(await health(), label).toEqual(healthBefore);
  if (calls >= wanted && verb.verb === 'sweep')
    expect(stateOf().flat().length, label).toBeGreaterThanOrEqual(usersBefore.flat().length);
  expect(world.simulation.violations, label).toEqual([]);
  await settle(world);
  expect(world.simulation.violations, label).toEqual([]);
  await world.destroy();
  return calls >= wanted;
}

/** What the ledger says of each host, and how often one that is up failed to answer. */
async function health(): Promise<readonly (readonly [string, string, number])[]> {
  const { db } = await world.ledgerAt(world.ledgerPath);
  return (await listHosts(db)).map(({ name, health: own, failures }) => [
    name,
    own,
    world.host(name).isUp ? failures : 0,
  ]);
}

describe.each(cases.map((each) => [each.name, each] as const))('%s', (_, each) => {
  it('interrupted at any remote call blames no host, and the next commands end what it left', {
    timeout: 240_000,
  }, async () => {
    let call = 1;
    while (await interruptAt(each, call)) call += 1;
    expect(call).toBeGreaterThan(2);
  });
});
