import { type RecordedEvent, readStateEvents } from '../../ledger/queries/events.ts';
import { readGrants } from '../../ledger/queries/records.ts';
import { type AccountState, accountStates } from '../../model/account-state.ts';
import {
  type AccountChange,
  type HostChange,
  type Outage,
  type Span,
  silencesOf,
} from '../../report/availability.ts';
import type { FleetContext } from '../context.ts';

/** What events and grants tell of states over time, by name. */
export interface Past {
  readonly accounts: ReadonlyMap<string, readonly AccountChange[]>;
  readonly hosts: ReadonlyMap<string, readonly HostChange[]>;
  /** Spans that were announced, by host. */
  readonly reboots: ReadonlyMap<string, readonly Span[]>;
  /**
   * What kept an account from being online although it was last reported so: on each host for as
   * long as it was there. `host`: where it is now.
   */
  readonly outagesOf: (
    account: { readonly name: string; readonly host: string | null },
    untilMs: number,
  ) => readonly Outage[];
}

/** The state that an account has come into; null: the event is about something else. */
const stateIn = ({ kind }: RecordedEvent): AccountState | null =>
  accountStates.find((state) => state !== 'unknown' && kind === `account-${state}`) ?? null;

/** A worker that its host could not keep running says nothing about Telegram. */
const isHostTrouble = (event: RecordedEvent): boolean =>
  event.kind === 'account-offline' && /\bunit\b|knows nothing/.test(event.reason);

/** A worker that starts so soon after the end of an announced reboot starts because of it, ms. */
const afterRebootMs = 120_000;

interface Stay {
  readonly host: string;
  readonly from: number;
}

interface Gap extends Span {
  readonly isRestart: boolean;
}

/** Lists by name. */
class Lists<Entry> extends Map<string, Entry[]> {
  add(name: string, entry: Entry): void {
    const known = this.get(name);
    if (known === undefined) this.set(name, [entry]);
    else known.push(entry);
  }
}

/** What the ledger knows of the past. */
export async function readPast({ ledger }: FleetContext): Promise<Past> {
  const [accounts, stays, gaps] = [new Lists<AccountChange>(), new Lists<Stay>(), new Lists<Gap>()];
  const [hosts, reboots] = [new Lists<HostChange>(), new Lists<Span>()];
  const renamed = new Map<string, string>();
  const named = (host: string): string =>
    renamed.has(host) ? named(renamed.get(host) ?? host) : host;
  for (const { at, account, host } of await readGrants(ledger.db)) {
    accounts.add(account, { at, state: 'moved' });
    stays.add(account, { host, from: at });
  }
  for (const event of await readStateEvents(ledger.db)) {
    const { at } = event;
    noteHost(hosts, reboots, event);
    if (event.kind === 'account-adopted' && event.host !== null)
      stays.add(event.account, { host: event.host, from: at });
    if (event.kind === 'account-interrupted')
      gaps.add(event.account, {
        ...{ from: at - event.lastedMs, to: at, isRestart: event.isRestart },
      });
    const change = changeIn(event);
    if (change !== null && event.account != null) accounts.add(event.account, { at, ...change });
    if (event.kind !== 'host-renamed') continue;
    const { before, host } = event;
    hosts.set(host, hosts.get(before) ?? []);
    reboots.set(host, reboots.get(before) ?? []);
    renamed.set(before, host);
    renamed.delete(host);
  }
  for (const changes of accounts.values()) changes.sort((a, b) => a.at - b.at);
  const silences = new Map<string, readonly Span[]>();
  const silencesOfHost = (host: string, untilMs: number): readonly Span[] => {
    const key = `${host}@${untilMs}`;
    const known = silences.get(key) ?? silencesOf(hosts.get(host) ?? [], untilMs);
    silences.set(key, known);
    return known;
  };
  const outagesOf: Past['outagesOf'] = ({ name, host }, untilMs) => {
    const known = (stays.get(name) ?? (host === null ? [] : [{ host, from: 0 }])).map((stay) => ({
      ...stay,
      host: named(stay.host),
    }));
    const own = gaps.get(name) ?? [];
    const ofHosts = known
      .toSorted((a, b) => a.from - b.from)
      .map((stay, index, all): readonly (readonly Outage[])[] => {
        const span = { from: stay.from, to: all[index + 1]?.from ?? untilMs };
        const ofReboots = withStarts(reboots.get(stay.host) ?? [], own).map((each) => ({
          ...each,
          cause: 'reboots' as const,
        }));
        const ofSilence = silencesOfHost(stay.host, untilMs).map((each) => ({
          ...each,
          cause: 'host' as const,
        }));
        return [within(span, ofReboots), within(span, ofSilence)];
      });
    const ofGaps = own.map(({ isRestart, ...span }) => ({
      ...span,
      cause: isRestart ? ('host' as const) : ('telegram' as const),
    }));
    return [
      ...ofHosts.flatMap(([first = []]) => first),
      ...ofGaps,
      ...ofHosts.flatMap(([, second = []]) => second),
    ];
  };
  return { accounts, hosts, reboots, outagesOf };
}

/** What an event says of an account; null: nothing that counts as online or not. */
function changeIn(event: RecordedEvent): Omit<AccountChange, 'at'> | null {
  if (event.kind === 'account-removed') return { state: 'gone' };
  if (event.kind === 'account-released') return { state: 'moved' };
  const state = stateIn(event);
  return state === null ? null : { state, isHostTrouble: isHostTrouble(event) };
}

function noteHost(hosts: Lists<HostChange>, reboots: Lists<Span>, event: RecordedEvent): void {
  const state = hostStateIn(event);
  const { at, host } = event;
  const isKnown = event.kind === 'host-initialised' && hosts.has(event.host);
  if (state !== null && host != null && !isKnown) hosts.add(host, { at, state });
  if (event.kind === 'host-rebooted' && event.downMs > 0)
    reboots.add(event.host, { from: at - event.downMs, to: at });
}

/** How a host stands since an event; null: it says nothing about that. */
function hostStateIn({ kind }: RecordedEvent): HostChange['state'] | null {
  switch (kind) {
    case 'host-healthy':
    case 'host-initialised':
      return 'healthy';
    case 'host-suspect':
      return 'suspect';
    case 'host-down':
      return 'down';
    case 'host-uninstalled':
    case 'host-forgotten':
    case 'host-destroyed':
      return 'gone';
    default:
      return null;
  }
}

const within = (span: Span, outages: readonly Outage[]): Outage[] =>
  outages.flatMap((each) => {
    const [from, to] = [Math.max(span.from, each.from), Math.min(span.to, each.to)];
    return from < to ? [{ ...each, from, to }] : [];
  });

/** An account is away until its worker is online again, not only until its host answers. */
const withStarts = (reboots: readonly Span[], gaps: readonly Gap[]): Span[] =>
  reboots.map((reboot) => {
    const start = gaps.find(
      ({ isRestart, to }) => isRestart && to > reboot.from && to <= reboot.to + afterRebootMs,
    );
    return start === undefined ? reboot : { from: reboot.from, to: Math.max(reboot.to, start.to) };
  });
