/**
 * How long the built product takes to start, as whole processes beside a bare Node.js: `npm run
 * bench:start -- [RUNS] [FOLDER]`. FOLDER: another checkout, built,
 * that takes part. The commands take turns, so that a busy machine is busy for all of them; the
 * quickest of each tells most. Promised: `fleet --help` 4 times a
 * bare start, `fleet status` from the ledger 6 times.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const runs = Number(process.argv[2] ?? 15);
const other = process.argv[3];
const fleet = join(import.meta.dirname, '..', 'bin', 'fleet');
const hosts = Array.from(
  { length: 4 },
  (_, index) => `  h${index + 1}: { address: 192.0.2.${index + 1} }`,
);
const head = [
  'version: 1',
  'fleet: start',
  'vault: { key: file:vault.key }',
  'telegram: { api_id: 1, api_hash: env:HASH }',
  'hosts:',
];
const inventory = [...head, ...hosts].join('\n');

interface Timed {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Times a bare start. */
  readonly limit: number;
  readonly folder?: string;
}

const looks: readonly Timed[] = [
  { name: 'node -e 0', argv: [process.execPath, '-e', '0'], limit: 1 },
  { name: 'fleet --help', argv: [fleet, '--help'], limit: 4 },
  { name: 'fleet status', argv: [fleet, 'status'], limit: 6 },
];
const otherFleet = other === undefined ? null : resolve(other, 'bin', 'fleet');
const commands = looks.flatMap((look): readonly Timed[] => {
  const [program, ...args] = look.argv;
  return otherFleet === null || program !== fleet
    ? [look]
    : [look, { ...look, name: `  in ${other}`, argv: [otherFleet, ...args], folder: 'other' }];
});

/** Milliseconds from the start of the process to its end. Throws when it fails. */
function timeOf([program, ...args]: readonly [string, ...string[]], cwd: string): number {
  const started = performance.now();
  const { status, stderr } = spawnSync(program, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return performance.now() - started;
}

const folder = mkdtempSync(join(tmpdir(), 'fleet-start-'));
try {
  // Each has a ledger of its own: an older release does not open that of a newer one.
  const folderOf = ({ folder: own = 'mine' }: Timed): string => join(folder, own);
  for (const own of ['mine', 'other']) {
    mkdirSync(join(folder, own));
    writeFileSync(join(folder, own, 'inventory.yaml'), `${inventory}\n`);
  }
  // The first run makes the ledger and the compile cache.
  for (const command of commands) timeOf(command.argv, folderOf(command));
  const times = commands.map((): number[] => []);
  for (let run = 0; run < runs; run += 1)
    commands.forEach(
      (command, index) => void times[index]?.push(timeOf(command.argv, folderOf(command))),
    );
  const best = times.map((all) => Math.min(...all));
  const middle = times.map(
    (all) => all.toSorted((left, right) => left - right)[Math.floor(all.length / 2)] ?? 0,
  );
  for (const [index, { name, limit }] of commands.entries()) {
    const ratio = (all: readonly number[]): string =>
      `${((all[index] ?? 0) / (all[0] ?? 1)).toFixed(1)}x`;
    const figures = [
      `best ${best[index]?.toFixed(0)} ms`,
      ratio(best),
      `median ${middle[index]?.toFixed(0)} ms`,
      ratio(middle),
    ];
    console.log([name.padEnd(14), ...figures, `promised ${limit}x`].join('  '));
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
