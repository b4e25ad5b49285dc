import fc from 'fast-check';
import { expect, test } from 'vitest';
import { selectHosts } from '../../src/inventory/select-hosts.ts';
import { FleetError } from '../../src/model/errors.ts';
import { minimalYaml, parsed } from './sample-inventory.ts';

const inventory = parsed(
  minimalYaml.replace(
    /hosts:[\s\S]*/,
    `groups: { eu: { labels: { region: eu } }, de: { groups: [eu] }, us: }
hosts:
  eu-1: { groups: [eu], labels: { tier: small } }
  eu-2: { groups: [de], labels: { tier: big } }
  us-1: { groups: [us], labels: { tier: small } }
  us-2.lab: { groups: [us] }
`,
  ),
);

const names = (...patterns: string[]): string => {
  try {
    return selectHosts(inventory, patterns)
      .map((host) => host.name)
      .join(' ');
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== 'usage') throw error;
    return `${error.message} | ${error.hint}`;
  }
};

const form =
  'A pattern is a host, a glob such as eu-*, a group (@eu), label=value, or one of these after !.';

const cases: readonly (readonly [patterns: readonly string[], expected: string])[] = [
  [[], 'eu-1 eu-2 us-1 us-2.lab'],
  [['all'], 'eu-1 eu-2 us-1 us-2.lab'],
  [['@all'], 'eu-1 eu-2 us-1 us-2.lab'],
  [['*'], 'eu-1 eu-2 us-1 us-2.lab'],
  [['us-1', 'eu-1'], 'eu-1 us-1'],
  [['us-1,eu-1'], 'eu-1 us-1'],
  [[' us-1 , eu-1 ,'], 'eu-1 us-1'],
  [['eu-*'], 'eu-1 eu-2'],
  [['?u-1'], 'eu-1'],
  [['{eu,us}-1'], 'eu-1 us-1'],
  [['[eu][us]-[2-9]*'], 'eu-2 us-2.lab'],
  [['*.lab'], 'us-2.lab'],
  [['@eu'], 'eu-1 eu-2'],
  [['eu'], 'eu-1 eu-2'],
  [['@de'], 'eu-2'],
  [['@{de,us}'], 'eu-2 us-1 us-2.lab'],
  [['tier=small'], 'eu-1 us-1'],
  [['tier=*'], 'eu-1 eu-2 us-1'],
  [['region=eu,!tier=small'], 'eu-2'],
  [['!@eu'], 'us-1 us-2.lab'],
  [['!us-*', 'all'], 'eu-1 eu-2'],
  [['eu-*,!eu-2'], 'eu-1'],
  [['eu-3'], 'No host matches "eu-3" | Did you mean "eu-1"?'],
  [['@ue'], 'No host matches "@ue" | Did you mean "@eu"?'],
  [['teir=small'], 'No host matches "teir=small" | Did you mean "tier=small"?'],
  [['tier=constructor'], `No host matches "tier=constructor" | ${form}`],
  [['toString=*'], `No host matches "toString=*" | ${form}`],
  [['mars-*'], `No host matches "mars-*" | ${form}`],
  [['all,!mars'], `No host matches "mars" | ${form}`],
  [['!'], `No host matches "" | ${form}`],
  [
    ['eu-1,!@eu'],
    'No host is left by "eu-1,!@eu" | The exclusions take away all that the rest selects.',
  ],
  [
    [','],
    'The pattern for hosts is empty | Name hosts, or leave the option out to mean all of them.',
  ],
];

test.each(cases)('%j', (patterns, expected) => {
  expect(names(...patterns)).toBe(expected);
});

test('any pattern selects some hosts or is a usage error', () => {
  const piece = fc.constantFrom(
    'eu',
    '-1',
    '*',
    '!',
    '@',
    '{',
    '}',
    ',',
    '[',
    ']',
    '(',
    ')',
    '=',
    'tier',
    '\\',
    '?',
    '+',
    '|',
    '^',
    '$',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => names(pieces.join('')) !== ''),
    { numRuns: 1_000 },
  );
});
