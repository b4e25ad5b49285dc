import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable } from '../src/cli/render/table.ts';

/**
 * What one run of a program took. Seconds; `cpuS` is that of the program and all that it waited
 * for, on this machine.
 */
export interface Cost {
  readonly wallS: number;
  readonly cpuS: number;
}

export interface Run extends Cost {
  readonly stdout: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Exit codes that are no failure. */
  readonly codes?: readonly number[];
}

const scratch = mkdtempSync(join(tmpdir(), 'fleet-bench-'));
let runs = 0;

/** Runs a program and measures it. Throws with the end of what it said where it fails. */
export async function measured(
  argv: readonly string[],
  { cwd, env = {}, codes = [0] }: RunOptions = {},
): Promise<Run> {
  const file = join(scratch, String(runs++));
  const script = `TIMEFORMAT='%R %U %S'; exec 3>"$0.out" 4>"$0.err"; { time "$@" >&3 2>&4; } 2>"$0.time"`;
  const child = spawn('bash', ['-c', script, file, ...argv], {
    stdio: 'ignore',
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('exit', resolve),
  );
  const stdout = readFileSync(`${file}.out`, 'utf8');
  if (code === null || !codes.includes(code)) {
    const said = `${stdout}\n${readFileSync(`${file}.err`, 'utf8')}`
      .trim()
      .split('\n')
      .slice(-15)
      .join('\n');
    throw new Error(`${argv.slice(0, 4).join(' ')} ... ended with code ${code}:\n${said}`);
  }
  const [wallS = 0, userS = 0, systemS = 0] = readFileSync(`${file}.time`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  return { wallS, cpuS: userS + systemS, stdout };
}

/** The lower of two in the middle. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

/**
 * Lets contestants run by turns, so that what else the machine does hits all of them; the median of
 * each. `rounds` by name, 1 where it is not said.
 */
export async function byTurns<Name extends string>(
  contestants: Readonly<Record<Name, () => Promise<Cost>>>,
  rounds: Readonly<Partial<Record<Name, number>>>,
): Promise<Record<Name, Cost>> {
  const names = Object.keys(contestants) as Name[];
  const seen = new Map<Name, Cost[]>(names.map((name) => [name, []]));
  const most = Math.max(...names.map((name) => rounds[name] ?? 1));
  for (let round = 0; round < most; round += 1) {
    for (const name of names)
      if (round < (rounds[name] ?? 1)) seen.get(name)?.push(await contestants[name]());
  }
  const middle = (costs: readonly Cost[]): Cost => ({
    wallS: median(costs.map(({ wallS }) => wallS)),
    cpuS: median(costs.map(({ cpuS }) => cpuS)),
  });
  return Object.fromEntries([...seen].map(([name, costs]) => [name, middle(costs)])) as Record<
    Name,
    Cost
  >;
}

/** One row of a verdict: a figure beside the target that it is to keep. */
export interface Verdict {
  readonly what: string;
  readonly figure: number;
  readonly target: number;
  readonly unit: string;
  /** Whether the figure has to be at least the target, or at most. */
  readonly is: 'least' | 'most';
}

const met = ({ figure, target, is }: Verdict): boolean =>
  is === 'least' ? figure >= target : figure <= target;

export const formatCosts = (costs: Readonly<Record<string, Cost>>): string =>
  formatTable(
    ['WHO', 'WALL', 'CPU HERE'],
    Object.entries(costs).map(([name, { wallS, cpuS }]) => [
      name,
      `${wallS.toFixed(2)} s`,
      `${cpuS.toFixed(2)} s`,
    ]),
    '',
  );

export const formatVerdicts = (verdicts: readonly Verdict[]): string =>
  formatTable(
    ['WHAT', 'FIGURE', 'TARGET', ''],
    verdicts.map((verdict) => {
      const { what, figure, target, unit, is } = verdict;
      return [
        what,
        `${figure.toFixed(unit === 's' ? 2 : 1)} ${unit}`,
        `${is === 'least' ? 'at least' : 'at most'} ${target} ${unit}`,
        met(verdict) ? 'met' : 'MISSED',
      ];
    }),
    '',
  );

/** Ratios survive other work on the machine, seconds do not: so what else it does is said. */
export const loadNote = (): string =>
  `load average ${(loadavg()[0] ?? 0).toFixed(1)} on this machine`;
