import type { Claim } from './claim.ts';
import type { BootVerdict } from './host.ts';

/**
 * Why the host may not start an active claim in this boot although it stands; null: it may. Pure,
 * and the only place that says so: gate, helper and the
 * operator's side ask it. A claim that was granted in this boot needs no verdict; any other one
 * only starts when this very boot has judged it.
 */
export function holdOf(claim: Claim, bootId: string, verdict: BootVerdict | null): string | null {
  if (claim.heldSince !== undefined) return 'held since a boot, until the operator grants it anew';
  if (claim.bootId === bootId) return null;
  if (verdict === null || verdict.bootId !== bootId)
    return 'this boot has no verdict yet (fleet-hold.service has not run)';
  const reasons = verdict.reasons.join('; ');
  // A verdict of the release before, in the boot in which the host was upgraded: it was about all
  // claims.
  if (verdict.claims === undefined)
    return verdict.verdict === 'run' ? null : `held since the boot: ${reasons}`;
  const judged = verdict.claims.find(
    ({ keyId, epoch }) => keyId === claim.keyId && epoch === claim.epoch,
  );
  if (judged === undefined)
    return (
      'the claim was not there when this boot was judged (a disk or a folder that was put ' +
      'back?)'
    );
  return judged.isHeld ? `held since the boot: ${reasons}` : null;
}
