import type { pauseAccounts, resumeAccounts } from '../../verbs/talk/pause.ts';
import type { pushScripts } from '../../verbs/talk/push.ts';
import type { listScripts, showScript, testScript } from '../../verbs/talk/scripts.ts';
import type { sendTest } from '../../verbs/talk/send-test.ts';
import { scriptWords, type setScript } from '../../verbs/talk/set-script.ts';
import type { whySilent } from '../../verbs/talk/why-silent.ts';
import { formatTrial, formatTrialEnd } from '../render/hosts/trial.ts';
import { formatScripts, formatScriptTest } from '../render/talk/scripts.ts';
import { formatPush, formatSilence } from '../render/talk/silence.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const noteOf = (errors: readonly unknown[]): string =>
  errors.length === 0
    ? ''
    : ' in the ledger; the hosts below are told by the next: fleet scripts push';

const ofPause: TextOf<typeof pauseAccounts> = {
  done: (errors, _, { input: { accounts } }) => `${accounts.join(', ')} paused${noteOf(errors)}`,
};

const ofResume: TextOf<typeof resumeAccounts> = {
  done: (errors, _, { input: { accounts } }) => `${accounts.join(', ')} resumed${noteOf(errors)}`,
};

const ofSetScript: TextOf<typeof setScript> = {
  done: (_errors, _plan, { input: { account, script } }) =>
    `${account} answers by ${scriptWords(script)}`,
};

const ofSendTest: TextOf<typeof sendTest> = {
  done: ({ isSent, account }, _, { input: { chat } }) =>
    isSent ? `${account} sent the message to ${chat}` : '',
};

const ofWhySilent: TextOf<typeof whySilent> = { result: (report) => formatSilence(report) };

const ofScripts: TextOf<typeof listScripts> = { result: (found) => formatScripts(found) };

const ofScript: TextOf<typeof showScript> = { result: ({ text }) => text.trimEnd() };

const ofScriptTest: TextOf<typeof testScript> = { result: (result) => formatScriptTest(result) };

const ofPush: TextOf<typeof pushScripts> = {
  plan: ({ push, changes, trial }) =>
    [formatPush(changes, push.changes.length), formatTrial(trial)]
      .filter((part) => part !== '')
      .join('\n\n'),
  proposal: (plan, about) =>
    about.isAgreed && plan.trial.kind === 'none' ? '' : (ofPush.plan?.(plan, about) ?? ''),
  done({ tried }, { push, changes }, { isAgreed }) {
    if (tried !== null) return formatTrialEnd(tried);
    return isAgreed ? formatPush(changes, push.changes.length) : 'Pushed.';
  },
};

export const texts: Readonly<Record<string, VerbText>> = {
  'accounts pause': ofPause,
  'accounts resume': ofResume,
  'accounts set-script': ofSetScript,
  'accounts send-test': ofSendTest,
  'why-silent': ofWhySilent,
  'scripts list': ofScripts,
  'scripts show': ofScript,
  'scripts test': ofScriptTest,
  'scripts push': ofPush,
};
