import { expect, it } from 'vitest';
import { reportPage } from '../../src/report/page.ts';
import { trendChart } from '../../src/report/trend-chart.ts';
import { sampleReport } from './sample-report.ts';

it('is one file that needs nothing from elsewhere and runs no script', () => {
  const page = reportPage(sampleReport(8, 30));
  expect(page).not.toMatch(/<script|\bsrc=|<link|@import|url\(|javascript:|\son\w+=/i);
  expect(page).toContain(
    "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; " +
      "form-action 'none'\"",
  );
  expect(page).toContain('8 hosts, 30 accounts');
  expect(page).toContain('▼ 95.00 %');
});

it('makes text of everything that others wrote', () => {
  const evil = '<img src=x onerror=alert(1)>"\'&\u202e\u001b[31m\u200b\u2066\u{e0041}\u2028\ud800';
  const base = sampleReport(1, 1);
  const page = reportPage({
    ...base,
    fleet: evil,
    hosts: base.hosts.map((host) => ({ ...host, name: evil, zone: evil, state: evil })),
    accounts: base.accounts.map((account) => ({ ...account, name: evil })),
    decisions: base.decisions
      .slice(0, 1)
      .map((decision) => ({ ...decision, reason: evil, from: evil, to: evil, account: evil })),
    capacity: { ...base.capacity, advice: [evil] },
    alerts: [{ key: evil, severity: evil, since: 0, reason: evil }],
  });
  for (const each of [
    '<img',
    '\u202e',
    '\u001b',
    'alert(1)>',
    '\u200b',
    '\u2066',
    '\u{e0041}',
    '\u2028',
    '\ud800',
  ])
    expect(page).not.toContain(each);
  expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;');
});

it('of 1,000 hosts and 5,000 accounts has less than 5 MB', () => {
  const begunMs = performance.now();
  const page = reportPage(sampleReport(1000, 5000));
  console.log(
    `1,000 hosts and 5,000 accounts: ${(Buffer.byteLength(page) / 1e6).toFixed(2)} MB, ` +
      `${Math.round(performance.now() - begunMs)} ms`,
  );
  expect(Buffer.byteLength(page)).toBeLessThan(5_000_000);
});

it('an empty fleet has a report too, without a trend', () => {
  const page = reportPage({
    ...sampleReport(0, 0),
    trend: [],
    decisions: [],
    alerts: [],
    months: ['2026-11'],
  });
  expect(page).toContain('No decision yet.');
  expect(page).toContain('Nothing fires.');
  expect(trendChart([])).toBe('');
});

it('names at the ends of lines do not lie on each other', () => {
  const point = (at: number) => ({ at, cpu: 0.5, memory: 0.5, slots: 0.5 });
  const places = [
    ...trendChart([point(0), point(86_400_000)]).matchAll(
      /<text class="\w+" x="\d+" y="([\d.]+)"/g,
    ),
  ].map(([, y]) => Number(y));
  expect(places).toHaveLength(3);
  expect(
    Math.min(...places.map((y, n) => Math.abs(y - (places[(n + 1) % 3] ?? 0)))),
  ).toBeGreaterThanOrEqual(13);
});
