import { useDesk } from '../context.ts';
import {
  AccountLink,
  Age,
  HostLink,
  Problem,
  points,
  Said,
  Sheet,
  Table,
} from '../parts/parts.tsx';
import { hashOf } from '../route.ts';
import { type Facts, listIn, momentIn, numberIn, textIn } from '../shapes.ts';
import { useAnswer } from '../use-answer.ts';

export function DecisionTable({ rows }: { readonly rows: readonly Facts[] }) {
  const { words } = useDesk();
  return (
    <Table
      caption={words.decisions}
      rows={rows}
      columns={[
        { head: words.time, of: (row) => <Age at={momentIn(row, 'at')} /> },
        { head: words.account, of: (row) => <AccountLink name={textIn(row, 'account')} /> },
        { head: words.from, of: (row) => <HostLink name={fromOf(row)} /> },
        { head: words.to, of: (row) => <HostLink name={textIn(row, 'host')} /> },
        { head: words.kind, of: (row) => textIn(row, 'type') },
        { head: words.score, of: (row) => points(numberIn(row, 'score')) },
        { head: words.reason, of: (row) => <Said text={textIn(row, 'reason')} /> },
      ]}
    />
  );
}

const fromOf = (row: Facts): string => textIn(row, 'from') || textIn(row, 'from_host');

export function EventTable({ rows }: { readonly rows: readonly Facts[] }) {
  const { words } = useDesk();
  return (
    <Table
      caption={words.events}
      rows={rows}
      columns={[
        { head: words.time, of: (row) => <Age at={momentIn(row, 'at')} /> },
        { head: words.kind, of: (row) => textIn(row, 'kind') || textIn(row, 'type') },
        { head: words.host, of: (row) => <HostLink name={textIn(row, 'host')} /> },
        { head: words.account, of: (row) => <AccountLink name={textIn(row, 'account')} /> },
        {
          head: words.what,
          of: (row) => <Said text={textIn(row, 'text') || textIn(row, 'reason')} />,
        },
      ]}
    />
  );
}

/** Decisions and events; each filter is a part of the link. */
export function History() {
  const { words, route } = useDesk();
  const { account = '', host = '', kind = '' } = route.query;
  const decisions = useAnswer(`history ${account} ${host}`, (api, signal) =>
    api.get('v1/history', { account, host, lines: 500, page: 500 }, signal),
  );
  const events = useAnswer(`events ${account} ${host} ${kind}`, (api, signal) =>
    api.get('v1/events', { account, host, kind, lines: 500, page: 500 }, signal),
  );
  const submit = (form: HTMLFormElement): void => {
    const entries = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    location.hash = hashOf({ screen: 'history', query: Object.fromEntries(entries) });
  };
  return (
    <Sheet title={words.history} asked={decisions}>
      <form
        class="filters"
        key={`${account} ${host} ${kind}`}
        onSubmit={(event) => {
          event.preventDefault();
          submit(event.currentTarget);
        }}
      >
        <label>
          {words.account} <input name="account" defaultValue={account} />
        </label>
        <label>
          {words.host} <input name="host" defaultValue={host} />
        </label>
        <label>
          {words.kind} <input name="kind" defaultValue={kind} />
        </label>
        <button type="submit">{words.show}</button>
      </form>
      <DecisionTable rows={listIn(decisions.answer?.data, 'history')} />
      {events.problem === null ? null : <Problem cause={events.problem} />}
      <EventTable rows={listIn(events.answer?.data, 'events')} />
    </Sheet>
  );
}
