import { counted } from '../../model/counted.ts';
import type { logs } from '../../verbs/looks/logs.ts';
import type { metrics } from '../../verbs/looks/metrics.ts';
import type { rankings } from '../../verbs/looks/rankings.ts';
import type { events, history, moves } from '../../verbs/looks/records.ts';
import type { report } from '../../verbs/looks/report.ts';
import type { status } from '../../verbs/looks/status.ts';
import type { top } from '../../verbs/looks/top.ts';
import type { why, whyNot } from '../../verbs/looks/why.ts';
import { called } from '../render/account-names.ts';
import { formatHistory } from '../render/accounts/accounts.ts';
import { formatRankings } from '../render/hosts/hosts.ts';
import {
  formatDecision,
  formatEvents,
  formatMoves,
  formatReplay,
} from '../render/looks/decision.ts';
import { formatStatus } from '../render/looks/status.ts';
import { formatMoment } from '../render/looks/top.ts';
import { formatAdvice } from '../render/moves/scaling.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofStatus: TextOf<typeof status> = {
  result: (found, { nowMs }) => formatStatus(found, nowMs),
};

const ofRankings: TextOf<typeof rankings> = {
  result: ({ hosts, advice }) =>
    [formatRankings(hosts), formatAdvice(advice)].filter((part) => part !== '').join('\n\n'),
};

const ofWhy: TextOf<typeof why> = {
  result: ({ entry, decision, replayed }) =>
    [formatDecision(entry, decision), ...(replayed === null ? [] : [formatReplay(replayed)])].join(
      '\n\n',
    ),
};

const ofWhyNot: TextOf<typeof whyNot> = {
  result: ({ message }, { input: { account, host } }) =>
    `${called(account)} on ${host}: ${message}`,
};

const ofHistory: TextOf<typeof history> = {
  result: (rows, { input: { account, host } }) =>
    rows.length === 0 && account === undefined && host === undefined
      ? 'No decisions yet: fleet allocate makes the first.'
      : formatHistory(rows),
};

const ofMoves: TextOf<typeof moves> = { result: (rows, { nowMs }) => formatMoves(rows, nowMs) };

const ofEvents: TextOf<typeof events> = { result: (rows) => formatEvents(rows) };

const ofMetrics: TextOf<typeof metrics> = { result: ({ text }) => text.trimEnd() };

const ofReport: TextOf<typeof report> = {
  async result(found, { input: { output } }) {
    const [{ reportPage }, { writeReport }] = await Promise.all([
      import('../../report/page.ts'),
      import('../../workflows/checkup/write-report.ts'),
    ]);
    const page = reportPage(found);
    if (output === '-') return page.trimEnd();
    const path = await writeReport(output, page);
    const size = `${Math.max(1, Math.round(Buffer.byteLength(page) / 1024))} KB`;
    const { hosts, accounts } = found;
    return `wrote ${path} (${size}): ${counted(hosts.length, 'host')}, ${counted(accounts.length, 'account')}`;
  },
};

// Lines go out as they come; what is left are those that JSON has.
const ofLogs: TextOf<typeof logs> = { result: () => '', endsBySignal: ({ follow }) => follow };

const ofTop: TextOf<typeof top> = {
  result: ({ fleet, moment }, { lines }) => formatMoment(fleet, moment, lines),
  watches: ({ once, interval }) => (once ? null : interval),
};

export const texts: Readonly<Record<string, VerbText>> = {
  status: ofStatus,
  rankings: ofRankings,
  why: ofWhy,
  'why-not': ofWhyNot,
  history: ofHistory,
  moves: ofMoves,
  events: ofEvents,
  metrics: ofMetrics,
  report: ofReport,
  logs: ofLogs,
  top: ofTop,
};
