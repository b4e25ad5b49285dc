/** One run of vitest: what it counted, and what failed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What failed, a text each: where, and the beginning of why. */
  readonly failures: readonly string[];
  /** The files in which something failed, as paths from the project's folder. */
  readonly failedFiles: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0, failures: [], failedFiles: [] };
export const failure = (why: string): Tally => ({ ...nothing, failed: 1, failures: [why] });

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
      assertionResults: z.array(
        z.object({
          status: z.string(),
          fullName: z.string(),
          failureMessages: z.array(z.string()).nullish(),
        }),
      ),
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
 * Counts of one vitest run, and what failed. A file that could not be loaded has no failed test but
 * is a failure; so is a run that ended badly (code other than 0) in
 * spite of a report without one.
 */
function tallyOf(report: unknown, code: number): Tally {
  const parsed = reportSchema.parse(report);
  const failures = parsed.testResults.flatMap((file) => {
    const failed = file.assertionResults.filter((test) => test.status === 'failed');
    if (failed.length === 0 && file.status === 'failed')
      return [describeFailure(file.name, 'the file itself', file.message)];
    return failed.map((test) =>
      describeFailure(file.name, test.fullName, test.failureMessages?.join('\n') ?? ''),
    );
  });
  if (failures.length === 0 && (code !== 0 || !parsed.success))
    failures.push(`a run of vitest ended with code ${code} though no test failed: see above`);
  const failedFiles = parsed.testResults
    .filter(({ status }) => status === 'failed')
    .map(({ name }) => relative(projectRoot, name));
  return {
    passed: parsed.numPassedTests,
    failed: failures.length,
    skipped: parsed.numPendingTests + parsed.numTodoTests,
    failures,
    failedFiles,
  };
}

export interface ProjectRun {
  /** A project of vitest.config.ts. */
  readonly project: string;
  readonly args: readonly string[];
  /** Ends the run early. */
  readonly stop: AbortSignal;
  /** May put the command into another network. */
  readonly around?: (argv: readonly string[]) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Gets the whole output at the end; without it the output goes to this terminal as it comes. */
  readonly say?: (output: string) => void;
}

export async function runProject({
  project,
  args,
  stop,
  around = (argv) => argv,
  env = {},
  say,
}: ProjectRun): Promise<Tally> {
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
    const code = await runThrough(around([...vitest, ...flags, ...args]), env, stop, say);
    const report: unknown = await readFile(reportFile, 'utf8').then(JSON.parse, () => undefined);
    if (report !== undefined) return tallyOf(report, code);
    return code === 0
      ? nothing
      : failure(
          `vitest ended with code ${code} and left no report: see above (${project} ` +
            `${args.join(' ')})`,
        );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Runs a program on this terminal, or for `say`, and returns its exit code. It is ended when this
 * process is asked to end.
 */
async function runThrough(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  stop: AbortSignal,
  say?: (output: string) => void,
): Promise<number> {
  const [program = '', ...args] = argv;
  const output = say === undefined ? 'inherit' : 'pipe';
  const child = spawn(program, args, {
    cwd: projectRoot,
    stdio: ['inherit', output, output],
    env: { ...process.env, ...env },
  });
  const end = () => child.kill('SIGTERM');
  stop.addEventListener('abort', end, { once: true });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => said.push(chunk));
  const [code] = (await once(child, 'close')) as [number | null];
  stop.removeEventListener('abort', end);
  say?.(Buffer.concat(said).toString());
  return code ?? 1;
}
