/** Moves in progress, alerts, capacity, scripts. */
import { useState } from 'preact/hooks';
import { trendChart } from '../../report/trend-chart.ts';
import { useDesk } from '../context.ts';
import {
  AccountLink,
  Age,
  Errors,
  HostLink,
  Problem,
  points,
  Said,
  ScoreBar,
  Sheet,
  State,
  Table,
} from '../parts/parts.tsx';
import { type Facts, factsIn, listIn, momentIn, numberIn, textIn, textsIn } from '../shapes.ts';
import { useAnswer } from '../use-answer.ts';
import { EventTable } from './history.tsx';
import { JobTable, OpenMoves } from './jobs.tsx';

export function MovesSheet() {
  const { words, entries } = useDesk();
  const moves = useAnswer('moves', (api, signal) => api.getAll('v1/moves', {}, signal));
  const jobs = useAnswer('jobs', (api, signal) => api.get('v1/jobs', { page: 50 }, signal));
  const open = listIn(moves.answer?.data, 'moves');
  return (
    <Sheet title={words.moves} asked={moves}>
      {open.length === 0 ? <p>{words.noMoves}</p> : <OpenMoves rows={open} />}
      <h2>{words.feed}</h2>
      <div aria-live="polite">
        {entries.length === 0 ? (
          <p>{words.noFeed}</p>
        ) : (
          <EventTable rows={entries.map(({ data }) => data)} />
        )}
      </div>
      <JobTable rows={listIn(jobs.answer?.data, 'jobs')} />
    </Sheet>
  );
}

/** Nobody is told of an alert for a while. */
function Silencer({ alert }: { readonly alert: string }) {
  const { api, words } = useDesk();
  const [problem, setProblem] = useState<Error | null>(null);
  const [isDone, setDone] = useState(false);
  const silence = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form);
    const [span, reason] = [String(given.get('for')), String(given.get('reason'))];
    try {
      await api.post('v1/alerts/silence', { pattern: alert, for: span, reason });
      setDone(true);
      setProblem(null);
    } catch (cause) {
      setProblem(cause instanceof Error ? cause : new Error(String(cause)));
    }
  };
  if (isDone) return <>✓ {words.silence}</>;
  return (
    <details>
      <summary>{words.silence}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void silence(event.currentTarget);
        }}
      >
        <label>
          {words.silenceFor} <input name="for" defaultValue="2h" required />
        </label>
        <label>
          {words.reasonOf} <input name="reason" required />
        </label>
        <button type="submit">{words.silence}</button>
      </form>
      {problem === null ? null : <Problem cause={problem} />}
    </details>
  );
}

export function AlertsSheet() {
  const { words } = useDesk();
  const asked = useAnswer('alerts', (api, signal) => api.getAll('v1/alerts/list', {}, signal));
  const data = asked.answer?.data;
  const alerts = listIn(data, 'alerts');
  const silences = listIn(data, 'silences');
  return (
    <Sheet title={words.alerts} asked={asked}>
      {alerts.length === 0 ? (
        <p>{words.noAlerts}</p>
      ) : (
        <Table
          caption={words.alerts}
          rows={alerts}
          columns={[
            {
              head: words.what,
              of: (row) => <Said text={textIn(row, 'key') || textIn(row, 'id')} />,
            },
            { head: words.kind, of: (row) => textIn(row, 'severity') },
            { head: words.state, of: (row) => textIn(row, 'state') },
            { head: words.since, of: (row) => <Age at={momentIn(row, 'since')} /> },
            { head: words.reason, of: (row) => <Said text={textIn(row, 'reason')} /> },
            { head: words.silence, of: (row) => <Silencer alert={textIn(row, 'key')} /> },
          ]}
        />
      )}
      {silences.length === 0 ? null : (
        <Table
          caption={words.silences}
          rows={silences}
          columns={[
            {
              head: words.what,
              of: (row) => <Said text={`${textIn(row, 'rule')}/${textIn(row, 'subject')}`} />,
            },
            { head: words.to, of: (row) => textIn(row, 'until') },
            { head: words.reason, of: (row) => <Said text={textIn(row, 'reason')} /> },
          ]}
        />
      )}
    </Sheet>
  );
}

