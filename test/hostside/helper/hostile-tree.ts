import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A user that no test machine has: the account of the worker that has fallen. */
export const account = { uid: 54_321, gid: 54_321 };
export const canary = 'SESSION-OF-SOMEBODY-ELSE';

export interface HostileHost {
  /**
   * The state directory of the fallen account, as systemd leaves it: the directories above it are
   * root's alone.
   */
  readonly state: string;
  /** A directory of another account, `deep/session` in it. */
  readonly other: string;
}

export const hostileHost = (): HostileHost => {
  const root = mkdtempSync(join(tmpdir(), 'fleet-hostile-'));
  const [state, other] = [join(root, 'state'), join(root, 'other')];
  mkdirSync(state, { mode: 0o700 });
  chownSync(state, account.uid, account.gid);
  mkdirSync(join(other, 'deep'), { recursive: true });
  for (const path of ['session', 'deep/session'])
    writeFileSync(join(other, path), canary, { mode: 0o600 });
  for (const path of ['.', 'session', 'deep', 'deep/session'])
    chownSync(join(other, path), account.uid + 1, account.gid + 1);
  return { state, other };
};

/**
 * What the worker does: Python with the account's rights, its working directory the state. Ends
 * with `stop`, or by itself.
 */
export const asAccount = (
  { state, other }: HostileHost,
  program: string,
): { ended: Promise<unknown>; stop: () => Promise<unknown> } => {
  const child = spawn('python3', ['-c', program, other], {
    cwd: state,
    ...account,
    env: {},
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const ended = once(child, 'exit');
  const stop = (): Promise<unknown> => {
    child.kill('SIGKILL');
    return ended;
  };
  return { ended, stop };
};

/**
 * Directories and files change places with links to another account's, and with FIFOs, as fast as
 * one core can.
 */
export const swapping = `
import os, sys
other = sys.argv[1]
for name in ('d', 'e/deep'):
    os.makedirs(name, exist_ok=True)
    open(name + '/session', 'w').write('own')
os.makedirs('d/deep', exist_ok=True)
open('d/deep/session', 'w').write('own')
open('session', 'w').write('own')
def swap(name, target):
    try:
        os.rename(name, name + '.away')
    except OSError:
        return
    try:
        if target is None: os.mkfifo(name)
        else: os.symlink(target, name)
        os.unlink(name)
    except OSError: pass
    try:
        os.rename(name + '.away', name)
    except OSError: pass
def make():
    for name in ('d/deep', 'e/deep'):
        try: os.makedirs(name, exist_ok=True)
        except OSError: pass
    for name in ('session', 'd/session', 'd/deep/session', 'e/deep/session'):
        try:
            with open(name, 'x') as file: file.write('own')
        except OSError: pass
while True:
    make()
    for _ in range(50):
        swap('d', other)
        swap('e/deep', other + '/deep')
        swap('session', other + '/session')
        swap('d/deep/session', other + '/deep/session')
        swap('session', None)
`;
