import { ledgerStep } from './preflight.ts';
import type { Step } from './step.ts';

export interface UninstallOptions {
  /**
   * Also the packages that fleet installed, with those that came with them; otherwise they are
   * named.
   */
  readonly purgePackages: boolean;
  /** Also the tombstones of accounts; otherwise those stay. */
  readonly forgetClaims: boolean;
}

/**
 * Everything that init did, taken back from the record on the host, newest first; what was replaced
 * is put back, what somebody else put beside it
 * stays. Refuses (`claim-refused`) while the host owns an account. Safe to repeat; a host without a
 * record is left alone, and says so.
 */
export function uninstallSteps({ purgePackages, forgetClaims }: UninstallOptions): readonly Step[] {
  const settings = `PURGE=${purgePackages ? '1' : ''} KEEP_CLAIMS=${forgetClaims ? '' : '1'}`;
  const step = (id: string, title: string, name: string, units: readonly string[] = []): Step => ({
    id,
    title,
    looksAt: { units },
    check: `want_${name}`,
    apply: `put_${name}`,
  });
  return [
    ledgerStep(),
    { ...step('record', 'what fleet made here is known', 'record'), declare: settings, apply: '' },
    step('claims', 'no account is owned', 'unclaimed'),
    step('units', 'units are gone', 'no_units', [
      'fleet-agent.service',
      'fleet-hold.service',
      'fleet-quota.service',
    ]),
    step('settings', 'settings are as they were', 'former'),
    step('packages', 'packages', 'no_packages'),
    step('traces', 'nothing of fleet is left', 'no_traces'),
  ];
}
