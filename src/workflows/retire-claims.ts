import type { HostAct } from '../../agent/protocol/host-acts.ts';
import { listAccounts } from '../ledger/accounts.ts';
import { listOpenMoves } from '../ledger/moves.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import { type ClaimDrift, findDrift } from '../moves/claim-drift.ts';
import type { HostEvidence } from '../moves/evidence.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import { askAsAuthority } from './ask-as-authority.ts';
import type { FleetContext } from './context.ts';

/**
 * A host that was away while its accounts were given to others is told so: its claims are revoked for good, whatever it would start is stopped, and the
 * files go. Gives
 * what the operator has to look at: a host that lost an account, or knows more than this ledger. Those are listed, never guessed.
 */
export async function retireClaims(context: FleetContext, run: Run, evidence: readonly HostEvidence[]): Promise<FleetError[]> {
  const { db } = context.ledger;
  const owners = (await listAccounts(db)).flatMap(({ name, key_id, host, epoch }) =>
    host === null || epoch === null ? [] : [{ account: name, keyId: key_id, host, epoch }],
  );
  const moving = (await listOpenMoves(db)).map(({ account, to_host }) => ({ account, to: to_host }));
  const drift = findDrift(evidence, owners, moving);
  const outdated = drift.filter((each) => each.kind === 'outdated');
  const hosts = context.inventory.hosts.filter(({ name }) => outdated.some(({ host }) => host === name));
  const revoke = async (host: HostSpec): Promise<void> => {
    const here = outdated.filter((each) => each.host === host.name);
    const revokes = here.map(
      ({ keyId, account, ownerEpoch }): HostAct => ({ act: 'revoke', keyId, account, epoch: ownerEpoch, moveId: `retire-${run.serial}` }),
    );
    const wipes = here.flatMap(({ keyId, stagedEpochs }) => stagedEpochs.map((epoch): HostAct => ({ act: 'wipe', keyId, epoch })));
    const replies = await askAsAuthority(context, run, host, [...revokes, ...wipes]);
    for (const [index, { account }] of here.entries()) {
      if (replies[index]?.ok !== true) throw notRevoked(host.name, account, replies[index]?.message);
      const text = 'it came back with a claim that had moved on, and was told';
      await recordEvent(db, { at: context.now(), kind: 'claim-retired', host: host.name, account, text });
    }
  };
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, revoke, context.signal);
  return [...outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])), ...drift.flatMap(driftError)];
}

const notRevoked = (host: string, account: string, message = 'no answer'): FleetError =>
  new FleetError('claim-refused', `${host} still claims ${account}, which has moved on, and did not give it up: ${message}`, {
    host,
    account,
    hint: `its gate may let the account start there: stop it on ${host} (systemctl stop), then run fleet sweep again`,
  });

function driftError(drift: ClaimDrift): FleetError[] {
  const { host, account } = drift;
  if (drift.kind === 'lost') {
    return [
      new FleetError('claim-refused', `${account} should be on ${host}, which has ${drift.found}`, {
        host,
        account,
        hint: `was ${host} reinstalled, or its disk rolled back? If nothing else runs the account: fleet failover ${host} --destroyed, then fleet init`,
      }),
    ];
  }
  if (drift.kind === 'ahead') {
    return [
      new FleetError('claim-refused', `${host} claims ${account} at epoch ${drift.epoch}, which this ledger does not know of`, {
        host,
        account,
        hint: 'another or a newer copy of the ledger gave it that claim: find it and use it',
      }),
    ];
  }
  return [];
}
