import { counted } from '../model/counted.ts';
import { type Availability, type Cause, causes, shareOf } from './availability.ts';
import { markOf } from './marks.ts';
import type { Report, ReportedAccount, ReportedHost } from './report.ts';
import { reportStyle } from './style.ts';
import { trendChart } from './trend-chart.ts';

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
/**
 * Whatever hosts and people have written becomes text: nothing of it is markup, hidden, or turns
 * the line around.
 */
const text = (raw: string): string =>
  raw
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[&<>"']/g, (each) => escapes[each] ?? each);

const percent = (share: number | null): string =>
  share === null ? '–' : `${Math.round(share * 100)} %`;
/** Rounded down, so that 100 % means always. */
const availabilityText = (share: number | null): string =>
  share === null ? '–' : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
const minutes = (ms: number): string =>
  ms < 60_000 ? (ms === 0 ? '0' : '<1') : String(Math.round(ms / 60_000));
const moment = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')}Z`;

const table = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  caption: string,
): string =>
  `<div class="wide" tabindex="0" role="region" aria-label="${text(caption)}"><table><caption><span>${text(caption)}</span></caption><thead><tr>${head.map((cell) => `<th scope="col">${text(cell)}</th>`).join('')}</tr></thead><tbody>${rows
    .map(
      (row) =>
        `<tr>${row.map((cell, index) => (index === 0 ? `<th scope="row">${cell}</th>` : `<td>${cell}</td>`)).join('')}` +
        '</tr>',
    )
    .join('')}</tbody></table></div>`;

function fleetMap({ hosts, accounts }: Report): string {
  const byHost = Map.groupBy(accounts, ({ host }) => host ?? '');
  const zones = Map.groupBy(hosts, ({ zone }) => zone ?? '');
  const card = (host: ReportedHost): string => {
    const here = byHost.get(host.name) ?? [];
    const free = Math.max(0, host.maxAccounts - here.length);
    const cells = here.map(({ name, state }) => {
      const { kind, sign } = markOf(state);
      return (
        `<span class="cell ${kind}" role="img" aria-label="${text(`${name}: ${state}`)}" ` +
        `title="${text(`${name}: ${state}`)}">${sign}</span>`
      );
    });
    const rest = free === 0 ? '' : `<small>${free} free</small>`;
    return (
      `<li class="host ${host.state === 'up' ? '' : 'away'}"><b>${text(host.name)}</b> ` +
      `<small>${text(host.state)}</small><small>CPU ${percent(host.cpu)} · memory ` +
      `${percent(host.memory)}</small><span class="cells">${cells.join('')}` +
      `</span>${rest}</li>`
    );
  };
  return [...zones]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([zone, own]) =>
        `<h3>${zone === '' ? 'no zone' : text(zone)}</h3><ul ` +
        `class="map">${own.map(card).join('')}</ul>`,
    )
    .join('');
}

const legend = (): string =>
  `<p class="legend">${['online', 'reconnecting', 'held', 'stopped', 'unknown', 'needs-login']
    .map(
      (state) =>
        `<span class="cell ${markOf(state).kind}" aria-hidden="true">${markOf(state).sign}` +
        `</span> ${state}`,
    )
    .join(' &nbsp; ')}</p>`;

function rankings({ hosts }: Report): string {
  const rows = hosts
    .toSorted((a, b) => (a.score ?? 1000) - (b.score ?? 1000) || (a.name < b.name ? -1 : 1))
    .map(({ name, state, score, cpu, memory, disk, accounts, maxAccounts, measuredAt }) => [
      ...[
        text(name),
        text(state),
        score === null ? '–' : score.toFixed(1),
        percent(cpu),
        percent(memory),
        percent(disk),
      ],
      ...[`${accounts}/${maxAccounts}`, measuredAt === null ? 'never' : moment(measuredAt)],
    ]);
  return table(
    ['Host', 'State', 'Load', 'CPU', 'Memory', 'Disk', 'Accounts', 'Measured'],
    rows,
    'Hosts by load score, best first',
  );
}

const causeNames: Readonly<Record<Cause, string>> = {
  moves: 'Moves',
  reboots: 'Reboots',
  telegram: 'Telegram',
  host: 'Host',
  operator: 'Operator',
};

