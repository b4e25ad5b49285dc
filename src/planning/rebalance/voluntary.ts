import type { RebalancePolicy } from '../../model/inventory.ts';
import type { FleetView } from '../fleet/fleet-view.ts';

/** Time over which changes of address are counted, ms: seven days. */
export const addressWindowMs = 7 * 86_400_000;

/**
 * The view for moves that nobody needs: an account whose budget of address changes is used up
 * stays, and one without zones of its own stays in its
 * country. `changes`: how often each account has changed its host within {@link addressWindowMs}.
 * Failover and drain do not ask this.
 */
export function restrictVoluntary(
  view: FleetView,
  {
    addressChangesPerWeek,
    crossCountry,
  }: Pick<RebalancePolicy, 'addressChangesPerWeek' | 'crossCountry'>,
  changes: ReadonlyMap<string, number>,
): FleetView {
  const countries = new Map(
    view.hosts.map(({ name, location }) => [name, location?.country ?? null]),
  );
  const accounts = view.accounts.map((account) => {
    if (account.host === null) return account;
    if ((changes.get(account.name) ?? 0) >= addressChangesPerWeek)
      return { ...account, pinnedTo: account.host };
    const country = countries.get(account.host) ?? null;
    return crossCountry || country === null || account.allowedZones.length > 0
      ? account
      : { ...account, allowedZones: [country] };
  });
  return { ...view, accounts };
}
