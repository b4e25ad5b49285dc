import type { BootMark } from '../../hostside/claims/boot-marks.ts';
import type { StandingClaim } from '../../hostside/claims/decide.ts';
import {
  type Announcement,
  type Contact,
  type Disk,
  type Host,
  keyId,
  type Ledger,
  type Move,
  type Stamp,
  type World,
} from './world.ts';

/**
 * What tells one world from another: hosts and accounts are interchangeable, names that are used
 * once are numbered as they appear, epochs and serials
 * count by their order (a gap of three is as good as a longer one). Two worlds with the same text
 * behave alike.
 */
export function fold(world: World): string {
  // What a command that stands still has heard names hosts and accounts.
  if (world.paused !== null)
    return write(world, identity(world.hosts.length), identity(world.outside.length));
  let least = '';
  for (const hosts of orders(world.hosts.length, (index) => looks(world, index)))
    for (const accounts of permutations(world.outside.length)) {
      const text = write(world, hosts, accounts);
      if (least === '' || text < least) least = text;
    }
  return least;
}

/**
 * What can be told of a host without any name: hosts that look different are written in the order
 * of their looks.
 */
function looks({ hosts, ledgers }: World, index: number): string {
  const { copyOf, isOld, power, isLinked, verdict, disk, running } = hosts[index] as Host;
  const claims = disk.claims.map(({ claim }) => claim?.state[0] ?? '-').sort();
  const rows = ledgers.map(({ accounts, moves, hosts: known }) => {
    const [here, to] = [
      accounts.filter(({ host }) => host === index).length,
      moves.filter((move) => move.to === index).length,
    ];
    return [known[index]?.off, known[index]?.intent, here, to].join();
  });
  const alive = running.filter((isRunning) => isRunning).length;
  return [
    copyOf,
    isOld,
    power,
    isLinked,
    verdict?.verdict,
    alive,
    claims.join(''),
    disk.contact?.age,
    ...rows,
  ].join();
}

/** All orders in which equal looks follow each other. */
function orders(length: number, lookOf: (index: number) => string): readonly (readonly number[])[] {
  const groups = [...Map.groupBy(identity(length), lookOf)]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([, group]) => group);
  return groups.reduce<readonly (readonly number[])[]>(
    (before, group) => before.flatMap((start) => permute(group).map((rest) => [...start, ...rest])),
    [[]],
  );
}

const identity = (length: number): readonly number[] => Array.from({ length }, (_, index) => index);

const known = new Map<number, readonly (readonly number[])[]>();

const permutations = (length: number): readonly (readonly number[])[] => {
  const found = known.get(length) ?? permute(identity(length));
  known.set(length, found);
  return found;
};

