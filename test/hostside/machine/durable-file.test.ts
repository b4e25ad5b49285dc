import {
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeReserved } from '../../../hostside/machine/durable-file.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fleet-durable-'));
  path = join(directory, 'record');
});
afterEach(() => rmSync(directory, { recursive: true }));

const inode = (name: string): number => statSync(join(directory, name)).ino;
const read = (): unknown => JSON.parse(readFileSync(path, 'utf8'));
const write = (version: number): void => writeReserved(path, JSON.stringify({ version }), 0o600);

describe('a record that is written on a full disk too', () => {
  test('from the second write on uses two blocks in turn, so that no new one is needed', () => {
    write(1);
    const blocks = [inode('record'), inode('record.spare')];
    for (const version of [2, 3, 4, 5]) {
      write(version);
      expect(read()).toEqual({ version });
      expect([inode('record'), inode('record.spare')]).toEqual(blocks.reverse());
    }
    expect(readdirSync(directory).sort()).toEqual(['record', 'record.spare']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  // What a writer leaves that dies right after the step.
  test.each<[string, () => void]>([
    ['the block was overwritten', () => {}],
    ['the file got its second name', () => linkSync(path, `${path}.old`)],
    [
      'the new version got the name',
      () => {
        linkSync(path, `${path}.old`);
        renameSync(`${path}.spare`, path);
      },
    ],
  ])(
    'a writer that died after %s: a sound version stands, and the next write loses no block',
    (_, die) => {
      write(1);
      write(2);
      const blocks = [inode('record'), inode('record.spare')].sort();
      die();
      expect([1, 2]).toContain((read() as { version: number }).version);
      write(3);
      expect(read()).toEqual({ version: 3 });
      expect([inode('record'), inode('record.spare')].sort()).toEqual(blocks);
      expect(readdirSync(directory).sort()).toEqual(['record', 'record.spare']);
    },
  );

  test('a text that needs more blocks takes them, and keeps them for later', () => {
    write(1);
    const long = JSON.stringify({ version: 'x'.repeat(5000) });
    writeReserved(path, long, 0o600);
    expect(read()).toEqual(JSON.parse(long));
    write(2);
    expect([read(), statSync(path).size, statSync(`${path}.spare`).size]).toEqual([
      { version: 2 },
      8192,
      8192,
    ]);
  });
});
