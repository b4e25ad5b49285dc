import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What may notice a mutant, in the order in which it is asked. Unit tests alone do not count for a rule of the protocol. */
export const nets = ['seeds', 'rows', 'explorer', 'units'] as const;
export type Net = (typeof nets)[number];

const rows = () => globSync('test/simulator/*.test.ts', { cwd: root }).filter((file) => /-rows(-\w+)?\.test|killed-everywhere/.test(file));
const units = ['agent', 'moves', 'workflows', 'ledger', 'worker', 'facts', 'vault'];

const filesOf = (net: Net): readonly string[] => {
  if (net === 'seeds' || net === 'explorer') return [`test/mutants/${net}.mutant.ts`];
  return net === 'rows' ? rows() : globSync(`test/{${units.join()}}/**/*.test.ts`, { cwd: root }).filter((file) => !/\.lab\./.test(file));
};

export interface Noticed {
  readonly mutant: Mutant;
  /** null: nothing noticed. */
  readonly by: Net | null;
  /** The seed, row, trace or test that did. */
  readonly what: string;
}

/** Asks the nets one after the other until one notices. `seeds`: how many random schedules, or which. */
export async function runMutant(mutant: Mutant, seeds: string, asked: readonly Net[] = nets): Promise<Noticed> {
  for (const by of asked) {
    const what = await runNet(mutant, filesOf(by), seeds);
    if (what !== null) return { mutant, by, what };
  }
  return { mutant, by: null, what: '' };
}

/** null: all tests passed. Throws Error when the tests could not be run at all. */
async function runNet({ name }: Mutant, files: readonly string[], seeds: string): Promise<string | null> {
  const argv = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/mutants/vitest.config.ts', ...files];
  const env = { ...process.env, FLEET_MUTANT: name, FLEET_MUTANT_SEEDS: seeds, NO_COLOR: '1' };
  const child = spawn(process.execPath, argv, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return null;
  const noticed = /NOTICED (.*)/.exec(said)?.[1] ?? / FAIL {1,2}(.*)/.exec(said)?.[1];
  if (noticed === undefined) throw new Error(`${name}: the tests could not be run:\n${said.slice(-2_000)}`);
  return noticed;
}
