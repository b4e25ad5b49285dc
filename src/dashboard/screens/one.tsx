/** One host, and one account: what is known, and why. */
import { useState } from 'preact/hooks';
import type { ActName } from '../acts.ts';
import type { Answer } from '../api.ts';
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
import { hashOf } from '../route.ts';
import { type Facts, factsIn, listIn, momentIn, numberIn, textIn } from '../shapes.ts';
import { useAnswer } from '../use-answer.ts';
import { DecisionTable } from './history.tsx';

/** Names and values; what is empty is left out. */
function Known({ facts }: { readonly facts: readonly (readonly [string, string | null])[] }) {
  return (
    <dl>
      {facts
        .filter(([, value]) => value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Said text={value ?? ''} />
            </dd>
          </div>
        ))}
    </dl>
  );
}

const PlanLink = ({ act, query }: { readonly act: ActName; readonly query: Facts }) => {
  const { words } = useDesk();
  const given = Object.fromEntries(
    Object.entries(query).map(([name, value]) => [name, `${value}`]),
  );
  return (
    <li>
      <a href={hashOf({ screen: 'plan', query: { act, ...given } })}>{words.acts[act]}</a>
    </li>
  );
};

export function HostSheet() {
  const { words, route } = useDesk();
  const { name } = route;
  const asked = useAnswer(`host ${name}`, (api, signal) =>
    api.getAll('v1/hosts/show', { host: name }, signal),
  );
  const data = asked.answer?.data;
  const host = factsIn(data, 'host');
  const state = textIn(host, 'state');
  const score = numberIn(host, 'score');
  return (
    <Sheet title={<Said text={name} />} asked={asked}>
      <p>
        <State state={state} /> <Said text={textIn(host, 'reason')} />
      </p>
      <p>
        {words.score} {points(score)} <ScoreBar of={factsIn(host, 'scoreParts')} />
      </p>
      <Known
        facts={[
          [words.rank, textIn(host, 'rank')],
          [words.accounts, `${textIn(host, 'accounts')} / ${textIn(host, 'maxAccounts')}`],
          ['health', textIn(data, 'health')],
          [words.reason, textIn(data, 'failureReason') || textIn(data, 'cordonReason')],
          ['release', textIn(host, 'release')],
          ['system', [textIn(host, 'os'), textIn(host, 'arch')].filter(Boolean).join(', ')],
        ]}
      />
      <Errors errors={listIn(data, 'errors')} />
      <h2>{words.accounts}</h2>
      <ul class="names">
        {listIn(data, 'accounts').map((account) => (
          <li key={textIn(account, 'name')}>
            <AccountLink name={textIn(account, 'name')} />{' '}
            <State state={textIn(account, 'state')} />
          </li>
        ))}
      </ul>
      <h2>{words.plan}</h2>
      <ul>
        <PlanLink act="drain" query={{ host: name }} />
        <PlanLink act={state === 'cordoned' ? 'uncordon' : 'cordon'} query={{ host: name }} />
        <PlanLink act="failover" query={{ host: name }} />
        <PlanLink act="failoverOff" query={{ host: name }} />
        <PlanLink act="failoverFence" query={{ host: name }} />
      </ul>
      <h2>{words.history}</h2>
      <DecisionTable rows={listIn(data, 'history')} />
    </Sheet>
  );
}

const totalOf = (value: unknown): number | null =>
  typeof value === 'number' ? value : numberIn((value ?? undefined) as Facts | undefined, 'total');

