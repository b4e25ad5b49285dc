import type { LoginWay } from '../../../hostside/protocol/login.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { findAccount, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { findLogin } from '../../ledger/queries/logins.ts';
import type { LoginRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { type AccountName, isAccountName } from '../../model/names.ts';
import { decide } from '../../planning/advice/decision-input.ts';
import { hasSession } from '../../vault/stored-session.ts';
import type { FleetContext } from '../context.ts';
import { buildFleetView } from '../hosts/build-fleet-view.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';

/** What `fleet accounts login` will do. */
export interface LoginPlan {
  readonly account: AccountName;
  /** null: a new one. */
  readonly known: PlacedAccount | null;
  readonly way: LoginWay;
  readonly host: HostSpec;
  /** Why that host. */
  readonly reason: string;
  /** What an earlier run has begun; null: nothing. */
  readonly begun: LoginRow | null;
}

/** Without a login these can never run again; nor can one whose session the vault has lost. */
const loginStates: readonly PlacedAccount['state'][] = ['needs-login', 'duplicated'];

/**
 * An account that the ledger does not know, or one whose session is dead or not in the vault, or
 * a login that was begun. Errors: `usage` for another account or host, `inventory`, `placement`
 * where no host takes a new account; those of the vault.
 */
export async function planLogin(
  context: FleetContext,
  name: string,
  way: LoginWay,
  hostName: string | null,
): Promise<LoginPlan> {
  if (!isAccountName(name)) {
    throw new FleetError('usage', `"${name}" cannot be an account's name`, {
      hint: 'lower-case letters, digits, - _ and . are allowed, 63 characters at most',
    });
  }
  const known = (await findAccount(context.ledger.db, name)) ?? null;
  const begun = (await findLogin(context.ledger.db, name)) ?? null;
  if (begun === null && known !== null && !loginStates.includes(known.state)) {
    // Should its host be lost, nobody has its session any more.
    if (await hasSession(context.vault, known.name as AccountName, known.key_id))
      throw needless(known);
  }
  const { host, reason } = await chooseHost(context, name, hostName, { known, begun });
  return { account: name, known, way, host, reason, begun };
}

function needless({ name, state }: PlacedAccount): FleetError {
  const isWell = state === 'online' || state === 'placed';
  return new FleetError(
    'usage',
    `${name} is ${state}: ${isWell ? 'its session is good' : 'a login would not help it'}`,
    {
      account: name,
      hint:
        state === 'stored' || state === 'detached'
          ? `its session has not been found dead: fleet allocate ${name}; or fleet accounts ` +
            `remove ${name} first`
          : 'a login is for accounts in needs-login or duplicated, and for new ones; fleet ' +
            `accounts show ${name} tells more`,
    },
  );
}

async function chooseHost(
  context: FleetContext,
  account: AccountName,
  wanted: string | null,
  { known, begun }: Pick<LoginPlan, 'known' | 'begun'>,
): Promise<Pick<LoginPlan, 'host' | 'reason'>> {
  const pin = known?.pinned_to ?? accountSpecFor(context.inventory, account).pinnedTo;
  const begunOn = begun === null || (await isGone(context, begun.host)) ? null : begun.host;
  if (begunOn !== null && begun?.key_id != null && wanted !== null && wanted !== begunOn) {
    throw new FleetError('usage', `the login of ${account} was begun on ${begunOn}`, {
      account,
      hint: `go on there, or give it up first: fleet accounts login ${account} --cancel`,
    });
  }
  if (wanted !== null && pin !== null && wanted !== pin) {
    throw new FleetError('usage', `${account} is pinned to ${pin}`, {
      account,
      hint: `log in there, or first: fleet accounts unpin ${account}`,
    });
  }
  if (wanted !== null) return { host: await requireHost(context, wanted), reason: 'as you say' };
  if (begunOn !== null)
    return { host: await requireHost(context, begunOn), reason: 'where it was begun' };
  if (pin !== null) return { host: await requireHost(context, pin), reason: 'it is pinned there' };
  if (known?.host != null)
    return { host: await requireHost(context, known.host), reason: 'it runs there' };
  return planned(context, account);
}

/**
 * It will never answer again: what was begun there goes on elsewhere, with the key that was kept.
 */
async function isGone({ inventory, ledger }: FleetContext, name: string): Promise<boolean> {
  if (!inventory.hosts.some((host) => host.name === name)) return true;
  return (await listHosts(ledger.db)).some(
    (host) => host.name === name && host.destroyed_at !== null,
  );
}

async function requireHost({ inventory, ledger }: FleetContext, name: string): Promise<HostSpec> {
  const host = inventory.hosts.find((candidate) => candidate.name === name);
  if (host === undefined)
    throw new FleetError('usage', `no such host: ${name}`, {
      host: name,
      hint: 'fleet hosts list shows the hosts',
    });
  const row = (await listHosts(ledger.db)).find((candidate) => candidate.name === name);
  if (row !== undefined && row.release !== null && row.destroyed_at === null) return host;
  if (row?.destroyed_at != null)
    throw new FleetError('host-not-ready', `${name} was declared destroyed`, {
      host: name,
      hint: 'name another host with --host',
    });
  throw new FleetError('host-not-ready', `${name}: fleet is not installed there`, {
    host: name,
    hint: `run: fleet init --limit ${name}`,
  });
}

/** The host that `fleet allocate` would choose for it. */
async function planned(
  context: FleetContext,
  account: AccountName,
): Promise<Pick<LoginPlan, 'host' | 'reason'>> {
  const { readings, accounts } = await readFleetView(context, {
    maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
  });
  const others = accounts.filter(({ name }) => name !== account);
  const view = buildFleetView({
    ...{
      inventory: context.inventory,
      hosts: await listHosts(context.ledger.db),
      accounts: [...others, newcomer(account, context.now())],
    },
    ...{ readings, arriving: new Map(), nowMs: context.now() },
  });
  const plan = decide({
    planner: 'placement',
    view,
    names: [account],
    policy: context.inventory.placement,
    options: {},
  });
  const [placement] = plan.placements;
  if (placement !== undefined)
    return { host: await requireHost(context, placement.host), reason: placement.reason };
  throw new FleetError('placement', `no host takes ${account}`, {
    account,
    hint: 'fleet simulate shows why; or name a host with --host',
  });
}

const newcomer = (name: string, nowMs: number): PlacedAccount => ({
  ...{
    name,
    key_id: '',
    user_id: null,
    data_centre: 2,
    is_bot: 0,
    source_format: 'login',
    vault_hash: '',
    imported_at: nowMs,
  },
  ...{
    state: 'stored',
    state_reason: '',
    state_since: nowMs,
    wanted: 1,
    pinned_to: null,
    paused: 0,
    script: null,
    username: null,
  },
  ...{ display_name: null, behaviour_hash: null, host: null, epoch: null, placed_since: null },
});
