/** Moves in progress, alerts, capacity, scripts. */
import { useState } from 'preact/hooks';
import { trendChart } from '../../report/trend-chart.ts';
import { silenceBody, silenceSpans } from '../acts.ts';
import { useDesk, useTrouble } from '../context.ts';
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
import { spanWords } from '../words.ts';
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

/** What a look asks for at once, and what went wrong with it. */
function useAct(): {
  readonly act: (path: string, body: unknown) => Promise<void>;
  readonly problem: Error | null;
  readonly isDone: boolean;
} {
  const { api } = useDesk();
  const { problem, fail, clear } = useTrouble();
  const [isDone, setDone] = useState(false);
  const act = async (path: string, body: unknown): Promise<void> => {
    clear();
    await api.act(path, body).then(() => setDone(true), fail);
  };
  return { act, problem, isDone };
}

/** Ends a silence. */
function Unsilencer({ id }: { readonly id: string }) {
  const { words } = useDesk();
  const { act, problem, isDone } = useAct();
  if (isDone) return <>✓</>;
  return (
    <>
      <button type="button" onClick={() => void act('v1/alerts/unsilence', { id })}>
        {words.unsilence}
      </button>
      {problem === null ? null : <Problem cause={problem} />}
    </>
  );
}

/** Nobody is told of an alert for a while. */
function Silencer({ alert }: { readonly alert: string }) {
  const { words, language } = useDesk();
  const { act, problem, isDone } = useAct();
  const silence = (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form);
    const [span, reason] = [Number(given.get('for')), String(given.get('reason'))];
    return act('v1/alerts/silence', silenceBody(alert, span, reason));
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
          {words.silenceFor}{' '}
          <select name="for">
            {silenceSpans.map((span) => (
              <option key={span} value={span} selected={span === 7_200_000}>
                {spanWords(span, language)}
              </option>
            ))}
          </select>
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
            {
              head: words.silence,
              of: (row) => <Silencer key={textIn(row, 'key')} alert={textIn(row, 'key')} />,
            },
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
            {
              head: words.unsilence,
              of: (row) => <Unsilencer key={textIn(row, 'id')} id={textIn(row, 'id')} />,
            },
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
  const advice = textsIn(capacity, 'advice');
  const chart = trendChart(trendOf(report.answer?.data), {
    ...{ cpu: words.cpu, memory: words.memory, slots: words.slots, of: words.trendOf },
  });
  return (
    <Sheet title={words.capacity} asked={asked}>
      <p>{words.accountsOf(numberIn(capacity, 'used') ?? 0, numberIn(capacity, 'slots') ?? 0)}</p>
      {advice.length === 0 ? null : (
        <>
          <h2>{words.advice}</h2>
          <ul>
            {advice.map((line) => (
              <li key={line}>
                <Said text={line} />
              </li>
            ))}
          </ul>
        </>
      )}
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
