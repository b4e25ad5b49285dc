import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KyselyPlugin } from 'kysely';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/alerts/message.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import { recordEvent } from '../../src/ledger/records.ts';
import type { FleetContext } from '../../src/workflows/context.ts';
import { tellFleet } from '../../src/workflows/tell-fleet.ts';
import { alertWorld, type Heard, listening, startMs, swept } from './alerts-fixture.ts';

const down = [swept('h1', true), swept('h2', false), swept('h3', false)];
const well = [swept('h1', false), swept('h2', false), swept('h3', false)];
const minute = 60_000;

const messages = (heard: readonly Heard[]): Message[] => heard.map(({ body }) => JSON.parse(body) as Message);
const webhook = (name: string, url: string): string => `  ${name}: { kind: webhook, url: "${url}" }`;

/** What a process that is killed before its n-th statement does to the ledger, and to whoever waits for it. */
class Killed extends Error {}
const killBefore = (n: number): { plugin: KyselyPlugin; count: () => number } => {
  let seen = 0;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      seen += 1;
      if (seen > n) throw new Killed();
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return { plugin, count: () => seen };
};

describe('a sweep tells', () => {
  it('one message with the command to run, nothing more while nothing changes, and the end', async () => {
    const { url, heard } = await listening();
    const { context, policy, clock } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ items: 1, sent: 1, waiting: 0, problems: [] });
    for (let n = 0; n < 5; n += 1) {
      clock.nowMs += 5 * minute;
      await tellFleet(context, policy, down, []);
    }
    for (let n = 0; n < 3; n += 1) {
      clock.nowMs += 5 * minute;
      await tellFleet(context, policy, well, []);
    }
    expect(messages(heard).map(({ title, severity }) => [title, severity])).toEqual([
      ['test: 1 critical', 'critical'],
      ['test: 1 over', 'info'],
    ]);
    expect(messages(heard)[0]?.text).toBe(
      'CRITICAL h1 does not answer; its accounts may go on running\n  run: fleet failover h1 --dry-run',
    );
    expect(heard[0]?.headers['idempotency-key']).toBe(messages(heard)[0]?.id);
  });

  it('in Chinese where the inventory says so', async () => {
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(` language: zh\n channels:\n ${webhook('team', url)}`);
    await tellFleet(context, policy, down, []);
    expect(messages(heard)[0]?.title).toBe('test：1 项严重');
    expect(messages(heard)[0]?.text).toContain('主机 h1 没有响应');
  });

  it('events of others once, and none from before the first sweep', async () => {
    const { url, heard } = await listening();
    const { context, policy, ledger, clock } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    const event = (text: string) => recordEvent(ledger.db, { at: startMs, kind: 'ran-twice', host: 'h2', account: 'anna', text });
    await event('before');
    await tellFleet(context, policy, well, []);
    expect(heard).toEqual([]);
    await event('now');
    for (let n = 0; n < 3; n += 1) {
      clock.nowMs += minute;
      await tellFleet(context, policy, well, []);
    }
    expect(messages(heard).map(({ items }) => items.map(({ rule, severity }) => [rule, severity]))).toEqual([[['ran-twice', 'critical']]]);
  });

  it('each message at least once and at most twice, wherever the sweep is killed', async () => {
    const { url, heard } = await listening();
    const { context, policy, ledger, clock, folder } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    await tellFleet(context, policy, well, []);
    const before = join(folder, 'before.db');
    await ledger.db.executeQuery({
      sql: `VACUUM INTO '${before}'`,
      parameters: [],
      query: { kind: 'RawNode', sqlFragments: [], parameters: [] } as never,
      queryId: { queryId: 'x' } as never,
    });
    let statements = 0;
    for (let n = 0; ; n += 1) {
      heard.length = 0;
      clock.nowMs += minute;
      const path = join(folder, `killed-${n}.db`);
      await copyFile(before, path);
      const own = await openLedger(path);
      const { plugin } = killBefore(n);
      const dying: FleetContext = { ...context, ledger: { ...own, db: own.db.withPlugin(plugin) } };
      const isKilled = await tellFleet(dying, policy, down, []).then(
        () => false,
        (error: unknown) => {
          if (error instanceof Killed) return true;
          throw error;
        },
      );
      const after: FleetContext = { ...context, ledger: own };
      await tellFleet(after, policy, down, []);
      clock.nowMs += minute;
      await tellFleet(after, policy, down, []);
      await own.close();
      const ids = messages(heard).map(({ id }) => id);
      expect(new Set(ids).size, `killed before statement ${n}`).toBe(1);
      expect(ids.length, `killed before statement ${n}`).toBeLessThanOrEqual(2);
      if (!isKilled) break;
      statements += 1;
    }
    expect(statements).toBeGreaterThan(15);
  });
});

