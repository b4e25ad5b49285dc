import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FleetError } from '../model/errors.ts';
import type { FencePolicy, HostSpec, Inventory } from '../model/inventory.ts';
import { requireOwnPrograms } from '../surroundings/foreign-programs.ts';

/** Takes the power from hosts, by the programs that the inventory names. */
export interface Fence {
  /** Resolves once the host is confirmed to be off. Errors: `fence`. */
  readonly switchOff: (host: HostSpec) => Promise<void>;
  /** Asks once. Errors: `fence` when it cannot be asked. */
  readonly isOff: (host: HostSpec) => Promise<boolean>;
}

/** Between two questions whether the host is off, ms. */
const pollMs = 2_000;
/** One question, ms. */
const verifyLimitMs = 30_000;

/**
 * Programs run in the inventory's folder, without a shell. Both also throw `secret` where
 * FLEET_SECRETS does not trust the inventory.
 */
export function openFence(inventory: Pick<Inventory, 'path'>, signal: AbortSignal): Fence {
  const cwd = dirname(inventory.path);
  const isOff = async (host: HostSpec): Promise<boolean> => {
    const policy = policyOf(host);
    const { code } = await run(
      host,
      policy.verify,
      cwd,
      Math.min(verifyLimitMs, policy.timeoutMs),
      signal,
    );
    return code === 0;
  };
  const switchOff = async (host: HostSpec): Promise<void> => {
    const policy = policyOf(host);
    const { code, said } = await run(host, policy.off, cwd, policy.timeoutMs, signal);
    if (code !== 0)
      throw failed(host, `${policy.off[0]} ended with ${code}${said === '' ? '' : `: ${said}`}`);
    const endMs = performance.now() + policy.timeoutMs;
    // What the first program promised is not believed: a cloud says "done" when it has begun.
    while (!(await isOff(host))) {
      if (performance.now() > endMs)
        throw failed(
          host,
          `${policy.verify[0]} did not confirm it within ${policy.timeoutMs / 1000} s`,
        );
      await sleep(pollMs, undefined, { signal });
    }
  };
  return { switchOff, isOff };
}

/** Errors: `usage` for a host without one. */
function policyOf({ name, fence }: HostSpec): FencePolicy {
  if (fence !== null) return fence;
  throw new FleetError('usage', `${name} has no fence in the inventory`, {
    host: name,
    hint: `switch it off yourself, then: fleet failover ${name} --powered-off`,
  });
}

const failed = (host: HostSpec, what: string): FleetError =>
  new FleetError('fence', `${host.name} is not known to be off: ${what}`, {
    host: host.name,
    hint:
      'nothing was moved; look at the machine itself, then try again, or: fleet failover ' +
      `${host.name} --powered-off`,
  });

interface Ended {
  readonly code: number;
  /** Last line of its standard error. */
  readonly said: string;
}

async function run(
  host: HostSpec,
  argv: readonly string[],
  cwd: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<Ended> {
  const [program = '', ...args] = argv.map((word) =>
    word.replaceAll('{host}', host.name).replaceAll('{address}', host.ssh.address ?? host.name),
  );
  requireOwnPrograms(`the fence of ${host.name}, ${program},`);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
      signal,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said = `${said}${chunk.toString('utf8')}`.slice(-2000);
    });
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(failed(host, `${program} cannot be run (${error.code ?? error.name})`)),
    );
    child.on('close', (code, killedBy) => {
      if (code === null)
        reject(failed(host, `${program} was ended by ${killedBy} after ${limitMs / 1000} s`));
      else resolve({ code, said: said.trim().split('\n').at(-1) ?? '' });
    });
  });
}
