import { randomUUID } from 'node:crypto';
import { isAbsolute, relative } from 'node:path';
import type { Ledger, PostgresAccess } from '../../ledger/ledger.ts';
import {
  arrivalPlace,
  endMove,
  type LedgerMove,
  markText,
  moveLedger,
  placeName,
  type Standing,
} from '../../ledger/move-ledger.ts';
import { asideOf } from '../../ledger/replace-ledger.ts';
import { FleetError } from '../../model/errors.ts';

/** What `fleet ledger move` will do. The object that is shown is the object that is executed. */
export interface LedgerMovePlan {
  /** `end`: one that was begun takes its last step. `none`: it has ended before. */
  readonly kind: 'move' | 'end' | 'none';
  readonly from: string;
  readonly to: string;
  /** Value of `ledger:` in the inventory afterwards. */
  readonly line: string;
  readonly authorityId: string | null;
  /** The last run. */
  readonly serial: number;
  /** Entries of the history. */
  readonly entries: number;
  readonly hosts: number;
  readonly accounts: number;
  /** Where what is there now stays; null: nothing is there that counts. */
  readonly aside: string | null;
  readonly move: LedgerMove;
}

/** Both places, and the folder of the inventory. */
export interface MovePlaces {
  readonly from: string | PostgresAccess;
  readonly to: string | PostgresAccess;
  readonly home: string;
  /** A place as a mark calls it. */
  readonly named: (name: string) => string | PostgresAccess;
}

type Recorded = Extract<Standing, { readonly serial: number }>;

/** Looks at both places, changes nothing. Errors: `ledger-*`, `usage`. */
export async function planLedgerMove(places: MovePlaces, nowMs: number): Promise<LedgerMovePlan> {
  const { to, home } = places;
  const [from, name] = [placeName(places.from), placeName(to)];
  const before = await (await arrivalPlace(to)).standing();
  const left = from === name ? await leftBehind(places, name, before) : places.from;
  const source = await (await arrivalPlace(left)).standing();
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const aside = asideOf(to, stamp, 'move');
  if (source.kind === 'empty') throw nothingThere(placeName(left), name);
  const { authorityId, serial, entries, hosts, accounts } = source;
  const about = { from: placeName(left), to: name, line: lineOf(to, home) };
  const plan = (kind: LedgerMovePlan['kind'], id: string): LedgerMovePlan => ({
    ...{ kind, ...about, authorityId, serial, entries, hosts, accounts },
    aside: kind === 'move' && stays(before) ? aside : null,
    move: { id, to, before, aside },
  });
  if (source.kind === 'in-charge') {
    refusePlace(name, source, before);
    return plan('move', randomUUID());
  }
  const id = source.mark?.move ?? '';
  if (source.kind === 'arriving' || source.mark?.place !== name)
    throw elsewhere(placeName(left), source);
  return plan(before.kind === 'arriving' && before.mark?.move === id ? 'end' : 'none', id);
}

/** Something is recorded in it, or it has tables at least. */
const stays = (before: Standing): boolean =>
  before.kind === 'moved' || (before.kind === 'empty' && before.hasTables);

/** The inventory names the new place already: where the ledger comes from says its mark. */
async function leftBehind(
  { to, named }: MovePlaces,
  name: string,
  before: Standing,
): Promise<string | PostgresAccess> {
  if (before.kind !== 'arriving' || before.mark === null)
    throw new FleetError('usage', `the ledger is in ${name} already`, {
      hint: 'nothing is to be moved; fleet status shows what is in it',
    });
  const from = named(before.mark.place);
  const there = await (await arrivalPlace(from)).standing();
  if (there.kind === 'empty')
    throw new FleetError(
      'ledger-moved',
      `ledger ${name}: it is a copy of ${before.mark.place}, where nothing is now`,
      { hint: 'a file is looked for on this machine: end the move on the one that began it' },
    );
  if (there.kind !== 'moved' || there.mark?.move !== before.mark.move)
    throw new FleetError(
      'ledger-moved',
      `ledger ${name}: its move from ${before.mark.place} did not come about, and the ledger there counts`,
      {
        hint: `write  ledger: ${before.mark.place}  into the inventory, then: fleet ledger move --to '${placeName(to)}'`,
      },
    );
  return from;
}

const nothingThere = (from: string, to: string): FleetError =>
  new FleetError('usage', `ledger ${from}: nothing is recorded in it, so nothing is to be moved`, {
    hint: `write  ledger: ${to}  into the inventory; is this the inventory that you mean?`,
  });

const elsewhere = (place: string, { kind, mark }: Recorded): FleetError => {
  const other = mark?.place ?? 'another place';
  return kind === 'moved'
    ? new FleetError('ledger-moved', `ledger ${place}: it was moved to ${other}`, {
        hint: `write  ledger: ${other}  into the inventory, then run this again`,
      })
    : new FleetError('ledger-moved', `ledger ${place}: its move from ${other} has not ended`, {
        hint: `end it first: fleet ledger move --to '${place}'`,
      });
};

/** A ledger comes to a place that is empty, or has an old copy of this very ledger. */
function refusePlace(name: string, source: Recorded, before: Standing): void {
  if (before.kind === 'empty') return;
  const isOther = before.authorityId !== source.authorityId;
  if (isOther || before.kind === 'in-charge')
    throw new FleetError(
      'usage',
      isOther
        ? `${name} is not empty: another ledger is there, with ${before.serial} runs`
        : `${name} is not empty: a copy of this very ledger is there, and it may act`,
      {
        hint: isOther
          ? 'name a database, or a file, of its own'
          : 'which of the two is the newer one? Take the other out of the way, and begin anew',
      },
    );
  if (before.serial > source.serial || before.entries > source.entries)
    throw new FleetError(
      'ledger-stale',
      `${name} is not empty: a copy of this ledger is there that knows later runs (${before.serial}, here ${source.serial})`,
      {
        hint: 'this ledger is an old copy: bring back the newest one, or rebuild it: fleet adopt',
      },
    );
}

/** As an inventory in the folder `home` names it. */
function lineOf(to: string | PostgresAccess, home: string): string {
  if (typeof to !== 'string') return placeName(to);
  const path = relative(home, to);
  return path.startsWith('..') || isAbsolute(path) ? to : path;
}

/**
 * Carries out a plan; `source`: the ledger, whose lock the caller has, where it is to be moved.
 * Returns how many rows came along, by table. Errors: those of `moveLedger`.
 */
export async function executeLedgerMove(
  { kind, to, move }: LedgerMovePlan,
  source: Ledger | null,
): Promise<Readonly<Record<string, number>> | null> {
  if (kind === 'move' && source !== null) {
    const copied = await moveLedger(source, move);
    return Object.fromEntries([...copied].map(([table, { rows }]) => [table, rows]));
  }
  if (move.before.kind !== 'arriving' || move.before.mark === null) return null;
  const place = await arrivalPlace(move.to);
  await endMove(place, markText(move.before.mark), to);
  return null;
}
