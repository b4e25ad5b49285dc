import { listAccounts } from '../../ledger/queries/accounts.ts';
import { readJournalFacts } from '../../ledger/queries/journal-facts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import { type ClaimDrift, findDrift, findOutdated } from '../../ownership/claim-drift.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { rosterFor } from '../../ownership/roster.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { type ClosedOnContact, closedBy } from '../hosts/ask-as-authority.ts';
import { stopOldUnits } from './stop-old-units.ts';

/**
 * What the survey showed that the operator has to look at: a host that lost an account, or knows
 * more than this ledger; those are listed, never guessed.
 * Claims that are over were closed by the contact itself; a host whose programs do not understand
 * that is only stopped, until `fleet init` upgrades it.
 */
export async function retireClaims(
  context: FleetContext,
  run: Run,
  evidence: readonly HostEvidence[],
): Promise<FleetError[]> {
  const { db } = context.ledger;
  const owners = (await listAccounts(db)).flatMap(({ name, key_id, host, epoch }) =>
    host === null || epoch === null ? [] : [{ account: name, keyId: key_id, host, epoch }],
  );
  const moving = (await listOpenMoves(db)).map(({ account, to_host, phase }) => {
    return { account, to: to_host, isReleased: phase === 'released' || phase === 'granted' };
  });
  const drift = findDrift(evidence, owners, moving);
  return [
    ...(await stopOutdated(context, run, evidence)),
    ...closedBy(run).flatMap(ranTwice),
    ...drift.map(driftError),
  ];
}

/**
 * Hosts of an earlier release that obey this ledger and came back with claims that have moved on.
 */
async function stopOutdated(
  context: FleetContext,
  run: Run,
  evidence: readonly HostEvidence[],
): Promise<FleetError[]> {
  const facts = await readJournalFacts(context.ledger.db);
  const outdated = new Map(
    evidence.flatMap(({ host, survey, isOld }) => {
      const isOurs = survey?.authority?.id === run.authorityId;
      const claims =
        isOld === true && isOurs ? findOutdated(survey, rosterFor(host, facts).gone) : [];
      return claims.length === 0 ? [] : [[host, claims] as const];
    }),
  );
  const hosts = context.inventory.hosts.filter(({ name }) => outdated.has(name));
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => stopOldUnits(context, host, outdated.get(host.name) ?? []),
    context.signal,
  );
  return outcomes.map((outcome) => (outcome.ok ? outcome.value : outcome.error));
}

const ranTwice = ({ host, account, epoch, wasRunning }: ClosedOnContact): FleetError[] =>
  wasRunning
    ? [
        new FleetError(
          'claim-refused',
          `${host} RAN ${account} at epoch ${epoch}, which was outdated; it was stopped ` +
            'and its claim revoked',
          {
            host,
            account,
            hint:
              `what was said of ${host} (switched off, destroyed, exported) was not true ` +
              `then; see whether the session survived: fleet accounts verify ${account}`,
          },
        ),
      ]
    : [];

function driftError(drift: ClaimDrift): FleetError {
  const { host, account } = drift;
  if (drift.kind === 'lost') {
    return new FleetError(
      'claim-refused',
      `${account} should be on ${host}, which has ${drift.found}`,
      {
        host,
        account,
        hint: drift.isTorn
          ? 'fleet adopt closes a torn claim; fleet allocate then starts the account again'
          : `was ${host} reinstalled, or its disk rolled back? If no copy of that machine ` +
            `still runs: fleet adopt, then fleet allocate ${account}`,
      },
    );
  }
  return new FleetError(
    'claim-refused',
    `${host} claims ${account} at epoch ${drift.epoch}, which this ledger does not know of`,
    {
      host,
      account,
      hint: 'another or a newer copy of the ledger gave it that claim: find it and use it',
    },
  );
}
