import { readInterruption } from '../../facts/interruption.ts';
import { readGrants, readStateEvents } from '../../ledger/queries/records.ts';
import type { AccountState } from '../../model/account-state.ts';
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

const reportedStates: ReadonlySet<string> = new Set<AccountState>([
  ...([
    'stored',
    'placed',
    'online',
    'reconnecting',
    'flood-wait',
    'offline',
    'needs-login',
    'duplicated',
    'banned',
  ] as const),
  ...(['misconfigured', 'stopped', 'held', 'contained', 'removing', 'detached'] as const),
]);
const isState = (word: string): word is AccountState => reportedStates.has(word);

/** A worker that its host could not keep running says nothing about Telegram. */
const isHostTrouble = (state: string, text: string): boolean =>
  state === 'offline' && /\bunit\b|knows nothing/.test(text);

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
  for (const { at, kind, host, account, text } of await readStateEvents(ledger.db)) {
    const word = kind.slice(kind.indexOf('-') + 1);
    if (account !== null && kind.startsWith('account-')) {
      if (word === 'removed') accounts.add(account, { at, state: 'gone' });
      if (word === 'released') accounts.add(account, { at, state: 'moved' });
      if (word === 'adopted' && host !== null) stays.add(account, { host, from: at });
      if (isState(word))
        accounts.add(account, { at, state: word, isHostTrouble: isHostTrouble(word, text) });
      const gap = word === 'interrupted' ? readInterruption(text) : null;
      if (gap !== null)
        gaps.add(account, { from: at - gap.lastedMs, to: at, isRestart: gap.isRestart });
    }
    if (host === null || !kind.startsWith('host-')) continue;
    noteHost(hosts, reboots, { at, host, word, text });
    const before = word === 'renamed' ? /^it was (\S+) until now$/.exec(text)?.[1] : undefined;
    if (before === undefined) continue;
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

interface HostEvent {
  readonly at: number;
  readonly host: string;
  readonly word: string;
  readonly text: string;
}

function noteHost(
  hosts: Lists<HostChange>,
  reboots: Lists<Span>,
  { at, host, word, text }: HostEvent,
): void {
  if (word === 'healthy' || word === 'suspect' || word === 'down')
    hosts.add(host, { at, state: word });
  if (word === 'initialised' && !hosts.has(host)) hosts.add(host, { at, state: 'healthy' });
  if (word === 'uninstalled' || word === 'forgotten' || word === 'destroyed')
    hosts.add(host, { at, state: 'gone' });
  // It says how long the host was away.
  const away = word === 'rebooted' ? Number(/(\d+) s/.exec(text)?.[1] ?? 0) * 1000 : 0;
  if (away > 0) reboots.add(host, { from: at - away, to: at });
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
