import { formatAge } from '../../model/time-words.ts';
import { visibleLine } from '../../model/visible.ts';
import type { FleetEvent } from '../../workflows/context.ts';
import { columnsOf } from '../render/columns.ts';

type Status = 'working' | 'done' | 'failed';

interface Row {
  text: string;
  status: Status;
  readonly sinceMs: number;
  untilMs: number | null;
  count: { readonly done: number; readonly of: number } | undefined;
  bytes: { readonly sent: number; readonly of: number } | undefined;
}

const marks: Readonly<Record<Status, string>> = { working: '·', done: '✔', failed: '✖' };
const order: Readonly<Record<Status, number>> = { failed: 0, working: 1, done: 2 };
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/**
 * What a command is doing, as lines for a screen of a given size. Has no clock and draws nothing.
 */
export interface ProgressBoard {
  take(event: FleetEvent, nowMs: number): void;
  /** Whatever is still under way has not come to its end. */
  end(nowMs: number): void;
  /**
   * At most `height` lines (3 or more) of at most `width` columns: the phase with time and totals,
   * then hosts and accounts, those that need a look first.
   */
  lines(nowMs: number, width: number, height: number): string[];
}

/** Text of at most `width` columns; what is cut off is an ellipsis. */
function cut(text: string, width: number): string {
  if (columnsOf(text) <= width) return text;
  let kept = '';
  let columns = 1;
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > width) break;
    kept += character;
  }
  return `${kept}…`;
}

export function createBoard(startMs: number): ProgressBoard {
  const rows = new Map<string, Row>();
  const expected = new Map<string, { readonly host: string; isOver: boolean }>();
  let phase = 'talking to hosts';
  const rowOf = (subject: string, nowMs: number): Row => {
    const row: Row = rows.get(subject) ?? {
      text: '',
      status: 'working',
      sinceMs: nowMs,
      untilMs: null,
      count: undefined,
      bytes: undefined,
    };
    rows.set(subject, row);
    return row;
  };
  const put = (subject: string, nowMs: number, text: string, status: Status): Row => {
    const row = rowOf(subject, nowMs);
    row.text = text;
    row.status = status;
    row.untilMs = status === 'working' ? null : (row.untilMs ?? nowMs);
    return row;
  };
  const takeAccount = (
    { account, host, state, reason }: Extract<FleetEvent, { kind: 'account' }>,
    nowMs: number,
  ): void => {
    const its = expected.get(account);
    const status = state === 'online' ? 'done' : 'working';
    const text = `${state}${reason === '' ? '' : `: ${reason}`}`;
    if (its === undefined)
      return void put(
        account,
        nowMs,
        `${state} on ${host}${reason === '' ? '' : `: ${reason}`}`,
        status,
      );
    its.isOver ||= status === 'done';
    const here = [...expected.values()].filter((each) => each.host === its.host);
    const done = here.filter(({ isOver }) => isOver).length;
    const row = put(
      its.host,
      nowMs,
      done === here.length ? 'online' : `${account} ${text}`,
      done === here.length ? 'done' : 'working',
    );
    row.count = { done, of: here.length };
  };
  return {
    take(event, nowMs) {
      if (event.kind === 'phase') phase = event.text;
      if (event.kind === 'account') takeAccount(event, nowMs);
      if (event.kind === 'host') {
        const row = put(event.host, nowMs, event.text, event.status);
        row.count = event.count ?? row.count;
        row.bytes = event.bytes;
      }
      if (event.kind === 'expected') {
        for (const { account, host } of event.accounts)
          expected.set(account, { host, isOver: false });
        for (const [host, here] of Map.groupBy(event.accounts, ({ host }) => host))
          put(host, nowMs, 'waiting', 'working').count = { done: 0, of: here.length };
      }
    },
    end(nowMs) {
      for (const row of rows.values()) {
        if (row.status !== 'working') continue;
        row.status = 'failed';
        row.untilMs = nowMs;
      }
    },
    lines(nowMs, width, height) {
      const sorted = [...rows].sort(
        ([a, one], [b, other]) => order[one.status] - order[other.status] || a.localeCompare(b),
      );
      const room = Math.max(1, height - 2);
      const shown = sorted.length <= room + 1 ? sorted : sorted.slice(0, room);
      const names = Math.max(0, ...shown.map(([subject]) => columnsOf(subject)));
      const rest = sorted.slice(shown.length);
      return [
        `${phase}${totals([...rows.values()])}  ${formatAge(nowMs - startMs)}`,
        ...shown.map(([subject, row]) =>
          rowLine(subject + ' '.repeat(names - columnsOf(subject)), row, nowMs),
        ),
        ...(rest.length === 0
          ? []
          : [`  and ${rest.length} more${totals(rest.map(([, row]) => row))}`]),
      ].map((line) => cut(visibleLine(line), width));
    },
  };
}

/** `: 3 of 10 done, 1 failed`; nothing for a single subject. */
function totals(rows: readonly Row[]): string {
  if (rows.length < 2) return '';
  const count = (status: Status): number => rows.filter((row) => row.status === status).length;
  return (
    `: ${count('done')} of ${rows.length} ` +
    `done${count('failed') === 0 ? '' : `, ${count('failed')} failed`}`
  );
}

function rowLine(
  subject: string,
  { text, status, sinceMs, untilMs, count, bytes }: Row,
  nowMs: number,
): string {
  const parts = [
    `${marks[status]} ${subject}`,
    ...(count === undefined || status === 'done' ? [] : [`${count.done} of ${count.of}`]),
    ...(bytes === undefined ? [] : [`${megabytes(bytes.sent)} of ${megabytes(bytes.of)} MB`]),
    formatAge((untilMs ?? nowMs) - sinceMs),
    text,
  ];
  return parts.join('  ');
}
