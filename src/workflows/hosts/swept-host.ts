import type { HostFinding } from '../../facts/host-findings.ts';
import type { FleetError } from '../../model/errors.ts';
import type { HostHealth } from '../../planning/fleet/host-health.ts';

/** One host as a sweep found it. */
export interface SweptHost {
  readonly host: string;
  readonly health: HostHealth;
  /** Since when no connection comes through, ms since the epoch; null: it answers. */
  readonly unreachableSinceMs: number | null;
  /**
   * It does not answer, and its reboot is announced until then, ms since the epoch; null: it is not
   * expected to be away.
   */
  readonly awayUntilMs: number | null;
  /** null: the host does not answer, so nobody knows. */
  readonly online: number | null;
  readonly accounts: number;
  readonly findings: readonly HostFinding[];
  /** Why it, its agent or its helper did not answer; null: all did. */
  readonly problem: FleetError | null;
}
