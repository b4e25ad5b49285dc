import { useEffect, useState } from 'preact/hooks';
import { type ActName, acts, type FieldName, isAct } from '../acts.ts';
import { ApiProblem, newKey } from '../api.ts';
import { useDesk, useTrouble } from '../context.ts';
import {
  AccountLink,
  Errors,
  HostLink,
  Problem,
  points,
  Said,
  Sheet,
  Table,
} from '../parts/parts.tsx';
import { hashOf } from '../route.ts';
import { type Facts, factsIn, listIn, numberIn, textIn, textsIn } from '../shapes.ts';
import { JobState } from './jobs.tsx';

interface Planned {
  readonly act: ActName;
  readonly given: Readonly<Partial<Record<FieldName, string>>>;
  readonly data: Facts;
}

/** Fields that the form of an act has; what they hold is a part of the link. */
function Field({ name, value }: { readonly name: FieldName; readonly value: string }) {
  const { words } = useDesk();
  const labels: Readonly<Record<FieldName, string>> = {
    ...{ account: words.account, host: words.host },
    ...{ threshold: words.threshold, reason: words.reasonOf, script: words.script },
  };
  const isNumber = name === 'threshold';
  return (
    <label>
      {labels[name]}{' '}
      <input
        name={name}
        defaultValue={value}
        {...(isNumber ? { type: 'number', min: 0, max: 100 } : {})}
      />
    </label>
  );
}

/** Choose an act, plan it, look at it, apply that very plan. */
export function PlanSheet() {
  const { api, words, route } = useDesk();
  const { query } = route;
  const act: ActName = isAct(query.act ?? '') ? (query.act as ActName) : 'rebalance';
  const [planned, setPlanned] = useState<Planned | null>(null);
  const { problem, fail, clear } = useTrouble();
  const [isBusy, setBusy] = useState(false);
  // Another link is another plan.
  useEffect(() => {
    setPlanned(null);
    clear();
  }, [JSON.stringify(query)]);
  const plan = async (form: HTMLFormElement): Promise<void> => {
    const given = Object.fromEntries(
      [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]),
    );
    setBusy(true);
    clear();
    setPlanned(null);
    try {
      const { data } = await api.post(`v1/${acts[act].path}`, acts[act].body(given));
      setPlanned({ act, given, data });
    } catch (cause) {
      fail(cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Sheet title={words.plan}>
      <p>{words.planHelp}</p>
      <form
        class="filters"
        key={JSON.stringify(query)}
        onSubmit={(event) => {
          event.preventDefault();
          void plan(event.currentTarget);
        }}
      >
        <label>
          {words.actLabel}{' '}
          <select
            value={act}
            onChange={({ currentTarget }) => {
              const { account = '', host = '' } = query;
              location.hash = hashOf({
                screen: 'plan',
                query: { act: currentTarget.value, account, host },
              });
            }}
          >
            {Object.entries(words.acts).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {acts[act].fields.map((name) => (
          <Field key={name} name={name} value={query[name] ?? ''} />
        ))}
        <button type="submit" disabled={isBusy}>
          {isBusy ? words.loading : words.planThis}
        </button>
      </form>
      {problem === null ? null : <Problem cause={problem} />}
      {planned === null ? null : <Review key={textIn(planned.data, 'planId')} planned={planned} />}
    </Sheet>
  );
}

/** Moves of a plan as its verb names them; a first placement comes from nowhere. */
const movesIn = (plan: Facts): readonly Facts[] => [
  ...listIn(plan, 'moves'),
  ...listIn(plan, 'placements'),
];
const unplacedIn = (plan: Facts): readonly Facts[] => [
  ...listIn(plan, 'staying'),
  ...listIn(plan, 'unplaced'),
];

const totalOf = (details: Facts | undefined, name: string): number | null =>
  numberIn(factsIn(details, name), 'total') ?? numberIn(details, name);

function Moves({ rows }: { readonly rows: readonly Facts[] }) {
  const { words } = useDesk();
  const scoreOf = (row: Facts, name: string): string =>
    points(totalOf(factsIn(row, 'details') ?? row, name));
  return (
    <Table
      caption={words.movesCount(rows.length)}
      rows={rows}
      columns={[
        { head: words.account, of: (row) => <AccountLink name={textIn(row, 'account')} /> },
        { head: words.from, of: (row) => <HostLink name={textIn(row, 'from')} /> },
        {
          head: words.to,
          of: (row) => <HostLink name={textIn(row, 'to') || textIn(row, 'host')} />,
        },
        { head: words.before, of: (row) => scoreOf(row, 'scoreBefore') },
        { head: words.after, of: (row) => scoreOf(row, 'scoreAfter') },
        { head: words.reason, of: (row) => <Said text={textIn(row, 'reason')} /> },
      ]}
    />
  );
}

/** Of every answer, or shown elsewhere. */
const plainless = [
  ...['version', 'command', 'ok', 'dryRun'],
  ...['planId', 'question', 'apply', 'expires'],
];

/** Plain values of a plan that moves nobody: what its command shows as JSON. */
const plainOf = (data: Facts): readonly (readonly [string, string])[] =>
  Object.entries(data).flatMap(([name, value]) => {
    if (plainless.includes(name)) return [];
    if (typeof value === 'string' || typeof value === 'number')
      return [[name, `${value}`] as const];
    if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string'))
      return [[name, value.join(', ')] as const];
    return [];
  });

function Summary({ data }: { readonly data: Facts }) {
  const { words } = useDesk();
  const plan = factsIn(data, 'plan');
  if (plan === undefined)
    return (
      <dl>
        {plainOf(data).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Said text={value} />
            </dd>
          </div>
        ))}
      </dl>
    );
  const [before, after] = [numberIn(plan, 'spreadBefore'), numberIn(plan, 'spreadAfter')];
  const bound = numberIn(plan, 'lowerBound');
  const moves = movesIn(plan);
  const staying = unplacedIn(plan);
  return (
    <>
      <p>
        <Said text={textIn(plan, 'summary')} />
      </p>
      {before === null || after === null ? null : (
        <p>
          {words.spread}: {points(before)} → {points(after)}
        </p>
      )}
      {bound === null || bound === 0 ? null : <p>{words.lowerBound(bound)}</p>}
      {moves.length === 0 ? null : <Moves rows={moves} />}
      {staying.length === 0 ? null : (
        <Table
          caption={words.staying}
          rows={staying}
          columns={[
            { head: words.account, of: (row) => <AccountLink name={textIn(row, 'account')} /> },
            {
              head: words.reason,
              of: (row) => <Said text={textIn(row, 'reason') || textIn(row, 'message')} />,
            },
          ]}
        />
      )}
      <Said text={textsIn(plan, 'resumed').join(', ')} />
    </>
  );
}

