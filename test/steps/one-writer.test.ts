/**
 * One writer at a time on a host: the lock is held by a program that runs, whatever its link does.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it, vi } from 'vitest';
import { compileProgram } from '../../src/steps/program.ts';
import type { Step } from '../../src/steps/step.ts';
import type { HostLine } from '../../src/workflows/init/init-events.ts';
import { runLibrary, scratch } from './run-library.ts';

const plain = (step: Partial<Step> & { id: string }): Step => ({
  title: '',
  looksAt: {},
  check: '',
  apply: '',
  ...step,
});
const body = (step: Step, act: string, by: string): string =>
  compileProgram([step], {
    mode: 'apply',
    diff: false,
    library: '',
    caller: { act, by, ledger: null },
  }).replace('settle_guard; gather; facts', 'gather');
const notes = (lines: readonly HostLine[]): string =>
  lines.flatMap((line) => (line.t === 'note' ? [line.text] : [])).join('; ');
const states = (lines: readonly HostLine[]): string[] =>
  lines.flatMap((line) => (line.t === 'step' && line.state !== 'started' ? [line.state] : []));
const exists = (path: string): Promise<void> =>
  vi.waitFor(() => expect(existsSync(path)).toBe(true), { timeout: 30_000 });

const content = Buffer.from('content of a blob\n'.repeat(1000));
const digest = createHash('sha256').update(content).digest('hex');

it('a program that waits for bytes on a slow link is not ended by a second one, which says who is there and then finds nothing to do', async () => {
  const root = scratch();
  const receive = plain({
    id: 'blob',
    check: `[[ -e ${root}/blob ]] || todo "fetch it"`,
    apply: `: >${root}/asks; ask_blob ${digest}; take_blob ${digest} ${root}/blob 755`,
  });
  const link = new PassThrough();
  const first = runLibrary(
    `SSH_PEER=192.0.2.7 SSH_PORT=22\n${body(receive, 'init', 'anna@laptop')}`,
    root,
    link,
  );
  await exists(`${root}/asks`);
  const told = `eval "said_$(declare -f note)"; note() { said_note "$1"; : >${root}/waits; }`;
  const second = runLibrary(`${told}\n${body(receive, 'init', 'cron@desk')}`, root);
  await exists(`${root}/waits`);
  const packed = gzipSync(content);
  link.write(`${packed.length}\n`);
  for (const byte of packed.subarray(0, 20)) link.write(Buffer.from([byte]));
  link.end(packed.subarray(20));
  const [one, two] = await Promise.all([first, second]);
  expect(notes(two.lines)).toContain('anna@laptop');
  expect(states(one.lines)).toEqual(['changed']);
  expect(states(two.lines)).toEqual(['ok']);
  expect(one.lines.at(-1)).toMatchObject({ t: 'end', failed: false });
});

it('who waits is told by whom, from where, since when and for what; with a limit', async () => {
  const root = scratch();
  const work = plain({
    id: 'work',
    check: `[[ -e ${root}/go ]] || todo wait`,
    apply: `: >${root}/works; until [[ -e ${root}/go ]]; do sleep 0.1; done`,
  });
  const first = runLibrary(
    `SSH_PEER=192.0.2.7 SSH_PORT=22\n${body(work, 'uninstall', 'anna@laptop')}`,
    root,
  );
  await exists(`${root}/works`);
  const second = await runLibrary(`LOCK_WAIT=1\n${body(work, 'init', 'cron@desk')}`, root);
  const failed = second.lines.find((line) => line.t === 'step' && line.state === 'failed');
  expect(notes(second.lines)).toMatch(
    /^waits up to 1 s for fleet uninstall of anna@laptop \(from 192\.0\.2\.7, since [\d:]{8} UTC, pid \d+\)$/,
  );
  expect(failed).toMatchObject({
    failure: { code: 'lock-held', message: expect.stringContaining('anna@laptop') as unknown },
  });
  writeFileSync(`${root}/go`, '');
  expect(states((await first).lines)).toEqual(['changed']);
});

it('a lock file that nobody holds keeps nobody out, whatever it says', async () => {
  const root = scratch();
  const work = plain({
    id: 'work',
    check: `[[ -e ${root}/done ]] || todo it`,
    apply: `: >${root}/done`,
  });
  const dead =
    `mkdir -p ${root}/run/lock; printf '%s\\tnonsense\\n' $$ ` +
    `>${root}/run/lock/fleet-init.lock`;
  const run = await runLibrary(`${dead}\n${body(work, 'init', 'anna@laptop')}`, root);
  expect(states(run.lines)).toEqual(['changed']);
  expect(notes(run.lines)).toBe('');
});

const ours = '11111111-1111-4111-8111-111111111111';
it.each([
  [
    'another',
    '{"format":1,"id":"22222222-2222-4222-8222-222222222222","serial":3}',
    'releases/x',
    'host-foreign',
  ],
  ['this one', `{"format":1,"id":"${ours}","serial":3,"former":{"22222222":1}}`, 'releases/x', ''],
  ['none yet', '', 'releases/x', ''],
  [
    'another, where fleet is no longer installed',
    '{"format":1,"id":"22222222","serial":3}',
    null,
    '',
  ],
])('a host that obeys %s is let alone until a take-over', async (_name, record, current, code) => {
  const root = scratch();
  writeFileSync(`${root}/authority.json`, record);
  const look =
    current === null
      ? 'S=()'
      : `S[/opt/fleet/current]="symbolic link|777|root|root|9|1|'/opt/fleet/current' -> ` +
        `'${current}'"`;
  const run = await runLibrary(
    `AUTHORITY=${root}/authority.json LEDGER=${ours}; ${look}; want_own_ledger; printf ` +
      `'%s' "$FAIL_CODE" >&3`,
    root,
  );
  expect(run.stdout).toBe(code);
});

it('who is told to stop ends after the step under way, takes the answers that it still waits for, and leaves nothing behind', async () => {
  const root = scratch();
  const receive = plain({
    id: 'blob',
    check: `[[ -e ${root}/blob ]] || todo "fetch it"`,
    apply: `: >${root}/asks; ask_blob ${digest}; take_blob ${digest} ${root}/blob 755`,
  });
  const next = plain({
    id: 'next',
    check: `[[ -e ${root}/next ]] || todo "go on"`,
    apply: `: >${root}/next`,
  });
  const beside = plain({
    id: 'beside',
    background: true,
    check: `[[ -e ${root}/beside ]] || todo wait`,
    apply: `sleep 0.3; : >${root}/beside`,
  });
  const text = compileProgram([beside, receive, next], {
    mode: 'apply',
    diff: false,
    library: '',
  }).replace('settle_guard; gather; facts', 'gather');
  const link = new PassThrough();
  const running = runLibrary(`SSH_PEER=192.0.2.7 SSH_PORT=22\n${text}`, root, link);
  await exists(`${root}/asks`);
  link.write('stop\n');
  const packed = gzipSync(content);
  link.write(`${packed.length}\n`);
  link.write(packed);
  const { lines } = await running;
  link.end();
  expect(states(lines)).toEqual(['changed', 'changed']);
  expect(existsSync(`${root}/beside`)).toBe(true);
  expect(existsSync(`${root}/next`)).toBe(false);
  expect(lines.at(-1)).toMatchObject({ t: 'end', failed: false, halted: true, changed: 2 });
  expect(readdirSync(`${root}/run`).filter((name) => name.startsWith('fleet-init'))).toEqual([]);
  expect(readFileSync(`${root}/run/lock/fleet-init.lock`, 'utf8')).toBe('');
  const again = await runLibrary(`SSH_PEER=192.0.2.7 SSH_PORT=22\n${text}`, root);
  expect(states(again.lines)).toEqual(['ok', 'ok', 'changed']);
});

it('who waits for another one is told to stop, and goes without a step', async () => {
  const root = scratch();
  const work = plain({
    id: 'work',
    check: `[[ -e ${root}/go ]] || todo wait`,
    apply: `: >${root}/works; until [[ -e ${root}/go ]]; do sleep 0.1; done`,
  });
  const first = runLibrary(
    `SSH_PEER=192.0.2.7 SSH_PORT=22\n${body(work, 'init', 'anna@laptop')}`,
    root,
  );
  await exists(`${root}/works`);
  const link = new PassThrough();
  const told = `eval "said_$(declare -f note)"; note() { said_note "$1"; : >${root}/waits; }`;
  const second = runLibrary(`${told}\n${body(work, 'init', 'cron@desk')}`, root, link);
  await exists(`${root}/waits`);
  link.write('stop\n');
  const { lines } = await second;
  link.end();
  expect(states(lines)).toEqual([]);
  expect(lines.at(-1)).toMatchObject({ t: 'end', failed: false, halted: true });
  writeFileSync(`${root}/go`, '');
  expect(states((await first).lines)).toEqual(['changed']);
});
