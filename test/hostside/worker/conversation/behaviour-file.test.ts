import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BehaviourFile } from '../../../../hostside/worker/conversation/behaviour-file.ts';

test('what is new is told once: a file, a changed one, a broken one, none', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-behaviour-'));
  const path = join(directory, 'a.json');
  const put = (value: unknown): void => {
    writeFileSync(`${path}.new`, JSON.stringify(value));
    renameSync(`${path}.new`, path);
  };
  const sound = {
    format: 1,
    account: 'anna',
    isPaused: false,
    chats: [],
    fleetUserIds: [],
    script: null,
    model: null,
    limits: {},
  };
  const file = new BehaviourFile(path);
  expect([file.look(), file.look()]).toEqual([{ behaviour: null }, undefined]);
  put(sound);
  expect([file.look(), file.look()]).toEqual([{ behaviour: sound }, undefined]);
  put({ ...sound, isPaused: true });
  expect(file.look()).toMatchObject({ behaviour: { isPaused: true } });
  put({ ...sound, format: 2 });
  expect([file.look(), file.look()]).toEqual([{ fault: 'field "format" is not 1' }, undefined]);
  put({ ...sound, chats: 'all' });
  expect(file.look()).toEqual({ fault: 'field "chats" has a wrong value' });
  rmSync(path);
  expect(file.look()).toEqual({ behaviour: null });
  rmSync(directory, { recursive: true });
});
