import { join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { leanOpenai, withoutGlobals } from './lean-openai.ts';
import { leanTelegram } from './lean-telegram.ts';

/** Programs that run on hosts: the name of the bundle and the source it starts from. */
const hostPrograms = {
  agent: 'hostside/sampler/main.ts',
  host: 'hostside/helper/main.ts',
  gate: 'hostside/gate/main.ts',
  hold: 'hostside/hold/main.ts',
  worker: 'hostside/worker/main.ts',
};

const modelClient = { 'model-client': 'hostside/worker/model/openai-client.ts' };

/**
 * A program that the worker loads only when a script asks a model: its text alone takes 3 MB of
 * every account that has it in its own bundle.
 */
const besideTheWorker: Plugin = {
  name: 'beside-the-worker',
  setup: (build) => {
    build.onResolve({ filter: /\/openai-client\.ts$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './model-client.cjs', external: true } : null,
    );
  },
};

/**
 * Bundles each program that runs on hosts into one file `NAME.cjs` below `outDirectory`. Needs the
 * sources and esbuild. Returns the files that the programs were made of, as esbuild names them.
 */
export async function buildHostFiles(
  root: string,
  outDirectory: string,
): Promise<readonly string[]> {
  const most = await bundle(root, outDirectory, hostPrograms, {
    plugins: [besideTheWorker, leanTelegram(root)],
  });
  // Apart from the others: the worker's schema stays without the methods of a login.
  const schema = ['hostside/worker/telegram/gramjs-*.ts', 'hostside/worker/login/*.ts'];
  const login = await bundle(
    root,
    outDirectory,
    { login: 'hostside/worker/login/main.ts' },
    { plugins: [leanTelegram(root, schema)] },
  );
  const model = await bundle(root, outDirectory, modelClient, {
    plugins: [leanOpenai(root)],
    define: withoutGlobals,
  });
  return [...most, ...login, ...model];
}

async function bundle(
  root: string,
  outDirectory: string,
  programs: Readonly<Record<string, string>>,
  more: Pick<BuildOptions, 'plugins' | 'define'>,
): Promise<readonly string[]> {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: Object.entries(programs).map(([out, path]) => ({ out, in: join(root, path) })),
    outdir: outDirectory,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // Identifiers stay, so that a stack trace from a host can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    charset: 'ascii',
    legalComments: 'eof',
    alias: {
      // Loaded by the `telegram` package at its start and never used by a worker.
      ...Object.fromEntries(
        ['websocket', 'socks', 'store2', 'node-localstorage'].map((name) => [
          name,
          join(root, 'hostside/worker/absent-module.ts'),
        ]),
      ),
      // May only be passed on under the GPL.
      '@cryptography/aes': join(root, 'hostside/worker/aes-ige.ts'),
    },
    ...more,
    logLevel: 'silent',
  });
  return Object.keys(metafile.inputs);
}
