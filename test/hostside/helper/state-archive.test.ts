import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashTree } from '../../../hostside/helper/read-tree.ts';
import {
  hashEntries,
  packState,
  type StateEntry,
  unpackState,
} from '../../../hostside/protocol/state-archive.ts';
import { scratchPlaces } from '../claims/claim-fixtures.ts';

const file = (path: string, content = 'x', mode = 0o600): StateEntry => ({
  path,
  kind: 'file',
  mode,
  content: Buffer.from(content),
});
const link = (path: string, target: string): StateEntry => ({
  path,
  kind: 'link',
  mode: 0,
  content: Buffer.from(target),
});

const name = fc
  .stringMatching(/^[a-zA-Z0-9 _.é-]{1,8}$/)
  .filter((text) => text !== '.' && text !== '..');

describe('the archive of a state', () => {
  test('gives back what went in, for any names and contents', () => {
    const entries = fc.uniqueArray(
      fc.record({
        path: name,
        kind: fc.constant('file' as const),
        mode: fc.integer({ min: 0, max: 0o777 }),
        content: fc.uint8Array({ maxLength: 300 }),
      }),
      { selector: ({ path }) => path, maxLength: 12 },
    );
    fc.assert(
      fc.property(entries, (list) => {
        const back = unpackState(packState(list)).map((entry) => ({
          ...entry,
          content: Uint8Array.from(entry.content),
        }));
        expect(back).toEqual(
          list.map((entry) => ({ ...entry, content: Uint8Array.from(entry.content) })),
        );
      }),
    );
  });

  test('has the hash that the host computes over its directory', () => {
    const { root } = scratchPlaces();
    const entries = [file('a', 'one'), file('b/c', ''), file('b/d', 'zwei\n'), link('z', 'a')];
    for (const { path, kind, content } of entries) {
      mkdirSync(dirname(join(root, 'state', path)), { recursive: true });
      if (kind === 'link') symlinkSync(Buffer.from(content).toString(), join(root, 'state', path));
      else writeFileSync(join(root, 'state', path), content);
    }
    chmodSync(join(root, 'state', 'a'), 0o640);
    expect(hashEntries(entries)).toBe(hashTree(join(root, 'state'), []));
    expect(hashEntries([])).toBe(hashTree(null, []));
    expect(readFileSync(join(root, 'state', 'b/d'), 'utf8')).toBe('zwei\n');
  });

  const check = (what: string, entries: readonly StateEntry[], message: RegExp) =>
    test(`refuses ${what}`, () => expect(() => unpackState(packState(entries))).toThrow(message));

  check('a path out of the directory', [file('../x')], /wrong path/);
  check('an absolute path', [file('/etc/passwd')], /wrong path/);
  check('an empty name', [file('a//b')], /wrong path/);
  check('a NUL in a name', [file('a\0b')], /wrong path/);
  check('two entries of one name', [file('a'), file('a')], /wrong path/);
  check('a path through a link', [link('a', '/etc'), file('a/passwd')], /through a file or a link/);
  check('a path through a file', [file('a/b/c'), file('a/b')], /through a file or a link/);
  check('a mode beyond permissions', [file('a', 'x', 0o4755)], /wrong entry/);

  test('refuses an archive that is cut off', () => {
    const archive = packState([file('a', 'x'.repeat(1000))]);
    expect(() => unpackState(archive.subarray(0, -5))).toThrow();
    expect(() => unpackState(Buffer.from('not gzip'))).toThrow();
  });
});
