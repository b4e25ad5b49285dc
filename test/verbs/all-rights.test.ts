/** Commands that need all rights of root: every text that lists them lists the same. */
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { allRightsCommands } from '../../src/model/all-rights.ts';
import { verbs } from '../../src/verbs/registry.ts';
import type { Verb } from '../../src/verbs/verb.ts';

/** `init`, or `exec --root` where only an option needs them. */
function wordsOf(verb: Verb): readonly string[] {
  if (verb.needsAllRights === undefined) return [];
  if (verb.needsAllRights({} as never)) return [verb.name];
  return Object.keys(verb.input)
    .filter((field) => verb.needsAllRights?.({ [field]: true } as never) === true)
    .map((field) => `${verb.name} --${field}`);
}

const sorted = (text: string): readonly string[] => text.split(/, | and /).sort();

test('the refusal, the inventory and docs/hosts.md name the commands that need all rights', async () => {
  expect(sorted(allRightsCommands)).toEqual(verbs.flatMap(wordsOf).sort());
  const texts = await Promise.all(
    ['inventory.example.yaml', 'docs/inventory.md', 'docs/hosts.md'].map((path) =>
      readFile(new URL(`../../${path}`, import.meta.url), 'utf8'),
    ),
  );
  for (const text of texts)
    expect(text.replace(/\n *(?:# )?/g, ' ').replaceAll('`', '')).toContain(allRightsCommands);
});
