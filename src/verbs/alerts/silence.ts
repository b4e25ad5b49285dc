import { FleetError } from '../../model/errors.ts';
import { argument, option } from '../input.ts';
import { silenceData } from '../results/looks/alerts.ts';
import { defineChange } from '../verb.ts';

/** ms since the epoch; null: not said. Errors: `usage`. */
function untilTime(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new FleetError(
    'usage',
    `--until must be a time such as 2026-12-01T06:30Z (got ${JSON.stringify(text.slice(0, 100))})`,
    {
      hint: 'or --for 2h',
    },
  );
}

/** `fleet alerts silence`. */
export const silenceAlerts = defineChange({
  name: 'alerts silence',
  group: 'alerts',
  summary:
    'send no messages about RULE/SUBJECT for a while; * stands for any text, a host ' +
    'includes its accounts',
  input: {
    pattern: argument({}),
    for: option({
      ...{ of: 'duration', shown: 'time', words: 'how long (default: 2h)', example: '30m' },
      range: { min: 1, max: Number.MAX_SAFE_INTEGER, words: 'such as 30m, 2h or 7d' },
    }),
    until: option({ of: 'time', shown: 'time', words: 'or until when, such as 2026-12-01T06:30Z' }),
    reason: option({ shown: 'text', words: 'why, for whoever looks next' }),
  },
  examples: [
    [
      "alerts silence '*/h2' --for 4h --reason 'new disk'",
      'nothing about h2 and its accounts during maintenance',
    ],
    ['alerts unsilence 3', 'end it earlier, by the number that it got'],
  ],
  files: ['inventory', 'ledger'],
  check({ reason = '', until, for: lengthMs }) {
    if (until !== undefined && lengthMs !== undefined)
      throw new FleetError('usage', '--until cannot be used with --for', {
        hint: 'leave one of the two out',
      });
    untilTime(until);
    if (reason.length > 200)
      throw new FleetError('usage', '--reason has more than 200 characters', { hint: 'say less' });
  },
  plan: async () => null,
  async execute(context, _begin, _plan, input) {
    const work = await import('../../workflows/alerts/alerts.ts');
    return work.silenceAlerts(context, {
      pattern: input.pattern,
      untilMs: untilTime(input.until) ?? context.now() + (input.for ?? 7_200_000),
      reason: input.reason ?? '',
    });
  },
  toJson: (_, silence) => (silence === null ? {} : silenceData(silence)),
});

/** Errors: `usage`. */
function idOf(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new FleetError('usage', `${text} is not the number of a silence`, {
    hint: 'fleet alerts list shows the numbers of silences',
  });
}

/** `fleet alerts unsilence`. */
export const unsilenceAlerts = defineChange({
  name: 'alerts unsilence',
  group: 'alerts',
  summary: 'end a silence; the next sweep reports what still fires',
  input: { id: argument({}) },
  examples: [
    ['alerts unsilence 3', 'its number stands in fleet alerts'],
    ['alerts', 'which silences there are'],
  ],
  files: ['inventory', 'ledger'],
  plan: async () => null,
  async execute(context, _begin, _plan, { id }) {
    const work = await import('../../workflows/alerts/alerts.ts');
    await work.unsilenceAlerts(context, idOf(id));
    return idOf(id);
  },
  toJson: (_, id) => ({ id }),
});
