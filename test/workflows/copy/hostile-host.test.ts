/** What a host may say in place of its files: nothing of it is written outside of the target. */
import { expect, test } from 'vitest';
import { FetchStream, type FileTaker } from '../../../src/workflows/copy/fetch-stream.ts';
import { hostWord } from '../../../src/workflows/copy/host-scripts.ts';
import { readListing } from '../../../src/workflows/copy/read-listing.ts';

const listed = (...records: readonly string[]) =>
  readListing(Buffer.from(`${['folder', ...records, 'end 0'].join('\0')}\0`));

test('names that lead out, repeat, lie nowhere, are too long, too deep or too many are refused', () => {
  for (const [records, why] of [
    [['f 644 1 ../x'], 'not below the folder'],
    [['f 644 1 /etc/passwd'], 'not below the folder'],
    [['d 755 0 a', 'f 644 1 a/../../x'], 'not below the folder'],
    [['f 644 1 a//b'], 'not below the folder'],
    [['f 644 1 .'], 'not below the folder'],
    [['f 644 1 a/'], 'not below the folder'],
    [['l 777 1 a', 'f 644 1 a/x'], 'no folder that it lies in'],
    [['f 644 1 a', 'f 644 1 a/x'], 'no folder that it lies in'],
    [['f 644 1 x', 'f 644 2 x'], 'twice'],
    [[`f 644 1 ${'n'.repeat(256)}`], 'a name that is too long'],
    [[`d 755 0 ${'a/'.repeat(64)}a`], 'too long or too deep'],
    [[`f 644 1 ${'n/'.repeat(3000)}a`], 'too long or too deep'],
    [['f 644 -1 x'], 'no list of files'],
    [['f 644 99999999999999999 x'], 'no list of files'],
    [['f 99999999 1 x'], 'no list of files'],
    [['hello'], 'no list of files'],
  ] as const)
    expect([records, listed(...records)]).toEqual([
      records,
      { kind: 'strange', why: expect.stringContaining(why) },
    ]);
  for (const text of ['', 'folder\0', 'folder\0f 644 1 x\0', 'file 644 1\0', 'x\0end 0\0', '\0'])
    expect(readListing(Buffer.from(text)).kind).toBe('strange');
  expect(listed('p 644 0 pipe')).toMatchObject({ kind: 'refused' });
  expect(readListing(Buffer.from([102, 255, 0])).kind).toBe('refused');
  const many = Array.from({ length: 50_001 }, (_, index) => `f 644 1 ${index}`);
  const asCut = Buffer.from(`${['folder', ...many].join('\0')}\0`);
  for (const read of [listed(...many), readListing(asCut), readListing(Buffer.alloc(2 ** 24))])
    expect(read).toMatchObject({ problems: [expect.stringContaining('more than 50000 files')] });
  expect(listed(...many.slice(1))).toMatchObject({ kind: 'listing' });
});

test('names of every kind are taken as they are, without setuid, folders first; links are listed', () => {
  const read = listed(
    'd 755 0 a',
    'f 4755 3 a/line\nend',
    'l 777 4 a/link',
    'f 644 5 a b',
    'f 600 0 \u001b[2J',
  );
  expect(read).toEqual({
    kind: 'listing',
    listing: {
      isFolder: true,
      entries: [
        { kind: 'folder', below: '', size: 0, mode: 0o755 },
        { kind: 'file', below: '\u001b[2J', size: 0, mode: 0o600 },
        { kind: 'folder', below: 'a', size: 0, mode: 0o755 },
        { kind: 'file', below: 'a/line\nend', size: 3, mode: 0o755 },
        { kind: 'file', below: 'a b', size: 5, mode: 0o644 },
      ],
      links: ['a/link'],
    },
  });
});

const hash = 'a'.repeat(64);

/** What arrives of a stream that is cut into pieces of `size` bytes. */
function taken(sizes: readonly number[], stream: string, size: number): string {
  const said: string[] = [];
  const taker: FileTaker = {
    begin: (sha256) => void said.push(sha256 === null ? 'same' : '<'),
    bytes: (piece) => void said.push(Buffer.from(piece).toString()),
    end: () => void said.push('>'),
  };
  const reader = new FetchStream(sizes, taker);
  const bytes = Buffer.from(stream);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  return said.join('') + (reader.isOver ? '.' : '');
}

test('files are parted by the sizes that were said first, however the pieces come', () => {
  const stream = `file ${hash}\nab\ncsame\nfile ${hash}\nfile ${hash}\nend\nend\n`;
  for (let size = 1; size < stream.length + 2; size += 1)
    expect(taken([4, 9, 0, 4], stream, size)).toBe('<ab\nc>same<><end\n>.');
});

test('more files, more bytes, fewer files and other lines end it', () => {
  for (const [sizes, stream, why] of [
    [[1], `file ${hash}\nxyend\n`, 'other bytes'],
    [[1], `file ${hash}\nxfile ${hash}\n`, 'more files'],
    [[1], 'same\nsame\n', 'more files'],
    [[1], 'end\n', 'before the last file'],
    [[1], 'same\nend\nx', 'after its end'],
    [[1], `file ${hash.slice(1)}\n`, 'other bytes'],
    [[1], 'x'.repeat(100), 'other bytes'],
  ] as const)
    for (const size of [1, 7, 1000]) expect(() => taken(sizes, stream, size)).toThrow(why);
  expect(taken([5], `file ${hash}\nab`, 3)).toBe('<ab');
});

test('a name on a line for a host is printable, without spaces, and reads back as it was', () => {
  for (const name of ['-n', 'a b', '\u001b', 'я', '\n', '\\n', '%s', "'", '`id`', '$x', '!'])
    expect(hostWord(name)).toMatch(/^[A-Za-z0-9._/\\-]+$/);
  expect(hostWord('a b')).toBe('a\\0040b');
});
