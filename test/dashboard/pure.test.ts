/** What the dashboard decides without a browser. */
import { expect, test } from 'vitest';
import { acts, isAct, silenceBody, silenceSpans } from '../../src/dashboard/acts.ts';
import { aheadOf, joined } from '../../src/dashboard/api.ts';
import { openAsker } from '../../src/dashboard/asker.ts';
import { entryReader } from '../../src/dashboard/event-stream.ts';
import { hashOf, home, type Route, routeIn } from '../../src/dashboard/route.ts';
import { momentIn, seen } from '../../src/dashboard/shapes.ts';
import { languageFor, languages, spanWords } from '../../src/dashboard/words.ts';
import { type Offer, offersOf } from '../../src/serve/offers.ts';
import { inputSchemaOf } from '../../src/verbs/input-schema.ts';
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
    'retry: 2000\nid: 0\n: listening\n\n' +
    'id: 1\nevent: event\ndata: {"kind":"host-up"}\n\n: beat\n\n' +
    'id: 2\r\nevent: decision\r\ndata: {"account":\r\ndata: "小"}\r\n\r\n' +
    'id: 3\ndata: no json\n\ndata: {}\n\nid: 4\ndata: [1]\n\nid: 5\ndata: {"half":';
  for (const size of [1, 2, 7, 1000]) {
    const read = entryReader();
    const found = (text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []).flatMap(read);
    expect([size, found]).toEqual([
      size,
      [
        { id: '0', data: null },
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

/** The verb takes this body, by its own schema. */
function expectTaken(name: string, offer: Offer | undefined, body: object): void {
  expect([name, Object.keys(offer?.fields ?? {})]).toEqual([
    name,
    expect.arrayContaining(Object.keys(body)),
  ]);
  const { error } = offer === undefined ? {} : inputSchemaOf(offer.verb).safeParse(body);
  expect([name, error?.message]).toEqual([name, undefined]);
}

test('every act is a path of the API, and its verb takes what is sent', () => {
  const offers = new Map(offersOf(verbs).map((offer) => [offer.route.path, offer]));
  for (const [name, { path, body }] of Object.entries(acts)) {
    const offer = offers.get(`/v1/${path}`);
    expect([name, offer?.route.method]).toEqual([name, 'POST']);
    for (const given of [
      { account: 'anna', host: 'h1', threshold: '10', reason: 'new disk', script: 'faq' },
      { account: 'anna', host: 'h1', threshold: '', reason: '', script: '' },
    ])
      expectTaken(name, offer, body(given));
  }
  for (const span of silenceSpans)
    for (const reason of ['', 'new disk'])
      expectTaken(
        'silence',
        offers.get('/v1/alerts/silence'),
        silenceBody('host-down/h1', span, reason),
      );
  expectTaken('unsilence', offers.get('/v1/alerts/unsilence'), { id: '3' });
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

test('a slow answer comes, however often the fleet changes meanwhile, and none after the end', async () => {
  const answers: number[] = [];
  const release: (() => void)[] = [];
  let asked = 0;
  const asker = openAsker({
    ask: async () => {
      asked += 1;
      const own = asked;
      await new Promise<void>((resolve) => release.push(resolve));
      if (own === 2) throw new Error('away');
      return own;
    },
    got: (answer) => answers.push(answer),
    failed: () => answers.push(-1),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (let changes = 0; changes < 5; changes += 1) asker.again();
  await settle();
  expect(asked).toBe(1);
  release.shift()?.();
  await settle();
  // The changes since then are one more question.
  expect([asked, answers]).toEqual([2, [1]]);
  release.shift()?.();
  await settle();
  expect([asked, answers]).toEqual([2, [1, -1]]);
  asker.again();
  asker.close();
  release.shift()?.();
  await settle();
  expect([asked, answers]).toEqual([3, [1, -1]]);
});

test('a clock that is wrong is not believed: the server says what time it is', () => {
  const at = Date.parse('2026-12-01T10:00:00Z');
  expect(aheadOf('Tue, 01 Dec 2026 10:00:00 GMT', at + 900)).toBe(0);
  expect(aheadOf('Tue, 01 Dec 2026 10:00:00 GMT', at - 3_600_000)).toBe(3_600_000);
  expect([aheadOf(null, at), aheadOf('soon', at)]).toEqual([0, 0]);
});
