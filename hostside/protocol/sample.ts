import type { ClaimState } from './claim.ts';
import type { BootVerdict } from './host.ts';
import type { WorkerStatus } from './worker.ts';

/**
 * Raised when a field changes its meaning or goes away. The operator's side understands this
 * version and the one before.
 */
export const agentProtocol = 2;

/** Averages over the last 1, 5 and 15 minutes; null until the agent has seen that much time. */
export interface Windows {
  readonly m1: number | null;
  readonly m5: number | null;
  readonly m15: number | null;
}

/** `GET /sample` over the agent's socket. */
export interface HostSample {
  readonly protocol: number;
  /** Milliseconds since the epoch, the host's clock. */
  readonly takenAtMs: number;
  readonly agent: {
    readonly version: string;
    readonly release: string;
    readonly startedAtMs: number;
    /**
     * What its helper understands; absent: nothing with a roster, so nothing with authority is sent
     * to the host.
     */
    readonly helperProtocol?: number | undefined;
  };
  readonly host: {
    readonly name: string;
    readonly instanceId: string;
    readonly bootId: string;
    readonly uptimeSeconds: number;
    readonly os: string;
    readonly kernel: string;
    readonly arch: string;
  };
  /** Busy share of all cores, 0-1. `now`: since the last look (at least 1 s). */
  readonly cpu: { readonly cores: number; readonly busyRatio: Windows & { readonly now: number } };
  readonly memory: {
    readonly totalBytes: number;
    readonly availableBytes: number;
    readonly swapTotalBytes: number;
    readonly swapFreeBytes: number;
  };
  /** The file system of /var/lib/fleet. */
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number };
  readonly loadAverage: readonly [number, number, number];
  /** Share of the last 10 s in which some task waited, 0-1; null where the kernel has no PSI. */
  readonly pressure: { readonly cpu: number; readonly memory: number; readonly io: number } | null;
  /** `offsetMs` null where no time service tells it. */
  readonly clock: { readonly synchronized: boolean | null; readonly offsetMs: number | null };
  readonly bootVerdict: BootVerdict | null;
  readonly accounts: readonly AccountSample[];
}

export interface AccountSample {
  readonly keyId: string;
  readonly account: string;
  readonly claim: { readonly state: ClaimState; readonly epoch: number } | null;
  readonly unit: {
    readonly activeState: string;
    readonly subState: string;
    /** Restarts by systemd since the unit was last started by hand. */
    readonly restarts: number;
    /** Exit status of the last process; null while it has never ended. */
    readonly exitStatus: number | null;
    /**
     * Last status text of the unit, kept by systemd after its end: why the gate refused, why the
     * worker gave up. Agents of protocol 1 have none.
     */
    readonly statusText?: string | undefined;
  };
  /** Cores used, averaged. */
  readonly cpuCores: Windows;
  readonly memoryBytes: number | null;
  readonly status: WorkerStatus | null;
  /** Why `status` is null although there is a file: garbage, too large, unreadable. */
  readonly statusFault: string | null;
  /**
   * Why bin/fleet-quota has ended it, in its words; the host starts it again at an operator's word
   * or after a boot. Absent: it has not.
   */
  readonly contained?: string | undefined;
}
