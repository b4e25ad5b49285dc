/** What the dashboard decides without a browser. */
import { expect, test } from 'vitest';
import { acts, isAct } from '../../src/dashboard/acts.ts';
import { joined } from '../../src/dashboard/api.ts';
import { entryReader } from '../../src/dashboard/event-stream.ts';
import { hashOf, home, type Route, routeIn } from '../../src/dashboard/route.ts';
import { momentIn, seen } from '../../src/dashboard/shapes.ts';
import { languageFor, languages, spanWords } from '../../src/dashboard/words.ts';
import { offersOf } from '../../src/serve/offers.ts';
import { verbs } from '../../src/verbs/registry.ts';

test.each<Route>([
  home,
  { screen: 'hosts', name: 'web-1', query: {} },
  { screen: 'accounts', name: 'a/b ?#%小', query: {} },
  { screen: 'history', name: '', query: { account: 'anna & ben', kind: 'host-down' } },
])('a view is one link: %o', (route) => {
  expect(routeIn(hashOf(route))).toEqual(route);
});

test.each(['', '#', '#/', '#/nothing/there?x=1', '#//hosts', '#/hosts%2fweb-1'])(
  'what is no view is the map: %j',
  (hash) => {
    expect(routeIn(hash)).toEqual(home);
  },
);

test('a name that cannot be decoded stays as it is', () => {
  expect(routeIn('#/hosts/%zz')).toMatchObject({ screen: 'hosts', name: '%zz' });
});

test('entries of the history are read in whatever pieces they come', () => {
  const text =
    'retry: 2000\n: listening\n\n' +
    'id: 1\nevent: event\ndata: {"kind":"host-up"}\n\n: beat\n\n' +
    'id: 2\r\nevent: decision\r\ndata: {"account":\r\ndata: "小"}\r\n\r\n' +
    'id: 3\ndata: no json\n\ndata: {}\n\nid: 4\ndata: [1]\n\nid: 5\ndata: {"half":';
  for (const size of [1, 2, 7, 1000]) {
    const read = entryReader();
    const found = (text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []).flatMap(read);
    expect([size, found]).toEqual([
      size,
      [
        { id: '1', data: { kind: 'host-up' } },
        { id: '2', data: { account: '小' } },
      ],
    ]);
  }
});

test('an entry without an end is given up, and the next one is read', () => {
  const read = entryReader();
  for (let each = 0; each < 40; each += 1) expect(read('x'.repeat(10_000))).toEqual([]);
  expect(read('\n\nid: 9\ndata: {}\n\n')).toEqual([{ id: '9', data: {} }]);
});

test('pages are one answer, as old as the oldest', () => {
  const page = (names: readonly string[], atMs: number) => ({
    data: { hosts: names, fleet: 'shop', next: null },
    atMs,
  });
  expect(joined([page(['a'], 5), page(['b'], 3)])).toEqual({
    data: { hosts: ['a', 'b'], fleet: 'shop', next: null },
    atMs: 3,
  });
});

test('both languages say the same things', () => {
  const kindsOf = (value: object): object =>
    Object.fromEntries(
      Object.entries(value).map(([name, each]) => [
        name,
        typeof each === 'object' ? kindsOf(each) : typeof each,
      ]),
    );
  expect(kindsOf(languages.zh)).toEqual(kindsOf(languages.en));
  expect([['zh-CN', 'en'], ['en-GB', 'zh'], ['de', 'zh-TW'], []].map(languageFor)).toEqual([
    'zh',
    'en',
    'zh',
    'en',
  ]);
  expect([0, 89_000, 3_600_000, 90_000_000, 999_000_000].map((ms) => spanWords(ms, 'en'))).toEqual([
    '0 s',
    '89 s',
    '60 min',
    '25 h',
    '12 d',
  ]);
});

test('every act is a path of the API, with its fields', () => {
  const offers = new Map(offersOf(verbs).map((offer) => [offer.route.path, offer]));
  for (const [name, { path, body }] of Object.entries(acts)) {
    const offer = offers.get(`/v1/${path}`);
    expect([name, offer?.route.method]).toEqual([name, 'POST']);
    const given = body({ account: 'anna', host: 'h1', threshold: '10', reason: 'new disk' });
    for (const field of Object.keys(given))
      expect([name, Object.keys(offer?.fields ?? {})]).toEqual([
        name,
        expect.arrayContaining([field]),
      ]);
  }
  expect([isAct('drain'), isAct('toString')]).toEqual([true, false]);
});

test('signs that nobody sees are shown, and moments are read as they come', () => {
  expect(seen('a\u202eb\u200bc\n')).toBe('a\u{fffd}b\u{fffd}c\u{fffd}');
  expect(
    [{ at: 5 }, { at: '1970-01-01T00:00:01Z' }, { at: 'soon' }, {}].map((facts) =>
      momentIn(facts, 'at'),
    ),
  ).toEqual([5, 1000, null, null]);
});
