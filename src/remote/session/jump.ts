import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { SshLink } from './link.ts';

const users = new WeakMap<SshLink, number>();

/**
 * The link to the last jump host before a target, which all links of one context share. The last
 * that releases it closes it. `open` connects it, through the jumps before it.
 */
export async function useJump<L extends SshLink>(
  target: SshTarget,
  last: SshTarget,
  context: SshContext,
  kind: 'ssh2' | 'openssh',
  open: (jump: SshTarget, context: SshContext) => Promise<L>,
): Promise<{ readonly jump: L; readonly release: () => void }> {
  const jump = await sharedJump({ ...last, jumps: target.jumps.slice(0, -1) }, context, kind, open);
  users.set(jump, (users.get(jump) ?? 0) + 1);
  let isReleased = false;
  return {
    jump,
    release() {
      if (isReleased) return;
      isReleased = true;
      const left = (users.get(jump) ?? 1) - 1;
      users.set(jump, left);
      if (left === 0) void jump.close();
    },
  };
}

function sharedJump<L extends SshLink>(
  target: SshTarget,
  context: SshContext,
  kind: 'ssh2' | 'openssh',
  open: (jump: SshTarget, context: SshContext) => Promise<L>,
): Promise<L> {
  const way = [...target.jumps, target].map(({ user, address, port }) => [user, address, port]);
  const name = `jump ${kind} ${JSON.stringify(way)}`;
  return context.once(name, async () => {
    const link = await open(target, context);
    link.onOver(() => context.forget(name));
    return link;
  });
}
