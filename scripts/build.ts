import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildHostFiles } from '../src/release/build-host-files.ts';

/** Builds what is published: `dist/cli.js` with its chunks, and `dist/host` with the programs for hosts. */
const root = join(import.meta.dirname, '..');
const out = join(root, 'dist');

await rm(out, { recursive: true, force: true });
await Promise.all([
  build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/cli/main.ts', out: 'cli' }],
    outdir: out,
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    // Each command loads only what it needs.
    splitting: true,
    platform: 'node',
    target: 'node22.13',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'utf8',
    legalComments: 'linked',
    // Bundled CommonJS packages call require for Node's own modules.
    banner: { js: "import { createRequire as fleetRequire } from 'node:module'; const require = fleetRequire(import.meta.url);" },
    external: ['better-sqlite3', 'ssh2', 'esbuild'],
  }),
  buildHostFiles(root, join(out, 'host')),
]);
