/**
 * What `npm test` runs: the fast tests, the schedules of the simulator, then the lab tests, file by
 * file, on two labs side by side. A file of real
 * processes that fails is run once more, alone, at the end: if it passes it counts as passed and is
 * listed as unsteady. A final fault (a key that
 * was killed, a session or a write that was lost) is never tried again. `--nightly` runs the long
 * files `*.nightly.*` instead, and some others once more on
 * hosts of other suites. Other arguments go to vitest: words choose test files by a part of their
 * path. Ends with exactly one line `N passed, N failed`, and with code 1 when anything
 * failed or nothing ran.
 */
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { faultPointsVariable } from './e2e/fault-points.ts';
import { finalFaultsVariable, readFinalFaults } from './final-faults.ts';
import { labAvailability } from './lab/availability.ts';
import { type Lab, labVariable, startLab } from './lab/lab.ts';
import { type Suite, suiteOfRun, suitesOfFile, suiteVariable } from './lab/suites.ts';
import { ensureGoldenTree } from './lab/tree/golden-tree.ts';
import { nightlyOnOtherSuites } from './nightly-suites.ts';
import { failure, nothing, runProject, type Tally } from './run-project.ts';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const hostsPerLab = 5;
/**
 * Two labs leave two cores idle for two fifths of the time; three overload them at their peaks, and
 * what has a time limit fails.
 */
const labsAtOnce = 2;
/**
 * By a part of their path: files that take minutes go first, so that both labs end at about the
 * same time.
 */
const longFiles = [
  'e2e/moves/moves.',
  'e2e/moves/moves-power',
  'e2e/faults/killed.',
  'workflows/init/init.',
  'e2e/moves/killed-moves',
  'e2e/moves/failover',
  'e2e/days/first-day',
  'e2e/days/answers',
  'e2e/moves/adopt',
  'e2e/faults/faults',
  'e2e/days/talk',
  'init/rollback',
  'worker/unit',
];
/**
 * Aborts when this process is asked to end: what runs is ended, nothing more is begun, and the labs
 * are taken down.
 */
const { signal: stop } = stopper();
const inCi = process.env.CI === 'true';
const nightlyFlag = '--nightly';
const isNightly = process.argv.includes(nightlyFlag);
const vitestArgs = process.argv.slice(2).filter((word) => word !== nightlyFlag);
/** Tells vitest.config.ts which of the fast tests are meant. */
const nightlyEnv: Readonly<Record<string, string>> = isNightly ? { FLEET_TEST_NIGHTLY: '1' } : {};

function stopper(): AbortController {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => controller.abort());
  return controller;
}

/** A run of lab tests: on hosts of which suite, and which files of the project belong to it. */
interface LabRun {
  readonly suite: Suite;
  readonly isMeant: (file: string) => boolean;
}

const usualRun: LabRun = {
  suite: suiteOfRun(),
  isMeant: (file) => file.includes('.nightly.') === isNightly,
};
const labRuns: readonly LabRun[] = isNightly
  ? [
      usualRun,
      ...nightlyOnOtherSuites.map(({ suite, parts }) => ({
        suite,
        isMeant: (file: string) => parts.some((part) => file.includes(part)),
      })),
    ]
  : [usualRun];

/**
 * The lab tests that the command line chooses, long ones first, and what of the command line is
 * left for vitest.
 */
function chooseLabFiles({ isMeant }: LabRun): {
  readonly files: readonly string[];
  readonly args: readonly string[];
} {
  const words = vitestArgs.filter((word) => !word.startsWith('-'));
  const chosen = globSync('test/**/*.lab.test.ts', { cwd: projectRoot })
    .filter(isMeant)
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .sort();
  const isLong = (file: string) => longFiles.some((part) => file.includes(part));
  const files = [
    ...longFiles.flatMap((part) => chosen.filter((file) => file.includes(part))),
    ...chosen.filter((file) => !isLong(file)),
  ];
  return { files, args: vitestArgs.filter((word) => !chosen.some((file) => file.includes(word))) };
}

/** A file that failed at first and passed when it was run alone, with what its first run said. */
interface Unsteady {
  readonly file: string;
  readonly first: readonly string[];
}

const unsteady: Unsteady[] = [];

