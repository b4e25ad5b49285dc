import { FleetError } from '../../model/errors.ts';
import { argument, dryRun, flag, option } from '../input.ts';
import { defineChange } from '../verb.ts';
import { secretOption } from './secret-option.ts';

const secretOf = (name: string, text: string | undefined) => secretOption(name, 'the secret', text);

/** `fleet accounts login`. */
export const loginAccount = defineChange({
  name: 'accounts login',
  group: 'accounts',
  summary:
    'log an account in on the host that will run it: a new one, or one whose session is ' +
    'dead; its script, pins and memory stay',
  input: {
    account: argument({ of: 'account' }),
    by: option({
      ...{
        shown: 'way',
        words: 'how its owner proves who they are; default: code, or bot with --token',
      },
      choices: ['code', 'qr', 'bot'],
    }),
    host: option({
      ...{ of: 'host', shown: 'host' },
      words:
        'where; default: its own host, for a new account the one that fleet allocate would choose',
    }),
    phone: option({ shown: 'number', words: 'its telephone number; default: it is asked' }),
    token: option({
      of: 'secret',
      shown: 'reference',
      words: "a bot's token: env:NAME, file:PATH or exec:COMMAND",
    }),
    password: option({
      of: 'secret',
      shown: 'reference',
      words: 'its two-step password, in the same form; default: it is asked',
    }),
    cancel: flag('cancel a login that was begun; if it had succeeded, log it out'),
    dryRun: dryRun('show what would be done, and change nothing'),
  },
  examples: [
    ['accounts login anna', 'number, code and password are asked, and never shown'],
    [
      'accounts login anna --by qr',
      'a QR code on the terminal, for the phone that has the account',
    ],
    ['accounts login news-bot --token env:BOT_TOKEN', 'a bot, by its token'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  check({ by, token, password, phone }) {
    const isToken = secretOf('--token', token) !== null;
    secretOf('--password', password);
    if (isToken && by !== undefined && by !== 'bot')
      throw new FleetError('usage', `--token does not go with --by ${by}`, {
        hint: 'leave one of the two out',
      });
    if (phone !== undefined && !/^\+?[\d ()./-]{5,30}$/.test(phone)) {
      throw new FleetError('usage', '--phone is not a telephone number', {
        hint: 'write it with its country code: --phone +491511234567',
      });
    }
  },
  async plan(context, { account, by, token, host }) {
    const { planLogin } = await import('../../workflows/accounts/plan-login.ts');
    return planLogin(context, account, by ?? (token === undefined ? 'code' : 'bot'), host ?? null);
  },
  question: ({ account }, { cancel }) => (cancel ? `Give the login of ${account} up?` : 'Log in?'),
  async execute(context, begin, plan, { cancel, phone, token, password }, aside) {
    const { cancelLogin, executeLogin } = await import('../../workflows/accounts/login-account.ts');
    if (cancel) {
      await cancelLogin(context, plan);
      return null;
    }
    const given = {
      phone: phone ?? null,
      token: secretOf('--token', token),
      password: secretOf('--password', password),
    };
    const prompts = await context.desk.openLoginPrompts(given, context.readSecret);
    return executeLogin(context, plan, { begin, aside, prompts }).finally(() => prompts.close());
  },
  toJson(plan, outcome, { dryRun: isDryRun }) {
    const end =
      outcome === null
        ? isDryRun
          ? { isDryRun }
          : { isCancelled: true }
        : { state: outcome.state };
    return {
      account: plan.account,
      host: plan.host.name,
      way: plan.way,
      isNew: plan.known === null,
      ...end,
    };
  },
  problems: (_, outcome) => (outcome === null || outcome.problem === null ? [] : [outcome.problem]),
});
