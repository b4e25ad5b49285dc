/** The example pipeline and crontab: every command line in them is run by a real shell, against a fleet without hosts. */
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCommand } from '../lab/run-command.ts';
import { cronLines, example, exampleFolder, pipelineLines, scheduleAndCommand } from './example-lines.ts';

const root = join(import.meta.dirname, '..', '..');
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-examples-'));
  await mkdir(join(directory, 'bin'));
  await writeFile(join(directory, 'bin', 'fleet'), `#!/bin/sh\nexec '${process.execPath}' '${root}/src/cli/main.ts' "$@"\n`);
  await chmod(join(directory, 'bin', 'fleet'), 0o755);
  await writeFile(
    join(directory, 'inventory.yaml'),
    'version: 1\nfleet: examples\nvault: { key: "file:vault.key" }\ntelegram: { api_id: 1, api_hash: "env:API_HASH" }\nhosts: {}\n',
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const runLine = (line: string) =>
  tryCommand(['bash', '-c', line.replaceAll(exampleFolder, directory)], {
    cwd: directory,
    env: {
      PATH: `${directory}/bin:/usr/bin:/bin`,
      HOME: directory,
      FLEET_INVENTORY: join(directory, 'inventory.yaml'),
      GITHUB_ACTIONS: 'true',
    },
    timeoutMs: 60_000,
  });

describe('examples', () => {
  it('have the commands that they are about', async () => {
    expect(await pipelineLines()).toEqual(['fleet init --check --diff || test $? -eq 4', 'fleet init', 'fleet status --live']);
    expect(await cronLines()).toHaveLength(4);
  });

  it('crontab holds nothing but comments, variables and five-field schedules of fleet', async () => {
    const other = (await example('crontab'))
      .split('\n')
      .filter((line) => line !== '' && !/^(#|[A-Z_]+=)/.test(line) && !scheduleAndCommand.test(line));
    expect(other).toEqual([]);
    // cron turns an unescaped % into a line break.
    expect((await cronLines()).filter((line) => line.includes('%'))).toEqual([]);
  });

  it('every line runs as it stands', async () => {
    expect((await runLine('fleet vault create-key')).code).toBe(0);
    for (const line of [...(await pipelineLines()), ...(await cronLines())]) {
      const { code, stderr } = await runLine(line);
      expect({ line, code, stderr: code === 0 ? '' : stderr }).toEqual({ line, code: 0, stderr: '' });
    }
    expect(JSON.parse(await readFile(join(directory, 'drift.json'), 'utf8'))).toMatchObject({ command: 'init', ok: true });
  });

  it('an error becomes an annotation of the run', async () => {
    const { code, stderr } = await runLine('fleet init --limit nobody');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^::error::.*nobody/m);
  });
});