function availabilityTable(
  kind: string,
  months: readonly string[],
  subjects: readonly (ReportedHost | ReportedAccount)[],
  shown: readonly Cause[],
): string {
  const worst = (a: { readonly months: readonly Availability[] }): number =>
    shareOf(a.months[0] ?? none) ?? 2;
  const rows = subjects
    .toSorted((a, b) => worst(a) - worst(b) || (a.name < b.name ? -1 : 1))
    .map(({ name, months: own }) => [
      text(name),
      ...months.map((_, index) => markedShare(shareOf(own[index] ?? none))),
      ...shown.map((cause) => minutes(own[0]?.offlineMs[cause] ?? 0)),
    ]);
  const head = [kind, ...months, ...shown.map((cause) => `${causeNames[cause]} (min)`)];
  return table(
    head,
    rows,
    `${kind}s: online by month, and minutes offline in ${months[0] ?? ''} by cause; the ` +
      'worst first',
  );
}

const none: Availability = {
  judgedMs: 0,
  onlineMs: 0,
  offlineMs: { moves: 0, reboots: 0, telegram: 0, host: 0, operator: 0 },
};

/** Accounts are to be online for 99 % of the time. */
const aimedAt = 0.99;
const markedShare = (share: number | null): string =>
  share !== null && share < aimedAt
    ? `<span class="low">▼ ${availabilityText(share)}</span>`
    : availabilityText(share);

/** How the fleet stands against its aim this month; empty where nothing could be judged. */
function aimText({ accounts, months }: Report): string {
  const judged = accounts.flatMap(({ months: own }) =>
    own[0] === undefined || own[0].judgedMs <= 0 ? [] : [own[0]],
  );
  if (judged.length === 0) return '';
  const [online, all] = [
    judged.reduce((sum, { onlineMs }) => sum + onlineMs, 0),
    judged.reduce((sum, each) => sum + each.judgedMs, 0),
  ];
  const low = judged.filter((each) => (shareOf(each) ?? 1) < aimedAt).length;
  return (
    ` · ${availabilityText(online / all)} online in ${months[0] ?? ''}, ${low} of ` +
    `${judged.length} accounts below ${aimedAt * 100} %`
  );
}

function history({ decisions }: Report): string {
  if (decisions.length === 0) return '<p>No decision yet.</p>';
  const rows = decisions.map(({ at, account, from, to, type, reason }) => [
    moment(at),
    text(account),
    text(from ?? '–'),
    text(to),
    text(type),
    text(reason),
  ]);
  return table(
    ['When', 'Account', 'From', 'To', 'Why moved', 'Reason'],
    rows,
    'Decisions, newest first',
  );
}

function alertsOf({ alerts }: Report): string {
  if (alerts.length === 0) return '<p>Nothing fires.</p>';
  const rows = alerts.map(({ key, severity, since, reason }) => [
    text(key),
    text(severity),
    moment(since),
    text(reason),
  ]);
  return table(['Alert', 'Severity', 'Since', 'Why'], rows, 'Alerts that fire');
}

/**
 * The whole report as one HTML file without scripts and without anything from elsewhere, for mail
 * and browsers. Pure.
 */
export function reportPage(report: Report): string {
  const { fleet, atMs, hosts, accounts, months, capacity, trend } = report;
  const online = accounts.filter(({ state }) => state === 'online').length;
  const chart = trendChart(trend);
  const sections: readonly (readonly [string, string])[] = [
    ['Alerts', alertsOf(report)],
    ['Fleet map', `${legend()}${fleetMap(report)}`],
    [
      'Capacity',
      `<p>${capacity.used} of ${capacity.slots} slots are ` +
        `used.</p>${capacity.advice.map((line) => `<p>${text(line)}</p>`).join('')}`,
    ],
    [
      'Trend',
      chart === ''
        ? '<p>It needs measurements of two days.</p>'
        : `<div class="wide" tabindex="0" role="region" aria-label="Trend">${chart}</div>`,
    ],
    ['Rankings', rankings(report)],
    ['Availability of accounts', availabilityTable('Account', months, accounts, causes)],
    ['Availability of hosts', availabilityTable('Host', months, hosts, ['reboots', 'host'])],
    ['History', history(report)],
  ];
  const body = sections
    .map(([title, content]) => `<section><h2>${title}</h2>${content}</section>`)
    .join('\n');
  const summary =
    `${counted(hosts.length, 'host')}, ${counted(accounts.length, 'account')}, ${online} online · ` +
    `${moment(atMs)}${aimText(report)}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>${text(fleet)}: fleet report</title><style>${reportStyle}</style></head>
<body><header><h1>${text(fleet)}</h1><p>${summary}</p></header><main>
${body}
</main><footer><p>Operator minutes are left out of the percentages: who stops an account does not want it online. While a host does not answer, its accounts may run; that counts as the host's minutes, from the first sweep that missed it. A move counts from the stop to the first time online; what happens between two sweeps counts as the worker tells it.</p></footer></body></html>
`;
}
