import type { ActReply, HostAct, HostSurvey } from '../../hostside/protocol/host-acts.ts';
import type { Roster } from '../../hostside/protocol/roster.ts';
import { holdAfterMs, nowMs } from './host.ts';
import type { Rules } from './rules.ts';
import {
  type AccountRow,
  type Fault,
  type Host,
  type HostRow,
  hostName,
  keyId,
  type Ledger,
  type ModelRequest,
  type Move,
  newName,
  shiftLedger,
  type World,
  withItem,
} from './world.ts';

/**
 * What a command does to the world, one at a time; between any two it may be killed, or stand
 * still.
 */
export type Effect =
  /** One transaction on the command's ledger, or a look into it (`isLook`). */
  | {
      readonly kind: 'ledger';
      readonly isLook: boolean;
      readonly words: string;
      readonly act: (ledger: Ledger, world: World) => unknown;
    }
  | { readonly kind: 'connect'; readonly host: number }
  | {
      readonly kind: 'request';
      readonly host: number;
      readonly words: string;
      readonly request: ModelRequest;
    }
  /** The fence takes the power; the fence says whether there is none. */
  | { readonly kind: 'fence' | 'verify'; readonly host: number }
  /**
   * Files and units of a host, without its helper: programs are brought, or units stopped and kept
   * from starting.
   */
  | {
      readonly kind: 'shell';
      readonly host: number;
      readonly words: string;
      readonly act: (host: Host) => void;
    }
  | { readonly kind: 'wait'; readonly ms: number }
  /** Requests to several hosts leave at once: which one is first. */
  | { readonly kind: 'order'; readonly hosts: readonly number[] };

/** A command, written like the workflow that it stands for. */
export type Steps<T> = Generator<Effect, T, unknown>;

/**
 * Thrown where a workflow would throw a FleetError; without a stack, whose making would take longer
 * than all the rest.
 */
export class Failed {
  readonly fault: Fault;

  constructor(fault: Fault) {
    this.fault = fault;
  }

  get message(): string {
    return this.fault.text;
  }
}

export const fail = (kind: Fault['kind'], text: string): Failed => new Failed({ kind, text });

/** One mutating run of the CLI as hosts see it. */
export interface Run {
  readonly rules: Rules;
  readonly id: string;
  readonly serial: number;
  readonly nonce: string;
}

export function* write<T>(words: string, act: (ledger: Ledger, world: World) => T): Steps<T> {
  return (yield { kind: 'ledger', isLook: false, words, act }) as T;
}

export function* look<T>(act: (ledger: Ledger, world: World) => T): Steps<T> {
  return (yield { kind: 'ledger', isLook: true, words: '', act }) as T;
}

export function* firstOf(hosts: readonly number[]): Steps<readonly number[]> {
  return (yield { kind: 'order', hosts }) as readonly number[];
}

export const setHost = (ledger: Ledger, host: number, row: Partial<HostRow>): void => {
  ledger.hosts = withItem(ledger.hosts, host, { ...(ledger.hosts[host] as HostRow), ...row });
};

export const setAccount = (ledger: Ledger, account: number, row: Partial<AccountRow>): void => {
  ledger.accounts = withItem(ledger.accounts, account, {
    ...(ledger.accounts[account] as AccountRow),
    ...row,
  });
};

export const raiseEpoch = (ledger: Ledger, account: number, epoch: number): void => {
  const row = ledger.accounts[account] as AccountRow;
  if (row.highest < epoch) setAccount(ledger, account, { highest: epoch });
};

/** `beginRun`: the serial is on disk before anything is sent. */
export function* beginRun(rules: Rules): Steps<Run> {
  yield* write('looks whether it is an old copy', (ledger, world) => {
    if (ledger.authorityId === 'l#0' && world.serialKept > ledger.lastSerial) ledger.isStale = true;
  });
  return yield* write('takes a serial', (ledger, world) => {
    if (ledger.isStale) throw fail('stale', 'the ledger is an old copy');
    return takeSerial(rules, ledger, world, 0);
  });
}

