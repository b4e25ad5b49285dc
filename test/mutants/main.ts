import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mutants } from './all-mutants.ts';
import { type Catcher, catcherIn, keepCatchers, readCatchers } from './caught-by.ts';
import { isCurrent, type Mutant } from './mutant.ts';
import { askNet, askRows, askSeeds, type Net, nets } from './run-mutant.ts';

const help = `npm run mutants [-- OPTIONS]: takes one protection of the product away after the other, and tells what notices.
Asked first is what noticed a mutant the last time (test/mutants/caught-by.json); where that no longer notices, everything is.
Fails when nothing, or only a unit test, notices a mutant.

  --only WORDS,...   mutants that have one of the words in their name or file
  --seeds N          how many random schedules are asked about a mutant (default 120)
  --nets NET,...     what is asked: ${nets.join()} (default all)
  --afresh           asks everything, not first what noticed the last time
  --keep             writes what noticed into test/mutants/caught-by.json
`;

/** What noticed a mutant; `by` null: nothing did. */
interface Noticed {
  readonly mutant: Mutant;
  readonly by: Net | null;
  readonly what: string;
  readonly catcher: Catcher | null;
}

const found: Noticed[] = [];
const tell = (noticed: Noticed): void => {
  found.push(noticed);
  console.log(
    `${(noticed.by ?? 'NOTHING').padEnd(9)} ${noticed.mutant.name.padEnd(40)} ` +
      `${noticed.what.slice(0, 140)}`,
  );
};
const untold = (all: readonly Mutant[]): readonly Mutant[] =>
  all.filter((mutant) => found.every((each) => each.mutant !== mutant));

/** One half on each core. */
const inHalves = async <T>(
  all: readonly T[],
  ask: (half: readonly T[]) => Promise<Map<string, string | null>>,
) => {
  const halves = [0, 1].map((half) => all.filter((_, index) => index % 2 === half));
  return new Map((await Promise.all(halves.map(ask))).flatMap((each) => [...each]));
};

/** What noticed the last time: seeds and rows in a process each, all mutants in a few minutes. */
async function askKnown(chosen: readonly Mutant[], asked: readonly Net[]): Promise<void> {
  const catchers = readCatchers();
  const known = chosen.flatMap((mutant) => {
    const catcher = catchers.get(mutant.name);
    return catcher === undefined ? [] : [{ mutant, catcher }];
  });
  const bySeeds = known.flatMap(({ mutant, catcher }) =>
    'seed' in catcher ? [{ mutant, known: [catcher.seed] }] : [],
  );
  const byRows = known.flatMap(({ mutant, catcher }) =>
    'row' in catcher ? [{ mutant, row: catcher.row }] : [],
  );
  const [seeds, rows] = await Promise.all([
    askSeeds(asked.includes('seeds') ? bySeeds : [], 0),
    askRows(asked.includes('rows') ? byRows : []),
  ]);
  for (const { mutant, catcher } of known) {
    const by = 'seed' in catcher ? 'seeds' : 'rows';
    const said = (by === 'seeds' ? seeds : rows).get(mutant.name);
    if (said)
      tell({
        mutant,
        by,
        catcher,
        what: 'row' in catcher ? `${catcher.row.titles.join(' > ')}: ${said}` : said,
      });
  }
}

async function askAll(
  left: readonly Mutant[],
  asked: readonly Net[],
  seeds: number,
): Promise<void> {
  if (asked.includes('seeds')) {
    const asks = left.map((mutant) => ({ mutant, known: [] }));
    const told = await inHalves(asks, (half) => askSeeds(half, seeds));
    for (const mutant of left) {
      const what = told.get(mutant.name);
      if (what) tell({ mutant, by: 'seeds', what, catcher: catcherIn(what) });
    }
  }
  const waiting = [...untold(left)];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift())
      tell(await askOthers(mutant, asked));
  };
  await Promise.all([work(), work()]);
}

async function askOthers(mutant: Mutant, asked: readonly Net[]): Promise<Noticed> {
  for (const by of asked) {
    if (by === 'seeds') continue;
    const what = await askNet(mutant, by);
    if (what !== null) return { mutant, by, what, catcher: by === 'rows' ? catcherIn(what) : null };
  }
  return { mutant, by: null, what: '', catcher: null };
}

/** How many mutants each net caught, and how long all of it took. */
function summary(asked: readonly Net[], startedMs: number): string {
  const count = (net: Net | null): number => found.filter(({ by }) => by === net).length;
  const rows = [
    ...asked.map((net) => [net, count(net)] as const),
    ['nothing', count(null)] as const,
  ];
  const minutes = ((performance.now() - startedMs) / 60_000).toFixed(1);
  return [
    `\n${found.length} mutants in ${minutes} min, caught by`,
    ...rows.map(([net, times]) => `  ${net.padEnd(9)}${times}`),
  ].join('\n');
}

const main = async (): Promise<void> => {
  const startedMs = performance.now();
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '120' },
      nets: { type: 'string', default: nets.join() },
      afresh: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(help);
  const asked = nets.filter((net) => values.nets.split(',').includes(net));
  const wanted = mutants.filter(({ name, file }) =>
    values.only.split(',').some((words) => `${name} ${file}`.includes(words)),
  );
  const isHere = (mutant: Mutant): boolean =>
    isCurrent(readFileSync(new URL(`../../${mutant.file}`, import.meta.url), 'utf8'), mutant);
  const chosen = wanted.filter(isHere);
  const stale = wanted.filter((mutant) => !chosen.includes(mutant));
  for (const { name, file } of stale)
    console.error(`${name}: ${file} no longer has its text; bring the mutant up to date`);
  if (!values.afresh) await askKnown(chosen, asked);
  await askAll(untold(chosen), asked, Number(values.seeds));
  if (values.keep) keep();
  console.log(summary(asked, startedMs));
  const unheld = found.filter(({ by }) => by === null || by === 'units').length;
  process.exitCode = unheld + stale.length === 0 ? 0 : 1;
};

/** Of the mutants that were not asked about, what was known stays. */
function keep(): void {
  const catchers = new Map(readCatchers());
  for (const { mutant, catcher } of found)
    if (catcher === null) catchers.delete(mutant.name);
    else catchers.set(mutant.name, catcher);
  keepCatchers(
    mutants.map(({ name }) => name),
    catchers,
  );
}

await main();
