import { execFileSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { markStop } from '../../../hostside/gate/mark-stop.ts';
import { type GateWorld, passGate } from '../../../hostside/gate/pass-gate.ts';
import { parseRequest } from '../../../hostside/helper/request.ts';
import { type RequestWorld, runRequest } from '../../../hostside/helper/run-request.ts';
import { beat } from '../../../hostside/hold/heartbeat.ts';
import { judgeBoot } from '../../../hostside/hold/judge-boot.ts';
import { lookAtMachine } from '../../../hostside/machine/know-machine.ts';
import type { Places } from '../../../hostside/machine/places.ts';
import { disconnectDelaySeconds, formerLingerMs } from '../../../hostside/protocol/linger.ts';

/** The gate's pass, as far as both releases give one. */
export interface ModelPass {
  readonly epoch: number;
  readonly recheck: () => string | null;
  /** The release before does not ask Telegram for its time. */
  readonly judgeTime?: (telegramMs: number) => string | null;
  /** The release before leaves the mark of its end to systemd. */
  readonly end?: (isConfirmed: boolean) => void;
}

/** What one release of fleet brings to a host. */
export interface HostPrograms {
  readonly isBefore: boolean;
  readonly parseRequest: typeof parseRequest;
  readonly runRequest: typeof runRequest;
  readonly instanceId: (places: Places) => string;
  /** `bootId`: what the release calls this boot. */
  readonly judgeBoot: typeof judgeBoot;
  readonly passGate: (
    world: GateWorld,
  ) => Promise<{ readonly pass: ModelPass } | { readonly refusal: string }>;
  readonly markStop: typeof markStop;
  /** null: its agent writes no heartbeat. */
  readonly beat: ((places: Places) => void) | null;
  /**
   * What its worker asks Telegram for: after so long without a word its connection no longer
   * counts.
   */
  readonly disconnectAfterMs: number;
  /** How long Telegram counts at most what its worker has left behind. */
  readonly lingerMs: number;
}

export const programsToday: HostPrograms = {
  isBefore: false,
  ...{ parseRequest, runRequest, judgeBoot, passGate, markStop, beat },
  instanceId: (places) => lookAtMachine(places).instanceId,
  disconnectAfterMs: disconnectDelaySeconds * 1_000,
  lingerMs: 0,
};

let before: Promise<HostPrograms> | null = null;

/**
 * The programs that hosts in the field may still run: those of the archive, which a test holds to
 * their commit. Unpacked once.
 */
export function programsBefore(): Promise<HostPrograms> {
  before ??= loadBefore();
  return before;
}

async function loadBefore(): Promise<HostPrograms> {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-programs-before-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const archive = fileURLToPath(
    new URL('../../e2e/upgrade/release-before.tar.gz', import.meta.url),
  );
  execFileSync('tar', ['-xzf', archive, '-C', directory, 'agent']);
  const at = (path: string): string => join(directory, 'agent', path);
  // Both releases lock in the same kernel: that of the model.
  const locks = fileURLToPath(new URL('../../../hostside/machine/locks.ts', import.meta.url));
  renameSync(at('host/locks.ts'), at('host/own-locks.ts'));
  writeFileSync(
    at('host/locks.ts'),
    `export * from './own-locks.ts';\nexport { takeLocks } from ${JSON.stringify(locks)};\n`,
  );
  const [request, run, hold, gate, stop, machine] = await Promise.all([
    load<Pick<HostPrograms, 'parseRequest'>>(at('host/request.ts')),
    load<{ runRequest: (request: unknown, world: RequestWorld) => Promise<0 | 3> }>(
      at('host/run-request.ts'),
    ),
    load<Pick<HostPrograms, 'judgeBoot'>>(at('hold/judge-boot.ts')),
    load<Pick<HostPrograms, 'passGate'>>(at('gate/pass-gate.ts')),
    load<Pick<HostPrograms, 'markStop'>>(at('gate/mark-stop.ts')),
    load<{
      readInstanceParts: (root: string) => unknown;
      instanceIdFrom: (parts: unknown) => string;
    }>(at('machine/instance-id.ts')),
  ]);
  return {
    isBefore: true,
    parseRequest: request.parseRequest,
    runRequest: run.runRequest,
    judgeBoot: hold.judgeBoot,
    passGate: gate.passGate,
    markStop: stop.markStop,
    beat: null,
    instanceId: ({ root }) => machine.instanceIdFrom(machine.readInstanceParts(root)),
    disconnectAfterMs: 75_000,
    lingerMs: formerLingerMs,
  };
}

const load = <T>(path: string): Promise<T> => import(/* @vite-ignore */ path) as Promise<T>;
