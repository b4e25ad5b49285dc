import { FleetError } from '../../model/errors.ts';
import { openMoveData } from '../../workflows/hosts/ending-command.ts';
import { lines, option } from '../input.ts';
import { defineLook } from '../verb.ts';

/** `fleet history`. */
export const history = defineLook({
  name: 'history',
  isWatchable: true,
  group: 'looks',
  summary: 'decisions, newest first',
  input: {
    account: option({ of: 'account', shown: 'account', words: 'only of this account' }),
    host: option({ of: 'host', shown: 'name', words: 'only to this host' }),
    lines: lines('at most this many', { start: 50 }),
  },
  examples: [
    ['history --account anna', 'where it has been, and why'],
    ['history --host h2 --lines 10', 'the last ten decisions for h2'],
  ],
  files: ['inventory', 'ledger'],
  async look({ ledger }, { account, host, lines: limit }) {
    const { readHistory } = await import('../../ledger/queries/records.ts');
    return readHistory(ledger.db, {
      limit,
      ...(account ? { account } : {}),
      ...(host ? { host } : {}),
    });
  },
  toJson: (rows) => ({
    history: rows.map(({ decision_json, at, ...row }) => ({
      ...row,
      at: new Date(at).toISOString(),
      decision: JSON.parse(decision_json) as unknown,
    })),
  }),
});

/** `fleet moves`. */
export const moves = defineLook({
  name: 'moves',
  isWatchable: true,
  group: 'looks',
  summary: 'open moves, and what each one waits for',
  input: {},
  examples: [
    ['moves', 'what is open, and the command that carries it on'],
    ['moves --json', 'for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look({ ledger }) {
    const { listOpenMoves } = await import('../../ledger/queries/moves.ts');
    return listOpenMoves(ledger.db);
  },
  toJson: (rows) => ({ moves: rows.map(openMoveData) }),
});

/** `fleet events`. */
export const events = defineLook({
  name: 'events',
  isWatchable: true,
  group: 'looks',
  summary: 'events of hosts and accounts, newest first',
  input: {
    account: option({ of: 'account', shown: 'account', words: 'only of this account' }),
    host: option({ of: 'host', shown: 'name', words: 'only of this host' }),
    kind: option({ shown: 'kind', words: 'only kinds that begin so, such as host or host-down' }),
    lines: lines('at most this many', { start: 50 }),
  },
  examples: [
    ['events', 'the last fifty'],
    ['events --kind host-down', 'hosts that were found to be down'],
    ['events --lines 500 --json', 'more of them, for programs'],
  ],
  files: ['inventory', 'ledger'],
  check({ kind = '' }) {
    if (/^[a-z-]{0,100}$/.test(kind)) return;
    throw new FleetError('usage', `--kind ${JSON.stringify(kind.slice(0, 100))} is no kind`, {
      hint: 'kinds have small letters and hyphens; fleet schema lists them',
    });
  },
  async look({ ledger }, input) {
    const [{ readEvents }, { describedEvent }] = await Promise.all([
      import('../../ledger/queries/events.ts'),
      import('../../model/events/event.ts'),
    ]);
    const { lines: limit, account, host, kind } = input;
    const found = await readEvents(ledger.db, limit, {
      ...(account ? { account } : {}),
      ...(host ? { host } : {}),
      ...(kind ? { kind } : {}),
    });
    return found.map(({ id, at, ...event }) => ({ id, at, ...describedEvent(event) }));
  },
  toJson: (rows) => ({
    events: rows.map(({ at, ...row }) => ({ ...row, at: new Date(at).toISOString() })),
  }),
});
