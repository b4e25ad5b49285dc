import type { ActReply, HostSurvey } from '../../../hostside/protocol/host-acts.ts';
import { askHost, bareSurvey } from '../../facts/ask-host.ts';
import {
  endAnnouncement,
  listHosts,
  recordFailure,
  recordSeen,
} from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { judgeReturn } from '../../ownership/announced-reboot.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { type IdentityFault, judgeAll } from '../../ownership/host-identity.ts';
import { forEachHost, type HostOutcome } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { contactHost, helperTimeoutMs } from '../hosts/ask-as-authority.ts';
import { identityError, listMachines, renameHint, toldNameIn } from '../hosts/host-identity.ts';
import { lookAt } from '../hosts/plan-reboots.ts';
import { refuseOldCopy } from '../hosts/refuse-old-copy.ts';
import { wasCut } from '../interrupted.ts';

export interface SurveyResult {
  /**
   * One entry for every known host, in order of names; those that are declared destroyed are left
   * out.
   */
  readonly evidence: readonly HostEvidence[];
  /**
   * Hosts of which two names are one machine, or the like: nothing is granted until that is put
   * right.
   */
  readonly identityProblems: readonly FleetError[];
  /** Why a host is silent or unfenced, by name. */
  readonly problems: ReadonlyMap<string, FleetError>;
}

/**
 * Asks every host that the inventory or the ledger knows what it owns. A host that is in the ledger
 * but no longer in the inventory cannot be
 * asked: it counts as silent. Also stamps the contact of this run on every host, which fences older
 * runs; a host that refuses the stamp is unfenced:
 * what it says is true, but somebody else may grant there the moment after. Errors: `ledger-stale`.
 */
export async function surveyHosts(context: FleetContext, run: Run): Promise<SurveyResult> {
  const { inventory, ledger } = context;
  const rows = (await listHosts(ledger.db)).filter(({ destroyed_at }) => destroyed_at === null);
  const askable = inventory.hosts.filter(({ name }) => rows.some((row) => row.name === name));
  const off = new Set(rows.filter(({ off_at }) => off_at !== null).map(({ name }) => name));
  const ask = async (host: HostSpec) => {
    if (off.has(host.name)) {
      // Only looked at first: a contact whose reply is lost would let a host that counts as off
      // start its accounts when it boots.
      await askHost(
        context.remoteFor(host),
        { format: 1, acts: [{ act: 'survey' }] },
        { timeoutMs: helperTimeoutMs },
      );
      off.delete(host.name);
    }
    const row = rows.find(({ name }) => name === host.name);
    if (row?.announced_boot != null) await meetRebooted(context, host, row.announced_boot);
    return surveyHost(context, run, host);
  };
  const outcomes = await forEachHost(askable, inventory.concurrency, ask, context.signal);
  const problems = new Map<string, FleetError>();
  const surveys = new Map<string, HostSurvey>();
  const unfenced = new Set<string>();
  const old = new Set<string>();
  // Not those whose disk fails: what they heard may be this very run.
  const refused = new Set<string>();
  const faults = await faultsOf(context, rows, outcomes);
  for (const outcome of outcomes) {
    const { name } = outcome.host;
    if (outcome.ok) {
      const { survey, isRefused, isOld } = outcome.value;
      const fault = faults.get(name) ?? null;
      // What it says is true, but of whom is not: nothing is granted while one machine counts as
      // two.
      const problem = outcome.value.problem ?? (fault === null ? null : identityError(name, fault));
      surveys.set(name, survey);
      if (isOld) old.add(name);
      if (isRefused) refused.add(name);
      if (problem !== null) {
        unfenced.add(name);
        problems.set(name, problem);
      }
      await recordSeen(
        ledger.db,
        name,
        context.now(),
        survey.instanceId === '' ? {} : { instanceId: survey.instanceId },
      );
    } else {
      problems.set(name, outcome.error);
      if (!wasCut([outcome.error])) await recordFailure(ledger.db, name, outcome.error.message);
    }
  }
  for (const name of refused)
    await refuseOldCopy(context, run, name, surveys.get(name)?.authority ?? null);
  const renamed = new Map(
    [...faults].flatMap(([name, { kind, other }]) =>
      kind === 'renamed' ? [[other, name] as const] : [],
    ),
  );
  for (const { name } of rows) {
    if (!surveys.has(name) && !problems.has(name))
      problems.set(name, notInInventory(name, renamed.get(name) ?? null));
  }
  const evidence = rows.map(({ name }) => ({
    host: name,
    survey: surveys.get(name) ?? null,
    isUnfenced: unfenced.has(name),
    isOld: old.has(name),
    isOff: off.has(name),
  }));
  const identityProblems = [...faults].map(([name, fault]) => identityError(name, fault));
  return { evidence, identityProblems, problems };
}

