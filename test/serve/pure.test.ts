/**
 * What the server decides without acting: pages, rates, who may see what, which plans are the same,
 * where it may listen.
 */
import { describe, expect, test } from 'vitest';
import { lastsMs, openAnswers } from '../../src/serve/answers.ts';
import { type ListenWishes, placeOf } from '../../src/serve/listen.ts';
import { offersOf, withheldVerbs } from '../../src/serve/offers.ts';
import { type Lists, listOf, pageOf } from '../../src/serve/pages.ts';
import { openRates } from '../../src/serve/rate.ts';
import { hostScope, isAboutOthers, refuseOthers, seenBy } from '../../src/serve/runs/host-scope.ts';
import { decidedIn, planDigest } from '../../src/serve/runs/plan-digest.ts';
import type { RunAnswer } from '../../src/serve/runs/protocol.ts';
import { argument, option } from '../../src/verbs/input.ts';
import { verbs } from '../../src/verbs/registry.ts';
import { effectsOf } from '../../src/verbs/route.ts';

describe('pages', () => {
  const hosts = Array.from({ length: 25 }, (_, index) => ({ name: `h${index}`, text: 'ä€😀' }));
  const lists = { hosts: listOf(hosts), accounts: listOf([{ name: 'anna' }, { name: 'bert' }]) };
  const page = (of: Lists, cursor: string | undefined, size: number) => {
    const { parts, next } = pageOf(of, cursor, size);
    const read = Object.entries(parts).map(([name, part]): [string, unknown[]] => [
      name,
      JSON.parse(`[${Buffer.from(part).toString('utf8')}]`) as unknown[],
    ]);
    return { entries: Object.fromEntries(read), next };
  };

  test.each([1, 7, 10, 25, 1_000])('of %d: every entry of every list once, in order', (size) => {
    const seen: Record<string, unknown[]> = { hosts: [], accounts: [] };
    let cursor: string | undefined;
    for (let pages = 0; pages < 40; pages += 1) {
      const { entries, next } = page(lists, cursor, size);
      for (const [name, some] of Object.entries(entries)) seen[name]?.push(...some);
      if (next === null) break;
      cursor = next;
    }
    expect(seen).toEqual({ hosts, accounts: [{ name: 'anna' }, { name: 'bert' }] });
    expect(page({ none: listOf([]) }, undefined, size)).toEqual({
      entries: { none: [] },
      next: null,
    });
  });

  test('an entry before the cursor that is gone, or is new, skips and repeats nothing', () => {
    const { next } = page(lists, undefined, 10);
    const changed = { ...lists, hosts: listOf([{ name: 'new' }, ...hosts.slice(3)]) };
    expect(page(changed, next ?? '', 10).entries.hosts?.[0]).toMatchObject({ name: 'h10' });
  });

  test('entries that are alike have places of their own', () => {
    const alike = { lines: listOf(['a', 'a', 'a']) };
    const { entries, next } = page(alike, undefined, 2);
    expect(entries.lines).toEqual(['a', 'a']);
    expect(page(alike, next ?? '', 2).entries.lines).toEqual(['a']);
  });

  test.each(['', 'x', '!!!', Buffer.from('{"other":"h1"}').toString('base64url'), 'bnVsbA'])(
    'cursor %j is refused',
    (cursor) => expect(() => page(lists, cursor, 10)).toThrow('cursor'),
  );
});

test('a token that was used up waits, and says how long', () => {
  const rates = openRates({ perSecond: 2, burst: 3 });
  expect([0, 1, 2].map(() => rates.take('a', 0))).toEqual([0, 0, 0]);
  expect(rates.take('a', 0)).toBe(1);
  expect(rates.take('b', 0)).toBe(0);
  expect(rates.take('a', 500)).toBe(0);
  // A clock that goes back gives nothing, and takes nothing.
  expect(rates.take('a', 100)).toBe(1);
});

