import { FleetError } from '../../model/errors.ts';
import { argument, option } from '../input.ts';
import { defineChange, defineLook } from '../verb.ts';

const day = 86_400_000;

/** `fleet token add`. */
export const addToken = defineChange({
  name: 'token add',
  group: 'setup',
  isLocal: true,
  isBesideOthers: true,
  summary: 'make a token for fleet serve; it is shown once, and only its hash is kept',
  input: {
    name: argument({}),
    scope: option({
      ...{ shown: 'scope', choices: ['look', 'plan', 'act'], start: 'look', example: 'plan' },
      words: 'what it may do; each includes those before it',
    }),
    hosts: option({
      of: 'pattern',
      shown: 'pattern',
      words: 'only these hosts and their accounts',
    }),
    for: option({
      ...{ of: 'duration', shown: 'time', example: '30d', start: 90 * day, startWords: '90d' },
      range: { min: 60_000, max: 3_650 * day, words: 'from 1 minute to 10 years' },
      words: 'how long it is valid',
    }),
  },
  examples: [
    ['token add dashboard', 'it may look'],
    ['token add ci --scope act --for 30d', 'it may also plan and act, for a month'],
    ["token add shop --hosts 'shop-*'", 'it sees these hosts and their accounts only'],
  ],
  files: ['inventory', 'ledger'],
  effects: 'ledger',
  async plan({ inventory }, { name, hosts }) {
    if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name))
      throw new FleetError('usage', `"${name.slice(0, 100)}" cannot be the name of a token`, {
        hint: 'use up to 63 lower-case letters, digits, - _ and .',
      });
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    if (hosts !== undefined) selectHosts(inventory, [hosts]);
    return null;
  },
  async execute(context, _begin, _plan, { name, scope, hosts, for: validMs }) {
    const [{ newToken }, { insertToken, listTokens }, { recordEvent }, { callerOf }] =
      await Promise.all([
        import('../../serve/tokens.ts'),
        import('../../ledger/queries/serving.ts'),
        import('../../ledger/queries/events.ts'),
        import('../caller.ts'),
      ]);
    const { db } = context.ledger;
    if ((await listTokens(db)).some((known) => known.name === name))
      throw new FleetError('usage', `there is a token ${name} already`, {
        hint: 'fleet token list shows the names; a revoked one keeps its name',
      });
    const { id, token, hash } = newToken();
    const now = context.now();
    const { by } = callerOf('token add', context.ledger);
    const limits = { hosts: hosts ?? null, expires_at: now + validMs };
    await insertToken(db, { id, name, hash, scope, ...limits, created_at: now, created_by: by });
    const made = { token: name, scope, hosts: hosts ?? null, by };
    await recordEvent(db, { at: now, kind: 'token-made', ...made });
    return {
      name,
      scope,
      hosts: hosts ?? null,
      expires: new Date(now + validMs).toISOString(),
      token,
    };
  },
  toJson: (_, made) => ({ ...made }),
});

/** `fleet token list`. */
export const listTokenVerb = defineLook({
  name: 'token list',
  group: 'setup',
  isLocal: true,
  summary: 'tokens of fleet serve: what each may do, until when, and when it was last used',
  input: {},
  examples: [
    ['token list', 'all of them, revoked ones, too'],
    ['token list --json', 'for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look({ ledger }) {
    const { listTokens } = await import('../../ledger/queries/serving.ts');
    return listTokens(ledger.db);
  },
  toJson: (rows) => ({
    tokens: rows.map((row) => ({
      ...{ name: row.name, scope: row.scope, hosts: row.hosts, createdBy: row.created_by },
      ...{ created: iso(row.created_at), expires: iso(row.expires_at) },
      ...{ revoked: iso(row.revoked_at), lastUsed: iso(row.last_used_at) },
    })),
  }),
});

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** `fleet token revoke`. */
export const revokeTokenVerb = defineChange({
  name: 'token revoke',
  group: 'setup',
  isLocal: true,
  isBesideOthers: true,
  summary: 'make a token of fleet serve invalid, at once',
  input: { name: argument({}) },
  examples: [
    ['token revoke ci', 'the next request with it is refused'],
    ['token list', 'which there are'],
  ],
  files: ['inventory', 'ledger'],
  effects: 'ledger',
  plan: async () => null,
  async execute(context, _begin, _plan, { name }) {
    const [{ revokeToken }, { recordEvent }, { callerOf }] = await Promise.all([
      import('../../ledger/queries/serving.ts'),
      import('../../ledger/queries/events.ts'),
      import('../caller.ts'),
    ]);
    const { db } = context.ledger;
    const now = context.now();
    if (!(await revokeToken(db, name, now)))
      throw new FleetError('usage', `there is no valid token ${name.slice(0, 100)}`, {
        hint: 'fleet token list shows them',
      });
    const { by } = callerOf('token revoke', context.ledger);
    await recordEvent(db, { at: now, kind: 'token-revoked', token: name, by });
    return name;
  },
  toJson: (_, name) => ({ revoked: name }),
});