const permute = (items: readonly number[]): readonly (readonly number[])[] =>
  items.length < 2
    ? [items]
    : items.flatMap((first) =>
        permute(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
      );

/** `hosts[i]` is the host that is written i-th. */
const write = (world: World, hosts: readonly number[], accounts: readonly number[]): string =>
  new Writer(world, hosts, accounts).text();

class Writer {
  readonly #world: World;
  readonly #hosts: readonly number[];
  readonly #accounts: readonly number[];
  readonly #place: number[] = [];
  readonly #names = new Map<string, number>();
  readonly #epochs: readonly ReadonlyMap<number, number>[];
  readonly #serials: ReadonlyMap<number, number>;

  constructor(world: World, hosts: readonly number[], accounts: readonly number[]) {
    this.#world = world;
    this.#hosts = hosts;
    this.#accounts = accounts;
    for (const [at, host] of hosts.entries()) this.#place[host] = at;
    // What is under way names them as they are.
    const order = world.paused === null && world.late.length === 0 ? ranks : asTheyAre;
    this.#epochs = world.outside.map((_, account) => order(epochsOf(world, account)));
    this.#serials = order(serialsOf(world));
  }

  text(): string {
    const { hosts, routes, ledgers, backup, serialKept, clock, clockKept, outside, paused, late } =
      this.#world;
    const parts: unknown[] = [
      this.#hosts.map((index) => this.#host(hosts[index] as Host)),
      [...ledgers, ...(backup === null ? [] : [backup])].map((ledger) => this.#ledger(ledger)),
      this.#accounts.map((account) => (outside[account] ? 1 : 0)),
      [this.#serials.get(serialKept), clock, clockKept],
      this.#hosts.flatMap((index) =>
        routes[index] === index ? [] : [this.#place[routes[index] ?? index]],
      ),
      late.map(({ host, bootId, request }) => [
        this.#place[host],
        this.#name(bootId),
        this.#stamp(request.stamp),
        this.#acts(request.acts),
      ]),
    ];
    if (paused !== null)
      parts.push(
        JSON.stringify(paused).replace(/\b[a-z]#\d+/g, (name) => String(this.#name(name))),
      );
    return JSON.stringify(parts);
  }

  /** The hosts' and accounts' own names are places. */
  #name(name: string): number {
    const found = this.#names.get(name) ?? this.#names.size;
    this.#names.set(name, found);
    return found;
  }

  #hostNamed(name: string | null): unknown {
    return name?.startsWith('h#') ? this.#place[Number(name.slice(2))] : name;
  }

  #acts(acts: readonly unknown[]): string {
    return JSON.stringify(acts).replace(/\b[a-z]#\d+/g, (name) =>
      String(name.startsWith('h#') ? this.#hostNamed(name) : this.#name(name)),
    );
  }

  #host({
    isOld,
    instanceId,
    parts,
    copyOf,
    power,
    isLinked,
    bootId,
    verdict,
    disk,
    snapshot,
    running,
    marks,
    linger,
  }: Host): unknown {
    return [
      ...[
        power,
        isLinked,
        this.#name(bootId),
        verdict === null
          ? null
          : [
              verdict.verdict,
              this.#name(verdict.bootId),
              verdict.claims === undefined ? null : this.#listed(verdict.claims),
            ],
      ],
      ...[
        this.#accounts.map((account) => [running[account], linger[account]]),
        this.#disk(disk, snapshot !== null),
      ],
      isOld,
      parts === null ? null : [this.#name(instanceId), this.#at(copyOf)],
      snapshot === null
        ? null
        : [
            this.#disk(snapshot, true),
            this.#accounts.map((account) => this.#mark(account, marks[account])),
          ],
    ];
  }

  /** What this boot has written matters only where older files may come. */
  #mark = (account: number, mark: BootMark | null | undefined): unknown =>
    mark && [this.#epochs[account]?.get(mark.epoch), mark.isOpen];

  /** `mayFallBack`: only then a heartbeat may know more than the contact beside it. */
  #disk(
    { claims, staged, enabled, authority, contact, announcement, beatKnew, machine }: Disk,
    mayFallBack: boolean,
  ): unknown {
    return [
      this.#accounts.map((account) => [
        this.#claim(account, claims[account] as StandingClaim),
        (staged[account] ?? []).map(({ epoch, moveId }) => [
          this.#epochs[account]?.get(epoch),
          this.#name(moveId),
        ]),
        enabled[account],
      ]),
      authority === null ? null : [this.#stamp(authority), authority.former],
      contact === null ? null : this.#contact(contact),
      announcement === null ? null : this.#announcement(announcement),
      mayFallBack ? this.#heard(beatKnew, contact) : 0,
      machine === null ? null : this.#name(machine.instanceId),
    ];
  }

  /** Which of two rosters is later matters only while one of them is on its way. */
  #contact({
    isFormer,
    bootId,
    age,
    authorityId,
    serial,
    revision,
    claims,
    isWhole,
  }: Contact): unknown {
    const isCompared = this.#world.late.length > 0 || this.#world.paused !== null;
    return [
      ...[
        this.#name(bootId),
        age,
        authorityId,
        this.#serials.get(serial),
        isCompared ? revision : 0,
        this.#listed(claims),
        isWhole,
        isFormer,
      ],
    ];
  }

  #heard(known: Disk['beatKnew'], contact: Contact | null): unknown {
    if (known === null || contact === null)
      return known === null ? 0 : [known.authorityId, this.#serials.get(known.serial)];
    const isSame = known.authorityId === contact.authorityId && known.serial === contact.serial;
    return isSame
      ? Math.sign(known.revision - contact.revision)
      : [known.authorityId, this.#serials.get(known.serial)];
  }

  #announcement({ id, authorityId, bootId, usedBy, age }: Announcement): unknown {
    const isCompared = this.#world.late.length > 0 || this.#world.paused !== null;
    return [
      isCompared ? this.#name(id) : 0,
      authorityId,
      this.#name(bootId),
      usedBy === null ? null : this.#name(usedBy),
      age,
    ];
  }

  #stamp(stamp: Stamp | null): unknown {
    if (stamp === null) return null;
    const roster = stamp.roster === undefined ? null : this.#acts([stamp.roster]);
    return [
      stamp.id,
      this.#serials.get(stamp.serial),
      this.#name(stamp.nonce),
      stamp.takeOver === true,
      roster,
    ];
  }

  /** Entries of a list by account, as the accounts are written. */
  #listed(
    entries: readonly {
      readonly keyId: string;
      readonly epoch: number;
      readonly moveId?: string;
      readonly isHeld?: boolean;
    }[],
  ): unknown {
    return this.#accounts.map((account) =>
      entries
        .filter((entry) => entry.keyId === keyId(account))
        .map(({ epoch, moveId, isHeld }) => [
          this.#epochs[account]?.get(epoch),
          moveId === undefined ? null : this.#name(moveId),
          isHeld,
        ]),
    );
  }

  #claim(account: number, { claim, fault }: StandingClaim): unknown {
    if (claim === null) return fault;
    const {
      format: _format,
      keyId: _key,
      account: _account,
      epoch,
      state,
      moveId,
      successor,
      stateHash: _hash,
      ...rest
    } = claim;
    const {
      instanceId,
      bootId,
      authorityId: _authority,
      serial: _serial,
      vaultHash: _vault,
      writtenAt: _at,
      heldSince,
      ...more
    } = rest;
    const place = [
      this.#epochs[account]?.get(epoch),
      state,
      this.#name(moveId),
      this.#hostNamed(successor),
    ];
    const extra = Object.keys(more).length === 0 ? [] : [JSON.stringify(more)];
    return [
      ...place,
      this.#machine(instanceId),
      this.#name(bootId),
      fault,
      heldSince !== undefined,
      ...extra,
    ];
  }

  /** Its place where nobody copies machines. */
  #machine = (id: string): unknown =>
    id.startsWith('i#') ? this.#place[Number(id.slice(2))] : this.#name(id);

  #ledger({
    authorityId,
    lastSerial,
    isStale,
    isUnsure,
    begun,
    accounts,
    moves,
    receipts,
    hosts,
  }: Ledger): unknown {
    return [
      ...[authorityId, this.#serials.get(lastSerial), isStale, isUnsure],
      [
        ...new Set(
          begun.map(({ account, to, epoch }) =>
            [
              account,
              this.#at(to === 'detached' ? null : to),
              this.#epochs[account]?.get(epoch),
            ].join(),
          ),
        ),
      ].sort(),
      this.#accounts.map((index) => {
        const row = accounts[index];
        if (row === undefined) return null;
        const rank = this.#epochs[index];
        return [
          this.#at(row.host),
          row.epoch === null ? null : rank?.get(row.epoch),
          row.state,
          row.wanted,
          rank?.get(row.highest),
          this.#moveNamed(row.moveId),
        ];
      }),
      ...[this.#moves(moves), this.#moves(receipts)],
      this.#hosts.map((index) => {
        const row = hosts[index];
        const mark = this.#world.paused === null ? 0 : this.#name(row?.mark ?? '');
        const intent = row?.intent ?? null;
        const announced = row?.announced ?? null;
        const ahead = [
          intent === null ? 0 : row?.intentAhead,
          announced === null ? 0 : row?.announcedAhead,
        ];
        return [
          intent,
          mark,
          row?.off,
          row?.isDestroyed,
          announced,
          ...ahead,
          row?.instanceId ? this.#name(row.instanceId) : null,
        ];
      }),
    ];
  }

  #moves(moves: readonly Move[]): unknown {
    return this.#accounts.map((account) =>
      moves.filter((move) => move.account === account).map((move) => this.#move(move)),
    );
  }

  #move({
    id,
    account,
    kind,
    from,
    to,
    epoch,
    phase,
    fromEpoch,
    lost,
    isBack,
    releasedTo,
  }: Move): unknown {
    const rank = this.#epochs[account];
    return [
      ...[
        this.#name(id),
        kind,
        this.#at(from),
        to === 'detached' ? to : this.#at(to),
        rank?.get(epoch),
        phase,
      ],
      ...[rank?.get(fromEpoch), this.#at(lost), isBack, this.#at(releasedTo)],
    ];
  }

  #moveNamed(moveId: string | null): number | null {
    return moveId === null ? null : this.#name(moveId);
  }

  #at(host: number | null): number | null {
    return host === null ? null : (this.#place[host] ?? null);
  }
}

