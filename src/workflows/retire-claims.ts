import type { HostAct } from '../../agent/protocol/host-acts.ts';
import { listAccounts } from '../ledger/accounts.ts';
import { listGivenUp, listOpenMoves } from '../ledger/moves.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import { type ClaimDrift, findDrift, findUndone } from '../moves/claim-drift.ts';
import type { HostEvidence } from '../moves/evidence.ts';
import { detached } from '../moves/phases.ts';
import { forEachHost } from '../remote/for-each-host.ts';
import { askAsAuthority, helperTimeoutMs, onlineTimeoutMs } from './ask-as-authority.ts';
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
  const problems = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
  return [...problems, ...(await releaseAgain(context, run, evidence)), ...drift.flatMap(driftError)];
}

/**
 * A host whose disk was rolled back to before an account left the fleet is asked for its receipt once more: the same release, which also waits until
 * nothing of the account's connection is left, and the same wipe.
 */
async function releaseAgain(context: FleetContext, run: Run, evidence: readonly HostEvidence[]): Promise<FleetError[]> {
  const { db } = context.ledger;
  const receipts = (await listGivenUp(db)).map(({ id, account, key_id, from_host, epoch }) => ({
    ...{ account, keyId: key_id, host: from_host ?? '', epoch, moveId: id },
  }));
  const byHost = Map.groupBy(findUndone(evidence, receipts), ({ host }) => host);
  const release = async (host: HostSpec): Promise<void> => {
    const here = byHost.get(host.name) ?? [];
    const acts = here.map(({ keyId, epoch, moveId }): HostAct => ({ act: 'release', keyId, epoch, moveId, successor: detached }));
    const wipes = here.map(({ keyId, epoch }): HostAct => ({ act: 'wipe', keyId, epoch }));
    const replies = await askAsAuthority(context, run, host, [...acts, ...wipes], { timeoutMs: helperTimeoutMs + onlineTimeoutMs });
    for (const [index, { account }] of here.entries()) {
      if (replies[index]?.ok !== true) throw notRevoked(host.name, account, replies[index]?.message);
      const text = 'it came back with a claim that it had given up, and gave its receipt again';
      await recordEvent(db, { at: context.now(), kind: 'claim-retired', host: host.name, account, text });
    }
  };
  const hosts = context.inventory.hosts.filter(({ name }) => byHost.has(name));
  const outcomes = await forEachHost(hosts, context.inventory.concurrency, release, context.signal);
  return outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
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
        hint: drift.isTorn
          ? 'fleet adopt closes a torn claim; fleet allocate then starts the account again'
          : `was ${host} reinstalled, or its disk rolled back? If nothing else runs the account: fleet failover ${host} --destroyed, then fleet init`,
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
