import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { FleetError } from '../../src/model/errors.ts';
import { minimalYaml } from './sample-inventory.ts';

/**
 * Parses; anything but an inventory or an `inventory` error fails the test. Returns the whole text
 * of the error.
 */
const outcome = (text: string): string => {
  try {
    parseInventory(text, { path: 'i.yaml', home: '/h' });
    return '';
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    expect(error.code).toBe('inventory');
    expect(error.problems.length).toBeGreaterThan(0);
    const lines = text.split('\n').length;
    for (const problem of error.problems) {
      if (problem.startsWith('and ')) continue;
      const [, line, column] = /^i\.yaml:(\d+):(\d+) ./.exec(problem) ?? [];
      expect(Number(line)).toBeGreaterThanOrEqual(1);
      expect(Number(line)).toBeLessThanOrEqual(lines + 1);
      expect(Number(column)).toBeGreaterThanOrEqual(1);
    }
    return [error.message, error.hint, ...error.problems].join('\n');
  }
};

const token = fc.constantFrom(
  ...[
    'version: 1',
    'hosts:',
    'groups: ',
    'labels',
    '__proto__',
    'constructor',
    'toString',
    ': ',
    '- ',
    '\n',
    '\n  ',
    '\n    ',
    '{',
    '}',
    '[',
    ']',
    ',',
    '&a ',
    '*a',
    '!!set ',
  ],
  ...[
    '!t ',
    '"',
    "'",
    '| ',
    '> ',
    '? ',
    '<<: ',
    '# ',
    '%YAML 1.1\n---\n',
    '\t',
    '---',
    '...',
    '~',
    'null',
    '.nan',
    '.inf',
    '-0',
    '1e999',
    '0x1F',
    'env:A',
    '\uFEFF',
    '\0',
    '\\',
  ],
);

test('arbitrary text is an inventory or an inventory error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void outcome(text)),
    { numRuns: 500 },
  );
});

test('arbitrary pieces of YAML are an inventory or an inventory error', () => {
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), (tokens) => void outcome(tokens.join(''))),
    { numRuns: 1_500 },
  );
});

test('pieces of YAML in a sound inventory are an inventory or an inventory error', () => {
  const piece = fc.tuple(
    fc.nat({ max: minimalYaml.length }),
    fc.array(token, { maxLength: 4 }).map((tokens) => tokens.join('')),
  );
  const mutated = fc
    .array(piece, { minLength: 1, maxLength: 4 })
    .map((pieces) =>
      pieces.reduce(
        (text, [at, inserted]) => `${text.slice(0, at)}${inserted}${text.slice(at)}`,
        minimalYaml,
      ),
    );
  fc.assert(
    fc.property(mutated, (text) => void outcome(text)),
    { numRuns: 1_000 },
  );
});

test('arbitrary data is an inventory or an inventory error', () => {
  const keys = fc.constantFrom(
    'version',
    'hosts',
    'groups',
    'accounts',
    'ssh',
    'limits',
    'location',
    'labels',
    'telegram',
    'placement',
    'weights',
    'defaults',
    'a',
    '__proto__',
  );
  const tree = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(null, 1, true, 'a', 'eu', -1.5),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
    ),
  })).value;
  fc.assert(
    fc.property(tree, (value) => void outcome(JSON.stringify(value))),
    { numRuns: 1_000 },
  );
});

test('a secret written into the inventory is never repeated', () => {
  const places: readonly ((secret: string) => string)[] = [
    (secret) => minimalYaml.replace('env:API_HASH', secret),
    (secret) => minimalYaml.replace('12345', secret),
    (secret) => minimalYaml.replace('env:VAULT_KEY', secret),
    (secret) => `${minimalYaml}ssh: { password: ${secret} }`,
    (secret) => `${minimalYaml}ssh: { sudo_password: [${secret}] }`,
    (secret) => `${minimalYaml}ssh:\n  passphrase: "${secret}\n`,
    (secret) => `${minimalYaml}ssh:\n  password: *${secret}\n`,
    (secret) => `${minimalYaml}ssh:\n  password ${secret}\n`,
    (secret) => `${minimalYaml}ssh:\n  password: !${secret}\n`,
  ];
  const secrets = fc.stringMatching(/^[a-zA-Z]{6}[0-9a-zA-Z]{10}$/);
  fc.assert(
    fc.property(fc.constantFrom(...places), secrets, (place, secret) => {
      const report = outcome(place(secret));
      expect(report).not.toBe('');
      expect(report).not.toContain(secret);
    }),
  );
});

test('nesting of any kind and depth is an error, never the end of the process', () => {
  const nests = ['[', '{a: ', '- ', '? ', '{a: [', '"a": {'];
  for (const nest of nests) expect(outcome(nest.repeat(20_000))).not.toBe('');
  expect(
    outcome(Array.from({ length: 1_500 }, (_, level) => `${' '.repeat(level)}a:`).join('\n')),
  ).toContain('nested too deeply');
});