function* disksOf({ hosts }: World): Iterable<Disk> {
  for (const { disk, snapshot } of hosts) {
    yield disk;
    if (snapshot !== null) yield snapshot;
  }
}

function* epochsOf(world: World, account: number): Iterable<number> {
  for (const { marks, snapshot } of world.hosts)
    if (snapshot !== null) yield marks[account]?.epoch ?? 0;
  for (const { verdict } of world.hosts)
    for (const judged of verdict?.claims ?? [])
      if (judged.keyId === keyId(account)) yield judged.epoch;
  for (const { claims, staged, contact } of disksOf(world)) {
    for (const listed of contact?.claims ?? [])
      if (listed.keyId === keyId(account)) yield listed.epoch;
    yield claims[account]?.claim?.epoch ?? 0;
    for (const { epoch } of staged[account] ?? []) yield epoch;
  }
  for (const ledger of [...world.ledgers, ...(world.backup === null ? [] : [world.backup])]) {
    yield ledger.accounts[account]?.epoch ?? 0;
    yield ledger.accounts[account]?.highest ?? 0;
    for (const move of ledger.begun) if (move.account === account) yield move.epoch;
    for (const move of [...ledger.moves, ...ledger.receipts])
      if (move.account === account) {
        yield move.epoch;
        yield move.fromEpoch;
      }
  }
}

function* serialsOf(world: World): Iterable<number> {
  for (const { disk, snapshot } of world.hosts)
    if (snapshot !== null) for (const { beatKnew } of [disk, snapshot]) yield beatKnew?.serial ?? 0;
  for (const { authority, contact } of disksOf(world)) {
    yield authority?.serial ?? 0;
    yield contact?.serial ?? 0;
  }
  for (const ledger of [...world.ledgers, ...(world.backup === null ? [] : [world.backup])])
    yield ledger.lastSerial;
  yield world.serialKept;
  for (const { request } of world.late) yield request.stamp?.serial ?? 0;
}

const widestGap = 3;

/** 0 stays 0; otherwise the lowest becomes 1, and gaps stay as they are up to {@link widestGap}. */
function ranks(numbers: Iterable<number>): ReadonlyMap<number, number> {
  const found = new Map<number, number>([[0, 0]]);
  let [before, rank] = [0, 0];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    if (number === 0) continue;
    rank += before === 0 ? 1 : Math.min(number - before, widestGap);
    before = number;
    found.set(number, rank);
  }
  return found;
}

const asTheyAre = (numbers: Iterable<number>): ReadonlyMap<number, number> =>
  new Map([...numbers].map((number) => [number, number]));
