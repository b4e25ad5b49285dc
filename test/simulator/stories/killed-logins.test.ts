/**
 * A login whose operator dies at each act: the next one goes on with it, and one account is never
 * used by two keys.
 */
import { expect, it } from 'vitest';
import '../borders.ts';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import type { AccountName } from '../../../src/model/names.ts';
import type { Verb } from '../controller.ts';
import { type CallFate, plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { keyIds, World } from '../world.ts';
import { checkMemory, remember } from './moving.ts';

const login: Verb = { verb: 'login', account: 'a1' };
const [oldKey = ''] = [keyIds.a1];
const endless = 1_000_000;
/** All faults at each call and all queries; without it some of them, in turn. */
const isExhaustive = process.env.FLEET_SIM_EXHAUSTIVE === '1';

/**
 * Everybody is online, then Telegram ends the session of the first account, and the ledger has
 * heard of it.
 */
async function prepared(): Promise<World> {
  const world = await World.create(1);
  await world.command({ verb: 'allocate' });
  world.dataCentre.revoke(oldKey);
  await world.simulation.pass(30_000);
  await world.command({ verb: 'sweep' });
  expect((await world.read()).accounts.find(({ name }) => name === 'a1')?.state).toBe(
    'needs-login',
  );
  // Telegram was wrong about it: whoever starts the old session now uses the account by its old
  // key.
  world.dataCentre.loggedOut.delete(oldKey);
  return world;
}

/**
 * What is wrong after the fault, one more login and all that an operator does; and whether the
 * fault was met.
 */
async function survives(fault: Parameters<World['start']>[1], label: string): Promise<string[]> {
  const world = await prepared();
  const before = (await world.read()).accounts.find(({ name }) => name === 'a1');
  await world.command(login, fault);
  await world.simulation.pass(1_000);
  // Done already, or gone on with.
  if ((await world.read()).accounts.find(({ name }) => name === 'a1')?.state !== 'online')
    await world.command(login);
  await settle(world);
  const after = (await world.read()).accounts.find(({ name }) => name === 'a1');
  const { violate } = world.simulation;
  if (after?.state !== 'online')
    violate.call(world.simulation, `a1 is ${after?.state}: ${after?.state_reason}`);
  if (after?.key_id !== world.keyIdOf('a1') || after?.key_id === oldKey)
    violate.call(world.simulation, 'a1 has not its new key');
  if (after?.host !== before?.host)
    violate.call(world.simulation, `a1 is on ${after?.host}, not on ${before?.host}`);
  for (const host of world.hosts)
    if (readClaim(host.places, oldKey).claim?.state === 'active')
      violate.call(world.simulation, `${host.name} still claims the old key`);
  const { violations, trace } = world.simulation;
  await world.destroy();
  return violations.length === 0
    ? []
    : [`${label}: ${violations.join('; ')}\n${trace.slice(-60).join('\n')}`];
}

const atCall = (wanted: number, fate: Partial<CallFate>) => {
  let calls = 0;
  return { fateOf: () => ({ ...plainFate, ...(++calls === wanted ? fate : {}) }) };
};

async function extent(): Promise<{ calls: number; queries: number }> {
  const world = await prepared();
  let calls = 0;
  const fateOf = () => {
    calls += 1;
    return plainFate;
  };
  const started = world.start(login, { fateOf, queriesLeft: endless });
  await world.simulation.run(started.isOver, 600_000);
  expect(started.problem()).toBeNull();
  await world.destroy();
  return { calls, queries: started.controller.queries };
}

it('undisturbed: the same host, another key, the old one closed', async () => {
  expect(await survives({}, 'undisturbed')).toEqual([]);
});

it('survives the death of the operator before and after every remote call, and lost words', {
  timeout: 240_000,
}, async () => {
  const { calls } = await extent();
  expect(calls).toBeGreaterThan(5);
  const fates: readonly Partial<CallFate>[] = [
    { kill: 'before' },
    { kill: 'after' },
    { request: 'lost' },
    { reply: 'lost' },
  ];
  for (let call = 1; call <= calls; call += 1)
    for (const fate of isExhaustive ? fates : [fates[call % 4] ?? {}, fates[(call + 1) % 4] ?? {}])
      expect(await survives(atCall(call, fate), `${JSON.stringify(fate)} at call ${call}`)).toEqual(
        [],
      );
});

it('survives the death of the operator after queries to the ledger', {
  timeout: 240_000,
}, async () => {
  const { queries } = await extent();
  for (let query = 1; query <= queries; query += isExhaustive ? 1 : 7)
    expect(await survives({ queriesLeft: query }, `after query ${query}`)).toEqual([]);
});

it("on a host that hands over another account's key: refused before it is anybody's, and a login elsewhere is good", async () => {
  const world = await prepared();
  const { accounts } = await world.read();
  const other = accounts.find(({ name, host }) => name !== 'a1' && host !== null);
  const sound = world.makeKey.bind(world);
  world.makeKey = () => {
    const { dataCentre, authKey } = theirs.session;
    return { dataCentre, authKey: Buffer.from(authKey).toString('base64') };
  };
  const theirs = await world.vault.get(other?.name as AccountName);
  expect(await world.command(login)).toMatchObject({
    code: 'agent-reply',
    message: expect.stringContaining('is not new'),
  });
  world.makeKey = sound;
  expect((await world.vault.get('a1' as AccountName)).session.keyId).toBe(oldKey);
  expect(await world.command(login)).toBeNull();
  await expectWell(world);
});

it('is refused while a host is silent: it might be running the old session', async () => {
  const world = await prepared();
  const owner = (await world.read()).accounts.find(({ name }) => name === 'a1')?.host;
  world.hosts.find(({ name }) => name !== owner)?.crash();
  expect(await world.command(login)).toMatchObject({ code: 'survey-incomplete' });
  expect(world.dataCentre.usersOf(oldKey)).toEqual([]);
  await world.destroy();
});

/**
 * Where a1 is online with its new key in the end, with what it remembered, and nothing was used
 * twice.
 */
async function expectWell(world: World): Promise<void> {
  await settle(world);
  await checkMemory(world);
  const account = (await world.read()).accounts.find(({ name }) => name === 'a1');
  expect([account?.state, account?.key_id, world.simulation.violations]).toEqual([
    'online',
    world.keyIdOf('a1'),
    [],
  ]);
  await world.destroy();
}

it('cut off when the old session was given up, and then comes a sweep: what the account remembers is still there', async () => {
  const world = await prepared();
  await remember(world);
  await world.command(login, {
    fateOf: ({ what }) => ({ ...plainFate, kill: what.startsWith('release') ? 'after' : null }),
  });
  await world.command({ verb: 'sweep' });
  expect(await world.command(login)).toBeNull();
  await expectWell(world);
});

it("two operators log in at once, without the lock: the later one is told, and its key is nobody's", async () => {
  const world = await prepared();
  await remember(world);
  // Both have read that no key was made; the later one comes to it when the first is done.
  const first = world.start(login);
  await world.simulation.pass(88);
  const late = world.start(login, {
    fateOf: ({ what }) => ({ ...plainFate, requestMs: what.includes('survey') ? 5_000 : 10 }),
  });
  await world.simulation.run(() => first.isOver() && late.isOver(), 600_000);
  expect(first.problem()).toBeNull();
  expect(late.problem()).not.toBeNull();
  await expectWell(world);
});

it('given up by another operator at the same moment, without the lock: what the account remembers stays, and a new login has it', async () => {
  const world = await prepared();
  await remember(world);
  const slow = world.start(login);
  await world.simulation.pass(30);
  await world.command({ ...login, isCancelled: true });
  await world.simulation.run(slow.isOver, 600_000);
  expect(slow.problem()).toMatchObject({ code: 'plan-stale' });
  expect(await world.command(login)).toBeNull();
  await expectWell(world);
});