export const takeSerial = (rules: Rules, ledger: Ledger, world: World, above: number): Run => {
  if (ledger.authorityId === 'l#0') noticeClock(rules, ledger, world);
  const kept = ledger.authorityId === 'l#0' ? world.serialKept : null;
  if (ledger.lastSerial > 0 && kept !== ledger.lastSerial) ledger.isUnsure = true;
  ledger.lastSerial = Math.max(ledger.lastSerial, above, kept ?? 0) + 1;
  if (kept !== null) world.serialKept = ledger.lastSerial;
  return { rules, id: ledger.authorityId, serial: ledger.lastSerial, nonce: newName(world, 'n') };
};

/** `noticeClock`: a run dates contacts by the clock of now. */
function noticeClock(rules: Rules, ledger: Ledger, world: World): void {
  const readingOf = (clock: number) => ({
    bootId: 'o',
    upMs: 0,
    wallMs: nowMs + clock * holdAfterMs,
  });
  const last = world.clockKept === null ? null : readingOf(world.clockKept);
  const steps = Math.round(rules.forwardStepMs(last, readingOf(world.clock)) / holdAfterMs);
  ledger.hosts = shiftLedger(ledger, -steps).hosts;
  world.clockKept = world.clock;
}

/**
 * What is recorded at this moment by the operator's clock; one that was set back takes nothing
 * back.
 */
export const intentNow = ({
  intent,
  intentAhead,
}: Pick<HostRow, 'intent' | 'intentAhead'>): Pick<HostRow, 'intent' | 'intentAhead'> => ({
  intent: 0,
  intentAhead: intent === null ? 0 : Math.min(0, intent + intentAhead),
});

/** `connectWithIntent` */
export function* connectWithIntent({ rules }: Run, host: number): Steps<void> {
  if (!rules.mechanisms.withdrawsOff) return yield* intentFirst(host);
  yield { kind: 'connect', host };
  yield* write(`notes that it is in contact with ${host}`, (ledger, world) => {
    setHost(ledger, host, {
      ...intentNow(ledger.hosts[host] as HostRow),
      mark: newName(world, 'c'),
      off: null,
      isDestroyed: false,
    });
  });
}

/** `offerContact` */
export const offerContact = ({ rules }: Run, host: number): Steps<Roster> =>
  write('counts its rosters', (ledger, world): Roster => {
    return { revision: Number(newName(world, 'v').slice(2)), ...rosterIn(rules, ledger, host) };
  });

export const rosterOf = (rules: Rules, host: number) =>
  look((ledger) => rosterIn(rules, ledger, host));

/** `rosterFor` with the journal's facts. */
const rosterIn = (
  rules: Rules,
  { accounts, moves, receipts }: Ledger,
  host: number,
): Omit<Roster, 'revision'> => {
  const named = (place: number | 'detached'): string =>
    place === 'detached' ? place : hostName(place);
  return rules.rosterFor(hostName(host), {
    placements: accounts.flatMap(({ host: owner, epoch, moveId }, account) =>
      owner === null || epoch === null
        ? []
        : [{ keyId: keyId(account), host: hostName(owner), epoch, moveId: moveId ?? '' }],
    ),
    openMoves: moves.map(({ id, account, from, to, epoch, phase }) => ({
      ...{
        id,
        keyId: keyId(account),
        from: from === null ? null : hostName(from),
        to: named(to),
        epoch,
        phase,
      },
    })),
    givenUp: receipts.map(({ account, epoch }) => ({ keyId: keyId(account), epoch })),
    unowned: [],
  });
};

/** As the release before did it: what was said of the host stands until its answer is noted. */
function* intentFirst(host: number): Steps<void> {
  const [before, mark] = yield* write(
    `notes that it will be in contact with ${host}`,
    (ledger, world) => {
      const mark = newName(world, 'c');
      const before = ledger.hosts[host]?.intent ?? null;
      setHost(ledger, host, { ...intentNow(ledger.hosts[host] as HostRow), mark });
      return [before, mark] as const;
    },
  );
  try {
    yield { kind: 'connect', host };
  } catch (error) {
    yield* write('takes that back', (ledger) => {
      if (ledger.hosts[host]?.mark === mark) setHost(ledger, host, { intent: before });
    });
    throw error;
  }
}

