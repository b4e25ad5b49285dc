import * as z from 'zod';

const short = z.string().max(512);

/**
 * The first line of the host program (`facts` in templates/host-program/gather.sh). Texts are empty
 * where the host does not tell.
 */
export const hostFactsSchema = z.object({
  /** The host's clock, ms since the epoch. */
  timeMs: z.int(),
  cores: z.int().nonnegative(),
  memoryBytes: z.int().nonnegative(),
  swapBytes: z.int().nonnegative(),
  /** Port on which sshd took this connection; null when it could not be told. */
  sshPort: z.int().positive().max(65535).nullable(),
  /** `ID` of os-release, for example `debian`. */
  os: short,
  osVersion: short,
  osName: short,
  /** Node's word for the architecture, `x64` or `arm64`; otherwise what the shell says. */
  arch: short,
  kernel: short,
  hostname: short,
  machineId: short,
  bootId: short,
  /** As decided by the boot hold; empty until a release ran once in this boot. */
  instanceId: short,
  /** Id of the release that was current when the program began; empty before the first. */
  release: short,
});

/** What `fleet init` learns about a host besides its steps. */
export type HostFacts = z.infer<typeof hostFactsSchema>;
