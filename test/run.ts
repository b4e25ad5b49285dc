/**
 * What `npm test` runs: the fast tests, then a lab and the lab tests inside its network. Arguments go to vitest: words choose test files by a part of their
 * path. Ends with exactly one line `N passed, N failed`, and with code 1 when anything failed or nothing ran.
 */
import { spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { labAvailability } from './lab/availability.ts';
import { labVariable, startLab } from './lab/lab.ts';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const labHosts = 5;
const inCi = process.env.CI === 'true';
const vitestArgs = process.argv.slice(2);

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const reportSchema = z.object({
  success: z.boolean(),
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

/**
 * Counts of one vitest run. A file that could not be loaded has no failed test but is a failure; so is a run that ended badly (code other than 0) in
 * spite of a report without one.
 */
function tallyOf(report: unknown, code: number): Tally {
  const parsed = reportSchema.parse(report);
  const brokenFiles = parsed.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  ).length;
  const counted = parsed.numFailedTests + brokenFiles;
  return {
    passed: parsed.numPassedTests,
    failed: counted === 0 && (code !== 0 || !parsed.success) ? 1 : counted,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
  };
}

/** Runs one vitest project; `around` may put the command into another network. */
async function runProject(
  project: string,
  around: (argv: readonly string[]) => readonly string[],
  env: Record<string, string>,
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
    const code = await runThrough(around([...vitest, ...flags, ...vitestArgs]), env);
    const report: unknown = await readFile(reportFile, 'utf8').then(JSON.parse, () => undefined);
    return report === undefined ? { passed: 0, failed: code === 0 ? 0 : 1, skipped: 0 } : tallyOf(report, code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs a program on this terminal and returns its exit code. It is ended when this process is asked to end. */
function runThrough(argv: readonly string[], env: Record<string, string>): Promise<number> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: projectRoot, stdio: 'inherit', env: { ...process.env, ...env } });
    const end = () => child.kill('SIGTERM');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
    child.on('error', reject).on('close', (code) => resolve(code ?? 1));
  });
}

function labTestsAreChosen(): boolean {
  const words = vitestArgs.filter((word) => !word.startsWith('-'));
  const files = globSync('test/**/*.lab.test.ts', { cwd: projectRoot });
  return files.some((file) => words.length === 0 || words.some((word) => file.includes(word)));
}

async function runLabProject(): Promise<Tally> {
  const none = { passed: 0, failed: 0, skipped: 0 };
  if (!labTestsAreChosen()) return none;
  const able = await labAvailability();
  if (!able.ok) {
    console.log(`\nLab tests were ${inCi ? 'NOT RUN, which is a failure in CI' : 'skipped'}: ${able.reason}`);
    return inCi ? { ...none, failed: 1 } : none;
  }
  const started = performance.now();
  const lab = await startLab({ hosts: labHosts, say: console.log });
  console.log(`\nlab of ${labHosts} hosts up in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  try {
    return await runProject('lab', (argv) => lab.insideArgv(argv), { [labVariable]: lab.name });
  } finally {
    await lab.down();
  }
}

const tallies = [await runProject('fast', (argv) => argv, {})];
tallies.push(
  await runLabProject().catch((error: Error) => {
    console.log(`\nThe lab failed: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }),
);
const sum = (key: keyof Tally) => tallies.reduce((total, tally) => total + tally[key], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
