import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes `npm-shrinkwrap.json` for what is published: `npm install -g` takes the very packages, by
 * version and hash, that were tested. Runs at `npm pack`.
 */
const root = join(import.meta.dirname, '..');

interface LockedPackage {
  readonly dev?: boolean;
  readonly devDependencies?: unknown;
}
interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lock;
const published = Object.entries(lock.packages).filter(([, { dev }]) => dev !== true);
const packages = Object.fromEntries(
  published.map(([path, entry]) => {
    const { devDependencies: _, ...rest } = entry;
    return [path, rest];
  }),
);
writeFileSync(
  join(root, 'npm-shrinkwrap.json'),
  `${JSON.stringify({ ...lock, packages }, null, 2)}\n`,
);