/** The plan as it will be applied, and the way to do it. */
function Review({ planned: { act, given, data } }: { readonly planned: Planned }) {
  const { api, words } = useDesk();
  const [typed, setTyped] = useState('');
  const [job, setJob] = useState('');
  const { problem, fail, clear } = useTrouble();
  const [isBusy, setBusy] = useState(false);
  // The same key again for the same plan: a second click or a lost answer does nothing twice.
  const [key] = useState(newKey);
  const planId = textIn(data, 'planId');
  const question = textIn(data, 'question');
  const { confirms } = acts[act];
  const word = confirms === undefined ? '' : (given[confirms] ?? '');
  const apply = async (): Promise<void> => {
    setBusy(true);
    clear();
    try {
      const answer = await api.post(`v1/plans/${planId}/apply`, {}, key);
      setJob(textIn(answer.data, 'job'));
    } catch (cause) {
      fail(cause);
    } finally {
      setBusy(false);
    }
  };
  const isStale = problem instanceof ApiProblem && problem.code === 'plan-stale';
  return (
    <section aria-label={words.planned} class="planned">
      <h2>{words.planned}</h2>
      <Errors errors={listIn(data, 'errors')} />
      <Summary data={data} />
      {planId === '' ? <p>{words.nothingToDo}</p> : null}
      {planId === '' || job !== '' || isStale ? null : (
        <form
          class="filters"
          onSubmit={(event) => {
            event.preventDefault();
            void apply();
          }}
        >
          {question === '' ? null : (
            <p>
              <Said text={question} />
            </p>
          )}
          {word === '' ? null : (
            <label>
              {words.typeToConfirm(word)}{' '}
              <input
                name="confirm"
                autocomplete="off"
                value={typed}
                onInput={({ currentTarget }) => setTyped(currentTarget.value)}
              />
            </label>
          )}
          <button type="submit" disabled={isBusy || typed.trim() !== word}>
            {isBusy ? words.loading : words.apply}
          </button>
        </form>
      )}
      {isStale ? (
        <p class="problem" role="alert">
          {words.stale}
        </p>
      ) : problem === null ? null : (
        <Problem cause={problem} />
      )}
      {job === '' ? null : (
        <>
          <JobState id={job} />
          <p>
            <a href={hashOf({ screen: 'jobs', name: job })}>{words.jobLink}</a>
          </p>
        </>
      )}
    </section>
  );
}
