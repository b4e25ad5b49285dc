/**
 * What `npm test` runs: the fast tests, the schedules of the simulator, then the lab tests, file by file, on two labs side by side. Arguments
 * go to vitest: words choose test files by a part of their path. Ends with exactly one line `N passed, N failed`, and with code 1 when anything failed or nothing ran.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import { faultPointsVariable } from './e2e/fault-points.ts';
import { labAvailability } from './lab/availability.ts';
import { type Lab, labVariable, startLab } from './lab/lab.ts';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const hostsPerLab = 5;
/** Two labs leave two cores idle for two fifths of the time; three overload them at their peaks, and what has a time limit fails. */
const labsAtOnce = 2;
/** By a part of their path: files that take minutes go first, so that both labs end at about the same time. */
const longFiles = [
  'e2e/moves.',
  'e2e/moves-power',
  'e2e/killed.',
  'workflows/init',
  'e2e/killed-moves',
  'e2e/failover',
  'e2e/first-day',
  'e2e/answers',
  'e2e/adopt',
  'e2e/faults',
  'e2e/talk',
  'workflows/rollback',
  'worker/unit',
];
/** Aborts when this process is asked to end: what runs is ended, nothing more is begun, and the labs are taken down. */
const { signal: stop } = stopper();
const inCi = process.env.CI === 'true';
const vitestArgs = process.argv.slice(2);

function stopper(): AbortController {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => controller.abort());
  return controller;
}

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, a text each: where, and the beginning of why. */
  readonly failures: readonly string[];
}

const nothing: Tally = { passed: 0, failed: 0, skipped: 0, failures: [] };
const failure = (why: string): Tally => ({ ...nothing, failed: 1, failures: [why] });

const reportSchema = z.object({
  success: z.boolean(),
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string(), failureMessages: z.array(z.string()).nullish() })),
    }),
  ),
});

const linesOfAFailure = 12;

/** One failure for the list at the end: the file, the test, the first lines of what it said. */
function describeFailure(file: string, test: string, said: string): string {
  const why = stripVTControlCharacters(said).split('\n').slice(0, linesOfAFailure);
  return [`${relative(projectRoot, file)}: ${test}`, ...why].join('\n    ');
}

/**
 * Counts of one vitest run, and what failed. A file that could not be loaded has no failed test but is a failure; so is a run that ended badly (code other than 0) in
 * spite of a report without one.
 */
function tallyOf(report: unknown, code: number): Tally {
  const parsed = reportSchema.parse(report);
  const failures = parsed.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && file.status === 'failed') return [describeFailure(file.name, 'the file itself', file.message)];
    return failed.map((test) => describeFailure(file.name, test.fullName, test.failureMessages?.join('\n') ?? ''));
  });
  if (failures.length === 0 && (code !== 0 || !parsed.success))
    failures.push(`a run of vitest ended with code ${code} though no test failed: see above`);
  return { passed: parsed.numPassedTests, failed: failures.length, skipped: parsed.numPendingTests + parsed.numTodoTests, failures };
}

