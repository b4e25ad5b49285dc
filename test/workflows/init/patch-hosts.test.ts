import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { patchStep, rebootWanted } from '../../../src/steps/patch.ts';
import { planPatch } from '../../../src/workflows/init/patch-program.ts';
import { hostSpec } from './init-fixture.ts';

const packages = fileURLToPath(
  new URL('../../../templates/host-program/packages.sh', import.meta.url),
);

/**
 * Runs the step's check twice, as the host program does around its apply; what it did, in order.
 * `kernels`: installed ones, the first is the one that runs.
 */
function runCheck(
  mode: string,
  { upgrades = 0, isLocked = false, needsReboot = false } = {},
): string[] {
  const { declare, check } = patchStep();
  const program = `. "$1"; T=$(mktemp -d); MODE=${mode} FAIL_CODE= ; ${declare}
say() { printf '%s\\n' "$*" >&7; }; exec 7>&1
todo() { say "todo $1"; }; warn() { say "warn $1"; }; fail() { FAIL_CODE=$1; say "fail $1"; return 1; }
wait_for_apt() { ${isLocked ? 'fail host-step; return 1' : 'say waited'}; }; repair_dpkg() { say repaired; }; refresh_index() { echo noise; say refreshed; }
apt-get() { for (( i = 0; i < ${upgrades}; i++ )); do echo "Inst p$i [1] (2 x [all])"; done; }; simulate() { say simulated; }
wants_reboot() { ${needsReboot ? 'true' : 'false'}; }
check_it() { ${check}; }; check_it; [[ $FAIL_CODE ]] || check_it`;
  return execFileSync('bash', ['-c', program, 'test', packages], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  })
    .trim()
    .split('\n');
}

it('the index is made young once, before anything is judged, and only where something is to be upgraded', () => {
  expect(runCheck('apply', { upgrades: 2 })).toEqual([
    'waited',
    'repaired',
    'refreshed',
    'todo upgrade 2 packages',
    'todo upgrade 2 packages',
  ]);
  expect(runCheck('check', { upgrades: 1 })).toEqual([
    'todo upgrade 1 packages',
    'simulated',
    'todo upgrade 1 packages',
    'simulated',
  ]);
});

it('a reboot is asked for by what runs, with and without upgrades; a locked apt fails the step before anything else', () => {
  expect(runCheck('check', { needsReboot: true })).toEqual([
    `warn ${rebootWanted}`,
    `warn ${rebootWanted}`,
  ]);
  expect(runCheck('apply', { upgrades: 1, isLocked: true })[0]).toBe('fail host-step');
  expect(runCheck('apply', { upgrades: 1, isLocked: true })).not.toContain(
    'todo upgrade 1 packages',
  );
});

it('the program refuses another ledger and another host before it upgrades, and quotes what it is given', () => {
  const caller = { act: 'patch', by: "o'neill@desk", ledger: 'l1' };
  const names = { fleet: 'shop', name: 'h1', former: 'h0' };
  const { steps, program } = planPatch(hostSpec('h1'), {
    check: false,
    isSecurity: true,
    library: readFileSync(packages, 'utf8'),
    names,
    caller,
  });
  expect(steps.map(({ id }) => id)).toEqual(['host-support', 'ledger', 'identity', 'patch']);
  expect(program).toContain("want_own_name 'shop' 'h1' 'h0'");
  execFileSync('bash', ['-n'], { input: program });
});
