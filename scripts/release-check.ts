/**
 * `npm run release:check [-- --to FOLDER] [--offline]`: makes a release and tries it. FOLDER
 * (default
 * `release`) gets the package, its bill of materials and their checksums; the package is installed
 * into an empty prefix and asked for its version. Code 1 when something stands in the way of
 * publishing it, each reason on a line of its own. Publishes nothing.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { releasesOf, unreleasedOf } from './changelog.ts';
import { type Lock, lockedName, type Manifest, obstacles } from './release-rules.ts';
import { run } from './run.ts';
import { licencesOf, releaseSbom, type Sbom } from './sbom.ts';

const root = join(import.meta.dirname, '..');
const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const { values } = parseArgs({
  options: {
    to: { type: 'string', default: join(root, 'release') },
    offline: { type: 'boolean', default: false },
  },
});
const folder = resolve(values.to);
const manifest = json<Manifest>(join(root, 'package.json'));
const lock = json<Lock>(join(root, 'package-lock.json'));
const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8');

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

function pack(): Packed {
  mkdirSync(folder, { recursive: true });
  const said = run(['npm', 'pack', '--json', '--silent', '--pack-destination', folder], {
    cwd: root,
  }).stdout;
  const [packed] = JSON.parse(said.slice(said.indexOf('['))) as readonly Packed[];
  if (packed === undefined) throw new Error('npm pack has made nothing');
  return packed;
}

/** The licence in a package's own manifest, also in the form that npm had before 2014. */
function licenceOf({ name }: { readonly name: string }): string | null {
  const path = join(root, 'node_modules', name, 'package.json');
  if (!existsSync(path)) return null;
  const { license, licenses } = json<{ license?: string; licenses?: readonly { type: string }[] }>(
    path,
  );
  return license ?? licenses?.[0]?.type ?? null;
}

function writeSbom(tarball: string, name: string): Sbom {
  const whole = JSON.parse(
    run(['npm', 'sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], { cwd: root }).stdout,
  ) as Sbom;
  const paths = Object.entries(lock.packages).filter(
    ([path, { dev }]) => path !== '' && dev !== true,
  );
  const document = releaseSbom(whole, {
    ...{
      name: manifest.name,
      version: manifest.version,
      date: releasesOf(changelog)[0]?.date ?? '',
    },
    installed: new Set(paths.map(([path]) => lockedName(lock, path))),
    bundled: new Set(
      json<string[]>(join(root, 'dist', 'bundled.json')).map((path) => lockedName(lock, path)),
    ),
    sha512: createHash('sha512').update(readFileSync(tarball)).digest('hex'),
    licenceOf,
  });
  writeFileSync(join(folder, name), `${JSON.stringify(document, null, 2)}\n`);
  return document as unknown as Sbom;
}

/** What npm says of an error, without its warnings, on one line. */
const errorOf = (said: string): string =>
  said
    .split('\n')
    .filter((line) => line.startsWith('npm error'))
    .map((line) => line.slice('npm error'.length).trim())
    .join(' ')
    .slice(0, 400);

/**
 * What npm warns of the package, one line for each that it names: not of how npm is set up here,
 * and not that better-sqlite3 asks for Node.js 22 where npm runs on an older one. The package
 * brings the Node.js that runs it, and npm reads this in the registry, not in the lock.
 */
const warningsOf = (said: string): readonly string[] =>
  said
    .split('\n')
    .filter((line) => /^npm warn /i.test(line) && !/\bconfig\b/.test(line))
    .filter((line) => !line.includes('EBADENGINE') || /package: '(?!better-sqlite3@)/.test(line))
    .map((line) => line.slice(0, 200));

/**
 * Installs the package where nothing is. Returns why that was not possible, or what is wrong with
 * it.
 */
function tryInstallation(tarball: string): readonly string[] {
  const prefix = mkdtempSync(join(tmpdir(), 'fleet-release-'));
  try {
    const offline = values.offline ? ['--offline'] : [];
    const argv = [
      'npm',
      'install',
      '--global',
      '--no-audit',
      '--no-fund',
      '--prefix',
      prefix,
      ...offline,
      tarball,
    ];
    const installed = run(argv, { cwd: prefix, isAllowedToFail: true });
    if (installed.code !== 0)
      return [`the package cannot be installed: ${errorOf(installed.stderr)}`];
    const warnings = warningsOf(installed.stderr);
    const [first = ''] = warnings;
    const { fleet } = JSON.parse(
      run([join(prefix, 'bin', 'fleet'), 'version', '--json'], { cwd: prefix }).stdout,
    ) as {
      fleet?: string;
    };
    return [
      ...(fleet === manifest.version
        ? []
        : [`the installed package says that it is version ${fleet}`]),
      ...(first === ''
        ? []
        : [`npm warns whoever installs the package, ${warnings.length} times: ${first}`]),
    ];
  } finally {
    rmSync(prefix, { recursive: true, force: true });
  }
}

const packed = pack();
const tarball = join(folder, packed.filename);
const sbomName = packed.filename.replace(/\.tgz$/, '.cdx.json');
const sbom = writeSbom(tarball, sbomName);
const sums = [packed.filename, sbomName].map(
  (name) =>
    `${createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex')}  ${name}\n`,
);
writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));

const status = run(['git', 'status', '--porcelain'], { cwd: root, isAllowedToFail: true });
const reasons = [
  ...tryInstallation(tarball),
  ...obstacles({
    ...{ manifest, lock, files: packed.files.map(({ path }) => path) },
    ...{
      newest: releasesOf(changelog)[0]?.version ?? '',
      unreleased: unreleasedOf(changelog).length,
    },
    licences: licencesOf(sbom),
    isClean: status.code !== 0 || status.stdout === '',
  }),
];
const megabytes = (packed.size / 1e6).toFixed(1);
console.log(
  `${tarball}: ${megabytes} MB, ${packed.files.length} files, ${sbom.components.length} ` +
    'packages of others',
);
for (const reason of reasons) console.log(`not ready: ${reason}`);
if (reasons.length > 0) process.exitCode = 1;
else console.log(`fleet ${manifest.version} is ready to be published (docs/release.md)`);
