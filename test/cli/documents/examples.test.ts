/**
 * The example pipeline and crontab: every command line in them is run by a real shell, against a
 * fleet without hosts.
 */
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryCommand } from '../../lab/run-command.ts';
import {
  cronLines,
  example,
  exampleFolder,
  fleetLines,
  pipeline,
  pipelineLines,
  scheduleAndCommand,
} from './example-lines.ts';

const root = join(import.meta.dirname, '..', '..', '..');
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fleet-examples-'));
  await mkdir(join(directory, 'bin'));
  await writeFile(
    join(directory, 'bin', 'fleet'),
    `#!/bin/sh\nexec '${process.execPath}' '${root}/src/cli/main.ts' "$@"\n`,
  );
  await chmod(join(directory, 'bin', 'fleet'), 0o755);
  await writeFile(
    join(directory, 'inventory.yaml'),
    'version: 1\nfleet: examples\nvault: { key: "file:vault.key" }\ntelegram: { api_id: ' +
      '1, api_hash: "env:API_HASH" }\nhosts: {}\n',
  );
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const runLine = (line: string, env: Readonly<Record<string, string>> = {}) =>
  tryCommand(['bash', '-c', line.replaceAll(exampleFolder, directory)], {
    cwd: directory,
    env: {
      PATH: `${directory}/bin:/usr/bin:/bin`,
      HOME: directory,
      FLEET_INVENTORY: join(directory, 'inventory.yaml'),
      GITHUB_ACTIONS: 'true',
      ...env,
    },
    timeoutMs: 60_000,
  });

describe('examples', () => {
  it('have the commands that they are about', async () => {
    expect(await pipelineLines()).toEqual([
      'fleet hosts list',
      'fleet init --list-steps',
      'fleet init',
      'fleet status --live',
    ]);
    expect(await cronLines()).toHaveLength(4);
  });

  it('crontab holds nothing but comments, variables and five-field schedules of fleet', async () => {
    const other = (await example('crontab'))
      .split('\n')
      .filter(
        (line) => line !== '' && !/^(#|[A-Z_]+=)/.test(line) && !scheduleAndCommand.test(line),
      );
    expect(other).toEqual([]);
    // cron turns an unescaped % into a line break.
    expect((await cronLines()).filter((line) => line.includes('%'))).toEqual([]);
  });

  it('every line runs as it stands', async () => {
    expect((await runLine('fleet vault create-key')).code).toBe(0);
    for (const line of [...(await pipelineLines()), ...(await cronLines())]) {
      const { code, stderr } = await runLine(line);
      expect({ line, code, stderr: code === 0 ? '' : stderr }).toEqual({
        line,
        code: 0,
        stderr: '',
      });
    }
    expect(JSON.parse(await readFile(join(directory, 'drift.json'), 'utf8'))).toMatchObject({
      command: 'init',
      ok: true,
    });
  });

  it('a pull request gets no secret: neither the repository’s nor what its inventory names', async () => {
    const { on, permissions, jobs } = await pipeline();
    expect(Object.keys(on)).toEqual(['pull_request', 'push', 'schedule']);
    expect(permissions).toEqual({ contents: 'read' });
    const { read, hosts, ...others } = jobs;
    expect(others).toEqual({});
    expect(read).toMatchObject({
      if: "github.event_name == 'pull_request'",
      env: { FLEET_SECRETS: 'none' },
    });
    expect(JSON.stringify(read)).not.toMatch(/secrets|\.ssh|github\.(?:head|event\.(?!name))/);
    expect(hosts).toMatchObject({
      if: "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'",
      environment: 'production',
      env: { FLEET_SECRETS: 'no-exec' },
    });
    for (const { steps } of Object.values(jobs)) {
      const uses = steps.flatMap((step) => (step.uses === undefined ? [] : [step.uses]));
      expect(uses.filter((action) => !/^actions\/[a-z-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
      for (const step of steps.filter(({ uses: action }) => action?.startsWith('actions/checkout')))
        expect(step.with).toEqual({ 'persist-credentials': false });
      const installs = steps.flatMap(({ run = '' }) =>
        run.split('\n').filter((line) => line.includes('npm install')),
      );
      expect(installs.filter((line) => !line.includes('--ignore-scripts'))).toEqual([]);
    }
  });

  it('a pull request’s inventory runs nothing and sends nothing, whatever it names', async () => {
    const mark = join(directory, 'ran');
    const evil = join(directory, 'evil.yaml');
    const secret = `"exec:touch ${mark}; echo x"`;
    await writeFile(
      evil,
      `version: 1\nfleet: evil\nvault: { key: ${secret} }\ntelegram: { api_id: 1, ` +
        `api_hash: ${secret} }\n` +
        `hosts: { h1: { address: 127.0.0.1, ssh: { password: ${secret}, sudo_password: ` +
        '"env:FLEET_SSH_KEY" } } }\n',
    );
    const { read, hosts } = (await pipeline()).jobs;
    if (read === undefined || hosts === undefined) throw new Error('the jobs have other names');
    for (const [job, lines] of [
      [read, fleetLines(read)],
      [
        hosts,
        [...fleetLines(hosts), 'fleet doctor', 'fleet vault create-key', 'fleet hosts trust --all'],
      ],
    ] as const)
      for (const line of lines) {
        const env = { FLEET_INVENTORY: evil, FLEET_SECRETS: job.env.FLEET_SECRETS ?? '' };
        const { stderr } = await runLine(line, env);
        expect({ line, ran: existsSync(mark) }, stderr).toEqual({ line, ran: false });
      }
    for (const line of fleetLines(read))
      expect((await runLine(line, { FLEET_INVENTORY: evil, FLEET_SECRETS: 'none' })).code).toBe(0);
  });

  it('an error becomes an annotation of the run', async () => {
    const { code, stderr } = await runLine('fleet init --limit nobody');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^::error::.*nobody/m);
  });
});
