import type { exportAccount } from '../../verbs/accounts/export.ts';
import type { importAccounts } from '../../verbs/accounts/import.ts';
import type { listAccounts } from '../../verbs/accounts/list.ts';
import type { loginAccount } from '../../verbs/accounts/login.ts';
import type { pinAccount, unpinAccount } from '../../verbs/accounts/pin.ts';
import type { removeAccounts } from '../../verbs/accounts/remove.ts';
import type { restartAccounts } from '../../verbs/accounts/restart.ts';
import type { showAccount } from '../../verbs/accounts/show.ts';
import type { startAccounts, stopAccounts } from '../../verbs/accounts/start-stop.ts';
import type { verifyAccounts } from '../../verbs/accounts/verify.ts';
import {
  formatAccount,
  formatAccounts,
  formatImports,
  formatProposals,
  formatVerifications,
} from '../render/accounts/accounts.ts';
import { formatLoginPlan } from '../render/accounts/login.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const warning =
  'A session that two programs use at once is destroyed by Telegram. Nothing else may use ' +
  'these sessions from now on.';

const ofImport: TextOf<typeof importAccounts> = {
  proposal: (files, { isAgreed }) =>
    isAgreed || !files.some(({ isThere }) => isThere)
      ? ''
      : [warning, formatProposals(files)].filter((part) => part !== '').join('\n'),
  done: ({ outcomes }) => formatImports(outcomes),
};

const ofList: TextOf<typeof listAccounts> = {
  result: ({ accounts, total }, { nowMs }) => formatAccounts(accounts, total, nowMs),
};

const ofShow: TextOf<typeof showAccount> = {
  result: ({ row, history }, { nowMs }) => formatAccount(row, history, nowMs),
};

const ofVerify: TextOf<typeof verifyAccounts> = {
  result: ({ values }) => formatVerifications(values),
};

const ofStop: TextOf<typeof stopAccounts> = {
  done: ({ values }) => values.map((name) => `${name} stopped`).join('\n'),
};

const ofStart: TextOf<typeof startAccounts> = {
  done: ({ values }) => values.map((name) => `${name} online`).join('\n'),
};

const ofRestart: TextOf<typeof restartAccounts> = {
  done: ({ restarted }) => restarted.map((name) => `${name} online`).join('\n'),
};

const ofRemove: TextOf<typeof removeAccounts> = {
  done: ({ values }) =>
    values
      .map(
        ({ account, kept }) =>
          `${account} removed${kept === null ? '' : `; its encrypted session stays in ${kept}`}`,
      )
      .join('\n'),
};

const ofExport: TextOf<typeof exportAccount> = {
  done: ({ path }, _, { input: { account } }) =>
    `${path} written. ${account} is detached: it will not start in this fleet until you ` +
    'import it again.',
};

const ofLogin: TextOf<typeof loginAccount> = {
  plan: formatLoginPlan,
  proposal: (plan, { isAgreed, input: { cancel } }) =>
    isAgreed || cancel ? '' : formatLoginPlan(plan),
  done: (outcome, { account }) =>
    outcome === null
      ? `the login of ${account} is given up`
      : `${account} is logged in on ${outcome.host}: ${outcome.state}`,
};

const ofPin: TextOf<typeof pinAccount> = {
  done: (_, { account: { name, host: on }, host }) =>
    `${name} is pinned to ` +
    `${host}${on === null || on === host ? '' : `; it is on ${on} until: fleet move ${name} ${host}`}`,
};

const ofUnpin: TextOf<typeof unpinAccount> = { done: (_, { name }) => `${name} is not pinned` };

export const texts: Readonly<Record<string, VerbText>> = {
  'accounts import': ofImport,
  'accounts list': ofList,
  'accounts show': ofShow,
  'accounts verify': ofVerify,
  'accounts stop': ofStop,
  'accounts start': ofStart,
  'accounts restart': ofRestart,
  'accounts remove': ofRemove,
  'accounts export': ofExport,
  'accounts login': ofLogin,
  'accounts pin': ofPin,
  'accounts unpin': ofUnpin,
};
