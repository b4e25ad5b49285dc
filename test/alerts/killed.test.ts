/**
 * A sweep that is killed before any of its statements: nothing is lost, and nothing is told more
 * than twice.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type KyselyPlugin, sql } from 'kysely';
import { expect, it } from 'vitest';
import type { Message } from '../../src/alerts/message.ts';
import { type Ledger, openLedger } from '../../src/ledger/ledger.ts';
import { recordEvent } from '../../src/ledger/queries/events.ts';
import { tellFleet } from '../../src/workflows/alerts/tell-fleet.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import { alertWorld, listening, startMs, swept } from './alerts-fixture.ts';

/**
 * What a process that is killed before its n-th statement does to the ledger, and to whoever waits
 * for it.
 */
class Killed extends Error {}
const killBefore = (n: number): KyselyPlugin => {
  let seen = 0;
  return {
    transformQuery: ({ node }) => {
      seen += 1;
      if (seen > n) throw new Killed();
      return node;
    },
    transformResult: async ({ result }) => result,
  };
};

const minute = 60_000;
const names = ['h1', 'h2', 'h3', 'h4', 'h5'];
/** What each sweep finds down, after how long, and which channels do not take anything then. */
const story = [
  { downs: [], afterMs: 0, dead: [] },
  { downs: ['h1'], afterMs: minute, dead: [] },
  { downs: ['h1', 'h2'], afterMs: 5 * minute, dead: ['first', 'alone'] },
  { downs: ['h1', 'h2'], afterMs: 65 * minute, dead: [] },
  { downs: ['h2'], afterMs: 5 * minute, dead: ['alone'] },
  { downs: ['h2'], afterMs: 5 * minute, dead: ['alone'] },
  { downs: [], afterMs: 5 * minute, dead: [] },
  { downs: [], afterMs: 5 * minute, dead: [] },
  { downs: [], afterMs: 60 * minute, dead: [] },
] as const;

const expected = [
  'firing host-down/h1',
  'firing host-down/h2',
  'over host-down/h1',
  'over host-down/h2',
  'news ran-twice',
];

it('tells everything at least once and at most twice, whichever statement of whichever sweep it was killed before', async () => {
  let dead: readonly string[] = [];
  let taken: (readonly [path: string, message: Message])[] = [];
  const { url } = await listening((response, { path, body }) => {
    const isDead = dead.includes(path.slice(1));
    if (!isDead) taken.push([path, JSON.parse(body) as Message]);
    response.writeHead(isDead ? 500 : 200).end();
  });
  const hook = (name: string): string => `  ${name}: { kind: webhook, url: "${url}/${name}" }`;
  const yaml =
    ` channels:\n${['first', 'second', 'alone'].map(hook).join('\n')}\n send: [[first, ` +
    'second], alone]';
  const { context, policy, clock, folder } = await alertWorld(yaml);

  const open = async (path: string): Promise<Ledger> => {
    const ledger = await openLedger(path);
    // The disk is not what is tried here.
    await sql`PRAGMA synchronous = OFF`.execute(ledger.db);
    return ledger;
  };
  const copy = async (from: Ledger, name: string): Promise<Ledger> => {
    const path = join(folder, name);
    await sql`VACUUM INTO ${path}`.execute(from.db);
    return open(path);
  };
  const sweep = async (
    ledger: Ledger,
    index: number,
    diesAt = Number.POSITIVE_INFINITY,
  ): Promise<boolean> => {
    const step = story[index];
    if (step === undefined) throw new Error('no such sweep');
    dead = step.dead;
    const facts = names.map((name) =>
      swept(
        name,
        step.downs.some((down) => down === name),
      ),
    );
    const db = ledger.db.withPlugin(killBefore(diesAt));
    try {
      await tellFleet({ ...context, ledger: { ...ledger, db } } as FleetContext, policy, facts, []);
      return false;
    } catch (error) {
      if (error instanceof Killed) return true;
      throw error;
    }
  };
  /**
   * Ids of the messages that told it, by route and what was told: one for each time that somebody
   * took it.
   */
  const told = (): ReadonlyMap<string, readonly string[]> => {
    const ids = new Map<string, string[]>();
    for (const [path, { id, items }] of taken)
      for (const { status, key } of items) {
        const about = `${path === '/alone' ? 'alone' : 'pair'}: ${status} ${key}`;
        ids.set(about, [...(ids.get(about) ?? []), id]);
      }
    return ids;
  };

  const before = await open(join(folder, 'story.db'));
  await sweep(before, 0);
  let kills = 0;
  for (let index = 1; index < story.length; index += 1) {
    clock.nowMs += story[index]?.afterMs ?? 0;
    const nowMs = clock.nowMs;
    const tookBefore = [...taken];
    if (index === 1)
      await recordEvent(before.db, {
        at: startMs,
        kind: 'ran-twice',
        host: 'h2',
        account: 'anna',
        epoch: 1,
      });
    for (let isKilled = true, n = 0; isKilled; n += 1) {
      taken = [...tookBefore];
      clock.nowMs = nowMs;
      const own = await copy(before, `killed-${index}-${n}.db`);
      isKilled = await sweep(own, index, n);
      if (isKilled) kills += 1;
      clock.nowMs += minute;
      await sweep(own, index);
      for (let later = index + 1; later < story.length; later += 1) {
        clock.nowMs += story[later]?.afterMs ?? 0;
        await sweep(own, later);
      }
      await own.close();
      await rm(own.place);
      const ids = told();
      for (const about of expected.flatMap((each) => [`pair: ${each}`, `alone: ${each}`])) {
        const where = `${about}, killed before statement ${n} of sweep ${index}`;
        expect(ids.get(about)?.length ?? 0, where).toBeGreaterThanOrEqual(1);
        expect(ids.get(about)?.length ?? 0, where).toBeLessThanOrEqual(2);
        expect(new Set(ids.get(about)).size, `ids of ${where}`).toBe(1);
      }
    }
    taken = tookBefore;
    clock.nowMs = nowMs;
    await sweep(before, index);
  }
  await before.close();
  console.log(`killed before each of ${kills} statements`);
  expect(kills).toBeGreaterThan(100);
});
