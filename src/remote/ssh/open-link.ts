import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { SshLink } from '../session/link.ts';

/** Whether the system's OpenSSH carries the connection: for a part of the way is for all of it. */
export const usesOpenSsh = (target: SshTarget): boolean =>
  [target, ...target.jumps].some(({ openSsh }) => openSsh !== null);

/** Connects and logs in by the transport that was chosen. Neither is loaded before it is needed. */
export async function openLink(target: SshTarget, context: SshContext): Promise<SshLink> {
  if (usesOpenSsh(target)) {
    const { openMasterLink } = await import('../openssh/open-master.ts');
    return openMasterLink(target, context);
  }
  const own = await import('../ssh2/ssh-link.ts');
  return own.openLink(target, context);
}
