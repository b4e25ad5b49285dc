/** `node write-manual.ts DIST`, part of the build: writes the page fleet(1). */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { manualPage } from '../src/cli/manual/manual.ts';
import { buildProgram } from '../src/cli/program.ts';

const dist = resolve(process.argv[2] ?? '');
const { version } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8'),
) as { version: string };
mkdirSync(join(dist, 'man'), { recursive: true });
writeFileSync(join(dist, 'man', 'fleet.1'), manualPage(buildProgram(), version));
