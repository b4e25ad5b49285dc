import { execFileSync } from 'node:child_process';
import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { nodeFlags } from '../src/cli/built-program.ts';
import { dashboardStyle } from '../src/dashboard/style.ts';
import { buildHostFiles } from '../src/release/build-host-files.ts';

/**
 * Builds what is published: `dist/cli.cjs` with `dist/program.cjs` and V8's cache of it,
 * `dist/host` with the programs for hosts, `dist/dashboard` with the page of `fleet serve`, and
 * `dist/bundled.json` with the npm packages that are inside of them.
 */
const root = join(import.meta.dirname, '..');
const out = join(root, 'dist');

/**
 * Commander loads node:child_process for subcommands that are programs of their own. Fleet has
 * none, and every start would pay for it.
 */
const withoutSubprograms: Plugin = {
  name: 'without subprograms',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:child_process$/ }, ({ importer }) =>
      importer.includes('/node_modules/commander/')
        ? { path: 'child_process', namespace: 'absent' }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'absent' }, () => ({ contents: 'export default {};' }));
  },
};

/**
 * What ssh2 compiles when it is installed, and does without where that fails: Node's own
 * cryptography does the work.
 */
const withoutNativeParts: Plugin = {
  name: 'without native parts',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^cpu-features$|\/sshcrypto\.node$/ }, ({ importer }) =>
      importer.includes('/node_modules/ssh2/')
        ? { path: 'native', namespace: 'uncompiled' }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'uncompiled' }, () => ({
      contents: "throw new Error('not compiled');",
    }));
  },
};

/** What pg would load instead of itself: a driver in C, and the sockets of one cloud. */
const withoutOtherDrivers: Plugin = {
  name: 'without other drivers',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^(?:pg-native|pg-cloudflare)$/ }, () => ({
      path: 'driver',
      namespace: 'no other driver',
    }));
    onLoad({ filter: /.*/, namespace: 'no other driver' }, () => ({
      contents: "throw new Error('not bundled');",
    }));
  },
};

/** Half a megabyte of character sets for a prompt that opens an editor. Fleet has none. */
const withoutEditor: Plugin = {
  name: 'without editor',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^@inquirer\/external-editor$/ }, () => ({
      path: 'editor',
      namespace: 'no editor',
    }));
    onLoad({ filter: /.*/, namespace: 'no editor' }, () => ({
      contents: "export const editAsync = () => { throw new Error('no editor'); };",
    }));
  },
};

/** The HTTP server is a file of its own: every other command starts without its megabyte. */
const serverApart: Plugin = {
  name: 'server apart',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^fastify$/ }, () => ({ path: './fastify.cjs', external: true }));
  },
};

await rm(out, { recursive: true, force: true });
const [program, , hostInputs, server, dashboard] = await Promise.all([
  build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [{ in: 'src/cli/program.ts', out: 'program' }],
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node22.13',
    // One file of CommonJS, whose modules still run only when a command needs them: finding and
    // linking hundreds of chunks took longer than running them.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    // One byte a character: V8 would keep the whole file in two for the sake of a few arrows.
    charset: 'ascii',
    legalComments: 'linked',
    banner: { js: "const fleetUrl = require('node:url').pathToFileURL(__filename).href;" },
    define: { 'import.meta.url': 'fleetUrl' },
    // All that it takes from outside is CommonJS: `require` keeps Node's other loader out of it.
    supported: { 'dynamic-import': false },
    external: ['better-sqlite3', 'esbuild'],
    plugins: [
      withoutSubprograms,
      withoutNativeParts,
      withoutEditor,
      withoutOtherDrivers,
      serverApart,
    ],
  }),
  build({
    absWorkingDir: root,
    entryPoints: [{ in: 'src/cli/main.ts', out: 'cli' }],
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node22.13',
    format: 'cjs',
    define: { 'import.meta.dirname': '__dirname' },
    plugins: [
      {
        name: 'the built program',
        setup: (plugin) =>
          plugin.onResolve({ filter: /^\.\/program\.ts$/ }, () => ({
            path: join(root, 'src', 'cli', 'built-program.ts'),
          })),
      },
    ],
  }),
  buildHostFiles(root, join(out, 'host')),
  build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [{ in: 'fastify', out: 'fastify' }],
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node22.13',
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'linked',
  }),
  build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [{ in: 'src/dashboard/main.tsx', out: 'app' }],
    outdir: join(out, 'dashboard'),
    bundle: true,
    platform: 'browser',
    target: 'es2022',
    format: 'iife',
    minify: true,
    charset: 'utf8',
    legalComments: 'linked',
  }),
]);
await writeFile(join(out, 'dashboard', 'app.css'), dashboardStyle);
await cp(join(root, 'src', 'dashboard', 'index.html'), join(out, 'dashboard', 'index.html'));
const bundled = [
  ...Object.keys(program.metafile.inputs),
  ...Object.keys(server.metafile.inputs),
  ...Object.keys(dashboard.metafile.inputs),
  ...hostInputs,
].flatMap((input) => {
  const name = /node_modules\/.*$/.exec(input)?.[0];
  const path =
    name === undefined ? undefined : /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(name)?.[0];
  return path === undefined ? [] : [path];
});
await writeFile(
  join(out, 'bundled.json'),
  `${JSON.stringify([...new Set(bundled)].toSorted(), null, 2)}\n`,
);
execFileSync(process.execPath, [...nodeFlags, join(import.meta.dirname, 'code-cache.ts'), out], {
  stdio: ['ignore', 'ignore', 'pipe'],
  timeout: 120_000,
});
execFileSync(process.execPath, [join(import.meta.dirname, 'write-manual.ts'), out], {
  stdio: ['ignore', 'ignore', 'pipe'],
  timeout: 120_000,
});
