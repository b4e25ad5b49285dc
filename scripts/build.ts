import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { buildHostFiles } from '../src/release/build-host-files.ts';

/** Builds what is published: `dist/cli.js` with `dist/program.cjs`, and `dist/host` with the programs for hosts. */
const root = join(import.meta.dirname, '..');
const out = join(root, 'dist');

await rm(out, { recursive: true, force: true });
await Promise.all([
  build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/cli/program.ts', out: 'program' }],
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node22.13',
    // One file of CommonJS, whose modules still run only when a command needs them: finding and linking hundreds of chunks took longer than running them.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'utf8',
    legalComments: 'linked',
    banner: { js: "const fleetUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'fleetUrl' },
    external: ['better-sqlite3', 'ssh2', 'esbuild'],
  }),
  build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/cli/main.ts', out: 'cli' }],
    outdir: out,
    bundle: true,
    platform: 'node',
    target: 'node22.13',
    format: 'esm',
    plugins: [
      {
        name: 'the program stands beside it',
        setup: (plugin) => plugin.onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.cjs', external: true })),
      },
    ],
  }),
  buildHostFiles(root, join(out, 'host')),
]);
