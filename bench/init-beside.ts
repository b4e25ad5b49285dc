/**
 * `fleet init` of this checkout beside that of another one (of an earlier release), by turns in the
 * same minutes, each on hosts of its own:
 * `node bench/init-beside.ts DIRECTORY [HOSTS [ROUNDS]]`, by default 2 hosts each and 5 rounds.
 * Each round has a first run on fresh machines that have the
 * packages already (dpkg's work is the same for both), a second one that finds nothing to change,
 * and one with `--dry-run`. Prints medians and ratios.
 */
import { copyFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { formatTable } from '../src/cli/render/table.ts';
import { runCommand } from '../test/lab/run-command.ts';
import { packageDirectory, startLabFleet } from './lab-fleet.ts';
import { type Cost, loadNote, median, type Run } from './measure.ts';

const [other, count = '2', rounds = '5'] = process.argv.slice(2);
if (other === undefined)
  throw new Error('usage: node bench/init-beside.ts DIRECTORY [HOSTS [ROUNDS]]');
const each = Number(count);
await runCommand([process.execPath, join(resolve(other), 'scripts', 'build.ts')], {
  cwd: resolve(other),
});

const bench = await startLabFleet(
  2 * each,
  (lab) => `version: 1
fleet: bench
vault: { path: vault, key: file:vault.key }
ssh: { user: root, identity_files: [${lab.keyFile}], known_hosts: ${lab.knownHostsFile}, connect_timeout: 60s }
telegram: { api_id: 4711, api_hash: env:TELEGRAM_API_HASH }
hold: { require_clock_sync: false }
hosts:
${lab.hosts.map(({ name, address }) => `  ${name}: { address: ${address} }`).join('\n')}
`,
  { withPeers: false, hasEquipment: true },
);
const { lab, settings, inside } = bench;

const kinds = ['first run', 'nothing to change', '--dry-run'] as const;
type Kind = (typeof kinds)[number];
type Figures = Cost & { readonly hostS: number };

class Release {
  readonly indexes: readonly number[];
  readonly figures: Readonly<Record<Kind, Figures[]>> = {
    'first run': [],
    'nothing to change': [],
    '--dry-run': [],
  };
  /** Milliseconds of each step of the first runs, on the hosts. */
  readonly steps = new Map<string, number[]>();
  readonly #directory: string;
  #nodeFlags: readonly string[] = [];
  readonly #cwd: string;

  constructor(name: string, directory: string, first: number) {
    this.#directory = resolve(directory);
    this.#cwd = join(settings.directory, name);
    this.indexes = Array.from({ length: each }, (_, index) => first + index + 1);
  }

  /** A ledger is of one release. */
  async makeOperator(): Promise<void> {
    // V8 takes the cache of a release only with the flags of that release.
    const { nodeFlags }: { nodeFlags: readonly string[] } = await import(
      join(this.#directory, 'src', 'cli', 'built-program.ts')
    );
    this.#nodeFlags = nodeFlags;
    await runCommand(['mkdir', this.#cwd]);
    for (const file of ['inventory.yaml', 'key'])
      await copyFile(join(settings.directory, file), join(this.#cwd, file));
    await writeFile(join(this.#cwd, 'vault.key'), '');
  }

  async wipe(): Promise<void> {
    await Promise.all(this.indexes.map((index) => lab.wipe(index, 'equipped')));
    // A boot goes on for a while after the first login.
    await new Promise((done) => setTimeout(done, 5000));
  }

  async run(kind: Kind): Promise<void> {
    let run: Run | null = null;
    const hostS = await bench.hostCpuS(this.indexes, async () => {
      run = await this.#init(kind === '--dry-run' ? ['--check'] : ['--yes']);
      return run;
    });
    if (run === null) throw new Error('nothing ran');
    const { wallS, cpuS, stdout }: Run = run;
    this.figures[kind].push({ wallS, cpuS, hostS: hostS / each });
    if (kind === 'first run') this.#takeSteps(stdout);
  }

  #init(words: readonly string[]): Promise<Run> {
    const limit = this.indexes.map((index) => lab.hosts[index - 1]?.name).join();
    const argv = [
      process.execPath,
      ...this.#nodeFlags,
      join(this.#directory, 'dist', 'cli.cjs'),
      'init',
      '--json',
      ...words,
      '--limit',
      limit,
    ];
    return inside(argv, { cwd: this.#cwd });
  }

  #takeSteps(json: string): void {
    const { hosts } = JSON.parse(json) as { hosts: { steps: { id: string; ms: number }[] }[] };
    for (const { id, ms } of hosts.flatMap(({ steps }) => steps))
      this.steps.set(id, [...(this.steps.get(id) ?? []), ms]);
  }
}

const releases = [
  new Release('before', other, 0),
  new Release('now', packageDirectory, each),
] as const;
const [before, now] = releases;

const middle = (figures: readonly Figures[], of: keyof Figures): number =>
  median(figures.map((figure) => figure[of]));

function formatKind(kind: Kind): string {
  const row = (name: string, { figures }: Release): string[] => [
    name,
    ...(['wallS', 'cpuS', 'hostS'] as const).map(
      (of) => `${middle(figures[kind], of).toFixed(3)} s`,
    ),
  ];
  const ratio = (['wallS', 'cpuS', 'hostS'] as const).map((of) =>
    (middle(now.figures[kind], of) / middle(before.figures[kind], of)).toFixed(2),
  );
  const rows = [row('before', before), row('now', now), ['now to before', ...ratio]];
  return `${kind}\n${formatTable(['WHO', 'WALL', 'CPU HERE', 'CPU OF A HOST'], rows, '')}`;
}

function formatSteps(): string {
  const ms = (release: Release, id: string): string => {
    const times = release.steps.get(id);
    return times === undefined ? '-' : median(times).toFixed(0);
  };
  const ids = [...new Set([...before.steps.keys(), ...now.steps.keys()])];
  return formatTable(
    ['STEP OF A FIRST RUN, MS', 'BEFORE', 'NOW'],
    ids.map((id) => [id, ms(before, id), ms(now, id)]),
    '',
  );
}

try {
  for (const release of releases) await release.makeOperator();
  for (let round = 0; round < Number(rounds); round += 1) {
    await Promise.all(releases.map((release) => release.wipe()));
    for (const kind of kinds)
      for (const release of round % 2 === 0 ? releases : releases.toReversed())
        await release.run(kind);
  }
  console.log(
    `\n${each} host(s) each, ${rounds} rounds, ` +
      `${loadNote()}\n\n${kinds.map(formatKind).join('\n\n')}\n\n${formatSteps()}`,
  );
} finally {
  await bench.end();
}