/**
 * Rooms whose tests depend on nothing but their input: a second try would only hide what the first
 * one found.
 */
const deterministic =
  /^test\/(?:hostside\/answering|explorer|inventory|ownership|planning|scripts|sessions|simulator)\//;

/** `again` for a file that failed; the better of both counts as passed, and is listed. */
async function tryAgain(file: string, first: Tally, again: () => Promise<Tally>): Promise<Tally> {
  if (stop.aborted) return first;
  const second = await again();
  if (second.failed > 0) return { ...second, failures: [...first.failures, ...second.failures] };
  unsteady.push({ file, first: first.failures });
  return second;
}

/**
 * The faults that were made for real, in one list. A whole run in CI has to have made this many
 * different ones.
 */
const fewestFaultPoints = 60;

async function listFaultPoints(path: string, isWhole: boolean): Promise<Tally[]> {
  const points = [
    ...new Set((await readFile(path, 'utf8').catch(() => '')).split('\n').filter(Boolean)),
  ];
  if (points.length === 0) return [];
  console.log(
    '\nFault points made on the lab; after each the tests look for killed keys and for ' +
      'accounts that are not online ' +
      `again\n${points.map((point, index) => `${index + 1}. ${point}`).join('\n')}`,
  );
  const isEnough = points.length >= fewestFaultPoints || !(isWhole && inCi);
  return [
    isEnough
      ? { ...nothing, passed: 1 }
      : failure(
          `${points.length} different fault points; there have to be at least ${fewestFaultPoints}`,
        ),
  ];
}

/**
 * One lab test file on a lab. A final fault fails the file even where all of its assertions hold.
 */
async function runLabFile(
  lab: Lab,
  suite: Suite,
  file: string,
  folder: string,
  args: readonly string[],
  say?: (output: string) => void,
) {
  const finalFile = join(folder, file.replaceAll('/', '-'));
  const tally = await runProject({
    project: 'lab',
    args: [file, ...args],
    stop,
    around: (argv) => lab.insideArgv(argv),
    env: {
      ...nightlyEnv,
      [suiteVariable]: suite,
      [labVariable]: lab.name,
      [faultPointsVariable]: join(folder, 'points'),
      [finalFaultsVariable]: finalFile,
    },
    ...(say === undefined ? {} : { say }),
  });
  const faults = readFinalFaults(finalFile);
  if (faults.length === 0) return { tally, isFinal: false };
  const failures = [
    ...tally.failures,
    ...faults.map((fault) => `${file}: FINAL, not tried again: ${fault}`),
  ];
  return { tally: { ...tally, failed: Math.max(1, tally.failed), failures }, isFinal: true };
}

/**
 * Makes the labs ready, and runs their files once `before` has ended: that leaves no core idle, and
 * nothing that has a time limit beside it.
 */
async function runLabFiles(run: LabRun, before: Promise<unknown>): Promise<Tally[]> {
  const { files, args } = chooseLabFiles(run);
  const { suite } = run;
  if (files.length === 0 || stop.aborted) return [];
  const able = await labAvailability();
  if (!able.ok) {
    const said =
      `Lab tests were ${inCi ? 'NOT RUN, which is a failure in CI' : 'skipped'}: ` +
      `${able.reason}`;
    console.log(`\n${said}`);
    return inCi ? [failure(said)] : [];
  }
  const folder = await mkdtemp(join(tmpdir(), 'fleet-faults-'));
  const say = files.length === 1 ? undefined : console.log;
  const waiting = [...files];
  const tallies: Tally[] = [];
  const failed: { readonly file: string; readonly first: Tally }[] = [];
  const work = async (lab: Lab): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined && !stop.aborted; file = waiting.shift()) {
      const { tally, isFinal } = await runLabFile(lab, suite, file, folder, args, say);
      if (tally.failed > 0 && !isFinal) failed.push({ file, first: tally });
      else tallies.push(tally);
    }
  };
  let labs: Lab[] = [];
  const takeDown = async (): Promise<void> => {
    const down = labs;
    labs = [];
    await Promise.all(down.map((lab) => lab.down()));
  };
  try {
    for (let count = 0; count < Math.min(labsAtOnce, files.length); count += 1) {
      labs.push(
        await startLab({ suite, hosts: hostsPerLab, hasEquipment: true, say: console.log }),
      );
    }
    for (const other of new Set(files.flatMap(suitesOfFile))) {
      // the files that need it fail by themselves, and nothing else
      await ensureGoldenTree(other, 'bare', console.log).catch((error: Error) =>
        console.log(`no tree of ${other}: ${error.message}`),
      );
    }
    await before;
    await Promise.all(labs.map(work));
    if (failed.length > 0) {
      // what broke a lab must not break the second try
      await takeDown();
      const alone = await startLab({
        suite,
        hosts: hostsPerLab,
        hasEquipment: true,
        say: console.log,
      });
      labs.push(alone);
      for (const { file, first } of failed) {
        tallies.push(
          await tryAgain(
            file,
            first,
            async () => (await runLabFile(alone, suite, file, folder, args, say)).tally,
          ),
        );
      }
    }
    tallies.push(
      ...(await listFaultPoints(join(folder, 'points'), vitestArgs.length === 0 && !isNightly)),
    );
  } finally {
    await takeDown();
    await rm(folder, { recursive: true, force: true });
  }
  return tallies;
}