export function* request(
  host: number,
  words: string,
  sent: ModelRequest,
): Steps<readonly ActReply[]> {
  return (yield { kind: 'request', host, words, request: sent }) as readonly ActReply[];
}

export interface AskOptions {
  readonly takeOver?: boolean;
  readonly withoutRoster?: boolean;
}

/** `askAsAuthority` */
export function* askAsAuthority(
  run: Run,
  host: number,
  words: string,
  acts: readonly HostAct[],
  { takeOver = false, withoutRoster = false }: AskOptions = {},
): Steps<readonly ActReply[]> {
  yield* connectWithIntent(run, host);
  const { id, serial, nonce } = run;
  const roster = withoutRoster ? undefined : yield* offerContact(run, host);
  const stamp = {
    id,
    serial,
    nonce,
    ...(takeOver ? { takeOver } : {}),
    ...(roster === undefined ? {} : { roster }),
  };
  const replies = yield* request(host, words, { stamp, acts });
  if (replies.some(({ refusal }) => refusal === 'authority')) {
    const survey = surveyIn(
      yield* request(host, 'survey', { stamp: null, acts: [{ act: 'survey' }] }),
    );
    yield* refuseOldCopy(run, survey?.authority ?? null);
  }
  return replies;
}

/** `refuseOldCopy` */
export function* refuseOldCopy(run: Run, heard: HostSurvey['authority']): Steps<void> {
  if (heard === null || heard.id !== run.id) return;
  const last = yield* look((ledger) => ledger.lastSerial);
  if (heard.serial <= last && heard.serial !== run.serial) return;
  yield* write('notes that it is an old copy', (ledger) => {
    ledger.isStale = true;
  });
  throw fail('stale', 'the ledger is an old copy');
}

export const surveyIn = (replies: readonly ActReply[]): HostSurvey | null => {
  const found = replies.find(({ result }) => result?.kind === 'survey')?.result;
  return found?.kind === 'survey' ? found.survey : null;
};

/** `insertMove` */
export const addMove = (ledger: Ledger, world: World, move: Omit<Move, 'id' | 'phase'>): Move => {
  const added: Move = { ...move, id: newName(world, 'm'), phase: 'planned' };
  ledger.moves = [...ledger.moves, added];
  noteBegun(ledger, added);
  return added;
};

/** What `hasBegunElsewhere` asks for. */
export const noteBegun = (ledger: Ledger, { id, account, to, epoch }: Move): void => {
  ledger.begun = [...ledger.begun.filter((old) => old.id !== id), { id, account, to, epoch }];
};

/** `isGiveBackSure` */
export const isGiveBackSure = (
  { isUnsure, begun, accounts }: Ledger,
  account: number,
  host: number,
  epoch: number,
): boolean => {
  const later = begun.filter((move) => move.account === account && move.epoch > epoch);
  if (isUnsure || later.some(({ to }) => to !== host)) return false;
  return later.length > 0 || (accounts[account]?.highest ?? 0) <= epoch;
};

/** `advanceMove`: compare and swap on the phase. A move that is over is no longer listed. */
export function advance(rules: Rules, ledger: Ledger, move: Move, phase: Move['phase']): Move {
  const to = move.to === 'detached' ? 'detached' : `h${move.to}`;
  if (
    move.phase !== phase &&
    !rules.mayFollow(rules.routeOf(move.from === null ? null : 'h', to), move.phase, phase)
  )
    throw new Error(`${phase} cannot follow ${move.phase}`);
  const found = ledger.moves.find(({ id }) => id === move.id);
  if (found === undefined || (found.phase !== move.phase && found.phase !== phase))
    throw fail('refused', 'another command has changed the move since this one began');
  const next = { ...move, phase };
  const isOver = phase === 'done' || phase === 'aborted';
  ledger.moves = isOver
    ? ledger.moves.filter(({ id }) => id !== move.id)
    : ledger.moves.map((old) => (old.id === move.id ? next : old));
  return next;
}