const trendOf = (data: Facts | undefined) =>
  listIn(data, 'trend').flatMap((point) => {
    const at = numberIn(point, 'at');
    const [cpu, memory, slots] = [
      numberIn(point, 'cpu'),
      numberIn(point, 'memory'),
      numberIn(point, 'slots'),
    ];
    return at === null || cpu === null || memory === null || slots === null
      ? []
      : [{ ...point, at, cpu, memory, slots }];
  });

export function CapacitySheet() {
  const { words } = useDesk();
  const asked = useAnswer('rankings', (api, signal) => api.getAll('v1/rankings', {}, signal));
  const report = useAnswer('report', (api, signal) => api.getAll('v1/report', {}, signal));
  const capacity = factsIn(report.answer?.data, 'capacity');
  const chart = trendChart(trendOf(report.answer?.data), {
    ...{ cpu: words.cpu, memory: words.memory, slots: words.slots, of: words.trendOf },
  });
  return (
    <Sheet title={words.capacity} asked={asked}>
      <p>{words.accountsOf(numberIn(capacity, 'used') ?? 0, numberIn(capacity, 'slots') ?? 0)}</p>
      <h2>{words.advice}</h2>
      <ul>
        {textsIn(capacity, 'advice').map((line) => (
          <li key={line}>
            <Said text={line} />
          </li>
        ))}
      </ul>
      <h2>{words.trend}</h2>
      {chart === '' ? (
        <p>{words.noTrend}</p>
      ) : (
        // The chart is made here, of numbers, days and our own words.
        <div class="wide" dangerouslySetInnerHTML={{ __html: chart }} />
      )}
      <Errors errors={listIn(asked.answer?.data, 'errors')} />
      <Table
        caption={words.hosts}
        rows={listIn(asked.answer?.data, 'hosts')}
        columns={[
          { head: words.host, of: (row) => <HostLink name={textIn(row, 'host')} /> },
          { head: words.rank, of: (row) => textIn(row, 'rank') || '–' },
          { head: words.state, of: (row) => <State state={textIn(row, 'state')} /> },
          { head: words.score, of: (row) => points(numberIn(factsIn(row, 'score'), 'total')) },
          {
            head: words.scoreParts,
            of: (row) => <ScoreBar of={factsIn(factsIn(row, 'score'), 'parts')} />,
          },
          {
            head: words.accounts,
            of: (row) => `${textIn(row, 'accounts')} / ${textIn(row, 'maxAccounts')}`,
          },
          { head: words.reason, of: (row) => <Said text={textIn(row, 'stateReason')} /> },
        ]}
      />
    </Sheet>
  );
}

export function ScriptsSheet() {
  const { words } = useDesk();
  const asked = useAnswer('accounts', (api, signal) => api.getAll('v1/accounts/list', {}, signal));
  const listed = useAnswer('scripts', (api, signal) => api.getAll('v1/scripts/list', {}, signal));
  const scripts = listIn(listed.answer?.data, 'scripts');
  const talking = listIn(asked.answer?.data, 'accounts').filter(
    (row) => textIn(row, 'script') !== '' || row.isPaused === true,
  );
  return (
    <Sheet title={words.scripts} asked={asked}>
      {listed.problem === null ? null : <Problem cause={listed.problem} />}
      {scripts.length === 0 ? (
        <p>{words.noScripts}</p>
      ) : (
        <Table
          caption={words.scripts}
          rows={scripts}
          columns={[
            { head: words.script, of: (row) => <Said text={textIn(row, 'name')} /> },
            { head: words.what, of: (row) => <Said text={textIn(row, 'description')} /> },
            {
              head: words.accounts,
              of: (row) => textIn(row, 'accounts') || textsIn(row, 'accounts').length,
            },
          ]}
        />
      )}
      <Table
        caption={words.accounts}
        rows={talking}
        columns={[
          { head: words.account, of: (row) => <AccountLink name={textIn(row, 'name')} /> },
          { head: words.script, of: (row) => <Said text={textIn(row, 'script')} /> },
          { head: words.state, of: (row) => <State state={textIn(row, 'state')} /> },
          { head: words.paused, of: (row) => (row.isPaused === true ? `‖ ${words.paused}` : '') },
        ]}
      />
    </Sheet>
  );
}
