import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

/**
 * Stands in for program.ts in what is published: there the program is one file, beside which lies
 * what V8 compiled of it when fleet was built.
 */
type Program = typeof import('./program.ts');

/**
 * What bin/fleet gives Node.js. V8 takes a cache only where its flags are those with which it was
 * made.
 */
export const nodeFlags = ['--min-semi-space-size=32'];

/** Of use to this Node.js on this processor only. */
export const codeCacheName = `program.${process.version}-${process.arch}.cache`;

/**
 * Node's own compile cache keeps what a file compiles when it is loaded, not the functions that run
 * later: they are two thirds of a start.
 */
export function compileProgram(directory: string): Script {
  const filename = join(directory, 'program.cjs');
  // The program is ASCII. A module is what Node makes of a file: a function of these five.
  const source =
    '(function (exports, require, module, __filename, __dirname) ' +
    `{${readFileSync(filename, 'latin1')}\n})`;
  return new Script(source, { filename, cachedData: readCodeCache(directory) });
}

function readCodeCache(directory: string): Buffer | undefined {
  try {
    return readFileSync(join(directory, codeCacheName));
  } catch {
    return undefined;
  }
}

export function loadProgram(script: Script, directory: string): Program {
  const filename = join(directory, 'program.cjs');
  const module: { exports: unknown } = { exports: {} };
  const load = script.runInThisContext() as (...of: readonly unknown[]) => void;
  load(module.exports, createRequire(filename), module, filename, directory);
  return module.exports as Program;
}

export const runProgram: Program['runProgram'] = () =>
  loadProgram(compileProgram(import.meta.dirname), import.meta.dirname).runProgram();
