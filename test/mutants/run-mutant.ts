import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Mutant } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What may notice a mutant, in the order in which it is asked. Unit tests alone do not count for a rule of the protocol. */
export const nets = ['seeds', 'rows', 'explorer', 'units'] as const;
export type Net = (typeof nets)[number];

const rows = () => globSync('test/simulator/*.test.ts', { cwd: root }).filter((file) => /-rows(-\w+)?\.test|killed-everywhere/.test(file));
const units = ['agent', 'moves', 'workflows', 'ledger', 'worker', 'facts', 'vault'];

const filesOf = (net: Exclude<Net, 'seeds'>): readonly string[] => {
  if (net === 'explorer') return ['test/mutants/explorer.mutant.ts'];
  return net === 'rows' ? rows() : globSync(`test/{${units.join()}}/**/*.test.ts`, { cwd: root }).filter((file) => !/\.lab\./.test(file));
};

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

async function runTests(files: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const argv = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/mutants/vitest.config.ts', ...files];
  // What this very process was told by its own runner is not for the other one.
  const { VITEST: _, VITEST_POOL_ID: __, VITEST_WORKER_ID: ___, NODE_OPTIONS: ____, ...own } = process.env;
  const child = spawn(process.execPath, argv, { cwd: root, env: { ...own, ...env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { code, said };
}

/**
 * What the random schedules say about each mutant, by its name; null: none of the seeds `1..seeds`, and none of `known`, noticed. One process for all of
 * them. Throws Error when the schedules could not be run.
 */
export async function askSeeds(
  mutants: readonly Mutant[],
  seeds: number,
  known: readonly number[] = [],
): Promise<Map<string, string | null>> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-mutants-'));
  try {
    const report = join(directory, 'report');
    const { code, said } = await runTests(['test/mutants/seeds.mutant.ts'], {
      FLEET_MUTANTS: mutants.map(({ name }) => name).join(),
      ...{ FLEET_MUTANT_SEEDS: String(seeds), FLEET_MUTANT_KNOWN: known.join(), FLEET_MUTANT_REPORT: report },
    });
    if (code !== 0) throw new Error(`the schedules could not be run:\n${said.slice(-3_000)}`);
    const lines = (await readFile(report, 'utf8')).trim().split('\n');
    const told = lines.map((line) => JSON.parse(line) as { readonly name: string; readonly what: string | null });
    return new Map(told.map(({ name, what }) => [name, what]));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** null: all tests of the net passed. Throws Error when the tests could not be run at all. */
export async function askNet({ name }: Mutant, net: Exclude<Net, 'seeds'>): Promise<string | null> {
  const { code, said } = await runTests(filesOf(net), { FLEET_MUTANT: name });
  if (code === 0) return null;
  const noticed = /NOTICED (.*)/.exec(said)?.[1] ?? / FAIL {1,2}(.*)/.exec(said)?.[1];
  if (noticed === undefined) throw new Error(`${name}: the tests could not be run:\n${said.slice(-2_000)}`);
  return noticed;
}
