import { useMemo, useState } from 'preact/hooks';
import { markOf } from '../../report/marks.ts';
import { useDesk } from '../context.ts';
import {
  AccountLink,
  Age,
  Errors,
  HostLink,
  percent,
  points,
  Said,
  Sheet,
} from '../parts/parts.tsx';
import { hashOf } from '../route.ts';
import { type Facts, listIn, momentIn, numberIn, seen, textIn } from '../shapes.ts';
import { useAnswer } from '../use-answer.ts';

/** Not one of these: it needs somebody. */
const isTroubled = (state: string): boolean => markOf(state).kind === 'bad' || state === 'unknown';

interface Group {
  readonly host: Facts;
  readonly accounts: readonly Facts[];
}

function groupsOf(data: Facts, wanted: string, isTroubledOnly: boolean): readonly Group[] {
  const byHost = Map.groupBy(listIn(data, 'accounts'), (account) => textIn(account, 'host'));
  const words = wanted.trim().toLowerCase();
  const has = (facts: Facts): boolean =>
    `${textIn(facts, 'name')} ${textIn(facts, 'state')}`.toLowerCase().includes(words);
  return listIn(data, 'hosts').flatMap((host) => {
    const own = byHost.get(textIn(host, 'name')) ?? [];
    const isWanted = words === '' || has(host) || own.some(has);
    const hasTrouble =
      textIn(host, 'state') !== 'up' || own.some((each) => isTroubled(textIn(each, 'state')));
    return isWanted && (!isTroubledOnly || hasTrouble) ? [{ host, accounts: own }] : [];
  });
}

const Cell = ({ account }: { readonly account: Facts }) => {
  const [name, state] = [textIn(account, 'name'), textIn(account, 'state')];
  const { kind, sign } = markOf(state);
  // By keyboard and for screen readers an account is reached by its host's page.
  return (
    <a
      class={`cell ${kind}`}
      href={hashOf({ screen: 'accounts', name })}
      tabIndex={-1}
      title={seen(`${name}: ${state}`)}
    >
      {sign}
    </a>
  );
};

/** How many are in each state, in words. */
const tally = (accounts: readonly Facts[]): string =>
  [...Map.groupBy(accounts, (each) => textIn(each, 'state'))]
    .map(([state, { length }]) => `${length} ${state}`)
    .join(', ');

const Card = ({ host, accounts }: Group) => {
  const { words } = useDesk();
  const state = textIn(host, 'state');
  const most = numberIn(host, 'maxAccounts') ?? 0;
  return (
    <li class={`host ${state === 'up' ? '' : 'away'}`}>
      <b>
        <HostLink name={textIn(host, 'name')} />
      </b>
      <small>
        {state === 'up' ? '' : `✕ `}
        {state} · {words.score} {points(numberIn(host, 'score'))}
      </small>
      <small>
        {words.cpu} {percent(numberIn(host, 'cpu'))} · {words.memory}{' '}
        {percent(numberIn(host, 'memory'))}
      </small>
      <span class="cells" aria-hidden="true">
        {accounts.map((account) => (
          <Cell key={textIn(account, 'name')} account={account} />
        ))}
      </span>
      <small>
        {words.accountsOf(accounts.length, most)}
        {accounts.length === 0 ? '' : `: ${tally(accounts)}`}
      </small>
      <small>
        {words.measured} <Age at={momentIn(host, 'measuredAt')} />
      </small>
    </li>
  );
};

const legendStates = ['online', 'reconnecting', 'held', 'stopped', 'unknown', 'needs-login'];

const Legend = () => (
  <p class="legend">
    {legendStates.map((state) => (
      <span key={state}>
        <span class={`cell ${markOf(state).kind}`} aria-hidden="true">
          {markOf(state).sign}
        </span>{' '}
        {state}
      </span>
    ))}
  </p>
);

/** The whole fleet: hosts by zone, each account a cell. */
export function FleetMap() {
  const { words } = useDesk();
  const [wanted, setWanted] = useState('');
  const [isTroubledOnly, setTroubledOnly] = useState(false);
  const asked = useAnswer('report', (api, signal) => api.getAll('v1/report', {}, signal));
  const data = asked.answer?.data;
  const groups = useMemo(
    () => (data === undefined ? [] : groupsOf(data, wanted, isTroubledOnly)),
    [data, wanted, isTroubledOnly],
  );
  const zones = [...Map.groupBy(groups, ({ host }) => textIn(host, 'zone'))].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const homeless = listIn(data, 'accounts').filter((account) => textIn(account, 'host') === '');
  return (
    <Sheet title={words.map} asked={asked}>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <label>
          {words.filter}{' '}
          <input value={wanted} onInput={({ currentTarget }) => setWanted(currentTarget.value)} />
        </label>
        <label>
          <input
            type="checkbox"
            checked={isTroubledOnly}
            onChange={({ currentTarget }) => setTroubledOnly(currentTarget.checked)}
          />{' '}
          {words.troubledOnly}
        </label>
      </form>
      <Legend />
      <Errors errors={listIn(data, 'errors')} />
      {groups.length === 0 ? <p>{words.nothingHere}</p> : null}
      {zones.map(([zone, own]) => (
        <section key={zone}>
          <h2>{zone === '' ? words.noZone : <Said text={zone} />}</h2>
          <ul class="map">
            {own.map((group) => (
              <Card key={textIn(group.host, 'name')} {...group} />
            ))}
          </ul>
        </section>
      ))}
      {homeless.length === 0 ? null : (
        <section>
          <h2>{words.homeless}</h2>
          <ul class="names">
            {homeless.slice(0, 500).map((account) => (
              <li key={textIn(account, 'name')}>
                <AccountLink name={textIn(account, 'name')} />{' '}
                <small>{textIn(account, 'state')}</small>
              </li>
            ))}
          </ul>
        </section>
      )}
    </Sheet>
  );
}