/** What is wrong with the names of those that answered, by name. */
async function faultsOf(
  context: FleetContext,
  rows: readonly HostRow[],
  outcomes: readonly HostOutcome<HostSpec, SurveyedHost>[],
): Promise<ReadonlyMap<string, IdentityFault>> {
  const heard = outcomes.flatMap((outcome) => {
    if (!outcome.ok) return [];
    const { name } = outcome.host;
    const { instanceId, config, changed } = outcome.value.survey;
    const row = rows.find((each) => each.name === name);
    const told = {
      toldName: toldNameIn(context.inventory.fleet, config, row),
      ...(changed === undefined ? {} : { changed }),
    };
    return [{ name, instanceId, machineId: null, ...told }];
  });
  return judgeAll(heard, await listMachines(context));
}

/**
 * A host whose reboot was announced: it is back when its new boot is judged. A contact before that
 * would take the ground of the verdict away, and its
 * accounts would be held. Errors: those of the Remote, `host-not-ready`.
 */
async function meetRebooted(context: FleetContext, host: HostSpec, bootId: string): Promise<void> {
  const stage = judgeReturn(bootId, await lookAt(context, host));
  if (stage === 'back') await endAnnouncement(context.ledger.db, host.name);
  if (stage !== 'judging') return;
  throw new FleetError(
    'host-not-ready',
    `${host.name} has just booted, and has not judged its boot yet`,
    {
      host: host.name,
      hint: 'run this again in a minute',
    },
  );
}

const notInInventory = (name: string, now: string | null): FleetError =>
  new FleetError('survey-incomplete', `${name}: known to the ledger, but not in the inventory`, {
    host: name,
    hint:
      now !== null
        ? renameHint(now, name)
        : 'put it back into the inventory, or say that it will never boot again: fleet ' +
          `failover ${name} --destroyed`,
  });

/**
 * `problem`: why the host did not take this run's stamp; null: no older run and no other ledger can
 * act there any more. `isRefused`: it obeys another
 * ledger or another run.
 */
interface SurveyedHost {
  readonly survey: HostSurvey;
  readonly problem: FleetError | null;
  readonly isRefused: boolean;
  readonly isOld?: true;
}

/**
 * One host: what it owns, after it took this run’s stamp. Errors: those of the Remote,
 * `agent-reply`, `host-not-ready`.
 */
export async function surveyHost(
  context: FleetContext,
  run: Run,
  host: HostSpec,
): Promise<SurveyedHost> {
  const contacted = await contactHost(context, run, host, [{ act: 'survey' }]).catch(
    (error: unknown) => {
      if (error instanceof FleetError && error.code === 'host-not-ready') return error;
      throw error;
    },
  );
  if (contacted instanceof FleetError) return lookAtOld(context, host, contacted);
  if (contacted === null) return { survey: bareSurvey, problem: null, isRefused: false };
  const { refusal } = contacted;
  const [reply] = contacted.replies;
  if (reply?.result?.kind !== 'survey') {
    throw new FleetError(
      'agent-reply',
      `${host.name}: the survey failed: ${reply?.message ?? 'no answer'}`,
      {
        host: host.name,
        hint: `run: fleet init --limit ${host.name}`,
      },
    );
  }
  const problem = refusal === null ? null : notFenced(host.name, refusal);
  return { survey: reply.result.survey, problem, isRefused: refusal?.refusal === 'authority' };
}

/**
 * Programs of an earlier fleet refuse every request with authority, and tell without it what they
 * own. Errors: `problem`, when they are not even there.
 */
async function lookAtOld(
  context: FleetContext,
  host: HostSpec,
  problem: FleetError,
): Promise<SurveyedHost> {
  const replies = await askHost(
    context.remoteFor(host),
    { format: 1, acts: [{ act: 'survey' }] },
    { timeoutMs: helperTimeoutMs },
  );
  const result = replies?.[0]?.result;
  if (result?.kind !== 'survey') throw problem;
  return { survey: result.survey, problem, isRefused: false, isOld: true };
}

const notFenced = (host: string, reply: ActReply): FleetError =>
  new FleetError(
    'authority-refused',
    `${host} did not accept this run: ${reply.message ?? reply.refusal ?? 'no reason given'}`,
    {
      host,
      hint:
        reply.refusal === 'authority'
          ? `use the ledger that ${host} obeys; if it is lost: fleet adopt; if it is out of ` +
            `use for good: fleet hosts take-over ${host}`
          : `run this again once the cause on ${host} is gone`,
    },
  );