/** The figures of the decision that put an account where it is. */
function Why({ decision }: { readonly decision: Facts | undefined }) {
  const { words } = useDesk();
  if (decision === undefined) return null;
  const details = factsIn(decision, 'details') ?? decision;
  const runnersUp = listIn(details, 'runnersUp');
  const refusals = listIn(details, 'refusals');
  return (
    <>
      <p>
        <Said text={textIn(details, 'reason') || textIn(decision, 'reason')} />
      </p>
      {totalOf(details.scoreAfter) === null && totalOf(details.scoreBefore) === null ? null : (
        <p>
          {words.score}: {points(totalOf(details.scoreBefore))} →{' '}
          {points(totalOf(details.scoreAfter))}{' '}
          <ScoreBar of={factsIn(factsIn(details, 'scoreAfter'), 'parts')} />
        </p>
      )}
      {runnersUp.length === 0 ? null : (
        <Table
          caption={words.runnersUp}
          rows={runnersUp}
          columns={[
            { head: words.host, of: (row) => <HostLink name={textIn(row, 'host')} /> },
            { head: words.before, of: (row) => points(totalOf(row.scoreBefore)) },
            { head: words.after, of: (row) => points(totalOf(row.scoreAfter)) },
            { head: words.reason, of: (row) => <Said text={textIn(row, 'reason')} /> },
          ]}
        />
      )}
      {refusals.length === 0 ? null : (
        <Table
          caption={words.refusals}
          rows={refusals}
          columns={[
            { head: words.host, of: (row) => <HostLink name={textIn(row, 'host')} /> },
            { head: words.reason, of: (row) => <Said text={textIn(row, 'message')} /> },
          ]}
        />
      )}
    </>
  );
}

/** What the host knows of it; asked only on request, because that speaks with the host. */
function Silence({ account }: { readonly account: string }) {
  const { api, words } = useDesk();
  const [answer, setAnswer] = useState<Answer | null>(null);
  const { problem, fail, clear } = useTrouble();
  const ask = (): void => {
    clear();
    api.get('v1/why-silent', { account }).then(setAnswer, fail);
  };
  const data = answer?.data;
  return (
    <>
      <button type="button" onClick={ask}>
        {words.ask}
      </button>
      {problem === null ? null : <Problem cause={problem} />}
      {data === undefined ? null : (
        <Known
          facts={[
            [words.state, textIn(data, 'state')],
            [words.reason, textIn(data, 'reason')],
            [words.next, textIn(data, 'remedy')],
          ]}
        />
      )}
    </>
  );
}

const accountActs = (account: Facts | undefined): readonly ActName[] => [
  ...(['move', 'restart', 'stop', 'start'] as const),
  account?.isPaused === true ? 'unpause' : 'pause',
  textIn(account, 'pinnedTo') === '' ? 'pin' : 'unpin',
  'setScript',
];

export function AccountSheet() {
  const { words, route } = useDesk();
  const { name } = route;
  const asked = useAnswer(`account ${name}`, (api, signal) =>
    api.getAll('v1/accounts/show', { account: name }, signal),
  );
  const data = asked.answer?.data;
  const account = factsIn(data, 'account');
  const host = textIn(account, 'host');
  const decided = useAnswer(`why ${name} ${host}`, (api, signal) =>
    host === ''
      ? Promise.resolve({ data: {}, atMs: api.now() })
      : api.get('v1/why', { account: name }, signal),
  );
  return (
    <Sheet title={<Said text={name} />} asked={asked}>
      <p>
        <State state={textIn(account, 'state')} /> <Said text={textIn(account, 'reason')} />
      </p>
      {textIn(account, 'remedy') === '' ? null : (
        <p>
          → <Said text={textIn(account, 'remedy')} />
        </p>
      )}
      <p>
        {words.since} <Age at={momentIn(account, 'since')} /> · {words.host}{' '}
        <HostLink name={host} />
      </p>
      <Known
        facts={[
          ['', textIn(account, 'displayName')],
          ['epoch', textIn(account, 'epoch')],
          ['pinned', textIn(account, 'pinnedTo')],
          [words.script, textIn(account, 'script')],
          ['', account?.isPaused === true ? words.paused : null],
        ]}
      />
      <Errors errors={listIn(data, 'errors')} />
      <h2>{words.whyHere}</h2>
      {decided.problem === null ? null : <Problem cause={decided.problem} />}
      <Why decision={factsIn(decided.answer?.data, 'decision')} />
      <h2>{words.whySilent}</h2>
      <Silence key={name} account={name} />
      <h2>{words.plan}</h2>
      <ul>
        {accountActs(account).map((act) => (
          <PlanLink key={act} act={act} query={{ account: name }} />
        ))}
      </ul>
      <h2>{words.history}</h2>
      <DecisionTable rows={listIn(data, 'history')} />
    </Sheet>
  );
}
