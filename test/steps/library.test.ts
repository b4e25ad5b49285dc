import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quoteShell } from '../../src/remote/shared/shell-command.ts';
import { memoryStep } from '../../src/steps/preflight.ts';
import { compileProgram } from '../../src/steps/program.ts';
import type { Step } from '../../src/steps/step.ts';
import { declareFiles, filesStep } from '../../src/steps/step.ts';
import type { HostLine } from '../../src/workflows/init/init-events.ts';
import { runLibrary, scratch } from './run-library.ts';

const owner = `${userInfo().username}:${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`;
const steps = (lines: readonly HostLine[]): string[] =>
  lines.flatMap((line) =>
    line.t === 'step' && line.state !== 'started' ? [`${line.id} ${line.state}`] : [],
  );
/** The part of a compiled program that follows the library. */
const body = (list: readonly Step[], mode: 'apply' | 'check' = 'apply', diff = false): string =>
  compileProgram(list, { mode, diff, library: '' }).replace(
    'settle_guard; gather; facts',
    'gather',
  );
const plain = (step: Partial<Step> & { id: string }): Step => ({
  title: '',
  looksAt: {},
  check: '',
  apply: '',
  ...step,
});

describe('json in shell', () => {
  it('says any text without breaking the line protocol', async () => {
    const character = fc.integer({ min: 1, max: 0xd7ff }).map((code) => String.fromCharCode(code));
    const ascii = fc.integer({ min: 1, max: 127 }).map((code) => String.fromCharCode(code));
    const texts = fc.sample(
      fc.array(fc.oneof(character, ascii), { maxLength: 60 }).map((all) => all.join('')),
      { numRuns: 60, seed: 7 },
    );
    const root = scratch();
    const script = texts
      .map((text) => `json '${text.replaceAll("'", `'\\''`)}'; printf '%s\\n' "$J" >&3`)
      .join('\n');
    const said = (await runLibrary(script, root)).stdout
      .split('\n')
      .slice(0, texts.length)
      .map((line) => JSON.parse(line) as unknown);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: told as question marks
    expect(said).toEqual(texts.map((text) => text.replace(/[\x01-\x08\x0b-\x1f\x7f]/g, '?')));
  });
});

describe('files', () => {
  it('arrive with any content, are kept when replaced, and are left alone the second time', async () => {
    const root = scratch();
    const text = `a 'quoted' "text" with $HOME, \`id\`, \\ and ünïcode\n\n`;
    const file = { path: `${root}/etc/deep/er/a b.conf`, text, mode: '640', owner };
    const program = body([filesStep('files', '', [file])]);
    const first = await runLibrary(program, root);
    expect(first.stderr).toBe('');
    expect(steps(first.lines)).toEqual(['files changed']);
    expect(readFileSync(file.path, 'utf8')).toBe(text);
    expect(statSync(file.path).mode & 0o777).toBe(0o640);
    expect(steps((await runLibrary(program, root)).lines)).toEqual(['files ok']);

    writeFileSync(file.path, 'mine\n');
    const third = await runLibrary(program, root);
    expect(steps(third.lines)).toEqual(['files changed']);
    const kept = `${root}/backups${root}/etc/deep/er`;
    expect(readdirSync(kept).map((name) => readFileSync(`${kept}/${name}`, 'utf8'))).toEqual([
      'mine\n',
    ]);
    expect(readdirSync(`${root}/etc/deep/er`)).toEqual(['a b.conf']);
  });

  it('show a diff in check mode and change nothing', async () => {
    const root = scratch();
    writeFileSync(`${root}/x.conf`, 'old\nsame\n');
    const file = { path: `${root}/x.conf`, text: 'new\nsame\n', mode: '644', owner };
    const run = await runLibrary(body([filesStep('files', '', [file])], 'check', true), root);
    expect(steps(run.lines)).toEqual(['files pending']);
    expect(run.lines.find(({ t }) => t === 'diff')).toEqual({
      t: 'diff',
      path: file.path,
      text: `--- ${file.path} (host)\n+++ ${file.path} (fleet)\n@@ -1,2 +1,2 @@\n-old\n+new\n same`,
    });
    expect(readFileSync(file.path, 'utf8')).toBe('old\nsame\n');
    expect(readdirSync(root).sort()).toEqual(['run', 'x.conf']);
  });

  it('never follow a link and never replace a directory', async () => {
    const root = scratch();
    writeFileSync(`${root}/target`, 'precious');
    symlinkSync(`${root}/target`, `${root}/link`);
    mkdirSync(`${root}/dir`);
    const at = (path: string) => ({ path, text: 'x\n', mode: '644', owner });
    expect(
      steps((await runLibrary(body([filesStep('link', '', [at(`${root}/link`)])]), root)).lines),
    ).toEqual(['link changed']);
    expect(readFileSync(`${root}/target`, 'utf8')).toBe('precious');
    const refused = await runLibrary(body([filesStep('dir', '', [at(`${root}/dir`)])]), root);
    expect(refused.lines.find((line) => line.t === 'step')).toMatchObject({
      state: 'failed',
      failure: { code: 'host-foreign' },
    });
  });

  it('owe a restart until it was done, also when the program died in between', async () => {
    const root = scratch();
    const file = {
      path: `${root}/d.conf`,
      text: 'x\n',
      mode: '644',
      owner,
      owes: 'restart.some.service',
    };
    const written = await runLibrary(
      `mkdir -p "$STATE"; U[some.service.LoadState]=loaded\n${declareFiles([file])}` +
        `\nput_file '${file.path}'`,
      root,
    );
    expect(written.stderr).toBe('');
    const asked = await runLibrary(
      'U[some.service.LoadState]=loaded U[some.service.ActiveState]=active ' +
        `U[some.service.UnitFileState]=enabled; want_running some.service; printf '%s' "$P" ` +
        '>&3',
      root,
    );
    expect(asked.stdout).toBe(`restart some.service: ${root}/d.conf changed`);
  });
});

describe('steps', () => {
  it('that still find something after their apply have failed', async () => {
    const run = await runLibrary(
      body([plain({ id: 'a', check: 'todo "set x"', apply: 'echo tried >&2' })]),
      scratch(),
    );
    expect(run.lines.find((line) => line.t === 'step' && line.state === 'failed')).toMatchObject({
      failure: {
        code: 'host-step',
        message: 'did not take: set x',
        hint: expect.stringContaining('tried') as unknown,
      },
    });
    expect(run.lines.at(-1)).toMatchObject({ t: 'end', failed: true });
  });

  it('tell what had to change, also when their apply looks again', async () => {
    const root = scratch();
    const run = await runLibrary(
      body([
        plain({
          id: 'a',
          check: `[[ -e ${root}/x ]] || todo "set x"`,
          apply: `P=(); : >${root}/x`,
        }),
      ]),
      root,
    );
    expect(run.lines.find((line) => line.t === 'step' && line.state === 'changed')).toMatchObject({
      what: ['set x'],
    });
  });

  it('run beside the others when they are slow, and are waited for by who needs them', async () => {
    const root = scratch();
    const run = await runLibrary(
      body([
        plain({
          id: 'slow',
          background: true,
          check: `[[ -e ${root}/slow ]] || todo slow`,
          apply: `sleep 0.3; : >${root}/slow`,
        }),
        plain({
          id: 'quick',
          check: `[[ -e ${root}/quick ]] || todo quick`,
          apply: `: >${root}/quick`,
        }),
        plain({
          id: 'late',
          after: ['slow'],
          check: `[[ -e ${root}/slow ]] || fail host-step early x`,
        }),
      ]),
      root,
    );
    expect(steps(run.lines)).toEqual(['quick changed', 'slow changed', 'late ok']);
  });

  it('stop at the first failure, but a background step is waited for', async () => {
    const root = scratch();
    const run = await runLibrary(
      body([
        plain({
          id: 'slow',
          background: true,
          check: `[[ -e ${root}/slow ]] || todo slow`,
          apply: `sleep 0.2; : >${root}/slow`,
        }),
        plain({ id: 'bad', check: 'fail host-space "no space" "make some"' }),
        plain({ id: 'never', check: `: >${root}/never` }),
      ]),
      root,
    );
    expect(steps(run.lines)).toEqual(['bad failed', 'slow changed']);
    expect(existsSync(`${root}/never`)).toBe(false);
    expect(run.lines.at(-1)).toMatchObject({ failed: true });
    expect(readdirSync(`${root}/run`)).toEqual(['lock']);
  });

  it('that fail in the background tell their own reason', async () => {
    const run = await runLibrary(
      body([
        plain({
          id: 'slow',
          background: true,
          check: 'todo x',
          apply: 'fail host-space "it\'s full" "free \\"some\\""',
        }),
      ]),
      scratch(),
    );
    expect(run.lines.find((line) => line.t === 'step' && line.state === 'failed')).toMatchObject({
      failure: { code: 'host-space', message: "it's full", hint: 'free "some"' },
    });
  });
});

describe('hosts that are not as they should be', () => {
  const warnings = async (script: string): Promise<string> =>
    (
      await runLibrary(
        `${script}; for w in "\${W[@]}"; do printf '%s\\n' "$w" >&3; done`,
        scratch(),
      )
    ).stdout;
  const memory = memoryStep({ accounts: 5, reserveBytes: 200e6 }).check;

  it.each([
    ['MEMORY_MB=4000 MEMORY_FREE_MB=3000 SWAP_MB=0', ''],
    [
      'MEMORY_MB=900 MEMORY_FREE_MB=600 SWAP_MB=0',
      '900 MB of memory and no swap hold about 2 accounts of 200 MB, max_accounts is 5\n',
    ],
    [
      'MEMORY_MB=256 MEMORY_FREE_MB=90 SWAP_MB=512',
      '256 MB of memory and 512 MB of swap hold about 0 accounts of 200 MB, max_accounts ' +
        'is 5\nonly 90 MB of memory are free and 512 MB of swap: installing packages may ' +
        'fail\n',
    ],
  ])('%s', async (facts, said) =>
    expect(await warnings(`${facts}; SELINUX=/nonexistent; f() { ${memory}\n}; f`)).toBe(said),
  );

  it('SELinux that is enforcing is named', async () => {
    const root = scratch();
    writeFileSync(`${root}/enforce`, '1');
    const script =
      `MEMORY_MB=9000 MEMORY_FREE_MB=9000 SWAP_MB=0 SELINUX=${root}/enforce; f() { ` +
      `${memory}\n}; f`;
    expect(await warnings(script)).toMatch(/^SELinux is enforcing.*ausearch/);
  });

  it('a lock of apt that is never let go is given up, with its holder', async () => {
    const held =
      `apt_holder() { HOLDER='unattended-upgr (pid 7)'; }; APT_WAIT=1; wait_for_apt; printf ` +
      `'%s' "$FAIL_MESSAGE: $FAIL_HINT" >&3`;
    expect((await runLibrary(held, scratch())).stdout).toMatch(
      /waits for apt's lock, held by unattended-upgr \(pid 7\)[\s\S]*apt is locked by unattended-upgr \(pid 7\): wait until it has ended/,
    );
  });

  it.each([
    [
      'E: Release file for http://x/InRelease is not valid yet (invalid for another 3d)',
      'clock is off',
    ],
    [
      'E: Failed to fetch http://x/a.deb  Could not connect to x:80',
      'cannot reach its package mirrors',
    ],
    ['E: Unable to locate package nosuch', 'package sources lack it'],
    ["E: You don't have enough free space; No space left on device", 'free some space'],
  ])('apt says %s', async (text, hint) => {
    expect(
      (await runLibrary(`apt_hint ${quoteShell(text)}; printf '%s' "$HINT" >&3`, scratch())).stdout,
    ).toContain(hint);
  });
});

describe('blobs', () => {
  const content = Buffer.from('content of a blob\n'.repeat(1000));
  const digest = createHash('sha256').update(content).digest('hex');
  const take = (path: string): string =>
    `RUN=${path}; mkdir -p $RUN/lock; ask_blob ${digest}; take_blob ${digest} ${path}/blob ` +
    `755; printf '%s' "$FAIL_CODE" >&3`;
  const packed = gzipSync(content);
  const framed = (bytes: Buffer, length = bytes.length): Buffer =>
    Buffer.concat([Buffer.from(`${length}\n`), bytes]);

  it.each([
    ['whole', framed(packed), ''],
    ['cut short', framed(packed.subarray(0, 60), packed.length), 'transfer'],
    ['other content', framed(gzipSync('something else')), 'transfer'],
    ['a refusal in words', Buffer.from('the registry did not answer\n'), 'transfer'],
    ['nothing', Buffer.alloc(0), 'transfer'],
  ])('%s', async (_name, stdin, code) => {
    const root = scratch();
    const run = await runLibrary(take(root), root, stdin);
    expect(run.stdout).toBe(`{"t":"need","sha256":"${digest}"}\n${code}`);
    expect(existsSync(`${root}/blob`)).toBe(code === '');
    expect(existsSync(`${root}/blob.part`)).toBe(false);
    if (code === '') expect(statSync(`${root}/blob`).mtimeMs).toBe(1000);
  });

  it.each([
    ['all whole', [framed(packed), framed(gzipSync('second'))], '', ['644', '755']],
    [
      'the link breaks in the second',
      [framed(packed), framed(packed.subarray(0, 60), packed.length)],
      'transfer',
      ['644'],
    ],
    [
      'other content than was asked for',
      [framed(packed), framed(gzipSync('something else'))],
      'transfer',
      ['644'],
    ],
    ['the operator has none', [Buffer.from('the registry did not answer\n')], 'transfer', []],
  ])('several at once, %s: what came stays', async (_name, answers, code, kept) => {
    const root = scratch();
    const second = createHash('sha256').update('second').digest('hex');
    const script =
      `BLOBS=${root}/blobs; take_blobs ${digest}.644 ${second}.755; printf '%s' "$FAIL_CODE" ` +
      '>&3';
    const run = await runLibrary(script, root, Buffer.concat(answers));
    expect(run.stdout).toBe(code);
    const files = existsSync(`${root}/blobs`)
      ? readdirSync(`${root}/blobs`).filter((name) => !name.startsWith('.'))
      : [];
    expect(files.map((name) => name.slice(65)).sort()).toEqual(kept);
    for (const name of files) {
      const { mode, mtimeMs } = statSync(`${root}/blobs/${name}`);
      expect([(mode & 0o777).toString(8), mtimeMs]).toEqual([name.slice(65), 1000]);
    }
  });

  it.each([
    ['whose 5 minutes bring nothing is dead', 1, 1, 'transfer'],
    ['whose 5 minutes bring enough goes on', 20, -1_000_000, ''],
  ])('a link %s', async (_name, parts, least, code) => {
    const root = scratch();
    const noise = randomBytes(4000);
    const sha = createHash('sha256').update(noise).digest('hex');
    const bytes = gzipSync(noise);
    const link = new Readable({ read() {} });
    link.push(`${bytes.length}\n`);
    const each = Math.ceil(bytes.length / 20);
    for (let part = 0; part < parts; part += 1)
      setTimeout(() => link.push(bytes.subarray(part * each, (part + 1) * each)), part * 50);
    const shortly = `SLOW_SECONDS=0.3 SLOW_BYTES=${least}`;
    const run = await runLibrary(
      `${shortly}; take_blob ${sha} ${root}/blob 644; printf '%s' "$FAIL_CODE" >&3`,
      root,
      link,
    );
    expect(run.stdout).toBe(code);
    expect(existsSync(`${root}/blob`)).toBe(code === '');
  });
});
