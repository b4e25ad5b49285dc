/**
 * The importer against damaged and foreign sessions: `npm run bench:sessions [MUTANTS] [STRINGS]`.
 * Prints for each kind of source how many of MUTANTS (600,000
 * in all) were refused or accepted, the slowest of them and the memory of the process, then for
 * each neighbouring format how many of STRINGS (200,000) were taken
 * for another. Exit code 1 where a limit is passed. Two processes share the work, so that an
 * endless loop or a fall is found and named.
 */
import { fork } from 'node:child_process';
import { formatTable } from '../src/cli/render/table.ts';
import { neighbours, wronglyAccepted } from '../test/sessions/neighbouring-strings.ts';
import { chanceOf, judge, type MutantKind, mutantKinds } from '../test/sessions/session-mutants.ts';
import { loadNote } from './measure.ts';

const [mutants, strings] = [Number(process.argv[2] ?? 600_000), Number(process.argv[3] ?? 200_000)];
const processes = 2;
const limitMs = 1_000;
const limitMb = 256;
/** Without a word for so long, a process hangs. */
const hangsMs = 180_000;
const toldEvery = 500;

/** What one process has to say of one kind, so far or at its end. */
interface Tally {
  readonly kind: string;
  tried: number;
  refused: number;
  accepted: number;
  wrong: number;
  crashes: number;
  slowestMs: number;
  /** Of the whole process at its height, MiB. */
  memoryMb: number;
  /** The first fault, with the seed that shows it again. */
  fault: string;
}

const emptyTally = (kind: string): Tally => ({
  ...{
    kind,
    tried: 0,
    refused: 0,
    accepted: 0,
    wrong: 0,
    crashes: 0,
    slowestMs: 0,
    memoryMb: 0,
    fault: '',
  },
});

const peakMb = (): number => process.resourceUsage().maxRSS / 1024;

/**
 * One mutant; a slow one is tried again, because this machine may have done something else
 * meanwhile.
 */
async function tryOne({ make, name }: MutantKind, seed: number, tally: Tally): Promise<void> {
  tally.tried += 1;
  try {
    const first = await judge(make(chanceOf(seed)));
    const ms = first.ms < limitMs ? first.ms : (await judge(make(chanceOf(seed)))).ms;
    tally.slowestMs = Math.max(tally.slowestMs, ms);
    if (first.verdict === 'wrong key') {
      tally.wrong += 1;
      tally.fault ||= `${name}, seed ${seed}: another key`;
    } else tally[first.verdict] += 1;
  } catch (error) {
    tally.crashes += 1;
    tally.fault ||=
      `${name}, seed ${seed}: ` +
      `${error instanceof Error ? (error.stack ?? error.message) : error}`;
  }
}

/** Every second mutant, and every second format, is this process's. */
async function work(part: number): Promise<void> {
  const { kinds, end } = await mutantKinds();
  const shares = kinds.reduce((sum, { share }) => sum + share, 0);
  for (const kind of kinds) {
    const tally = emptyTally(kind.name);
    const count = Math.ceil((mutants * kind.share) / shares);
    for (let seed = part; seed < count; seed += processes) {
      await tryOne(kind, seed, tally);
      if (tally.tried % toldEvery === 0) process.send?.({ ...tally, memoryMb: peakMb() });
    }
    process.send?.({ ...tally, memoryMb: peakMb() });
  }
  end();
  for (const neighbour of neighbours.filter((_, index) => index % processes === part)) {
    const tally = emptyTally(`strings of ${neighbour.name}`);
    for (let from = 0; from < strings; from += 10_000) {
      tally.wrong += wronglyAccepted(neighbour, Math.min(10_000, strings - from), from);
      tally.tried += Math.min(10_000, strings - from);
      process.send?.({ ...tally, memoryMb: peakMb() });
    }
  }
}

