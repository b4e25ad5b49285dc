import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const document = readFileSync('docs/security.md', 'utf8');

it('every test that the threat model names exists', () => {
  const tests = new Set(globSync('test/**/*.test.ts').map((path) => path.split('/').at(-1)));
  const named = [...new Set([...document.matchAll(/`([a-z-]+(?:\.[a-z]+)*\.test\.ts)`/g)].map(([, name]) => name))];
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !tests.has(name))).toEqual([]);
});

it('the root says how to report, and leads there', () => {
  expect(readFileSync('SECURITY.md', 'utf8')).toMatch(/Report a weakness privately[\s\S]*\(docs\/security\.md\)/);
});
