import type { addHost } from '../../verbs/hosts/add.ts';
import type { cordon, uncordon } from '../../verbs/hosts/cordon.ts';
import type { cp } from '../../verbs/hosts/cp.ts';
import type { exec, ssh } from '../../verbs/hosts/exec.ts';
import type { forgetHost } from '../../verbs/hosts/forget.ts';
import type { init } from '../../verbs/hosts/init.ts';
import type { listHosts } from '../../verbs/hosts/list.ts';
import type { renameHost } from '../../verbs/hosts/rename.ts';
import type { showHost } from '../../verbs/hosts/show.ts';
import type { takeOver } from '../../verbs/hosts/take-over.ts';
import type { trustHosts } from '../../verbs/hosts/trust.ts';
import type { uninstall } from '../../verbs/hosts/uninstall.ts';
import { formatCopied, formatCopyPlan } from '../render/hosts/cp.ts';
import { formatExec } from '../render/hosts/exec.ts';
import { formatHost, formatHostKeys, formatHosts, noHosts } from '../render/hosts/hosts.ts';
import { formatInit, formatSteps } from '../render/hosts/init.ts';
import { formatTrialEnd } from '../render/hosts/trial.ts';
import { formatStrays } from '../render/looks/status.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofAdd: TextOf<typeof addHost> = {
  result: ({ name, path, after, next }, { input: { dryRun } }) =>
    dryRun ? after.trimEnd() : `${name} added to ${path}.\nNext: ${next}`,
};

const ofTrust: TextOf<typeof trustHosts> = {
  proposal: ({ keys }) => (keys.length === 0 ? '' : formatHostKeys(keys)),
  done: ({ remembered, stillTrusted, knownHosts }, { keys, errors }) =>
    [
      keys.length === 0
        ? errors.length === 0
          ? noHosts
          : 'No key was read.'
        : remembered === 0
          ? `${keys.length} known already, nothing to remember.`
          : `${remembered} remembered in ${knownHosts}.`,
      ...stillTrusted.map(
        (place) => `The former key is still trusted by ${place}: take it out there.`,
      ),
    ].join('\n'),
};

const ofList: TextOf<typeof listHosts> = {
  result: ({ hosts, rows, strays, total }, { nowMs }) =>
    [
      formatHosts(hosts, rows, total, nowMs),
      ...(strays.length > 0 ? [formatStrays(strays)] : []),
    ].join('\n\n'),
};

const ofShow: TextOf<typeof showHost> = { result: (shown, { nowMs }) => formatHost(shown, nowMs) };

const ofCordon: TextOf<typeof cordon> = { done: (hosts) => `${hosts.join(', ')} cordoned` };

const ofUncordon: TextOf<typeof uncordon> = {
  done: ({ uncordoned, cordonedInInventory: still }) =>
    `${uncordoned.join(', ')} ` +
    `uncordoned${still.length === 0 ? '' : `; still cordoned in the inventory: ${still.join(', ')}`}`,
};

const ofRename: TextOf<typeof renameHost> = {
  done: ({ knownAs, next }, _, { input }) =>
    [
      `${input.old} is ${input.new} from now on; nothing was changed on the host.`,
      ...(knownAs === null ? [] : [`Its host key is known as ${knownAs}, too.`]),
      `Next: ${next}, which tells the host its name.`,
    ].join('\n'),
};

const ofForget: TextOf<typeof forgetHost> = {
  done: ({ isInInventory, inventory }, _, { input: { host } }) =>
    `${host} is ` +
    `forgotten.${isInInventory ? ` Take it out of ${inventory}: as long as it is there, the next command knows it again.` : ''}`,
};

const ofTakeOver: TextOf<typeof takeOver> = {
  done: (outcomes) => {
    const taken = outcomes.filter(({ ok }) => ok).map(({ host }) => host.name);
    return taken.length === 0 ? '' : `${taken.join(', ')} now obey this ledger`;
  },
};

type RestartReport = Extract<Parameters<(typeof init)['toJson']>[0], { kind: 'hosts' }>['restarts'];

const restartText = ({ text, trial }: RestartReport): string =>
  trial === undefined ? text : formatTrialEnd(trial);

const ofInit: TextOf<typeof init> = {
  result(end) {
    if (end.kind === 'steps') return formatSteps(end.steps);
    if (end.kind === 'put back') return restartText(end.report);
    return [formatInit(end.outcomes), restartText(end.restarts)]
      .filter((part) => part !== '')
      .join('\n\n');
  },
};

const ofUninstall: TextOf<typeof uninstall> = {
  plan: ({ outcomes }) => (outcomes.length === 0 ? '' : formatInit(outcomes)),
  done: (outcomes) => formatInit(outcomes),
};

const ofExec: TextOf<typeof exec> = {
  result: (results) => formatExec(results),
  isRaw: ({ raw }) => raw,
};

const ofCp: TextOf<typeof cp> = {
  plan: (plan, { input: { dryRun } }) => formatCopyPlan(plan, dryRun),
  done: (done, plan) => formatCopied(done, plan),
};

const ofSsh: TextOf<typeof ssh> = { result: () => '' };

export const texts: Readonly<Record<string, VerbText>> = {
  'hosts add': ofAdd,
  'hosts trust': ofTrust,
  'hosts list': ofList,
  'hosts show': ofShow,
  'hosts cordon': ofCordon,
  'hosts uncordon': ofUncordon,
  'hosts rename': ofRename,
  'hosts forget': ofForget,
  'hosts take-over': ofTakeOver,
  init: ofInit,
  uninstall: ofUninstall,
  exec: ofExec,
  cp: ofCp,
  ssh: ofSsh,
};
