import { hostPaths } from '../../hostside/protocol/paths.ts';
import { guardedFilesStep } from './guard.ts';
import type { Step } from './step.ts';

/** Of sudo's files the last one that speaks counts. */
export const sudoersPath = '/etc/sudoers.d/zz-fleet';

/**
 * Whose sudo is narrowed. `byPassword`: the way back is that user's own password; otherwise another
 * user, and this one keeps the acts only.
 */
export interface NarrowSudo {
  readonly user: string;
  readonly byPassword: boolean;
}

const program = `${hostPaths.current}/bin/fleet-sudo`;

/** The host fills in what its sudo knows: sudo-rs has no requiretty, and refuses the word. */
const narrowText = ({
  user,
  byPassword,
}: NarrowSudo): string => `# Written by fleet init (ssh.sudo: narrow in the inventory).
# The way back: "sudo: full" there, then fleet init; or as root: rm ${sudoersPath}
Defaults!${program} env_reset@NO_REQUIRETTY@
${user} ALL=(ALL:ALL) ${byPassword ? 'PASSWD: ALL' : '!ALL'}
${user} ALL=(root) NOPASSWD: ${program}
`;

const fullText = '# Written by fleet init: ssh.sudo is full, so nothing is narrowed here.\n';

/**
 * The login user's sudo. Narrow: a file that comes after the operator's own and leaves that user
 * the acts of bin/fleet-sudo; no file of the operator is
 * touched. It can cut the way in, so the host takes it back unless a fresh connection becomes root
 * with all rights (guard.ts). Full: an earlier file of
 * fleet's says nothing any more, and where there is none, none is written.
 */
export function sudoStep(narrow: NarrowSudo | null): Step {
  const file = {
    path: sudoersPath,
    text: narrow === null ? fullText : narrowText(narrow),
    mode: '440',
    owner: 'root:root',
  };
  const step = guardedFilesStep(
    { id: 'narrow-sudo', title: "the login user's sudo", restart: null, files: [file] },
    [],
  );
  return narrow === null
    ? { ...step, check: `! remembered file ${sudoersPath} || { ${step.check}; }` }
    : step;
}
