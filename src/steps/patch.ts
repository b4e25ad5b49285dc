import type { Step } from './step.ts';

/**
 * What the program says, as a warning, when the host runs a kernel or libraries that are no longer
 * the installed ones.
 */
export const rebootWanted = 'a reboot is needed: what was upgraded is not what runs';

/**
 * Every package that has a newer version, by an index of within the hour; never at the price of a
 * package that is there. In check mode by the index that the host has.
 * `isSecurity`: only those with a security update, and what that needs.
 */
export function patchStep(isSecurity = false): Step {
  return {
    id: 'patch',
    title: isSecurity ? 'security updates' : 'package upgrade',
    looksAt: {
      paths: [
        '/var/lib/apt/lists',
        '/var/lib/apt/lists/partial',
        '/var/cache/apt/pkgcache.bin',
        '/run/reboot-required',
      ],
    },
    declare: `REBOOT_WANTED='${rebootWanted}'${isSecurity ? ' SECURITY_ONLY=1' : ''}`,
    check: 'want_patch',
    apply: 'put_upgrade',
  };
}
