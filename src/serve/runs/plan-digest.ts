/** What a plan rests on and what it does, as one digest: equal digests, the same plan. */
import { createHash } from 'node:crypto';

/** How it was found, and when: figures that differ from look to look. */
const figures = new Set([
  ...['details', 'runnersUp', 'refusals', 'alternatives', 'candidates', 'score', 'strategy'],
  ...['madeAt', 'dryRun', 'problems', 'errors', 'input'],
]);

const isName = (text: string): boolean => !/\s/.test(text) && !/^\d{4}-\d\d-\d\dT/.test(text);

/** What is decided: names, states and answers, without texts, times and figures. Pure. */
export function decidedIn(value: unknown): unknown {
  if (typeof value === 'string') return isName(value) ? value : null;
  if (typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.map(decidedIn);
  if (typeof value !== 'object' || value === null) return null;
  const entries = Object.entries(value).filter(([key]) => !figures.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, decidedIn(inner)]));
}

/** SHA-256, hex. `mark`: owners, epochs, open moves, cordons and rules at that moment. */
export const planDigest = (verb: string, input: unknown, mark: string, data: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([verb, input, mark, decidedIn(data)]))
    .digest('hex');
