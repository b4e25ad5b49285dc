import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseProfile } from '../../src/steps/profile.ts';
import { type ProjectFile, pythonStep, requirementFiles } from '../../src/steps/python.ts';
import { runLibrary, scratch } from './run-library.ts';

const file = (path: string, text = path): ProjectFile => {
  const content = Buffer.from(text);
  return {
    path,
    mode: 0o644,
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: content.length,
    content,
  };
};
const settings = (more = '') => {
  const profile = parseProfile(
    'mine',
    `description: x\npython: { bot: { project: bot, requirements: requirements.txt, ${more} } }\n`,
  );
  const [found] = Object.values(profile.python);
  if (found === undefined) throw new Error('no environment');
  return found;
};
const files = [
  file('lib.py'),
  file('requirements.txt', 'a==1\n'),
  file('wheels/a.whl'),
  file('worker.py', 'print(1)\n'),
];

/** What the environment's parts are called on the host, from the step's declarations. */
const parts = (more = '', all = files): Record<string, string> => {
  const { declare = '' } = pythonStep({ name: 'bot', settings: settings(more), files: all }, false);
  const names = ['project', 'venv', 'release', 'pip'];
  const print = names.map((name) => `printf '%s\\n' "\${PY[bot.${name}]}"`).join('\n');
  const lines = execFileSync('bash', ['-c', `declare -A PY F_TEXT\n${declare}\n${print}`], {
    encoding: 'utf8',
  }).split('\n');
  return Object.fromEntries(names.map((name, index) => [name, lines[index] ?? '']));
};
const changed = (one: Record<string, string>, other: Record<string, string>): string[] =>
  Object.keys(one).filter((name) => one[name] !== other[name]);

describe('a Python environment', () => {
  it.each<[string, string, ProjectFile[], string[]]>([
    ['nothing', '', files, []],
    [
      'a file of the project',
      '',
      [file('lib.py', 'new'), ...files.slice(1)],
      ['project', 'release'],
    ],
    [
      'the requirements',
      '',
      files.with(1, file('requirements.txt', 'a==2\n')),
      ['project', 'venv', 'release'],
    ],
    [
      'a wheel, where pip does not look',
      '',
      files.with(2, file('wheels/a.whl', 'new')),
      ['project', 'release'],
    ],
    [
      'the index',
      'index: "https://packages.example.com/simple"',
      files,
      ['venv', 'release', 'pip'],
    ],
    ['the interpreter', 'interpreter: /usr/bin/python3.12', files, ['venv', 'release']],
    ['the packages that are seen', 'systemPackages: true', files, ['venv', 'release']],
    ['the program', 'run: lib.py', files, ['release']],
  ])('another one of %s makes anew only what depends on it', (_what, more, all, expected) => {
    expect(changed(parts(), parts(more, all))).toEqual(expected);
  });

  it('is made anew when a wheel changes that pip may take', () => {
    const offline = 'index: none, wheels: wheels';
    expect(parts(offline).pip).toBe('--no-index --find-links wheels');
    expect(parts('index: "http://10.0.0.1:80/simple"').pip).toBe(
      '--index-url http://10.0.0.1:80/simple --trusted-host 10.0.0.1',
    );
    expect(
      changed(parts(offline), parts(offline, files.with(2, file('wheels/a.whl', 'new')))),
    ).toEqual(['project', 'venv', 'release']);
  });

  it('follows the files that requirements name', () => {
    const all = [
      file('req/all.txt', '-r base.txt # more\n--constraint=../limits.txt\nx\n'),
      file('req/base.txt', '-r all.txt\n-r missing.txt\n'),
      file('limits.txt', ''),
      file('other.txt', ''),
    ];
    expect([...requirementFiles('req/all.txt', all)].sort()).toEqual([
      'limits.txt',
      'req/all.txt',
      'req/base.txt',
    ]);
  });

  it('carries texts only when differences are to be shown, never what is no text', () => {
    const all = [...files, file('data.bin', 'a\0b')];
    const shown = pythonStep({ name: 'bot', settings: settings(), files: all }, true).declare ?? '';
    expect(shown).toContain('print(1)');
    expect(shown).toContain("F_TEXT['/opt/fleet/python/bot/current/project/lib.py']");
    expect(shown).not.toContain('project/data.bin');
    expect(
      pythonStep({ name: 'bot', settings: settings(), files: all }, false).declare,
    ).not.toContain('print(1)');
  });

  it.each([
    ['project: ../bot', 'python.bot.project'],
    ['project: bot, run: /etc/passwd', 'python.bot.run'],
    ['project: bot, run: "a b.py"', 'python.bot.run'],
    [
      'project: bot, index: "https://me:secret@packages.example.com/"',
      'a password belongs into /etc/pip.conf',
    ],
    ['project: bot, index: pypi', 'python.bot.index'],
    ['project: bot, wheels: ../wheels', 'python.bot.wheels'],
    ['projct: bot', 'projct'],
  ])('{ %s } is refused at %s', (text, place) => {
    expect(() => parseProfile('mine', `description: x\npython: { bot: { ${text} } }\n`)).toThrow(
      expect.objectContaining({
        code: 'inventory',
        problems: expect.arrayContaining([expect.stringContaining(place)]) as unknown,
      }),
    );
  });
});

describe('the Python of a host', () => {
  const look = async (state: string, more = ''): Promise<Record<string, unknown>> => {
    const script = `declare -A OS=(${more}); PY[bot.interpreter]=/usr/bin/python3 PY[bot.venv]=v PY[bot.release]=r PY[bot.project]=p
      S[/usr/bin/python3]="${state}"; py_places bot; printf '%s' "$?,\${PY_VENV-},$FAIL_CODE,$FAIL_MESSAGE,$FAIL_HINT" >&3`;
    const [ok, venv, code, message, ...hint] = (await runLibrary(script, scratch())).stdout.split(
      ',',
    );
    return { ok: ok === '0', venv, code, message, hint: hint.join(',') };
  };
  const link = (target: string): string =>
    `symbolic link|777|root|root|9|1|'/usr/bin/python3' -> '${target}'`;

  it('is told by its link, without a start of it', async () => {
    expect(await look(link('python3.12'))).toMatchObject({
      ok: true,
      venv: '/opt/fleet/python/bot/venvs/v-3.12',
    });
  });
  it('is refused when it is too old, with what to do', async () => {
    expect(await look(link('python3.10'))).toMatchObject({
      ...{
        ok: false,
        code: 'host-unsupported',
        message: 'Python 3.10 is too old for custom workers',
      },
      hint: expect.stringContaining('python.bot.interpreter: /usr/bin/python3.11') as unknown,
    });
  });
  it('is refused before its package is installed, where that would bring an old one', async () => {
    expect(await look('', '[ID]=ubuntu [VERSION_ID]=22.04')).toMatchObject({
      ok: false,
      code: 'host-unsupported',
    });
  });
  it('is missed with what to do', async () => {
    expect(await look('')).toMatchObject({
      ok: false,
      code: 'host-step',
      hint: expect.stringContaining('python3-venv') as unknown,
    });
  });
});
