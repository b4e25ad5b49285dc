import { useEffect, useState } from 'preact/hooks';
import { ApiProblem } from '../api.ts';
import { useDesk, useTrouble } from '../context.ts';
import { AccountLink, Age, HostLink, Problem, Said, Sheet, Table } from '../parts/parts.tsx';
import { hashOf } from '../route.ts';
import { type Facts, factsIn, listIn, momentIn, textIn, textsIn } from '../shapes.ts';

const stateWords = (state: string, names: Readonly<Record<string, string>>): string =>
  names[state] ?? state;

/** One act, under its own link: it is found again by whoever follows it. */
export function JobSheet() {
  const { words, route } = useDesk();
  return (
    <Sheet title={words.job}>
      <JobState key={route.name} id={route.name} />
    </Sheet>
  );
}

/** An act that goes on: what it does, until it has ended. */
export function JobState({ id }: { readonly id: string }) {
  const { api, words } = useDesk();
  const [job, setJob] = useState<Facts | null>(null);
  const { problem, fail, clear } = useTrouble();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isGone = false;
    const ask = async (): Promise<void> => {
      try {
        const { data } = await api.get(`v1/jobs/${encodeURIComponent(id)}`);
        if (isGone) return;
        setJob(data);
        clear();
        if (textIn(data, 'state') !== 'running') return;
      } catch (cause) {
        if (isGone) return;
        fail(cause);
        if (cause instanceof ApiProblem && (cause.status === 401 || cause.status === 404)) return;
      }
      timer = setTimeout(ask, 1_000);
    };
    void ask();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [api, id]);
  const failure = factsIn(job ?? undefined, 'problem');
  const result = factsIn(job ?? undefined, 'result');
  const said = [...textsIn(job ?? undefined, 'progress')].slice(-20);
  const errors = listIn(result, 'errors');
  return (
    <section aria-label={words.job} aria-live="polite">
      <h3>
        {words.job}: {stateWords(textIn(job ?? undefined, 'state'), words.jobStates)}
      </h3>
      {textIn(job ?? undefined, 'verb') === '' ? null : (
        <p>
          <Said text={textIn(job ?? undefined, 'verb')} /> ·{' '}
          <Age at={momentIn(job ?? undefined, 'begunAt')} /> ·{' '}
          <Said text={textIn(job ?? undefined, 'by')} />
        </p>
      )}
      {problem === null ? null : <Problem cause={problem} />}
      <ul>
        {said.map((line, index) => (
          <li key={index}>
            <Said text={line} />
          </li>
        ))}
      </ul>
      {failure === undefined ? null : (
        <p class="problem">
          <Said text={textIn(failure, 'detail')} />
          <br />→ <Said text={textIn(failure, 'hint')} />
        </p>
      )}
      {textIn(job ?? undefined, 'hint') === '' ? null : (
        <p class="problem">
          <Said text={textIn(job ?? undefined, 'hint')} />
        </p>
      )}
      {errors.length === 0 ? null : (
        <ul class="problem">
          {errors.map((error, index) => (
            <li key={index}>
              <Said text={textIn(error, 'message')} /> → <Said text={textIn(error, 'hint')} />
            </li>
          ))}
        </ul>
      )}
      <OpenMoves rows={listIn(job ?? undefined, 'openMoves')} />
    </section>
  );
}

/** Jobs and the ledger's moves name it in two ways. */
const hostIn = (row: Facts, name: 'from' | 'to'): string =>
  textIn(row, name) || textIn(row, `${name}_host`);

export function OpenMoves({ rows }: { readonly rows: readonly Facts[] }) {
  const { words } = useDesk();
  if (rows.length === 0) return null;
  return (
    <Table
      caption={words.openMoves}
      rows={rows}
      columns={[
        { head: words.account, of: (row) => <AccountLink name={textIn(row, 'account')} /> },
        { head: words.from, of: (row) => <HostLink name={hostIn(row, 'from')} /> },
        { head: words.to, of: (row) => <HostLink name={hostIn(row, 'to')} /> },
        { head: words.state, of: (row) => textIn(row, 'phase') },
        { head: words.next, of: (row) => <Said text={textIn(row, 'endedBy')} /> },
      ]}
    />
  );
}

export function JobTable({ rows }: { readonly rows: readonly Facts[] }) {
  const { words } = useDesk();
  return (
    <Table
      caption={words.jobs}
      rows={rows}
      columns={[
        { head: words.time, of: (row) => <Age at={momentIn(row, 'begunAt')} /> },
        {
          head: words.what,
          of: (row) => (
            <a href={hashOf({ screen: 'jobs', name: textIn(row, 'id') })}>{textIn(row, 'verb')}</a>
          ),
        },
        { head: words.state, of: (row) => stateWords(textIn(row, 'state'), words.jobStates) },
        { head: words.who, of: (row) => <Said text={textIn(row, 'by')} /> },
      ]}
    />
  );
}