/** Runs tests of one project; `around` may put the command into another network. Nothing is printed when `say` is given, which gets it all at the end. */
async function runProject(
  project: string,
  args: readonly string[],
  around: (argv: readonly string[]) => readonly string[],
  env: Record<string, string>,
  say?: (output: string) => void,
): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'fleet-test-'));
  const reportFile = join(folder, 'report.json');
  const vitest = [process.execPath, join(projectRoot, 'node_modules/vitest/vitest.mjs')];
  const flags = [
    'run',
    '--project',
    project,
    '--passWithNoTests',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${reportFile}`,
  ];
  try {
    const code = await runThrough(around([...vitest, ...flags, ...args]), env, say);
    const report: unknown = await readFile(reportFile, 'utf8').then(JSON.parse, () => undefined);
    if (report !== undefined) return tallyOf(report, code);
    return code === 0 ? nothing : failure(`vitest ended with code ${code} and left no report: see above (${project} ${args.join(' ')})`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program on this terminal, or for `say`, and returns its exit code. It is ended when this process is asked to end. */
async function runThrough(argv: readonly string[], env: Record<string, string>, say?: (output: string) => void): Promise<number> {
  const [program = '', ...args] = argv;
  const output = say === undefined ? 'inherit' : 'pipe';
  const child = spawn(program, args, { cwd: projectRoot, stdio: ['inherit', output, output], env: { ...process.env, ...env } });
  const end = () => child.kill('SIGTERM');
  stop.addEventListener('abort', end, { once: true });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  stop.removeEventListener('abort', end);
  say?.(Buffer.concat(said).toString());
  return code ?? 1;
}

/** The lab tests that the command line chooses, long ones first, and what of the command line is left for vitest. */
function chooseLabFiles(): { readonly files: readonly string[]; readonly args: readonly string[] } {
  const words = vitestArgs.filter((word) => !word.startsWith('-'));
  const chosen = globSync('test/**/*.lab.test.ts', { cwd: projectRoot })
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const isLong = (file: string) => longFiles.some((part) => file.includes(part));
  const files = [...longFiles.flatMap((part) => chosen.filter((file) => file.includes(part))), ...chosen.filter((file) => !isLong(file))];
  return { files, args: vitestArgs.filter((word) => !chosen.some((file) => file.includes(word))) };
}

/** The faults that were made for real, in one list. A whole run in CI has to have made this many different ones. */
const fewestFaultPoints = 60;

async function listFaultPoints(path: string, isWhole: boolean): Promise<Tally[]> {
  const points = [...new Set((await readFile(path, 'utf8').catch(() => '')).split('\n').filter(Boolean))];
  if (points.length === 0) return [];
  console.log(
    `\nFault points made on the lab; after each the tests look for killed keys and for accounts that are not online again\n${points.map((point, index) => `${index + 1}. ${point}`).join('\n')}`,
  );
  const isEnough = points.length >= fewestFaultPoints || !(isWhole && inCi);
  return [
    isEnough
      ? { ...nothing, passed: 1 }
      : failure(`${points.length} different fault points; there have to be at least ${fewestFaultPoints}`),
  ];
}

/** Makes the labs ready, and runs their files once `before` has ended: that leaves no core idle, and nothing that has a time limit beside it. */
async function runLabFiles(before: Promise<unknown>): Promise<Tally[]> {
  const { files, args } = chooseLabFiles();
  if (files.length === 0 || stop.aborted) return [];
  const able = await labAvailability();
  if (!able.ok) {
    const said = `Lab tests were ${inCi ? 'NOT RUN, which is a failure in CI' : 'skipped'}: ${able.reason}`;
    console.log(`\n${said}`);
    return inCi ? [failure(said)] : [];
  }
  const folder = await mkdtemp(join(tmpdir(), 'fleet-faults-'));
  const pointsFile = join(folder, 'points');
  const isAlone = files.length === 1;
  const waiting = [...files];
  const tallies: Tally[] = [];
  const work = async (lab: Lab): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !stop.aborted; file = waiting.shift()) {
      const around = (argv: readonly string[]) => lab.insideArgv(argv);
      tallies.push(
        await runProject(
          'lab',
          [file, ...args],
          around,
          { [labVariable]: lab.name, [faultPointsVariable]: pointsFile },
          isAlone ? undefined : console.log,
        ),
      );
    }
  };
  const labs: Lab[] = [];
  try {
    for (let count = 0; count < Math.min(labsAtOnce, files.length); count += 1) {
      labs.push(await startLab({ hosts: hostsPerLab, hasEquipment: true, say: console.log }));
    }
    await before;
    await Promise.all(labs.map(work));
    tallies.push(...(await listFaultPoints(pointsFile, vitestArgs.length === 0)));
  } finally {
    await Promise.all([...labs.map((lab) => lab.down()), rm(folder, { recursive: true, force: true })]);
  }
  return tallies;
}

/** Fast tests start processes and wait for them a third of their time: with a worker for each core one core in three would stay idle. */
const fastWorkers = Math.ceil(availableParallelism() * 1.5);

const hasWorkers = vitestArgs.some((word) => word.startsWith('--maxWorkers'));
const tallies = [await runProject('fast', hasWorkers ? vitestArgs : [`--maxWorkers=${fastWorkers}`, ...vitestArgs], (argv) => argv, {})];
const schedules = stop.aborted ? Promise.resolve(nothing) : runProject('schedules', vitestArgs, (argv) => argv, {});
const labTallies = runLabFiles(schedules).catch((error: Error) => [failure(`the lab failed: ${error.message}`)]);
tallies.push(await schedules, ...(await labTallies));
if (stop.aborted) tallies.push(failure('the run was stopped before its end'));
const failures = tallies.flatMap((tally) => tally.failures);
// at the end, where somebody looks who has only the last page of the output
if (failures.length > 0) console.log(`\nFailed:\n- ${failures.join('\n- ')}`);
const sum = (key: 'passed' | 'failed' | 'skipped') => tallies.reduce((total, tally) => total + tally[key], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
