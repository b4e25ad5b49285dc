import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Row } from './caught-by.ts';
import { type Mutant, titleWithout } from './mutant.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * What may notice a mutant, in the order in which it is asked. Unit tests alone do not count for a
 * rule of the protocol.
 */
export const nets = ['seeds', 'rows', 'explorer', 'units'] as const;
export type Net = (typeof nets)[number];

const rows = () =>
  globSync('test/simulator/rows/*.test.ts', { cwd: root }).filter((file) =>
    /-rows(-\w+)?\.test|killed-everywhere/.test(file),
  );
const units = ['hostside', 'ownership', 'workflows', 'ledger', 'facts', 'vault'];

const filesOf = (net: Exclude<Net, 'seeds'>): readonly string[] => {
  if (net === 'explorer') return ['test/mutants/explorer.mutant.ts'];
  return net === 'rows'
    ? rows()
    : globSync(`test/{${units.join()}}/**/*.test.ts`, { cwd: root }).filter(
        (file) => !/\.lab\./.test(file),
      );
};

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

async function runTests(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Ended> {
  const argv = [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config',
    'test/mutants/vitest.config.ts',
    ...args,
  ];
  // What this very process was told by its own runner is not for the other one.
  const {
    VITEST: _,
    VITEST_POOL_ID: __,
    VITEST_WORKER_ID: ___,
    NODE_OPTIONS: ____,
    ...own
  } = process.env;
  const child = spawn(process.execPath, argv, {
    cwd: root,
    env: { ...own, ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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

/** A mutant, and seeds that are known to notice it. */
export interface AskedSeeds {
  readonly mutant: Mutant;
  readonly known: readonly number[];
}

/**
 * What the random schedules say about each mutant, by its name; null: none of its known seeds, and
 * none of the seeds `1..seeds`, noticed. One process for all
 * of them. Throws Error when the schedules could not be run.
 */
export async function askSeeds(
  asked: readonly AskedSeeds[],
  seeds: number,
): Promise<Map<string, string | null>> {
  if (asked.length === 0) return new Map();
  return inFolder(async (folder) => {
    const report = join(folder, 'report');
    const { code, said } = await runTests(['test/mutants/seeds.mutant.ts'], {
      FLEET_MUTANTS: JSON.stringify(asked.map(({ mutant, known }) => [mutant.name, known])),
      ...{ FLEET_MUTANT_SEEDS: String(seeds), FLEET_MUTANT_REPORT: report },
    });
    if (code !== 0) throw new Error(`the schedules could not be run:\n${said.slice(-3_000)}`);
    const lines = (await readFile(report, 'utf8')).trim().split('\n');
    const told = lines.map(
      (line) => JSON.parse(line) as { readonly name: string; readonly what: string | null },
    );
    return new Map(told.map(({ name, what }) => [name, what]));
  });
}

/** A mutant, and the row that is known to notice it. */
export interface AskedRow {
  readonly mutant: Mutant;
  readonly row: Row;
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/**
 * What the row that is known to notice a mutant says about it, by the mutant's name; null: it
 * noticed nothing, or is no longer there. One process for all of
 * them. Throws Error when they could not be run, or when a row fails without any mutant.
 */
export async function askRows(asked: readonly AskedRow[]): Promise<Map<string, string | null>> {
  if (asked.length === 0) return new Map();
  return inFolder(async (folder) => {
    const file = join(folder, 'report.json');
    const names = asked.flatMap(({ mutant, row }) =>
      [mutant.name, titleWithout(mutant.name)].map((title) =>
        escaped([title, ...row.titles].join(' > ')),
      ),
    );
    const args = [
      '--reporter=json',
      `--outputFile=${file}`,
      '--bail=0',
      '-t',
      `^(?:${names.join('|')})$`,
    ];
    const rows = asked.map(({ mutant, row }) => ({ mutant: mutant.name, row }));
    const { said } = await runTests(['test/mutants/rows.mutant.ts', ...args], {
      FLEET_MUTANT_ROWS: JSON.stringify(rows),
    });
    const text = await readFile(file, 'utf8').catch(() => null);
    const results = (text === null ? [] : (JSON.parse(text) as Report).testResults).flatMap(
      ({ assertionResults }) => assertionResults,
    );
    const ran = results.filter(({ status }) => status === 'passed' || status === 'failed');
    if (ran.length === 0) throw new Error(`the rows could not be run:\n${said.slice(-3_000)}`);
    const failed = ran.filter(({ status }) => status === 'failed');
    const unsound = failed.filter(({ ancestorTitles: [title = ''] }) =>
      title.startsWith(titleWithout('')),
    );
    if (unsound.length > 0)
      throw new Error(`without any mutant: ${unsound.map(({ fullName }) => fullName).join('; ')}`);
    return new Map(
      asked.map(({ mutant: { name } }) => {
        const found = failed.find(({ ancestorTitles: [title] }) => title === name);
        return [
          name,
          found === undefined ? null : (found.failureMessages[0] ?? '').split('\n', 1).join(''),
        ];
      }),
    );
  });
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-mutants-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** null: all tests of the net passed. Throws Error when the tests could not be run at all. */
export async function askNet({ name }: Mutant, net: Exclude<Net, 'seeds'>): Promise<string | null> {
  const { code, said } = await runTests(filesOf(net), { FLEET_MUTANT: name });
  if (code === 0) return null;
  const noticed = /NOTICED (.*)/.exec(said)?.[1] ?? / FAIL {1,2}(.*)/.exec(said)?.[1];
  if (noticed === undefined)
    throw new Error(`${name}: the tests could not be run:\n${said.slice(-2_000)}`);
  return noticed;
}
