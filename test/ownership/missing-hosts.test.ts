import { expect, it } from 'vitest';
import { findMissing, type Remembering } from '../../src/ownership/missing-hosts.ts';

const of = (host: string, ...hosts: readonly (readonly [string, string])[]): Remembering => ({
  ...{ host, instanceId: `i-${host}` },
  hosts: hosts.map(([name, instanceId]) => ({ name, instanceId })),
});
const all = [
  ['h1', 'i-h1'],
  ['h2', 'i-h2'],
  ['h3', 'i-h3'],
] as const;
const known = new Set(['h1', 'h2']);

it('names a host that others remember and nobody here has, with those who do', () => {
  expect(findMissing([of('h1', ...all), of('h2', ...all)], known, new Set())).toEqual([
    { name: 'h3', instanceId: 'i-h3', knownBy: ['h1', 'h2'] },
  ]);
});

it.each([
  [
    'one that answers under another name',
    [of('h1', ...all), of('h2'), { ...of('h4'), instanceId: 'i-h3' }],
    new Set(['h1', 'h2', 'h4']),
    new Set<string>(),
  ],
  [
    'one of which the operator says that it runs nothing',
    [of('h1', ...all)],
    known,
    new Set(['h3']),
  ],
  [
    'one that the ledger has, although the inventory forgot it',
    [of('h1', ...all)],
    new Set(['h1', 'h2', 'h3']),
    new Set<string>(),
  ],
  ['anything where nobody remembers', [of('h1'), of('h2')], known, new Set<string>()],
] as const)('does not name %s', (_, answered, names, without) => {
  expect(findMissing(answered, names, without)).toEqual([]);
});

it('a host whose machine nobody knew is missing, too', () => {
  const [missing] = findMissing([of('h1', ['h3', '']), of('h2', ['h3', 'i-h3'])], known, new Set());
  expect(missing).toEqual({ name: 'h3', instanceId: 'i-h3', knownBy: ['h1', 'h2'] });
});
