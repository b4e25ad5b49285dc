/**
 * docs/hosts.md says where fleet minds what Ubuntu does otherwise: the text that each row names
 * stands in that file.
 */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const rows = [
  ...read('docs/hosts.md').matchAll(/^\| [^|]+ \| [^|]+ \| `([^`]+)` `([^`]+)` \| ([^|]+) \|$/gm),
].map(([, path = '', text = '', source = '']) => ({ path, text, source }));

it('names at least a dozen places', () => expect(rows.length).toBeGreaterThanOrEqual(12));

it.each(rows)('$path has $text', ({ path, text }) => {
  expect(read(path)).toContain(text);
});

it.each(rows)('$text was read: $source', ({ source }) => {
  expect(source).toMatch(/`[\w/.-]+:\d+`|not read|`[\w./-]+`/);
});
