import { parseArgs } from 'node:util';
import { mutants } from './all-mutants.ts';
import { type Net, type Noticed, nets, runMutant } from './run-mutant.ts';

/**
 * `npm run mutants [-- --only WORDS] [--seeds N] [--nets seeds,rows,...]`: takes one protection of the product away after the other and tells what notices.
 * Fails when nothing, or only a unit test, does.
 */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seeds: { type: 'string', default: '200' },
      nets: { type: 'string', default: nets.join() },
    },
  });
  const asked = nets.filter((net) => values.nets.split(',').includes(net));
  const chosen = mutants.filter(({ name, file }) => `${name} ${file}`.includes(values.only));
  const waiting = [...chosen];
  const found: Noticed[] = [];
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const noticed = await runMutant(mutant, values.seeds, asked);
      found.push(noticed);
      console.log(`${(noticed.by ?? 'NOTHING').padEnd(9)} ${mutant.name.padEnd(44)} ${noticed.what.slice(0, 160)}`);
    }
  };
  await Promise.all([work(), work()]);
  const by = (net: Net | null): number => found.filter((each) => each.by === net).length;
  console.log(`${found.length} mutants: ${asked.map((net) => `${net} ${by(net)}`).join(', ')}, nothing ${by(null)}`);
  process.exitCode = by(null) === 0 && by('units') === 0 ? 0 : 1;
};

await main();
