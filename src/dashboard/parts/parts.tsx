/** Small things that several screens show. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { markOf } from '../../report/marks.ts';
import { ApiProblem } from '../api.ts';
import { useDesk } from '../context.ts';
import { hashOf } from '../route.ts';
import { type Facts, numberIn, seen, textIn } from '../shapes.ts';
import type { Asked } from '../use-answer.ts';
import { spanWords } from '../words.ts';

/** Text of a host, an account or a person: never markup, and nothing of it hidden. */
export const Said = ({ text }: { readonly text: string }) => <bdi>{seen(text)}</bdi>;

export const State = ({ state }: { readonly state: string }) => {
  const { kind, sign } = markOf(state === 'up' ? 'online' : state);
  return (
    <span class="state">
      <span class={`cell ${kind}`} aria-hidden="true">
        {sign}
      </span>{' '}
      {seen(state)}
    </span>
  );
};

export const HostLink = ({ name }: { readonly name: string }) =>
  name === '' ? (
    <>–</>
  ) : (
    <a href={hashOf({ screen: 'hosts', name })}>
      <Said text={name} />
    </a>
  );

export const AccountLink = ({ name }: { readonly name: string }) =>
  name === '' ? (
    <>–</>
  ) : (
    <a href={hashOf({ screen: 'accounts', name })}>
      <Said text={name} />
    </a>
  );

/** How long ago a moment was; it grows by itself. */
export function Age({ at }: { readonly at: number | null }) {
  const { api, language, words } = useDesk();
  const [, setTurn] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setTurn((before) => before + 1), 5_000);
    return () => clearInterval(timer);
  }, []);
  if (at === null) return <>{words.never}</>;
  const time = new Date(at).toISOString();
  return (
    <time dateTime={time} title={time}>
      {words.ago(spanWords(api.now() - at, language))}
    </time>
  );
}

export function Problem({ cause }: { readonly cause: Error }) {
  const { words } = useDesk();
  if (!(cause instanceof ApiProblem)) return <p class="problem">{words.offline}</p>;
  return (
    <p class="problem" role="alert">
      <Said text={cause.message} />
      {cause.hint === '' ? null : (
        <>
          <br />→ <Said text={cause.hint} />
        </>
      )}
    </p>
  );
}

/** What could not be learned, of an answer that is there all the same. */
export function Errors({ errors }: { readonly errors: readonly Facts[] }) {
  const { words } = useDesk();
  if (errors.length === 0) return null;
  const shown = errors.slice(0, 10);
  return (
    <section class="problem" aria-label={words.errors}>
      <b>{words.errors}</b>
      <ul>
        {shown.map((error, index) => (
          <li key={index}>
            <Said
              text={[textIn(error, 'host'), textIn(error, 'message')].filter(Boolean).join(': ')}
            />
          </li>
        ))}
      </ul>
      {errors.length > shown.length ? words.more(errors.length - shown.length) : null}
    </section>
  );
}

/** A screen: its title, how old what it shows is, and the content once it is there. */
export function Sheet({
  title,
  asked,
  children,
}: {
  readonly title: ComponentChildren;
  readonly asked?: Asked;
  readonly children: ComponentChildren;
}) {
  const { words, isLive } = useDesk();
  const { answer, problem } = asked ?? { answer: null, problem: null };
  return (
    <>
      <h1 tabIndex={-1}>{title}</h1>
      {answer === null ? (
        asked !== undefined && problem === null && <p class="age">{words.loading}</p>
      ) : (
        <p class="age">
          <Age at={answer.atMs} /> · {isLive ? words.live : words.notLive}
        </p>
      )}
      {problem === null ? null : <Problem cause={problem} />}
      {asked === undefined || answer !== null ? children : null}
    </>
  );
}

export interface Column<Row> {
  readonly head: string;
  readonly of: (row: Row) => ComponentChildren;
}

/** Rows of which a page shows so many; a whole fleet in one table would be slow to draw. */
const mostRows = 500;

/** The first column names the row. */
export function Table<Row>({
  caption,
  columns,
  rows,
}: {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
}) {
  const { words } = useDesk();
  const shown = rows.slice(0, mostRows);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls needs the keyboard.
    <section class="wide" tabIndex={0} aria-label={caption}>
      <table>
        <caption>
          <span>
            {caption}
            {rows.length > shown.length ? ` (${words.more(rows.length - shown.length)})` : ''}
          </span>
        </caption>
        <thead>
          <tr>
            {columns.map(({ head }) => (
              <th scope="col" key={head}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row, at) => (
            <tr key={at}>
              {columns.map(({ head, of }, index) =>
                index === 0 ? (
                  <th scope="row" key={head}>
                    {of(row)}
                  </th>
                ) : (
                  <td key={head}>{of(row)}</td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const parts = ['cpu', 'memory', 'slots', 'disk'] as const;

/** A score, 0-100, as a bar of its parts, and the same in figures. */
export function ScoreBar({ of }: { readonly of: Facts | undefined }) {
  const { words } = useDesk();
  if (of === undefined) return null;
  let from = 0;
  const bars = parts.map((part) => {
    const width = Math.max(0, numberIn(of, part) ?? 0);
    const bar = { part, from, width };
    from += width;
    return bar;
  });
  const said = bars.map(({ part, width }) => `${words[part]} ${width.toFixed(1)}`).join(' · ');
  return (
    <span class="parts">
      <svg class="score" aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">
        {bars.map(({ part, from: x, width }) => (
          <rect key={part} class={part} x={x} y="0" width={width} height="8" />
        ))}
      </svg>{' '}
      <small>{said}</small>
    </span>
  );
}

export const points = (value: number | null): string => (value === null ? '–' : value.toFixed(1));
export const percent = (share: number | null): string =>
  share === null ? '–' : `${Math.round(share * 100)} %`;
