import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseProfile } from '../../../src/steps/profile.ts';
import { readProfile } from '../../../src/workflows/init/read-profile.ts';
import { readProject } from '../../../src/workflows/init/read-project.ts';
import { minimalYaml, parsed } from '../../inventory/sample-inventory.ts';

/** A folder of the operator's with a project in it, as `paths` say. */
const place = (paths: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(tmpdir(), 'fleet-project-'));
  for (const [path, text] of Object.entries(paths)) {
    const at = join(root, 'bot', path);
    mkdirSync(join(at, '..'), { recursive: true });
    writeFileSync(at, text);
  }
  return root;
};
const read = async (root: string, more = '') => {
  const { python } = parseProfile(
    'mine',
    `description: x\npython: { bot: { project: bot ${more} } }\n`,
  );
  const [settings] = Object.values(python);
  if (settings === undefined) throw new Error('no environment');
  return readProject([root], { profile: 'mine', environment: 'bot', settings });
};

describe('a Python project', () => {
  it('is every file that belongs on hosts, by path, with its mode', async () => {
    const root = place({
      ...{ 'worker.py': 'w', 'lib/a.py': 'a', 'run.sh': 's', '.env': 'SECRET', '.git/config': 'g' },
      ...{
        '__pycache__/a.pyc': 'c',
        'lib/b.pyc': 'c',
        'venv/bin/python': 'p',
        'lib/__pycache__/x': 'x',
      },
    });
    chmodSync(join(root, 'bot/run.sh'), 0o700);
    const files = await read(root);
    expect(files.map(({ path, mode, bytes }) => `${path} ${mode.toString(8)} ${bytes}`)).toEqual([
      'lib/a.py 644 1',
      'run.sh 755 1',
      'worker.py 644 1',
    ]);
    expect(files[2]?.sha256).toBe(
      '50e721e49c013f00c62cf59f2163542a9d8df02464efeb615d31051b0fddc326',
    );
  });

  const refused = (what: string, hint: string): unknown =>
    expect.objectContaining({
      ...{ code: 'inventory', message: `profile mine: the Python project bot ${what}` },
      hint: expect.stringContaining(hint) as unknown,
    });

  it('is refused with what to do', async () => {
    const good = { 'worker.py': '' };
    await expect(read(mkdtempSync(join(tmpdir(), 'fleet-project-')))).rejects.toEqual(
      refused('is not there', 'looked for in'),
    );
    await expect(read(place({ 'a.py': '' }))).rejects.toEqual(
      refused('has no file worker.py', 'python.bot.run'),
    );
    await expect(read(place(good), ', requirements: r.txt')).rejects.toEqual(
      refused('has no file r.txt', 'python.bot.requirements'),
    );
    await expect(read(place(good), ', wheels: wheels')).rejects.toEqual(
      refused('has no files in wheels', 'python.bot.wheels'),
    );
    const odd = refused('has a file whose name cannot be sent: "a b.py"', 'rename it');
    await expect(read(place({ ...good, 'a b.py': '' }))).rejects.toEqual(odd);
    const linked = place(good);
    symlinkSync('/etc/passwd', join(linked, 'bot/users'));
    await expect(read(linked)).rejects.toEqual(
      refused('has something that is neither a file nor a folder: users', 'instead of a link'),
    );
  });

  it('is not taken for one when it is a folder of other things', async () => {
    const many = Object.fromEntries(Array.from({ length: 1100 }, (_, index) => [`f${index}`, '']));
    await expect(read(place({ 'worker.py': '', ...many }))).rejects.toMatchObject({
      hint: expect.stringContaining('1000 files') as unknown,
    });
  });
});

it('the example of docs/custom-workers.md is complete: its profile, its project and its inventory fit together', async () => {
  const templates = join(import.meta.dirname, '..', '..', '..', 'templates');
  const example = join(templates, 'examples', 'python-worker');
  const { profile, python } = await readProfile([example, templates], 'telethon-worker');
  expect(profile.packages).toEqual(
    expect.arrayContaining(['python3', 'python3-venv', 'python3-telethon', 'ufw']),
  );
  expect(python.map(({ name, settings }) => [name, settings.run, settings.index])).toEqual([
    ['worker', 'worker.py', 'none'],
  ]);
  expect(python[0]?.files.map(({ path }) => path)).toEqual([
    'fleet_worker.py',
    'requirements.txt',
    'worker.py',
  ]);
  const snippet = readFileSync(join(example, 'inventory.yaml'), 'utf8');
  const inventory = parsed(`${minimalYaml}${snippet.replaceAll(/^#.*\n/gm, '')}`);
  expect(inventory.hosts[0]?.profile).toBe('telethon-worker');
  expect(inventory.accounts.map(({ worker }) => worker)).toEqual([
    {
      command: ['/opt/fleet/python/worker/current/run'],
      sessionFormat: 'telethon-string',
      lingerMs: 300_000,
    },
  ]);
});
