import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/alerts/message.ts';
import { recordEvent } from '../../src/ledger/queries/events.ts';
import { examineAlerts } from '../../src/workflows/alerts/examine-alerts.ts';
import { tellFleet } from '../../src/workflows/alerts/tell-fleet.ts';
import { alertWorld, type Heard, listening, startMs, swept } from './alerts-fixture.ts';

const down = [swept('h1', true), swept('h2', false), swept('h3', false)];
const well = [swept('h1', false), swept('h2', false), swept('h3', false)];
const minute = 60_000;

const messages = (heard: readonly Heard[]): Message[] =>
  heard.map(({ body }) => JSON.parse(body) as Message);
const webhook = (name: string, url: string): string =>
  `  ${name}: { kind: webhook, url: "${url}" }`;

describe('a sweep tells', () => {
  it('one message with the command to run, nothing more while nothing changes, and the end', async () => {
    const { url, heard } = await listening();
    const { context, policy, clock } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    expect(await tellFleet(context, policy, down, [])).toMatchObject({
      items: 1,
      sent: 1,
      waiting: 0,
      problems: [],
    });
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
      ['test: 1 resolved', 'info'],
    ]);
    expect(messages(heard)[0]?.text).toBe(
      'CRITICAL h1 does not answer; its accounts may go on running\n  run: fleet failover ' +
        'h1 --dry-run',
    );
    expect(heard[0]?.headers['idempotency-key']).toBe(messages(heard)[0]?.id);
  });

  it('in Chinese where the inventory says so', async () => {
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(
      ` language: zh\n channels:\n ${webhook('team', url)}`,
    );
    await tellFleet(context, policy, down, []);
    expect(messages(heard)[0]?.title).toBe('test：1 项严重');
    expect(messages(heard)[0]?.text).toContain('主机 h1 没有响应');
  });

  it('events of others once, and none from before the first sweep', async () => {
    const { url, heard } = await listening();
    const { context, policy, ledger, clock } = await alertWorld(
      ` channels:\n ${webhook('team', url)}`,
    );
    const event = (epoch: number) =>
      recordEvent(ledger.db, {
        ...{ at: startMs, kind: 'ran-twice', host: 'h2', account: 'anna', epoch },
      });
    await event(1);
    await tellFleet(context, policy, well, []);
    expect(heard).toEqual([]);
    await event(2);
    for (let n = 0; n < 3; n += 1) {
      clock.nowMs += minute;
      await tellFleet(context, policy, well, []);
    }
    expect(
      messages(heard).map(({ items }) => items.map(({ rule, severity }) => [rule, severity])),
    ).toEqual([[['ran-twice', 'critical']]]);
  });
});

it('news reach an Alertmanager, too, once', async () => {
  const { url, heard } = await listening();
  const { context, policy, ledger, clock } = await alertWorld(
    ` channels: { am: { kind: alertmanager, url: "${url}" } }`,
  );
  await tellFleet(context, policy, well, []);
  await recordEvent(ledger.db, {
    at: startMs,
    kind: 'allocation-failed',
    host: null,
    account: 'anna',
    reason: 'no host has room',
  });
  for (let n = 0; n < 3; n += 1) {
    clock.nowMs += minute;
    await tellFleet(context, policy, well, []);
  }
  expect(heard.map(({ path }) => path)).toEqual(['/api/v2/alerts']);
  expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject([
    { labels: { alertname: 'allocation-failed', subject: 'anna', severity: 'warning' } },
  ]);
});

