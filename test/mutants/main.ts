import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mutants } from './all-mutants.ts';
import { isCurrent, type Mutant } from './mutant.ts';
import { askNet, askSeeds, type Net, nets } from './run-mutant.ts';

/** What noticed a mutant; `by` null: nothing did. */
interface Noticed {
  readonly mutant: Mutant;
  readonly by: Net | null;
  readonly what: string;
}

/**
 * `npm run mutants [-- --only WORDS] [--seeds N] [--nets seeds,rows,...]`: takes one protection of the product away after the other and tells what notices.
 * Fails when nothing, or only a unit test, does.
 */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '120' },
      nets: { type: 'string', default: nets.join() },
    },
  });
  const asked = nets.filter((net) => values.nets.split(',').includes(net));
  const chosen = mutants.filter(({ name, file }) => values.only.split(',').some((words) => `${name} ${file}`.includes(words)));
  const found: Noticed[] = [];
  const tell = (noticed: Noticed): void => {
    found.push(noticed);
    console.log(`${(noticed.by ?? 'NOTHING').padEnd(9)} ${noticed.mutant.name.padEnd(40)} ${noticed.what.slice(0, 140)}`);
  };
  let left: readonly Mutant[] = chosen;
  if (asked.includes('seeds')) {
    const halves = [0, 1].map((half) => chosen.filter((_, index) => index % 2 === half)).filter((each) => each.length > 0);
    const told = new Map((await Promise.all(halves.map((half) => askSeeds(half, Number(values.seeds))))).flatMap((each) => [...each]));
    for (const mutant of chosen) if (told.get(mutant.name)) tell({ mutant, by: 'seeds', what: told.get(mutant.name) ?? '' });
    left = chosen.filter(({ name }) => told.get(name) === null);
  }
  const stale = chosen.filter((mutant) => !isCurrent(readFileSync(new URL(`../../${mutant.file}`, import.meta.url), 'utf8'), mutant));
  for (const { name, file } of stale) console.error(`${name}: ${file} no longer has its text; bring the mutant up to date`);
  const waiting = left.filter((mutant) => !stale.includes(mutant));
  const others = asked.filter((net) => net !== 'seeds');
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) tell(await askOthers(mutant, others));
  };
  await Promise.all([work(), work()]);
  const count = (net: Net | null): number => found.filter(({ by }) => by === net).length;
  console.log(`${found.length} mutants: ${asked.map((net) => `${net} ${count(net)}`).join(', ')}, nothing ${count(null)}`);
  process.exitCode = count(null) + count('units') + stale.length === 0 ? 0 : 1;
};

async function askOthers(mutant: Mutant, others: readonly Exclude<Net, 'seeds'>[]): Promise<Noticed> {
  for (const by of others) {
    const what = await askNet(mutant, by);
    if (what !== null) return { mutant, by, what };
  }
  return { mutant, by: null, what: '' };
}

await main();
