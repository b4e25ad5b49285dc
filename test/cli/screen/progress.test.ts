/** What a command shows while it works: on a terminal of any size, and in a log. */
import { describe, expect, test } from 'vitest';
import { logProgress } from '../../../src/cli/progress/log-progress.ts';
import { createBoard } from '../../../src/cli/progress/progress-board.ts';
import { columnsOf } from '../../../src/cli/render/columns.ts';
import { formatError, formatErrors } from '../../../src/cli/render/error.ts';
import { FleetError } from '../../../src/model/errors.ts';
import { reportSteps } from '../../../src/verbs/hosts/init-progress.ts';
import type { FleetEvent } from '../../../src/workflows/context.ts';
import { hostSpec } from '../../workflows/init/init-fixture.ts';

const host = (
  name: string,
  text: string,
  more: Partial<Extract<FleetEvent, { kind: 'host' }>> = {},
): FleetEvent => ({
  kind: 'host',
  host: name,
  text,
  status: 'working',
  ...more,
});

describe('the lines on a terminal', () => {
  test('say per host how many steps are done, which bytes are on their way and for how long', () => {
    const board = createBoard(0);
    board.take(
      host('h1', 'runtime', {
        count: { done: 7, of: 23 },
        bytes: { sent: 12_400_000, of: 41_000_000 },
      }),
      2_000,
    );
    board.take(
      host('h2', 'ready, 20 steps changed', { status: 'done', count: { done: 23, of: 23 } }),
      9_000,
    );
    board.take(host('web-10', 'cannot be reached', { status: 'failed' }), 4_000);
    expect(board.lines(40_000, 100, 20)).toEqual([
      'talking to hosts: 1 of 3 done, 1 failed  40s',
      '✖ web-10  0s  cannot be reached',
      '· h1      7 of 23  12.4 of 41.0 MB  38s  runtime',
      '✔ h2      0s  ready, 20 steps changed',
    ]);
  });

  test.each([20, 60, 80, 120])(
    'are never wider than %i columns nor more than the screen has, whoever speaks',
    (columns) => {
      const board = createBoard(0);
      for (let index = 0; index < 500; index += 1)
        board.take(
          host(`h${index}`, `пакеты 软件包 ${'x'.repeat(200)}\n\r\u001b[2J`, {
            status: index % 3 === 0 ? 'done' : 'working',
          }),
          0,
        );
      for (const rows of [4, 10, 21]) {
        const lines = board.lines(5_000, columns, rows);
        expect(lines.length).toBeLessThanOrEqual(rows);
        expect(Math.max(...lines.map(columnsOf))).toBeLessThanOrEqual(columns);
        expect(lines.join('')).not.toMatch(/\p{Cc}/u);
      }
      expect(board.lines(5_000, columns, 10).at(-1)).toMatch(/^ {2}and 49\d more: 1/);
    },
  );

  test('count the accounts of each host that are online, and those that are not yet', () => {
    const board = createBoard(0);
    board.take(
      {
        kind: 'expected',
        accounts: ['anna', 'bert', 'cleo'].map((account) => ({ account, host: 'h1' })),
      },
      0,
    );
    board.take(
      { kind: 'account', account: 'bert', host: 'h1', state: 'online', reason: '' },
      1_000,
    );
    board.take(
      { kind: 'account', account: 'anna', host: 'h1', state: 'connecting', reason: '' },
      2_000,
    );
    expect(board.lines(3_000, 80, 20)[1]).toBe('· h1  1 of 3  3s  anna connecting');
    for (const account of ['anna', 'cleo'])
      board.take({ kind: 'account', account, host: 'h1', state: 'online', reason: '' }, 4_000);
    expect(board.lines(9_000, 80, 20)[1]).toBe('✔ h1  4s  online');
  });

  test('what has not come to its end is not shown as done', () => {
    const board = createBoard(0);
    board.take(host('h1', 'packages'), 0);
    board.end(5_000);
    expect(board.lines(60_000, 80, 20)[1]).toBe('✖ h1  5s  packages');
  });
});

describe('the lines of a log', () => {
  test('pass over what is brief, name who is long at the same thing every half minute, and end with the command', async () => {
    const said: string[] = [];
    let nowMs = Date.UTC(2026, 10, 30, 12);
    let tick: () => void = () => undefined;
    let isRunning = false;
    const progress = logProgress(
      (line) => said.push(line),
      () => nowMs,
      (_, act) => {
        tick = act;
        isRunning = true;
        return () => {
          isRunning = false;
        };
      },
    );
    progress.report(host('h1', 'runtime', { isBrief: true, count: { done: 7, of: 23 } }));
    for (let second = 0; second < 65; second += 5) {
      nowMs += 5_000;
      progress.report(
        host('h1', 'runtime', {
          isBrief: true,
          count: { done: 7, of: 23 },
          bytes: { sent: second * 1e6, of: 90e6 },
        }),
      );
      tick();
    }
    progress.report(host('h1', 'ready, 3 steps changed', { status: 'done' }));
    nowMs += 90_000;
    tick();
    expect(said).toEqual([
      '12:00:30 h1: still at runtime (7 of 23 steps, 25.0 of 90.0 MB), 30s so far',
      '12:01:00 h1: still at runtime (7 of 23 steps, 55.0 of 90.0 MB), 1m so far',
      '12:01:05 h1: ready, 3 steps changed',
    ]);
    await progress.stop();
    expect(isRunning).toBe(false);
  });
});

test('init counts the steps of the plan, and names what is being sent', () => {
  const told: FleetEvent[] = [];
  const spec = hostSpec('h1');
  const steps = ['packages', 'runtime', 'agent'].map((id) => ({ id, title: '' }));
  const report = reportSteps({ report: (event) => told.push(event) }, [{ host: spec, steps }]);
  const step = { t: 'step', host: spec.name, ms: 1, what: [], failure: null } as const;
  report({ ...step, id: 'packages', state: 'changed', what: ['install curl'] });
  report({ ...step, id: 'runtime', state: 'started' });
  report({ host: spec.name, t: 'sent', sha256: 'a', sent: 1e6, bytes: 4e6 });
  report({ host: spec.name, t: 'sent', sha256: 'a', sent: 4e6, bytes: 4e6 });
  expect(told).toMatchObject([
    { text: 'packages: install curl', count: { done: 1, of: 3 } },
    { text: 'runtime', isBrief: true },
    { text: 'runtime', isBrief: true, bytes: { sent: 1e6, of: 4e6 } },
    { text: 'runtime: 4.0 MB sent', count: { done: 1, of: 3 } },
  ]);
  expect(told[3]).not.toHaveProperty('bytes');
});

test('long lists are summed up: of errors, and of the reasons of one', () => {
  const error = (name: string, problems: readonly string[] = []): FleetError =>
    new FleetError('placement', name, { hint: 'add a host', problems });
  const many = (count: number): string[] =>
    Array.from({ length: count }, (_, index) => `h${index}: not ready`);
  expect(formatError(error('no host', many(2_000))).split('\n')).toHaveLength(43);
  expect(formatError(error('no host', many(2_000)))).toContain(
    'and 1960 more (--json has them all)',
  );
  expect(formatError(error('no host', many(41)))).toContain('h40: not ready');
  expect(formatErrors(many(2_000).map((name) => error(name)))).toHaveLength(41);
  expect(formatErrors(many(3).map((name) => error(name)))).toHaveLength(3);
});
