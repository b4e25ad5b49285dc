import { detached, type MovePhase } from './phases.ts';
import type { HostStatement } from './safe-moment.ts';

/** What has to be known of an open move to name the command that ends it. */
export interface UnendedMove {
  readonly account: string;
  readonly phase: MovePhase;
  readonly from: string | null;
  readonly to: string;
  /** The host that a failover takes the account from; null: it is none. */
  readonly lost: string | null;
  /** What a failover rests on; null: it is none, or an earlier release did not keep it. */
  readonly statement: HostStatement | null;
}

const flags: Readonly<Record<HostStatement, string>> = {
  destroyed: '--destroyed',
  'powered-off': '--powered-off',
  fenced: '--fence',
};

/**
 * The command that brings the move to its end, whatever phase it is in, once every host that it
 * needs answers. Pure.
 */
export function endingCommand({ account, phase, from, to, lost, statement }: UnendedMove): string {
  if (to === detached) return `fleet accounts remove ${account}`;
  if (from !== null) return 'fleet resume';
  // Until it is granted its account counts as the lost host's: a first placement would not take it.
  if (lost === null || phase === 'granted') return 'fleet allocate --all';
  return ['fleet failover', lost, ...(statement === null ? [] : [flags[statement]])].join(' ');
}
