/** What is read of package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly repository?: { readonly url?: string } | string;
  readonly bugs?: { readonly url?: string } | string;
  readonly scripts?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

/**
 * What is read of package-lock.json; packages by their folder below the checkout, the checkout
 * itself as ''.
 */
export interface Lock {
  readonly version?: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** `name@version` of a folder such as `node_modules/a/node_modules/@b/c`. */
export function lockedName({ packages }: Lock, path: string): string {
  const version = packages[path]?.version;
  if (version === undefined) throw new Error(`package-lock.json does not have ${path}`);
  return `${path.replace(/^.*node_modules\//, '')}@${version}`;
}

interface Release {
  readonly manifest: Manifest;
  readonly lock: Lock;
  /** Paths in the package. */
  readonly files: readonly string[];
  /** The newest version in CHANGELOG.md. */
  readonly newest: string;
  /** Entries below "Unreleased". */
  readonly unreleased: number;
  /**
   * The licence of each package of others that is passed on with fleet: an SPDX expression, ''
   * where none is known.
   */
  readonly licences: ReadonlyMap<string, string>;
  /** Everything in the checkout is committed. */
  readonly isClean: boolean;
}

/** npm runs them when a package is installed. */
const installScripts = [
  'preinstall',
  'install',
  'postinstall',
  'prepare',
  'preprepare',
  'postprepare',
];
/** What a package may contain. */
const expectedFile =
  /^(?:bin|dist|docs|templates)\/|^(?:CHANGELOG|README|README\.zh-CN|SECURITY)\.md$|^(?:LICENSE|inventory\.example\.yaml|npm-shrinkwrap\.json|package\.json)$/;
/** Licences that ask for no more than their text beside the program (dist/*.LEGAL.txt has it). */
const permissive = [
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'Unlicense',
  'Zlib',
];
const isPermissive = (expression: string): boolean =>
  expression
    .replace(/[()]/g, '')
    .split(' AND ')
    .every((part) => part.split(' OR ').some((licence) => permissive.includes(licence)));
const isAddress = (url: string): boolean => /^(?:git\+)?https:\/\/[^/]+\.[^/]+\/./.test(url);
const addressOf = (value: { readonly url?: string } | string | undefined): string =>
  (typeof value === 'string' ? value : value?.url) ?? '';

/** What stands in the way of publishing a release, each as a sentence. Pure. */
export function obstacles(release: Release): readonly string[] {
  const { manifest, lock, newest, unreleased } = release;
  const found: string[] = [];
  if (newest !== manifest.version)
    found.push(`package.json is version ${manifest.version}, CHANGELOG.md ${newest}`);
  if (lock.version !== manifest.version)
    found.push(`package-lock.json is version ${lock.version}: run npm install --package-lock-only`);
  if (unreleased > 0)
    found.push(
      `CHANGELOG.md has ${unreleased} entries below "Unreleased": sort them into the version`,
    );
  for (const key of ['repository', 'bugs'] as const)
    if (!isAddress(addressOf(manifest[key])))
      found.push(`package.json names no ${key}: run npm pkg set ${key}.url=https://...`);
  const scripts = Object.keys(manifest.scripts ?? {}).filter((name) =>
    installScripts.includes(name),
  );
  if (scripts.length > 0)
    found.push(`package.json would run ${scripts.join(', ')} on the machine of an operator`);
  const extra = release.files.filter((path) => !expectedFile.test(path));
  if (extra.length > 0)
    found.push(`the package has files that do not belong there: ${extra.join(', ')}`);
  if (!release.files.includes('npm-shrinkwrap.json'))
    found.push('the package has no npm-shrinkwrap.json');
  for (const [name, licence] of release.licences)
    if (!isPermissive(licence))
      found.push(`${name} may not be passed on under MIT: its licence is ${licence || 'unknown'}`);
  if (!release.isClean) found.push('the checkout has changes that are not committed');
  return [...found, ...unsafePackages(lock)];
}

const unsafePackages = ({ packages }: Lock): readonly string[] =>
  Object.entries(packages).flatMap(([path, { dev, integrity, hasInstallScript }]) => {
    if (path === '' || dev === true) return [];
    return [
      ...(integrity === undefined ? [`${path} is not locked by a hash`] : []),
      ...(hasInstallScript === true ? [`${path} runs a program when it is installed`] : []),
    ];
  });