describe('a token that is limited to hosts', () => {
  const scope = hostScope({
    allowed: ['h1', 'h10'],
    hosts: [
      { name: 'h1', address: '10.0.0.1' },
      { name: 'h10', address: '10.0.0.10' },
      { name: 'h2', address: 'fd00::2' },
    ],
    accounts: [
      { name: 'anna', displayName: 'Anna', host: 'h1' },
      { name: 'bert', displayName: 'Bert 贝特', host: 'h2' },
      { name: 'carl', displayName: null, host: null },
    ],
  });

  test('sees entries about its own, and no word about others', () => {
    const data = {
      hosts: [{ name: 'h1' }, { name: 'h2' }, { name: 'h10', text: 'as good as h2.' }],
      byHost: { h1: 1, h2: 2 },
      reason: 'h2 is full',
      addresses: ['10.0.0.1', 'at [fd00::2]:22'],
      accounts: ['anna', 'bert', 'carl', 'Bert 贝特'],
      deep: [{ inner: [{ host: 'h2' }, { host: 'h1' }] }],
    };
    expect(seenBy(data, scope)).toEqual({
      hosts: [{ name: 'h1' }],
      byHost: { h1: 1 },
      reason: null,
      addresses: ['10.0.0.1'],
      accounts: ['anna', 'carl'],
      deep: [{ inner: [{ host: 'h1' }] }],
    });
    expect(seenBy(data, null)).toBe(data);
    expect(isAboutOthers({ text: 'h1, h10, h20' }, scope)).toBe(false);
    expect(isAboutOthers({ text: 'worker@h2: no' }, scope)).toBe(true);
  });

  test('names only its own, one by one', () => {
    const fields = {
      hosts: argument({ of: 'host', isMany: true, isOptional: true }),
      account: option({ of: 'account', shown: 'name', words: '' }),
      text: option({ shown: 'text', words: '' }),
    };
    const refused = (input: object, isAct = true): boolean => {
      try {
        refuseOthers(fields, input, scope, isAct);
        return false;
      } catch {
        return true;
      }
    };
    expect([
      refused({ hosts: ['h1'] }),
      refused({ account: 'carl' }),
      refused({ hosts: ['h1', 'h2'] }),
      refused({ hosts: ['h*'] }),
      refused({ hosts: ['nobody'] }),
      refused({ account: 'bert' }),
      refused({ hosts: ['h1'], text: 'like h2' }),
      refused({}),
      refused({}, false),
    ]).toEqual([false, false, true, true, true, true, true, true, false]);
  });
});

test('a plan is the same where owners, names and answers are, whatever the figures', () => {
  const plan = { moves: [{ account: 'anna', to: 'h1', score: 3.2 }], madeAt: '2026-11-30T10:00Z' };
  const again = { moves: [{ account: 'anna', to: 'h1', score: 3.9 }], madeAt: '2026-11-30T10:09Z' };
  const other = { moves: [{ account: 'anna', to: 'h2', score: 3.2 }], madeAt: '2026-11-30T10:00Z' };
  const digest = (data: object, mark = 'm', input: object = {}) =>
    planDigest('move', input, mark, data);
  expect(digest(plan)).toBe(digest(again));
  expect(digest(plan)).not.toBe(digest(other));
  expect(digest(plan)).not.toBe(digest(plan, 'another'));
  expect(digest(plan)).not.toBe(digest(plan, 'm', { maxMigrations: 3 }));
  expect(decidedIn({ a: 'the host is 3 % full', b: 'h1', c: 7, d: true })).toEqual({
    ...{ a: null, b: 'h1', c: null, d: true },
  });
});

