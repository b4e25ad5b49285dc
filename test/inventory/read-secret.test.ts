import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { readSecret } from '../../src/inventory/read-secret.ts';
import {
  formatSecretReference,
  parseSecretReference,
} from '../../src/inventory/schema/secret-reference.ts';
import { FleetError } from '../../src/model/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleet-secret-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, content: string, mode: number): void =>
  writeFileSync(join(folder, name), content, { mode });
file('key', 'abc\n', 0o600);
file('shared', 'group\n', 0o640);
file('open', 'hunter2\n', 0o604);
file('empty', '\n', 0o600);
file('large', 'x'.repeat(70_000), 0o600);
execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);

const read = async (text: string, timeoutMs = 5_000): Promise<string> => {
  const reference = parseSecretReference(text);
  if (reference === null) return 'no reference';
  try {
    return await readSecret(reference, {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, TOKEN: 'from env\r\n', NOTHING: '' },
      timeoutMs,
    });
  } catch (error) {
    if (!(error instanceof FleetError) || error.code !== 'secret') throw error;
    expect(`${error.message}${error.hint}`).not.toContain('hunter2');
    expect(error.hint).not.toBe('');
    return error.message
      .replaceAll(folder, 'FOLDER')
      .replace('The secret ', '')
      .replace(' cannot be read', '');
  }
};

test('what a pipeline does not trust is not read: neither commands nor anything else', async () => {
  const mark = join(folder, 'was-run');
  const references = ['env:TOKEN', 'file:key', `exec:touch ${mark}; echo x`]
    .map(parseSecretReference)
    .filter((each) => each !== null);
  const readable = async (mode: string): Promise<boolean[]> => {
    const env = { PATH: process.env.PATH, HOME: folder, TOKEN: 'x', FLEET_SECRETS: mode };
    const reads = references.map((reference) => readSecret(reference, { cwd: folder, env }));
    return (await Promise.allSettled(reads)).map(({ status }) => status === 'fulfilled');
  };
  expect(await readable('none')).toEqual([false, false, false]);
  for (const wrong of ['no', 'NO-EXEC', 'no_exec', '__proto__', 'toString', ' '])
    expect(await readable(wrong), wrong).toEqual([false, false, false]);
  expect(await readable('no-exec')).toEqual([true, true, false]);
  expect(existsSync(mark)).toBe(false);
  expect(await readable('all')).toEqual([true, true, true]);
  expect(await readable('')).toEqual([true, true, true]);
});

const cases: readonly (readonly [reference: string, expected: string])[] = [
  ['env:TOKEN', 'from env'],
  ['env:NOTHING', 'env:NOTHING: it is empty'],
  ['env:ABSENT', 'env:ABSENT: the variable is not set'],
  ['file:key', 'abc'],
  ['file:./key', 'abc'],
  ['file:~/key', 'abc'],
  ['file:shared', 'group'],
  ['file:open', 'file:open: every user of this machine may open FOLDER/open'],
  ['file:empty', 'file:empty: it is empty'],
  ['file:large', 'file:large: FOLDER/large has 70000 bytes, more than 65536'],
  ['file:absent', 'file:absent: FOLDER/absent: no such file or directory'],
  ['file:.', 'file:.: FOLDER/. is not a regular file'],
  ['file:pipe', 'file:pipe: FOLDER/pipe is not a regular file'],
  ['exec:cat key', 'abc'],
  ['exec:printf "a\\n\\n"', 'a\n'],
  ['exec:echo "$TOKEN" | tr -d "\\r\\n"', 'from env'],
  ['exec:true', 'exec:true: it is empty'],
  [
    'exec:printf hunter; echo hunter >&2; exit 3',
    'exec:printf hunter; echo hunter >&2; exit 3: the command ended with exit code 3',
  ],
  ['exec:kill -9 $$', 'exec:kill -9 $$: the command ended with a signal'],
  ['exec:yes', 'exec:yes: the command printed more than 65536 bytes'],
];

test.each(cases)('%s', async (reference, expected) => {
  expect(await read(reference)).toBe(expected.replace('FOLDER/. ', 'FOLDER '));
});

test('a command that does not end is ended with everything that it started', async () => {
  expect(await read('exec:(sleep 1; touch late) | cat', 300)).toBe(
    'exec:(sleep 1; touch late) | cat: the command did not end within 0.3 s',
  );
  await sleep(1_200);
  expect(await read('file:late')).toBe('file:late: FOLDER/late: no such file or directory');
});

const references: readonly (readonly [string, string | null])[] = [
  ['env:A_1', 'env:A_1'],
  ['file: ~/x y', 'file:~/x y'],
  ['exec:pass show a:b', 'exec:pass show a:b'],
  ['env:1A', null],
  ['env:A-B', null],
  ['env:', null],
  ['file: ', null],
  ['http://x', null],
  ['hunter2', null],
  ['ENV:A', null],
  ['file:a\0b', null],
  ['', null],
];

test.each(references)('reference %j', (text, expected) => {
  const reference = parseSecretReference(text);
  expect(reference && formatSecretReference(reference)).toBe(expected);
});
