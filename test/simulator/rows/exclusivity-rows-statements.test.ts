import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { settle } from '../settle.ts';
import {
  allocate,
  at,
  claimAt,
  cut,
  failover,
  nothingWrong,
  placed,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rows 36, 39 and 43 of docs/exclusivity.md: what is said of hosts that are off, and when it stops
 * to count.
 */
describe('36 a host counts as off, answers, and dies again', () => {
  it.each([
    ['resume', { verb: 'resume' }, {}],
    ['start', { verb: 'start', account: 'a1' }, {}],
    ['allocate', allocate, {}],
    ['allocate, its reply lost', allocate, { reply: 'lost' }],
  ] as const)('%s', async (_, verb, fate) => {
    await placed();
    world.host('h1').crash();
    await world.simulation.pass(1_300_000);
    // The statement is accepted; nothing could be granted, because another host is silent.
    world.host('h2').link = cut;
    await world.command(failover('h1', 'powered-off'));
    world.host('h2').link = whole;
    world.host('h1').boot();
    await world.simulation.pass(30_000);
    await world.command(verb, { fateOf: at('', 'h1', fate) });
    await world.command({ verb: 'start', account: 'a1' });
    world.host('h1').crash();
    const problem = await world.command(failover('h1', 'powered-off'));
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    expect(usersOf('a1').length).toBeLessThanOrEqual(1);
    // Believed again only after the safe moment, unless nothing with authority ever reached the
    // host.
    if (fate === undefined) expect(problem?.message).toContain('too early');
    nothingWrong();
    await settle(world);
    nothingWrong();
  });
});

describe('39 a statement is verified again by whoever grants', () => {
  it('a fence was verified, the survey was incomplete, and somebody switches the machine on', async () => {
    await placed();
    world.host('h1').link = cut;
    world.host('h3').isListening = false;
    expect((await world.command(failover('h1', 'fenced')))?.code).toBe('survey-incomplete');
    expect(world.host('h1').isUp).toBe(false);
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    world.host('h3').isListening = true;
    for (const verb of ['sweep', 'resume', 'allocate'] as const) await world.command({ verb });
    await world.simulation.pass(60_000);
    expect(usersOf('a1').length).toBeLessThanOrEqual(1);
    nothingWrong();
  });
});

describe('43 the safe moment lies in the transaction that begins', () => {
  it.each(['powered-off', 'destroyed', 'fenced'] as const)(
    '%s: the host returns, is swept and dies while the question waits',
    async (statement) => {
      await placed();
      world.host('h1').crash();
      await world.simulation.pass(1_300_000);
      const waiting = world.start({ ...failover('h1', statement), promptMs: 120_000 });
      await world.simulation.pass(30_000);
      world.host('h1').boot();
      await world.simulation.pass(20_000);
      await world.command({ verb: 'sweep' });
      await world.simulation.pass(30_000);
      expect(usersOf('a1')).toEqual(['h1']);
      world.host('h1').crash();
      await world.simulation.run(waiting.isOver, 300_000);
      world.host('h1').boot();
      await world.simulation.pass(60_000);
      expect(usersOf('a1').length).toBeLessThanOrEqual(1);
      expect(waiting.problem()?.code).toBe('plan-stale');
      nothingWrong();
    },
  );
});

describe('K8 a host that was declared destroyed is powered on', () => {
  it('the first sweep that reaches it stops and revokes what it runs, and shouts', async () => {
    await placed();
    world.host('h1').link = cut;
    await world.simulation.pass(60_000);
    // The operator is wrong, or promised what somebody else did not keep: it runs on.
    world.dataCentre.unreachableFrom.add('h1');
    world.host('h1').crash();
    await world.simulation.pass(5_000);
    expect(await world.command(failover('h1', 'destroyed'))).toBeNull();
    const [owner] = usersOf('a1');
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    world.host('h1').link = whole;
    const said = await world.command({ verb: 'sweep' });
    expect(said?.message).toContain('h1 was declared destroyed and ANSWERS');
    expect(said?.message).toContain('a1');
    expect(claimAt('h1')?.state).toBe('revoked');
    world.dataCentre.unreachableFrom.delete('h1');
    await world.simulation.pass(120_000);
    expect(usersOf('a1')).toEqual([owner]);
    // It is a host like any other again.
    expect(await world.command({ verb: 'sweep' })).toBeNull();
    expect((await world.read()).destroyed).toEqual([]);
    world.simulation.violations.splice(0);
    await settle(world);
    nothingWrong();
  });
});

it('the journal says granted only when the host has done it: a command that dies right before the grant leaves the move released', async () => {
  await placed();
  await world.command(
    { verb: 'move', account: 'a1', host: 'h2' },
    { fateOf: at('grant', 'h2', { kill: 'before' }) },
  );
  expect((await world.read()).openMoves).toEqual([expect.stringContaining('a1 -> h2 released')]);
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  nothingWrong();
});