/**
 * Fast tests start processes and wait for them a third of their time: with a worker for each core
 * one core in three would stay idle.
 */
const fastWorkers = Math.ceil(availableParallelism() * 1.5);

/** The fast tests; files of real processes that failed are tried once more, one by one. */
async function runFastFiles(): Promise<Tally[]> {
  const hasWorkers = vitestArgs.some((word) => word.startsWith('--maxWorkers'));
  const args = hasWorkers ? vitestArgs : [`--maxWorkers=${fastWorkers}`, ...vitestArgs];
  const all = await runProject({ project: 'fast', args, stop, env: nightlyEnv });
  const mayRetry = all.failedFiles.filter((file) => !deterministic.test(file));
  if (mayRetry.length === 0 || mayRetry.length > mostRetries) return [all];
  const isOf = (file: string) => (text: string) => text.startsWith(`${file}: `);
  const kept = all.failures.filter((text) => !mayRetry.some((file) => isOf(file)(text)));
  const tallies: Tally[] = [{ ...all, failed: kept.length, failures: kept }];
  for (const file of mayRetry) {
    const first = { ...nothing, failures: all.failures.filter(isOf(file)) };
    const { passed, ...again } = await tryAgain(
      file,
      { ...first, failed: first.failures.length },
      () => runProject({ project: 'fast', args: [file], stop, env: nightlyEnv }),
    );
    // those of its tests that passed at first are counted already
    tallies.push({
      ...again,
      skipped: 0,
      passed: again.failed > 0 ? 0 : Math.min(passed, first.failures.length),
    });
  }
  return tallies;
}

/** More files than this that fail together are no matter of steadiness. */
const mostRetries = 8;

const tallies = await runFastFiles();
const schedules =
  stop.aborted || isNightly
    ? Promise.resolve(nothing)
    : runProject({ project: 'schedules', args: vitestArgs, stop });
let before: Promise<unknown> = schedules;
for (const run of labRuns) {
  const labTallies = runLabFiles(run, before).catch((error: Error) => [
    failure(`the lab failed: ${error.message}`),
  ]);
  before = labTallies;
  tallies.push(...(await labTallies));
}
tallies.push(await schedules);
if (stop.aborted) tallies.push(failure('the run was stopped before its end'));
const failures = tallies.flatMap((tally) => tally.failures);
// at the end, where somebody looks who has only the last page of the output
if (failures.length > 0) console.log(`\nFailed:\n- ${failures.join('\n- ')}`);
console.log(
  '\nUnsteady files, which failed at first and passed alone: ' +
    `${unsteady.length === 0 ? 'none' : unsteady.length}`,
);
for (const { file, first } of unsteady)
  console.log(`- ${file}; its first run said:\n  ${first.join('\n  ')}`);
const sum = (key: 'passed' | 'failed' | 'skipped') =>
  tallies.reduce((total, tally) => total + tally[key], 0);
const skipped = sum('skipped') === 0 ? '' : `, ${sum('skipped')} skipped`;
console.log(`${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
process.exit(sum('failed') === 0 && sum('passed') > 0 ? 0 : 1);