describe('a channel that is dead', () => {
  it('falls through to the next one of its route, and is named', async () => {
    const broken = await listening((response) => response.writeHead(500).end('no database'));
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(` channels:\n ${webhook('first', broken.url)}\n ${webhook('second', url)}`);
    const { sent, waiting, problems } = await tellFleet(context, policy, down, []);
    expect([sent, waiting, heard.length]).toEqual([1, 0, 1]);
    expect(problems.map(({ code, message }) => [code, message])).toEqual([
      ['channel', `alerts: channel first: ${broken.url} answered with status 500: no database`],
    ]);
  });

  it('keeps the message until somebody takes it, and tells neither the end of what it could not tell nor repetitions', async () => {
    let status = 503;
    const { url, heard } = await listening((response) => response.writeHead(status).end());
    const { context, policy, clock } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ sent: 0, waiting: 1 });
    for (let n = 0; n < 30; n += 1) {
      clock.nowMs += 5 * minute;
      await tellFleet(context, policy, down, []);
    }
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ waiting: 1 });
    expect(heard.length).toBeLessThan(12);
    status = 200;
    clock.nowMs += 60 * minute;
    heard.length = 0;
    await tellFleet(context, policy, down, []);
    expect(messages(heard).map(({ title }) => title)).toEqual(['test: 1 critical']);

    const other = await alertWorld(` channels:\n ${webhook('team', url)}`);
    status = 503;
    await tellFleet(other.context, other.policy, down, []);
    for (let n = 0; n < 3; n += 1) {
      other.clock.nowMs += 5 * minute;
      await tellFleet(other.context, other.policy, well, []);
    }
    status = 200;
    heard.length = 0;
    other.clock.nowMs += 60 * minute;
    expect(await tellFleet(other.context, other.policy, well, [])).toMatchObject({ sent: 0, waiting: 0 });
    expect(heard).toEqual([]);
  });

  it('of one route does not hold up the others', async () => {
    const broken = await listening((response) => response.writeHead(404).end());
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(` channels:\n ${webhook('a', broken.url)}\n ${webhook('b', url)}\n send: [a, b]`);
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ sent: 1, waiting: 1 });
    expect(heard).toHaveLength(1);
  });
});

describe('the heartbeat', () => {
  it('is given after each complete sweep; nobody there is a problem, not a failure', async () => {
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(` heartbeat: env:BEAT`, { BEAT: `${url}/ping/secret-secret` });
    expect((await tellFleet(context, policy, well, [])).problems).toEqual([]);
    expect(heard.map(({ path }) => path)).toEqual(['/ping/secret-secret']);
    const dead = await alertWorld(` heartbeat: env:BEAT`, { BEAT: 'http://127.0.0.1:9/ping/secret-secret' });
    const { problems } = await tellFleet(dead.context, dead.policy, well, []);
    expect(problems[0]?.message).toMatch(/^alerts: channel heartbeat: http:\/\/127\.0\.0\.1:9 cannot be reached \(\w+\)$/);
  });
});
