import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';
import { currentLayer } from './telegram-layer.ts';

/** Types that Telegram sends without being asked, and one that the library's engine names. */
const alwaysNeeded = ['Updates', 'upload.File'];

interface SchemaLine {
  readonly text: string;
  readonly name: string;
  /** Types of its fields, without vectors and flags. */
  readonly uses: readonly string[];
  readonly result: string;
}

/**
 * Has the library speak a newer layer of the API than the one it was published with, and leaves out
 * of it what a worker never uses: most of the schema, from
 * which it makes a class for each line at its start, and everything that its own client adds to
 * messages. Measured 2026-11-25: 29 -> 18 MB private memory.
 */
export const leanTelegram = (root: string, sources: readonly string[] = workerSources): Plugin => ({
  name: 'lean-telegram',
  setup(build) {
    const { layer, text } = currentLayer();
    build.onLoad({ filter: /[/\\]telegram[/\\]tl[/\\]apiTl\.js$/ }, () => ({
      ...{
        contents: `module.exports = ${JSON.stringify(leanSchema(text, workerSource(root, sources)))};`,
        loader: 'js',
      },
    }));
    build.onLoad({ filter: /[/\\]telegram[/\\]tl[/\\]AllTLObjects\.js$/ }, ({ path }) => {
      const [before, after, ...more] = readFileSync(path, 'utf8').split(/exports\.LAYER = \d+;/);
      if (after === undefined || more.length > 0)
        throw new Error(`${path} does not say its layer in one place`);
      return { contents: `${before}exports.LAYER = ${layer};${after}`, loader: 'js' };
    });
    // Getters and methods for messages; they bring the whole client along.
    build.onLoad({ filter: /[/\\]telegram[/\\]tl[/\\]patched[/\\]index\.js$/ }, () => ({
      contents: 'exports.patchAll = () => {};',
      loader: 'js',
    }));
    // The engine takes four functions from the package's front door. The name is part of the
    // program:
    // a path of this machine would make the same sources another release on another machine.
    build.onResolve({ filter: /^\.\.\/$/ }, ({ importer, resolveDir }) =>
      /[/\\]network[/\\]MTProtoState\.js$/.test(importer)
        ? { path: 'telegram/helpers-only', namespace: 'lean-telegram', pluginData: { resolveDir } }
        : null,
    );
    build.onLoad({ filter: /helpers-only$/, namespace: 'lean-telegram' }, ({ pluginData }) => ({
      ...{ contents: "exports.helpers = require('../Helpers');", loader: 'js', ...pluginData },
    }));
  },
});

const workerSources = ['hostside/worker/telegram/gramjs-*.ts'];

/** The sources that name what of the schema they use: the worker's by default. */
export const workerSource = (root: string, sources: readonly string[] = workerSources): string =>
  sources
    .flatMap((pattern) => globSync(join(root, pattern)))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');

/**
 * Pure. `schema`: TL text, types first, then functions; `source`: TypeScript that names them as
 * `Api.messages.SendMessage`. Those methods stay that are named,
 * and every type that can come with their answers or with updates, so that nothing that Telegram
 * may send is unknown.
 */
export const leanSchema = (schema: string, source: string): string => {
  const [types = '', functions = ''] = schema.split('---functions---');
  const named = new Set(
    [...source.matchAll(/\bApi\.((?:\w+\.)?\w+)/g)].map((match) =>
      (match[1] as string).toLowerCase(),
    ),
  );
  const methods = linesOf(functions).filter(({ name }) => named.has(name.toLowerCase()));
  const constructors = linesOf(types);
  const needed = reachable(constructors, [
    ...alwaysNeeded,
    ...methods.flatMap(({ uses, result }) => [...uses, result]),
  ]);
  const kept = constructors.filter(({ result }) => needed.has(result));
  return [
    ...kept.map(({ text }) => text),
    '---functions---',
    ...methods.map(({ text }) => text),
    '',
  ].join('\n');
};

const linesOf = (text: string): SchemaLine[] =>
  text.split('\n').flatMap((line) => {
    const { name, fields, result } =
      /^(?<name>[\w.]+)#[0-9a-f]+\s*(?<fields>[^=]*)=\s*(?<result>[^;]+);/.exec(line.trim())
        ?.groups ?? {};
    if (name === undefined || fields === undefined || result === undefined) return [];
    const uses = [...fields.matchAll(/:(?:\w+\.\d+\?)?(?:[Vv]ector<)?%?([\w.]+)/g)].map(
      (match) => match[1] as string,
    );
    return [
      { text: line.trim(), name, uses, result: result.trim().replace(/^[Vv]ector<(.*)>$/, '$1') },
    ];
  });

const reachable = (constructors: readonly SchemaLine[], roots: readonly string[]): Set<string> => {
  const usesOf = new Map<string, string[]>();
  for (const { result, uses } of constructors)
    usesOf.set(result, [...(usesOf.get(result) ?? []), ...uses]);
  const found = new Set<string>();
  for (const waiting = [...roots]; waiting.length > 0; ) {
    const type = waiting.pop() as string;
    if (found.has(type)) continue;
    found.add(type);
    waiting.push(...(usesOf.get(type) ?? []));
  }
  return found;
};
