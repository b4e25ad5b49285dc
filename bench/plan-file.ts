/**
 * Reads a placement instance on standard input and writes the plan to standard output: `node
 * bench/plan-file.ts < instance.json`.
 */
import { readFileSync } from 'node:fs';
import { type Instance, planFor } from './benchmark-format.ts';

const instance = JSON.parse(readFileSync(0, 'utf8')) as Instance;
console.log(JSON.stringify(planFor(instance)));