describe('a channel that is dead', () => {
  it('falls through to the next one of its route, and is named', async () => {
    const broken = await listening((response) => response.writeHead(500).end('no database'));
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(
      ` channels:\n ${webhook('first', broken.url)}\n ${webhook('second', url)}`,
    );
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
    expect(await tellFleet(other.context, other.policy, well, [])).toMatchObject({
      sent: 0,
      waiting: 0,
    });
    expect(heard).toEqual([]);
  });

  it('is told everything in one message once it is back, in what was told meanwhile the newest', async () => {
    let status = 503;
    const { url, heard } = await listening((response) => response.writeHead(status).end());
    const { context, policy, clock } = await alertWorld(` channels:\n ${webhook('team', url)}`);
    const names = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
    const sweep = (downs: readonly string[]) => {
      clock.nowMs += 5 * minute;
      return tellFleet(
        context,
        policy,
        names.map((name) => swept(name, downs.includes(name))),
        [],
      );
    };
    for (const downs of [['h1'], ['h1', 'h2'], ['h2'], ['h2']]) await sweep(downs);
    heard.length = 0;
    status = 200;
    clock.nowMs += 60 * minute;
    expect(await sweep(['h2', 'h3'])).toMatchObject({ sent: 1, waiting: 0 });
    expect(
      messages(heard).map(({ items }) => items.map((each) => `${each.status} ${each.key}`)),
    ).toEqual([['firing host-down/h2', 'firing host-down/h3']]);
  });

  it('that asks to be left alone is left alone for so long, by other messages too; a clock that was set back does not prolong it', async () => {
    let answer: readonly [number, string] = [
      429,
      '{"ok":false,"description":"Too Many Requests","parameters":{"retry_after":1800}}',
    ];
    const { url, heard } = await listening((response) =>
      response.writeHead(answer[0]).end(answer[1]),
    );
    const yaml = ` channels:\n  bot: { kind: telegram, token: env:TOKEN, chat: 1, server: "${url}" }`;
    const { context, policy, clock } = await alertWorld(yaml, {
      TOKEN: '123456:ABCDEFghijklmnopqrstuvwxyz',
    });
    await tellFleet(context, policy, down, []);
    expect(heard).toHaveLength(1);
    for (let n = 0; n < 5; n += 1) {
      clock.nowMs += 5 * minute;
      const { waiting, problems } = await tellFleet(
        context,
        policy,
        n === 2
          ? well
          : [
              swept('h1', true),
              swept('h4', true),
              swept('h5', false),
              swept('h6', false),
              swept('h7', false),
            ],
        [],
      );
      expect([waiting > 0, problems]).toEqual([true, []]);
    }
    expect(heard).toHaveLength(1);
    answer = [200, '{"ok":true}'];
    clock.nowMs -= 24 * 60 * minute;
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ waiting: 0 });
    expect((await examineAlerts(context)).map(({ level }) => level)).toEqual(['ok']);
  });

  it('is a finding of fleet doctor until it takes something again, also where another one stepped in', async () => {
    let status = 500;
    const broken = await listening((response) => response.writeHead(status).end('no database'));
    const { url } = await listening();
    const { context, policy, clock } = await alertWorld(
      ` channels:\n ${webhook('first', broken.url)}\n ${webhook('second', url)}`,
    );
    await tellFleet(context, policy, down, []);
    expect(await examineAlerts(context)).toMatchObject([
      {
        level: 'warning',
        text: expect.stringMatching(
          /channel first: .* status 500: no database \(since 2023-11-14T22:13:20/,
        ),
        remedy: expect.stringMatching(/tried again/),
      },
    ]);
    status = 200;
    for (let n = 0; n < 2; n += 1) {
      clock.nowMs += 5 * minute;
      await tellFleet(context, policy, well, []);
    }
    expect(await examineAlerts(context)).toMatchObject([{ level: 'ok' }]);
  });

  it('of one route does not hold up the others', async () => {
    const broken = await listening((response) => response.writeHead(404).end());
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(
      ` channels:\n ${webhook('a', broken.url)}\n ${webhook('b', url)}\n send: [a, b]`,
    );
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ sent: 1, waiting: 1 });
    expect(heard).toHaveLength(1);
  });
});

describe('the operator who ends a sweep', () => {
  it('makes no channel a broken one, loses nothing, and there is no heartbeat', async () => {
    const { url, heard } = await listening();
    const beats = await listening();
    const { context, policy } = await alertWorld(
      ` heartbeat: "${beats.url}"\n channels:\n ${webhook('team', url)}`,
    );
    const ended = { ...context, signal: AbortSignal.abort() };
    expect(await tellFleet(ended, policy, down, [])).toMatchObject({ sent: 0, waiting: 1 });
    expect([heard, beats.heard]).toEqual([[], []]);
    expect(await examineAlerts(context)).toMatchObject([{ level: 'ok' }]);
    expect(await tellFleet(context, policy, down, [])).toMatchObject({ sent: 1, waiting: 0 });
  });
});

describe('the heartbeat', () => {
  it('is given after each complete sweep; nobody there is a problem, not a failure', async () => {
    const { url, heard } = await listening();
    const { context, policy } = await alertWorld(` heartbeat: env:BEAT`, {
      BEAT: `${url}/ping/secret-secret`,
    });
    expect((await tellFleet(context, policy, well, [])).problems).toEqual([]);
    expect(heard.map(({ path }) => path)).toEqual(['/ping/secret-secret']);
    const dead = await alertWorld(` heartbeat: env:BEAT`, {
      BEAT: 'http://127.0.0.1:9/ping/secret-secret',
    });
    const { problems } = await tellFleet(dead.context, dead.policy, well, []);
    expect(problems[0]?.message).toMatch(
      /^alerts: channel heartbeat: http:\/\/127\.0\.0\.1:9 cannot be reached \([\w ]+\)$/,
    );
  });
});
