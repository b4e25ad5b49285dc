import type { check } from '../../verbs/upkeep/check.ts';
import type { doctor } from '../../verbs/upkeep/doctor.ts';
import type { failover } from '../../verbs/upkeep/failover.ts';
import type { patch } from '../../verbs/upkeep/patch.ts';
import type { reboot } from '../../verbs/upkeep/reboot.ts';
import type { sweep } from '../../verbs/upkeep/sweep.ts';
import {
  formatOutcomes as formatPatched,
  formatPlan as formatPatches,
} from '../render/hosts/patch.ts';
import {
  formatOutcomes as formatRebooted,
  formatPlan as formatReboots,
} from '../render/hosts/reboot.ts';
import { formatOutcomes } from '../render/moves/allocation.ts';
import { formatFailover, formatKeepOff } from '../render/moves/failover.ts';
import { formatChecks } from '../render/upkeep/check.ts';
import { formatFindings } from '../render/upkeep/doctor.ts';
import { formatSweep } from '../render/upkeep/sweep.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofSweep: TextOf<typeof sweep> = {
  done: (result, _, { nowMs }) => formatSweep(result, nowMs),
};

const ofFailover: TextOf<typeof failover> = {
  plan: (plan, { nowMs }) => formatFailover(plan, nowMs),
  done: ({ outcomes, keepOffUntilMs }, { host }, { nowMs }) =>
    `${formatOutcomes(outcomes)}` +
    `${keepOffUntilMs === null ? '' : formatKeepOff(host, keepOffUntilMs, nowMs)}`,
};

const ofPatch: TextOf<typeof patch> = {
  plan: (plan) => formatPatches(plan),
  done: (outcomes) => formatPatched(outcomes),
};

const ofReboot: TextOf<typeof reboot> = {
  plan: (plan) => formatReboots(plan),
  done: (outcomes) => formatRebooted(outcomes),
};

const ofCheck: TextOf<typeof check> = { result: (checks) => formatChecks(checks) };

const ofDoctor: TextOf<typeof doctor> = { result: (findings) => formatFindings(findings) };

export const texts: Readonly<Record<string, VerbText>> = {
  sweep: ofSweep,
  failover: ofFailover,
  patch: ofPatch,
  reboot: ofReboot,
  check: ofCheck,
  doctor: ofDoctor,
};