describe('where it listens', () => {
  const none = { listen: undefined, socket: undefined, tlsCert: undefined, tlsKey: undefined };
  const at = (wishes: Partial<ListenWishes>) => placeOf({ ...none, ...wishes });
  test('this machine, or elsewhere with TLS', () => {
    expect(at({})).toEqual({ kind: 'address', host: '127.0.0.1', port: 8000 });
    expect(at({ listen: '[::1]:1' })).toEqual({ kind: 'address', host: '::1', port: 1 });
    expect(at({ socket: 'a.sock' })).toEqual({ kind: 'socket', path: 'a.sock' });
    const tls = { tlsCert: 'c', tlsKey: 'k' };
    expect(at({ ...tls, listen: '0.0.0.0:443' })).toMatchObject({ host: '0.0.0.0' });
  });
  test.each([
    [{ listen: '0.0.0.0:8000' }, '--listen 0.0.0.0:8000'],
    [{ listen: '[::]:8000' }, '--listen [::]:8000'],
    [{ listen: '127.0.0.1.example.org:80' }, 'needs TLS'],
    [{ listen: '10.0.0.1:8000', tlsCert: 'c' }, 'go together'],
    [{ listen: '127.0.0.1' }, 'ADDRESS:PORT'],
    [{ listen: '127.0.0.1:99999' }, 'ADDRESS:PORT'],
    [{ listen: '127.0.0.1:1', socket: 's' }, '--socket'],
    [{ socket: 's', tlsCert: 'c', tlsKey: 'k' }, 'no TLS'],
  ])('%j is refused', (wishes, words) => expect(() => at(wishes)).toThrow(words));
});

test('what is offered takes no path and no secret of the machine, and what is withheld exists', () => {
  const offers = offersOf(verbs);
  const kinds = offers.flatMap(({ fields }) => Object.values(fields).map(({ of }) => of));
  expect(kinds.filter((kind) => ['file', 'folder', 'secret'].includes(kind))).toEqual([]);
  // A field that is missing in the API has to be one that the verb can do without.
  const needed = offers.flatMap(({ verb, fields }) =>
    Object.entries(verb.input)
      .filter(([name, { isOptional }]) => !isOptional && !Object.hasOwn(fields, name))
      .map(([name]) => `${verb.name} ${name}`),
  );
  expect(needed).toEqual([]);
  const names = verbs.map(({ name }) => name);
  expect(Object.keys(withheldVerbs).filter((name) => !names.includes(name))).toEqual([]);
  // Every verb that only looks has a route, but for those whose reason stands in the table.
  const looks = verbs.filter((verb) => effectsOf(verb) === 'nothing' && verb.isLocal !== true);
  const offered = new Set(offers.map(({ verb }) => verb.name));
  expect(looks.filter(({ name }) => !offered.has(name)).map(({ name }) => name)).toEqual([
    ...['scripts test', 'alerts test'],
  ]);
});

describe('answers are kept while they hold', () => {
  const answer = (text: string): RunAnswer => ({ head: { text }, lists: {}, plan: null });
  const world = () => {
    const clock = { ms: 0, version: 'a', asked: 0, costMs: 100 };
    const answers = openAnswers({
      ...{ version: async () => clock.version, now: () => clock.ms, bytes: 1_000 },
    });
    const ask = async (): Promise<RunAnswer> => {
      clock.asked += 1;
      clock.ms += clock.costMs;
      return answer(`${clock.asked}`);
    };
    const get = async (isFresh = false) => (await answers.get('k', ask, isFresh)).answer.head.text;
    return { clock, get };
  };

  test('one look for many; a change, a while and a wish ask again', async () => {
    const { clock, get } = world();
    expect(await Promise.all([get(), get(), get()])).toEqual(['1', '1', '1']);
    clock.ms += 5_000;
    expect(await get()).toBe('1');
    clock.version = 'b';
    expect(await get()).toBe('2');
    clock.ms += 11_000;
    expect(await get()).toBe('3');
    expect(await get(true)).toBe('4');
  });

  test('where a look takes long, the last answer bridges it', async () => {
    const { clock, get } = world();
    clock.costMs = 2_000;
    expect(await get()).toBe('1');
    clock.version = 'b';
    expect(await get()).toBe('1');
    clock.ms += 12_000;
    // It is given once more, and asked anew beside that.
    expect(await get()).toBe('1');
    await new Promise((resolve) => setImmediate(resolve));
    expect(await get()).toBe('2');
    expect(lastsMs(100)).toEqual({ rest: 10_000, fresh: 0, stale: 0 });
  });

  test('an error is not kept', async () => {
    const answers = openAnswers({ version: async () => '', now: () => 0, bytes: 1_000 });
    await expect(answers.get('k', () => Promise.reject(new Error('no')), false)).rejects.toThrow();
    expect((await answers.get('k', async () => answer('yes'), false)).answer.head.text).toBe('yes');
  });
});