/** All that a process told, by kind. */
async function hear(part: number): Promise<ReadonlyMap<string, Tally>> {
  const told = new Map<string, Tally>();
  let last = '';
  const child = fork(import.meta.filename, [String(mutants), String(strings)], {
    env: { ...process.env, FLEET_BENCH_PART: String(part), MALLOC_ARENA_MAX: '2' },
    // Little garbage between two collections, so that the memory is what the work needs.
    execArgv: ['--max-old-space-size=128', '--max-semi-space-size=2'],
  });
  const hang = setTimeout(() => child.kill('SIGKILL'), hangsMs);
  child.on('message', (tally: Tally) => {
    hang.refresh();
    last = tally.kind;
    told.set(tally.kind, tally);
  });
  const [code, signal] = await new Promise<readonly [number | null, NodeJS.Signals | null]>(
    (resolve) => child.on('close', (...end) => resolve(end)),
  );
  clearTimeout(hang);
  if (code === 0) return told;
  const reached = told.get(last) ?? emptyTally('the start');
  told.set(reached.kind, {
    ...reached,
    crashes: reached.crashes + 1,
    fault:
      `${reached.kind}: the process fell or hung after ${reached.tried} of part ${part} ` +
      `(${signal ?? code})`,
  });
  return told;
}

const together = (kind: string, parts: readonly ReadonlyMap<string, Tally>[]): Tally =>
  parts
    .map((part) => part.get(kind) ?? emptyTally(kind))
    .reduce((sum, one) => ({
      kind,
      tried: sum.tried + one.tried,
      refused: sum.refused + one.refused,
      accepted: sum.accepted + one.accepted,
      wrong: sum.wrong + one.wrong,
      crashes: sum.crashes + one.crashes,
      slowestMs: Math.max(sum.slowestMs, one.slowestMs),
      memoryMb: Math.max(sum.memoryMb, one.memoryMb),
      fault: sum.fault || one.fault,
    }));

const isBad = ({ wrong, crashes, slowestMs, memoryMb }: Tally): boolean =>
  wrong > 0 || crashes > 0 || slowestMs >= limitMs || memoryMb >= limitMb;

const row = ({
  kind,
  tried,
  refused,
  accepted,
  wrong,
  crashes,
  slowestMs,
  memoryMb,
}: Tally): string[] => [
  ...[kind, tried, refused, accepted, wrong, crashes].map(String),
  ...[`${slowestMs.toFixed(1)} ms`, `${memoryMb.toFixed(0)} MB`],
];

async function main(): Promise<void> {
  const startedMs = performance.now();
  console.log(loadNote());
  const parts = await Promise.all(Array.from({ length: processes }, (_, part) => hear(part)));
  const kinds = [...new Set(parts.flatMap((part) => [...part.keys()]))];
  const tallies = kinds.map((kind) => together(kind, parts));
  const [foreign, damaged] = [true, false].map((is) =>
    tallies.filter(({ kind }) => kind.startsWith('strings of ') === is),
  );
  const heads = [
    'DAMAGED',
    'TRIED',
    'REFUSED',
    'ACCEPTED',
    'WRONG KEYS',
    'CRASHES',
    'SLOWEST',
    'MEMORY',
  ];
  console.log(formatTable(heads, (damaged ?? []).map(row), ''));
  const rows = (foreign ?? []).map(({ kind, tried, wrong }) => [
    kind,
    String(tried),
    String(wrong),
  ]);
  console.log(formatTable(['NEIGHBOURING FORMATS', 'TRIED', 'TAKEN FOR ANOTHER'], rows, ''));
  const sum = (pick: (tally: Tally) => number): number =>
    (damaged ?? []).reduce((total, tally) => total + pick(tally), 0);
  const figures =
    `${sum(({ tried }) => tried)} damaged sources: ${sum(({ crashes }) => crashes)} crashes, ` +
    `${sum(({ wrong }) => wrong)} wrong keys`;
  console.log(
    `${figures}; limits: ${limitMs} ms and ${limitMb} MB each; took ` +
      `${((performance.now() - startedMs) / 1000).toFixed(0)} s`,
  );
  for (const { fault } of tallies) if (fault !== '') console.log(fault);
  process.exitCode = tallies.some(isBad) || sum(({ tried }) => tried) < mutants ? 1 : 0;
}

const part = process.env.FLEET_BENCH_PART;
if (part === undefined) await main();
else {
  await work(Number(part));
  process.disconnect?.();
}
