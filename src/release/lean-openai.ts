import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** Of the package's topics the two that the worker asks about, and what leads to them. */
const used =
  /[/\\]resources[/\\](?:index|shared|moderations|chat[/\\]index|chat[/\\]chat|chat[/\\]completions[/\\](?:index|completions))\.mjs$/;
const inPackage = /[/\\]node_modules[/\\]openai[/\\].*\.mjs$/;
const leftOut = /[/\\]node_modules[/\\]openai[/\\](?:resources|lib)[/\\].*\.mjs$/;

/**
 * Leaves out of the package `openai` what a worker never uses, most of 680 kB: its client makes an
 * object for each of some sixty topics at its start, and
 * brings along helpers for tools, for answers in parts and for agents. What is left gets classes of
 * `fetch` that do not load Node's own.
 */
export const leanOpenai = (root: string): Plugin => ({
  name: 'lean-openai',
  setup(build) {
    // What it takes from the global scope. Whether a body is a form is asked of each; none is.
    const from = JSON.stringify(join(root, 'hostside/worker/model/light-fetch.ts'));
    const light = `import { Headers, Response } from ${from};\nclass FormData {}\n`;
    build.onLoad({ filter: inPackage }, ({ path }) => {
      const source = readFileSync(path, 'utf8');
      return {
        contents: leftOut.test(path) && !used.test(path) ? absent(source) : light + source,
        loader: 'js',
      };
    });
  },
});

/** A module of the same names, each a class without content. */
function absent(source: string): string {
  const listed = [...source.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names = '']) =>
    names.split(','),
  );
  const declared = [
    ...source.matchAll(/^export (?:async )?(?:class|function\*?|const|let) (\w+)/gm),
  ].map(([, name = '']) => name);
  const names = [
    ...listed.map((name) => name.replace(/^.*\bas\b/s, '').trim()),
    ...declared,
  ].filter((name) => name !== '');
  return `class Absent {}\nexport { ${names.map((name) => `Absent as ${name}`).join(', ')} };`;
}

/**
 * Names that the package takes from the global scope to see whether something is one of them.
 * Nothing that a worker gives it is.
 */
export const withoutGlobals: Readonly<Record<string, string>> = Object.fromEntries(
  ['ReadableStream', 'Blob', 'File'].map((name) => [`globalThis.${name}`, 'undefined']),
);
